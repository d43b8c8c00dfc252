/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null_reactions - takes everything and answers that there is nothing; see null.c. */
#include "lib/compiler.h"
#include "server/store/backends.h"

#define UNUSED __attribute__((unused))

static int
put(UNUSED struct store *s, UNUSED const struct reaction_row *row)
{
	return 0;
}

static int
held(UNUSED struct store *s, UNUSED const char *id, UNUSED reaction_call call, UNUSED void *ctx)
{
	return 0;
}

static int
times(UNUSED struct store *s, UNUSED uint32_t host, UNUSED const char *kind,
    UNUSED const char *target, UNUSED uint64_t since_us, UNUSED bool open, UNUSED uint64_t now_us,
    uint64_t *ret)
{
	*ret = 0;
	return 0;
}

static int
latest(UNUSED struct store *s, UNUSED const char *kind, UNUSED const char *target,
    UNUSED const char *mode, UNUSED uint64_t since_us, UNUSED reaction_call call, UNUSED void *ctx)
{
	return 0;
}

static int
taken_back(UNUSED struct store *s, UNUSED const char *kind, UNUSED const char *target,
    UNUSED uint64_t since_us, uint64_t *ret)
{
	*ret = 0;
	return 0;
}

static int
order_put(UNUSED struct store *s, UNUSED const struct order_row *row)
{
	return 0;
}

static int
order_held(UNUSED struct store *s, UNUSED const char *id, UNUSED order_call call, UNUSED void *ctx)
{
	return 0;
}

static int
order_close(UNUSED struct store *s, UNUSED const char *id)
{
	return 0;
}

static int
last_counter(UNUSED struct store *s, UNUSED uint32_t host, uint64_t *ret)
{
	*ret = 0;
	return 0;
}

static int
mode_put(UNUSED struct store *s, UNUSED const struct mode_row *row)
{
	return 0;
}

static int
prune(UNUSED struct store *s, UNUSED uint64_t before_us, UNUSED unsigned limit)
{
	return 0;
}

static int
each(UNUSED struct reader *r, UNUSED const struct reaction_filter *f, UNUSED reaction_call call,
    UNUSED void *ctx)
{
	return 0;
}

static int
get(UNUSED struct reader *r, UNUSED const char *id, UNUSED reaction_call call, UNUSED void *ctx)
{
	return 0;
}

static int
count(UNUSED struct reader *r, struct reaction_counts *ret)
{
	*ret = (struct reaction_counts){ 0 };
	return 0;
}

static int
each_open(UNUSED struct reader *r, UNUSED uint32_t host, UNUSED order_call call, UNUSED void *ctx)
{
	return 0;
}

static int
each_over(
    UNUSED struct reader *r, UNUSED uint64_t before_us, UNUSED reaction_call call, UNUSED void *ctx)
{
	return 0;
}

static int
each_mode(UNUSED struct reader *r, UNUSED mode_call call, UNUSED void *ctx)
{
	return 0;
}

const struct store_reactions store_null_reactions = {
	.put = put,
	.held = held,
	.times = times,
	.latest = latest,
	.taken_back = taken_back,
	.order_put = order_put,
	.order_held = order_held,
	.order_close = order_close,
	.last_counter = last_counter,
	.mode_put = mode_put,
	.prune = prune,
	.each = each,
	.get = get,
	.count = count,
	.each_open = each_open,
	.each_over = each_over,
	.each_mode = each_mode,
};

/* ---- what models learnt */

static int
state_put(UNUSED struct store *s, UNUSED const struct model_state_row *row)
{
	return 0;
}

static int
state_get(UNUSED struct store *s, UNUSED uint32_t host, UNUSED uint32_t shard,
    UNUSED const char *name, UNUSED int (*call)(const struct model_state_row *row, void *ctx),
    UNUSED void *ctx)
{
	return 0;
}

static int
each_state(UNUSED struct reader *r, UNUSED uint32_t host, UNUSED uint32_t shard,
    UNUSED int (*call)(const struct model_state_row *row, void *ctx), UNUSED void *ctx)
{
	return 0;
}

const struct store_model_state store_null_model_state = {
	.put = state_put,
	.get = state_get,
	.each = each_state,
};
