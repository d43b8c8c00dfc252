/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/breaker.h"

#include "lib/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX   65536u
#define MINUTE_MS  60000u
#define SHARE_MS   600000u
#define ALWAYS_MAX 3u /* hosts */
#define KEY_SIZE   300u
#define WHAT_SIZE  700u

/* Of a daemon on a host, of a host, or of a daemon in the fleet: counts within a window. */
struct count {
	uint64_t window; /* number of it */
	unsigned n, before;
	uint64_t rests_until_ms;
};

struct breaker {
	struct breaker_limits limits;
	struct ds_map *counts; /* key -> struct count, malloc */
	struct ds_map *seen;   /* (window, daemon, host): counted for the share */
	uint64_t share_window;
	struct ds_map *let; /* host and what was done to what in this minute */
	uint64_t let_window;
	size_t tripped; /* since the last reset: how many rest at most */
};

struct breaker *
breaker_new(const struct breaker_limits *limits)
{
	struct breaker *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->limits = *limits;
	b->counts = ds_map_new(KEYS_MAX);
	b->seen = ds_map_new(KEYS_MAX);
	b->let = ds_map_new(KEYS_MAX);
	if (b->counts == NULL || b->seen == NULL || b->let == NULL) {
		breaker_free(b);
		return NULL;
	}
	return b;
}

void
breaker_free(struct breaker *b)
{
	if (b == NULL)
		return;
	ds_map_free(b->counts, free);
	ds_map_free(b->seen, NULL);
	ds_map_free(b->let, NULL);
	free(b);
}

const struct breaker_limits *
breaker_limits(const struct breaker *b)
{
	return &b->limits;
}

void
breaker_set_limits(struct breaker *b, const struct breaker_limits *limits)
{
	b->limits = *limits;
}

static bool
forget_all(struct ds_map **map, void (*free_value)(void *))
{
	struct ds_map *fresh = ds_map_new(KEYS_MAX);

	if (fresh == NULL)
		return false;
	ds_map_free(*map, free_value);
	*map = fresh;
	return true;
}

void
breaker_reset(struct breaker *b)
{
	(void)forget_all(&b->counts, free); /* without memory it rests until its time is over */
	(void)forget_all(&b->seen, NULL);
	b->tripped = 0;
}

/* `what`: f of a daemon in the fleet, h of a host, d of a daemon on a host. */
static struct count *
count_of(struct breaker *b, char what, uint32_t host, const char *daemon)
{
	char key[KEY_SIZE];
	size_t size = (size_t)snprintf(key, sizeof(key), "%c/%u/%.255s", what, host, daemon);
	struct count *c = ds_map_get(b->counts, key, size);

	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c != NULL && ds_map_put(b->counts, key, size, c, NULL) < 0) {
		free(c);
		c = NULL;
	}
	return c;
}

/* Moves the window. */
static void
move(struct count *c, uint64_t now_ms, uint64_t length_ms)
{
	uint64_t window = now_ms / length_ms;

	if (c->window == window)
		return;
	c->before = c->window + 1 == window ? c->n : 0;
	c->n = 0;
	c->window = window;
}

/* Within the last minute: what the window before had counts by the share of it that is still
 * within reach, or a border would let through twice as much. */
static unsigned
used(struct count *c, uint64_t now_ms)
{
	uint64_t into = now_ms % MINUTE_MS;

	move(c, now_ms, MINUTE_MS);
	return c->n + (unsigned)((uint64_t)c->before * (MINUTE_MS - into) / MINUTE_MS);
}

static bool
rests(const struct count *c, uint64_t now_ms)
{
	return c->rests_until_ms > now_ms;
}

static enum breaker_answer
trip(struct breaker *b, struct count *c, uint64_t now_ms, enum breaker_answer why, bool *ret_first)
{
	*ret_first = true;
	c->rests_until_ms = now_ms + b->limits.rest_ms;
	b->tripped++;
	return why;
}

