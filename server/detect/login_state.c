/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/login_state.h"

#include "lib/map.h"
#include "server/detect/address.h"
#include "server/detect/login_model.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HABIT_LOGINS 20u /* before an account has habits */
#define BURST_DAYS   3u
#define BURST_MIN    50.0
#define BURST_SIGMAS 8.0

int
login_set_init(struct login_set *s, size_t max, size_t node_size)
{
	*s = (struct login_set){ .max = max, .node_size = node_size };
	s->map = ds_map_new(max + 1);
	return s->map != NULL ? 0 : -ENOMEM;
}

void
login_set_done(struct login_set *s)
{
	for (struct login_node *n = s->oldest, *next; n != NULL; n = next) {
		next = n->newer;
		free(n);
	}
	ds_map_free(s->map, NULL);
	*s = (struct login_set){ 0 };
}

static void
take_out(struct login_set *s, struct login_node *n)
{
	if (n->older != NULL)
		n->older->newer = n->newer;
	else
		s->oldest = n->newer;
	if (n->newer != NULL)
		n->newer->older = n->older;
	else
		s->newest = n->older;
	n->older = n->newer = NULL;
}

static void
put_newest(struct login_set *s, struct login_node *n)
{
	n->older = s->newest;
	n->newer = NULL;
	if (s->newest != NULL)
		s->newest->newer = n;
	else
		s->oldest = n;
	s->newest = n;
}

static size_t
key_len(const char *key)
{
	return strnlen(key, sizeof(((struct login_node *)0)->key) - 1);
}

void *
login_set_get(struct login_set *s, const char *key)
{
	struct login_node *n = ds_map_get(s->map, key, key_len(key));

	if (n == NULL)
		return NULL;
	if (n != s->newest) {
		take_out(s, n);
		put_newest(s, n);
	}
	return n;
}

static void
drop_oldest(struct login_set *s)
{
	struct login_node *n = s->oldest;

	take_out(s, n);
	ds_map_remove(s->map, n->key, n->key_len);
	free(n);
	s->len--;
}

void *
login_set_make(struct login_set *s, const char *key)
{
	struct login_node *n = login_set_get(s, key);

	if (n != NULL)
		return n;
	if (s->len >= s->max)
		drop_oldest(s);
	n = calloc(1, s->node_size);
	if (n == NULL)
		return NULL;
	n->key_len = key_len(key);
	memcpy(n->key, key, n->key_len);
	if (ds_map_put(s->map, n->key, n->key_len, n, NULL) < 0) {
		free(n);
		return NULL;
	}
	put_newest(s, n);
	s->len++;
	return n;
}

unsigned
login_recent_count(const struct login_recent *r, uint64_t since_us)
{
	unsigned n = 0;

	for (unsigned i = 0; i < LOGIN_TARGETS; i++)
		n += r->time_us[i] != 0 && r->time_us[i] >= since_us;
	return n;
}

unsigned
login_recent_add(
    struct login_recent *r, uint64_t id, uint64_t time_us, uint64_t since_us, unsigned *ret_slot)
{
	unsigned slot = 0;

	for (unsigned i = 0; i < LOGIN_TARGETS; i++) {
		if (r->time_us[i] != 0 && r->id[i] == id) {
			slot = i;
			break;
		}
		if (r->time_us[i] < r->time_us[slot])
			slot = i;
	}
	r->id[slot] = id;
	if (time_us > r->time_us[slot])
		r->time_us[slot] = time_us;
	if (ret_slot != NULL)
		*ret_slot = slot;
	return login_recent_count(r, since_us);
}

void
login_network(const uint8_t *address, unsigned size, char *ret, size_t ret_size)
{
	uint8_t net[16] = { 0 };
	char text[INET6_ADDRSTRLEN];

	if (size == 4 && address_is_private(address, size)) {
		snprintf(ret, ret_size, "%u.%u.%u.0/24", address[0], address[1], address[2]);
	} else if (size == 4) {
		snprintf(ret, ret_size, "%u.%u.0.0/16", address[0], address[1]);
	} else if (size == 16) {
		memcpy(net, address, 6);
		inet_ntop(AF_INET6, net, text, sizeof(text));
		snprintf(ret, ret_size, "%s/48", text);
	} else {
		snprintf(ret, ret_size, "local");
	}
}

/* ---- connections */

/* What a daemon says of a connection in addition to its tries: who it was, that it is over. */
static bool
is_remark(const char *method)
{
	static const char *const remarks[] = { "closed", "invalid user", "too many attempts",
		"not allowed" };

	for (size_t i = 0; i < DS_LEN(remarks); i++)
		if (strcmp(method, remarks[i]) == 0)
			return true;
	return false;
}

