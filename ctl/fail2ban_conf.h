/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fail2ban_conf - fail2ban's configuration: includes, sections, interpolation; tags in expressions.
 */
#ifndef CTL_FAIL2BAN_CONF_H
#define CTL_FAIL2BAN_CONF_H

#include "lib/buf.h"

#include <jansson.h>
#include <stdbool.h>

#define FAIL2BAN_TEXT_MAX (64u << 10) /* bytes of one expanded value */
#define FAIL2BAN_LINE_MAX (64u << 10) /* bytes of a line of a file */

/* Reads dir/name.conf, our additions to it (more/name.local, or more/name.conf where there is
 * none), and dir/name.local, which has the last word; with what they include, into {section: {key:
 * text}}. more may be NULL.  -ENOENT. */
DS_MUST_CHECK int fail2ban_read(const char *dir, const char *more, const char *name, json_t *into);
/* The same of one file. */
DS_MUST_CHECK int fail2ban_read_file(const char *dir, const char *file, json_t *into);
/* The same of a file's text; includes are looked for in dir (NULL: none). */
void fail2ban_take(const char *dir, char *text, json_t *into);
/* The raw value, of the section or of Definition, Init, DEFAULT; NULL. */
const char *fail2ban_get(const json_t *conf, const char *section, const char *key);
/* A value that a jail gives to its filter goes before the filter's own. */
void fail2ban_set(json_t *conf, const char *key, const char *value);
/* "name[key=value, key=\"value\"][key=value]": what is behind the name. */
void fail2ban_set_all(json_t *conf, const char *options);
/* Replaces %(name)s and <name> by values, again and again; *out is cleared first.  -ELOOP,
 * -EMSGSIZE. */
DS_MUST_CHECK int fail2ban_expand(
    const json_t *conf, const char *section, const char *text, struct ds_buf *out);

/* fail2ban_regex.c: turns fail2ban's own tags (<HOST>, <F-USER>, <SKIPLINES>) and Python's spelling
 * into PCRE2.  names: a host may be a name.  -EINVAL: nothing is left. */
DS_MUST_CHECK int fail2ban_regex(const char *text, size_t len, bool names, struct ds_buf *out);

#endif