/* Whether the host was counted for this daemon in this window already. */
static bool
is_seen(struct breaker *b, uint64_t now_ms, uint32_t host, const char *daemon, bool count)
{
	uint64_t window = now_ms / SHARE_MS;
	char key[KEY_SIZE];
	int n;

	if (b->share_window != window) {
		(void)forget_all(&b->seen, NULL); /* else it is refused when it is full */
		b->share_window = window;
	}
	n = snprintf(key, sizeof(key), "%u/%.255s", host, daemon);
	if (ds_map_get(b->seen, key, (size_t)n) != NULL)
		return true;
	if (count && ds_map_put(b->seen, key, (size_t)n, b, NULL) < 0)
		return true; /* not counted, as it was */
	return false;
}

/* Whether it was let through in this minute; from now on it is, with `remember`. */
static bool
is_let(struct breaker *b, uint64_t now_ms, uint32_t host, const char *what, bool remember)
{
	uint64_t window = now_ms / MINUTE_MS;
	char key[WHAT_SIZE];
	int n;

	if (what[0] == '\0')
		return false;
	if (b->let_window != window || ds_map_len(b->let) + 1 > KEYS_MAX) {
		(void)forget_all(&b->let, NULL);
		b->let_window = window;
	}
	n = snprintf(key, sizeof(key), "%u/%.680s", host, what);
	if (remember) /* without room for it, it counts again */
		return ds_map_put(b->let, key, (size_t)n, b, NULL) >= 0;
	return ds_map_get(b->let, key, (size_t)n) != NULL;
}

static bool
is_too_many(const struct breaker *b, unsigned hosts, const char *daemon,
    unsigned (*hosts_of)(void *ctx, const char *daemon), void *ctx)
{
	if (hosts <= ALWAYS_MAX)
		return false;
	return (uint64_t)hosts * 100 > (uint64_t)hosts_of(ctx, daemon) * b->limits.share_max;
}

enum breaker_answer
breaker_take(struct breaker *b, uint64_t now_ms, uint32_t host, const char *daemon,
    const char *what, unsigned (*hosts_of)(void *ctx, const char *daemon), void *ctx,
    bool *ret_first)
{
	struct count *of_daemon, *of_host, *of_fleet;
	bool seen;

	*ret_first = false;
	if (is_let(b, now_ms, host, what, false))
		return BREAKER_OK;
	/* Full: what was counted is old, or an attack; begin anew rather than never act again. */
	if (ds_map_len(b->counts) + 3 > KEYS_MAX && !forget_all(&b->counts, free))
		return BREAKER_FULL;
	of_fleet = count_of(b, 'f', 0, daemon);
	of_host = count_of(b, 'h', host, "");
	of_daemon = count_of(b, 'd', host, daemon);
	if (of_fleet == NULL || of_host == NULL || of_daemon == NULL)
		return BREAKER_FULL;
	if (rests(of_fleet, now_ms))
		return BREAKER_FLEET;
	if (rests(of_host, now_ms))
		return BREAKER_HOST;
	if (rests(of_daemon, now_ms))
		return BREAKER_DAEMON;
	if (used(of_host, now_ms) >= b->limits.host_max)
		return trip(b, of_host, now_ms, BREAKER_HOST, ret_first);
	if (used(of_daemon, now_ms) >= b->limits.daemon_max)
		return trip(b, of_daemon, now_ms, BREAKER_DAEMON, ret_first);
	move(of_fleet, now_ms, SHARE_MS);
	seen = is_seen(b, now_ms, host, daemon, false);
	if (!seen && is_too_many(b, of_fleet->n + 1, daemon, hosts_of, ctx))
		return trip(b, of_fleet, now_ms, BREAKER_FLEET, ret_first);
	if (!is_seen(b, now_ms, host, daemon, true))
		of_fleet->n++;
	of_host->n++;
	of_daemon->n++;
	(void)is_let(b, now_ms, host, what, true);
	return BREAKER_OK;
}

struct resting {
	uint64_t now_ms;
	size_t n;
};

static int
count_resting(const void *key, size_t len, void *value, void *ctx)
{
	struct resting *r = ctx;

	(void)key;
	(void)len;
	r->n += rests(value, r->now_ms);
	return 0;
}

size_t
breaker_resting(const struct breaker *b, uint64_t now_ms)
{
	struct resting r = { now_ms, 0 };

	if (b->tripped > 0)
		(void)ds_map_each(b->counts, count_resting, &r); /* 0 always */
	return r.n;
}