double
login_failures(struct login_source *src, const struct login_event *ev)
{
	double n = (double)DS_MIN(ev->count, 1000u);
	bool remark = is_remark(ev->method);
	struct login_connection *c = NULL;

	for (unsigned i = 0; ev->port != 0 && i < LOGIN_CONNECTIONS; i++)
		if (src->failed[i].port == ev->port && src->failed[i].host == ev->host)
			c = &src->failed[i];
	if (c != NULL && remark)
		return 0;
	if (c != NULL && c->remarked) {
		c->remarked = false;
		return n - 1;
	}
	if (c == NULL && ev->port != 0)
		src->failed[src->failed_next++ % LOGIN_CONNECTIONS] =
		    (struct login_connection){ ev->host, ev->port, remark };
	return n;
}

/* ---- who is hostile */

static bool
is_first_on(struct login_source *src, uint32_t host)
{
	for (size_t i = 0; i < LOGIN_TOLD_HOSTS; i++) {
		if (src->told_at[i] == host)
			return false;
		if (src->told_at[i] == 0) {
			src->told_at[i] = host;
			return true;
		}
	}
	return false;
}

bool
login_source_is_due(struct login_source *src, uint32_t host, uint64_t time_us)
{
	if (src->told_us == 0 || time_us >= src->told_us + LOGIN_AGAIN_US) {
		src->again_us = 0;
		for (size_t i = 0; i < LOGIN_TOLD_HOSTS; i++)
			src->told_at[i] = 0;
	}
	if (!is_first_on(src, host)) {
		if (time_us < src->told_us + src->again_us)
			return false;
		src->again_us = DS_MIN(2 * src->again_us, LOGIN_AGAIN_US);
	}
	src->again_us = DS_MAX(src->again_us, LOGIN_FIRST_US);
	src->told_us = time_us;
	return true;
}

bool
login_model_is_hostile(
    struct login_model *m, const uint8_t *address, unsigned size, uint64_t now_us)
{
	char key[64];
	struct login_source *s;

	if (size != 4 && size != 16)
		return false;
	inet_ntop(size == 4 ? AF_INET : AF_INET6, address, key, sizeof(key));
	s = login_set_get(&m->sources, key);
	return s != NULL && s->hostile_until_us > now_us;
}

void
login_model_hostile(struct login_model *m, const uint8_t address[16], uint64_t time_us)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool is_v4 = memcmp(address, mapped, sizeof(mapped)) == 0;
	char key[64];
	struct login_source *s;

	address += is_v4 ? sizeof(mapped) : 0;
	inet_ntop(is_v4 ? AF_INET : AF_INET6, address, key, sizeof(key));
	s = login_set_make(&m->sources, key);
	if (s == NULL)
		return;
	s->size = is_v4 ? 4 : 16;
	memcpy(s->address, address, s->size);
	s->hostile_until_us = DS_MAX(s->hostile_until_us, time_us + LOGIN_HOSTILE_US);
}

/* ---- accounts */

/* The share of its networks that the account was in once only; 1: it has no habits. */
double
login_known_unseen(const struct login_known *k)
{
	unsigned once = 0;

	if (k->logins < HABIT_LOGINS)
		return 1;
	for (unsigned i = 0; i < LOGIN_NETWORKS; i++)
		once += k->network[i].count == 1;
	return (double)(once + (k->networks > LOGIN_NETWORKS ? k->networks - LOGIN_NETWORKS : 0)) /
	       (double)k->logins;
}

bool
login_known_has(const struct login_known *k, uint64_t id)
{
	for (unsigned i = 0; k != NULL && i < LOGIN_NETWORKS; i++)
		if (k->network[i].count > 0 && k->network[i].id == id)
			return true;
	return false;
}

/* ---- hours */

bool
login_hours_end(struct login_hours *h, uint64_t *ret_usual)
{
	unsigned at = (unsigned)(h->hour % 24);
	double sd = sqrt(h->spread[at] + h->mean[at] + 1), x = h->count;
	bool is_burst = false;

	if (h->days[at] >= BURST_DAYS) {
		h->sum = fmax(0, h->sum + (x - h->mean[at]) / sd - 1);
		is_burst = h->sum > BURST_SIGMAS && x > h->mean[at] + BURST_MIN;
		*ret_usual = (uint64_t)(h->mean[at] + 0.5);
		if (is_burst)
			h->sum = 0;
	}
	/* What was unusual teaches little. */
	x = h->days[at] >= BURST_DAYS ? fmin(x, h->mean[at] + 3 * sd) : x;
	h->spread[at] += 0.2 * ((x - h->mean[at]) * (x - h->mean[at]) - h->spread[at]);
	h->mean[at] += (h->days[at] == 0 ? 1 : 0.2) * (x - h->mean[at]);
	if (h->days[at] == 0)
		h->spread[at] = 0;
	h->days[at]++;
	h->count = 0;
	return is_burst;
}
