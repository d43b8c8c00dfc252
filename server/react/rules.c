/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules - the built-in rules, and whether rules can be used; also linked by who only reads them. */
#include "server/react/policy.h"

#include <errno.h>
#include <string.h>

const char react_builtin_rules[] = "[react.shell]\n"
				   "kinds = new_child\n"
				   "min_severity = high\n"
				   "reactions = kill\n"
				   "[react.memory]\n"
				   "kinds = privilege\n"
				   "min_severity = critical\n"
				   "reactions = kill\n"
				   "[react.guessing]\n"
				   "kinds = login\n"
				   "min_severity = medium\n"
				   "reactions = block_ip\n"
				   "ttl = 10m\n"
				   "[react.integrity]\n"
				   "kinds = integrity\n"
				   "min_severity = medium\n"
				   "reactions = restore_file\n"
				   "ttl = 7d\n";

static bool
is_for_rules(const char *name)
{
	const struct react_kind *kind = react_kind_find(name);

	return kind != NULL && !kind->is_ours;
}

int
react_rules_check(const struct ds_conf_named *rules, char *ret_why, size_t size)
{
	for (size_t i = 0; i < rules->len; i++) {
		const struct react_rule *r = rules->items[i].value;

		for (size_t j = 0; j < r->reactions.len; j++) {
			if (is_for_rules(r->reactions.items[j]))
				continue;
			snprintf(ret_why, size, "[react.%s] reactions: there is no reaction \"%s\"",
			    rules->items[i].name, r->reactions.items[j]);
			return -EINVAL;
		}
	}
	return 0;
}
