/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pack - what models learnt, as bytes that mean the same on every machine.
 *
 * Each begins with a version; numbers are big-endian, reals are IEEE 754 bits.  Unpacking checks
 * everything: -EBADMSG for what cannot be one of ours, -EPROTONOSUPPORT for a version from the
 * future; the object is unchanged then.
 */
#ifndef SERVER_MODEL_PACK_H
#define SERVER_MODEL_PACK_H

#include "lib/buf.h"
#include "server/model/conformal.h"
#include "server/model/grams.h"
#include "server/model/llr.h"

DS_MUST_CHECK int pack_version(struct ds_buf *to);
DS_MUST_CHECK int unpack_version(struct ds_buf *from);
DS_MUST_CHECK int pack_double(struct ds_buf *to, double v);
DS_MUST_CHECK int unpack_double(struct ds_buf *from, double *ret); /* finite */

DS_MUST_CHECK int pack_conformal(struct ds_buf *to, const struct conformal *c);
DS_MUST_CHECK int unpack_conformal(struct ds_buf *from, struct conformal *ret);
/* The object to unpack into is initialised and empty. */
DS_MUST_CHECK int pack_tally(struct ds_buf *to, const struct tally *t);
DS_MUST_CHECK int unpack_tally(struct ds_buf *from, struct tally *ret);
/* Only what was seen more than once. */
DS_MUST_CHECK int pack_grams(struct ds_buf *to, const struct grams *g);
DS_MUST_CHECK int unpack_grams(struct ds_buf *from, struct grams *ret);
DS_MUST_CHECK int pack_llr(struct ds_buf *to, const struct llr *m);
DS_MUST_CHECK int unpack_llr(struct ds_buf *from, struct llr *ret);

#endif
