/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fail2ban_conf - fail2ban's configuration: includes, sections, interpolation, tags in expressions.
 */
#ifndef CTL_FAIL2BAN_CONF_H
#define CTL_FAIL2BAN_CONF_H

#include "lib/buf.h"

#include <jansson.h>

#define FAIL2BAN_TEXT_MAX (64u << 10) /* bytes of one expanded value */

/* Reads dir/name.conf and name.local, with what they include, into {section: {key: text}}. -ENOENT.
 */
DS_MUST_CHECK int fail2ban_read(const char *dir, const char *name, json_t *into);
/* The raw value, of the section or of DEFAULT; NULL. */
const char *fail2ban_get(const json_t *conf, const char *section, const char *key);
/* Replaces %(name)s and <name> by values, again and again; *out is cleared first.  -ELOOP,
 * -EMSGSIZE. */
DS_MUST_CHECK int fail2ban_expand(
    const json_t *conf, const char *section, const char *text, struct ds_buf *out);
/* Turns fail2ban's own tags (<HOST>, <F-USER>) and Python's spelling into PCRE2.  -ENOTSUP: has
 * <SKIPLINES>; -EINVAL: neither an expression nor one of one line. */
DS_MUST_CHECK int fail2ban_regex(const char *text, size_t len, struct ds_buf *out);

#endif
