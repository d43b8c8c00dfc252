/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null_learning - takes everything and answers that there is nothing; see null.c. */
#include "server/store/backends.h"

#define UNUSED __attribute__((unused))

static int
expectation_put(UNUSED struct store *s, struct expectation_row *row)
{
	row->number = 1;
	return 0;
}

static int
expectation_undo(
    UNUSED struct store *s, UNUSED uint64_t number, UNUSED const char *by, UNUSED uint64_t now_us)
{
	return 0;
}

static int
deployment_put(UNUSED struct store *s, struct deployment_row *row)
{
	row->number = 1;
	return 0;
}

static int
deployment_end(UNUSED struct store *s, UNUSED uint64_t number, UNUSED uint64_t now_us)
{
	return 0;
}

static int
rule_put(UNUSED struct store *s, UNUSED const struct rule_row *row)
{
	return 0;
}

static int
rule_delete(UNUSED struct store *s, UNUSED const char *id)
{
	return 0;
}

static int
each_expectation(UNUSED struct reader *r, UNUSED expectation_call call, UNUSED void *ctx)
{
	return 0;
}

static int
each_deployment(UNUSED struct reader *r, UNUSED deployment_call call, UNUSED void *ctx)
{
	return 0;
}

static int
each_rule(UNUSED struct reader *r, UNUSED rule_call call, UNUSED void *ctx)
{
	return 0;
}

const struct store_learning store_null_learning = {
	.expectation_put = expectation_put,
	.expectation_undo = expectation_undo,
	.deployment_put = deployment_put,
	.deployment_end = deployment_end,
	.rule_put = rule_put,
	.rule_delete = rule_delete,
	.each_expectation = each_expectation,
	.each_deployment = each_deployment,
	.each_rule = each_rule,
};
