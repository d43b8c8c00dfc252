/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/policy.h"

#include "lib/daemon.h"
#include "lib/label.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const severities[] = { "low", "medium", "high", "critical" };

struct rule {
	char name[POLICY_NAME_MAX];
	struct react_rule r; /* its lists and texts are copies */
};

struct policy {
	struct rule *rules;
	size_t len;
	struct ds_conf_list never_block;
};

static void
free_list(struct ds_conf_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct ds_conf_list){ 0 };
}

static bool
copy_list(const struct ds_conf_list *from, struct ds_conf_list *to)
{
	*to = (struct ds_conf_list){ calloc(from->len + 1, sizeof(char *)), 0 };
	for (size_t i = 0; to->items != NULL && i < from->len; i++) {
		to->items[i] = strdup(from->items[i]);
		if (to->items[i] == NULL)
			return false;
		to->len++;
	}
	return to->items != NULL;
}

static bool
copy_rule(const struct ds_conf_section *from, struct rule *to)
{
	const struct react_rule *r = from->value;

	to->r = *r;
	to->r.kinds = to->r.daemons = to->r.labels = to->r.reactions = (struct ds_conf_list){ 0 };
	to->r.plugin = strdup(r->plugin != NULL ? r->plugin : "");
	snprintf(to->name, sizeof(to->name), "%s", from->name);
	return to->r.plugin != NULL && copy_list(&r->kinds, &to->r.kinds) &&
	       copy_list(&r->daemons, &to->r.daemons) && copy_list(&r->labels, &to->r.labels) &&
	       copy_list(&r->reactions, &to->r.reactions);
}

struct policy *
policy_new(const struct ds_conf_named *rules, const struct ds_conf_list *never_block)
{
	struct policy *p = calloc(1, sizeof(*p));
	bool ok = p != NULL;

	if (ok)
		p->rules = calloc(rules->len + 1, sizeof(*p->rules));
	ok = ok && p->rules != NULL && copy_list(never_block, &p->never_block);
	for (size_t i = 0; ok && i < rules->len; i++)
		ok = copy_rule(&rules->items[i], &p->rules[p->len++]);
	if (ok)
		return p;
	policy_free(p);
	return NULL;
}

void
policy_free(void *policy)
{
	struct policy *p = policy;

	if (p == NULL)
		return;
	for (size_t i = 0; i < p->len; i++) {
		free_list(&p->rules[i].r.kinds);
		free_list(&p->rules[i].r.daemons);
		free_list(&p->rules[i].r.labels);
		free_list(&p->rules[i].r.reactions);
		free(p->rules[i].r.plugin);
	}
	free_list(&p->never_block);
	free(p->rules);
	free(p);
}

static bool
matches(const struct ds_conf_list *patterns, const char *text)
{
	for (size_t i = 0; i < patterns->len; i++)
		if (fnmatch(patterns->items[i], text, 0) == 0)
			return true;
	return false;
}

bool
policy_label_in(const char *labels, const char *const *list, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (ds_label_has(labels, list[i]))
			return true;
	return false;
}

static int64_t
rank(const char *severity)
{
	for (size_t i = 0; i < DS_LEN(severities); i++)
		if (strcmp(severities[i], severity) == 0)
			return (int64_t)i;
	return -1;
}

static bool
rule_applies(const struct react_rule *r, const struct policy_subject *s)
{
	return r->enabled && rank(s->severity) >= r->min_severity && matches(&r->kinds, s->kind) &&
	       (r->daemons.len == 0 ||
		   ds_daemon_fits_any(r->daemons.items, r->daemons.len, s->daemon)) &&
	       (r->labels.len == 0 ||
		   policy_label_in(s->labels, (const char *const *)r->labels.items, r->labels.len));
}

bool
policy_spares(const struct policy *p, const char *address)
{
	return react_address_listed(
	    address, (const char *const *)p->never_block.items, p->never_block.len);
}

/* False: the finding has nothing for the reaction to act on. */
static bool
answer(const struct policy *p, const struct rule *rule, const struct react_kind *kind,
    const struct policy_subject *s, struct policy_answer *ret)
{
	struct react_args args;

	react_args_for(kind, s->args, s->daemon, &args);
	if (!react_args_aim(kind, &args))
		return false;
	*ret = (struct policy_answer){
		.kind = kind,
		.ttl_us = kind->is_lasting ? rule->r.ttl_ms * 1000 : 0,
		.ttl_max_us = kind->is_lasting ? rule->r.ttl_max_ms * 1000 : 0,
		.ttl_factor = (unsigned)rule->r.ttl_factor,
		.scope = kind->need == REACT_NEEDS_ADDRESS ? (enum react_scope)rule->r.scope
							   : REACT_HOST,
		.reach = (unsigned)rule->r.reach,
	};
	snprintf(ret->rule, sizeof(ret->rule), "%s", rule->name);
	if (kind->need == REACT_NEEDS_DATA) {
		snprintf(ret->plugin, sizeof(ret->plugin), "%s", rule->r.plugin);
		snprintf(args.data, sizeof(args.data), "%s", ret->plugin);
	}
	if (react_args_suffice(kind, &args, false, ret->refused, sizeof(ret->refused)) &&
	    kind->need == REACT_NEEDS_ADDRESS && policy_spares(p, s->args->address))
		snprintf(ret->refused, sizeof(ret->refused),
		    "%.60s is never blocked ([react] never_block)", s->args->address);
	return true;
}

static bool
is_answered(const struct policy_answer *answers, size_t len, const struct react_kind *kind)
{
	for (size_t i = 0; i < len; i++)
		if (answers[i].kind == kind)
			return true;
	return false;
}

size_t
policy_ask(const struct policy *p, const struct policy_subject *s,
    struct policy_answer ret[POLICY_ANSWERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < p->len; i++) {
		const struct react_rule *r = &p->rules[i].r;

		for (size_t j = 0; rule_applies(r, s) && j < r->reactions.len; j++) {
			const struct react_kind *kind = react_kind_find(r->reactions.items[j]);

			if (kind != NULL && n < POLICY_ANSWERS_MAX && !is_answered(ret, n, kind))
				n += answer(p, &p->rules[i], kind, s, &ret[n]);
		}
	}
	return n;
}

/* ttl, ttl * factor, ttl * factor * factor ... up to ttl_max, which does not shorten the first. */
static uint64_t
longer(const struct policy_answer *a, uint64_t us)
{
	if (us > a->ttl_max_us / DS_MAX(a->ttl_factor, 1u))
		return DS_MAX(a->ttl_max_us, a->ttl_us);
	return us * DS_MAX(a->ttl_factor, 1u);
}

uint64_t
policy_lifetime(const struct policy_answer *a, uint64_t last_us, bool is_over)
{
	uint64_t us = a->ttl_us;

	if (last_us == 0 || us == 0)
		return us;
	/* A host reads the end off its own clock: a little less is as long. */
	while (us < last_us - last_us / 10 && longer(a, us) > us)
		us = longer(a, us);
	return is_over ? longer(a, us) : us;
}

size_t
policy_len(const struct policy *p)
{
	return p->len;
}
