/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null_models - takes everything and answers that there is nothing; see null.c. */
#include "lib/compiler.h"
#include "server/store/backends.h"

#include <errno.h>

#define UNUSED __attribute__((unused))

static int
last(UNUSED struct store *s, UNUSED const char *daemon, uint64_t *ret_version, char *ret_chain,
    size_t size)
{
	*ret_version = 0;
	if (size > 0)
		ret_chain[0] = '\0';
	return 0;
}

static int
put(UNUSED struct store *s, UNUSED const struct model_row *row)
{
	return 0;
}

static int
activate(UNUSED struct store *s, UNUSED const char *id)
{
	return -ENOENT;
}

static int
prune(UNUSED struct store *s, UNUSED const char *daemon, UNUSED unsigned keep)
{
	return 0;
}

static int
drop(UNUSED struct store *s, UNUSED const char *daemon)
{
	return 0;
}

static int
job_put(UNUSED struct store *s, UNUSED const struct job_row *row)
{
	return 0;
}

static int
jobs_interrupted(UNUSED struct store *s, UNUSED uint64_t now_us)
{
	return 0;
}

static int
forget(UNUSED struct store *s, UNUSED const struct forgotten_row *row)
{
	return 0;
}

static int
forget_keys(
    UNUSED struct store *s, UNUSED uint32_t host, UNUSED uint64_t from_us, UNUSED uint64_t to_us)
{
	return 0;
}

static int
attack_put(UNUSED struct store *s, UNUSED const struct attack_row *row)
{
	return 0;
}

static int
each(UNUSED struct reader *r, UNUSED const char *daemon, UNUSED model_call call, UNUSED void *ctx)
{
	return 0;
}

static int
each_active(UNUSED struct reader *r, UNUSED model_call call, UNUSED void *ctx)
{
	return 0;
}

static int
get(UNUSED struct reader *r, UNUSED const char *id, UNUSED model_call call, UNUSED void *ctx)
{
	return 0;
}

static int
each_job(UNUSED struct reader *r, UNUSED job_call call, UNUSED void *ctx)
{
	return 0;
}

static int
job_get(UNUSED struct reader *r, UNUSED const char *id, UNUSED job_call call, UNUSED void *ctx)
{
	return 0;
}

static int
each_forgotten(UNUSED struct reader *r, UNUSED forgotten_call call, UNUSED void *ctx)
{
	return 0;
}

static int
each_attack(
    UNUSED struct reader *r, UNUSED const char *daemon, UNUSED attack_call call, UNUSED void *ctx)
{
	return 0;
}

const struct store_models store_null_models = {
	.last = last,
	.put = put,
	.activate = activate,
	.prune = prune,
	.drop = drop,
	.job_put = job_put,
	.jobs_interrupted = jobs_interrupted,
	.forget = forget,
	.forget_keys = forget_keys,
	.attack_put = attack_put,
	.each = each,
	.each_active = each_active,
	.get = get,
	.each_job = each_job,
	.job_get = job_get,
	.each_forgotten = each_forgotten,
	.each_attack = each_attack,
};
