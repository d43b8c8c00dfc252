/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf_value - what conf.c and conf_value.c share; not for others. */
#ifndef LIB_CONF_VALUE_H
#define LIB_CONF_VALUE_H

#include "lib/conf.h"

struct conf_unit {
	const char *suffix;
	uint64_t factor;
};

/* Sets the member of target: 0, -EINVAL (not such a value), -ERANGE, -EFBIG, -ENOMEM. */
DS_MUST_CHECK int conf_value_set(
    const struct ds_conf_option *option, void *target, const char *text);
void conf_list_free(struct ds_conf_list *list);
/* "a whole number", for error sentences. */
const char *conf_type_expected(const struct ds_conf_option *option);

/* conf_named.c: the row that declares the named section that `title` ("react.shell") is one of. */
const struct ds_conf_option *conf_named_find(const struct ds_conf_option *table, const char *title);
/* The value of that section, made with its defaults when it is new; NULL: bad name, too many, or
 * no memory (errno). */
void *conf_named_get(
    const struct ds_conf_option *row, struct ds_conf_named *named, const char *name);
void conf_named_free(const struct ds_conf_option *row, struct ds_conf_named *named);
bool conf_is_named(const struct ds_conf_option *row); /* one of its rows */

#endif
