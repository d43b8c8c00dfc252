/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook_secrets - the secrets of the sections [hook.NAME] that this server made, or was given, and
 * letting another take over without a delivery being lost.
 *
 * Kept as a setting, an object by the section's name.  One that was made counts instead of the
 * section's secret_file; whichever it takes over from is taken until the overlap is over.
 */
#ifndef SERVER_API_HOOK_SECRETS_H
#define SERVER_API_HOOK_SECRETS_H

#include "lib/compiler.h"

#include <jansson.h>
#include <stdint.h>

#define HOOK_SECRETS_SETTING "hook_secrets"
#define HOOK_SECRETS_MAX     65536u /* bytes of the setting */
#define HOOK_SECRETS_TAKEN   2u     /* of one section, at a time */

struct call;

/* All of them, as the store has them; NULL: they cannot be read.  json_decref(). */
json_t *hook_secrets_read(struct call *c);
/* Which are taken for a section now, `file` (or "") being that of its secret_file; how many.  They
 * borrow. */
size_t hook_secrets_taken(const json_t *all, const char *name, const char *file, uint64_t now_us,
    const char *ret[HOOK_SECRETS_TAKEN]);
/* The setting with another secret of a section: the one before it is taken until then. */
DS_MUST_CHECK int hook_secrets_put(json_t *all, const char *name, const char *secret,
    const char *by, uint64_t now_us, uint64_t until_us);

#endif
