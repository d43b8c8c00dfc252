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

#endif
