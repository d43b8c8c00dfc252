/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/attacks.h"

#include "server/detect/explain.h"
#include "server/detect/key.h"
#include "server/model/pack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOONEST_US (60 * UINT64_C(1000000)) /* the same again before that changes nothing */

/* Habits are bits, four for each: one that is taken for known makes no attack, never one more. */
#define HABIT_BITS   (UINT64_C(1) << 24)
#define HABIT_PROBES 4u

#define REQUEST_MAX 96u /* bytes of a path: as much as is heard of it whole */

struct attacks {
	struct attack *at[ATTACK_SORTS]; /* by id */
	size_t len[ATTACK_SORTS];
	uint64_t *habits; /* NULL in a copy */
};

static const struct {
	size_t max;
	uint64_t lasts_us;
} sorts[ATTACK_SORTS] = {
	[ATTACK_SOURCE] = { ATTACK_SOURCES_MAX, ATTACK_SOURCE_US },
	[ATTACK_BEHAVIOUR] = { ATTACK_BEHAVIOURS_MAX, ATTACK_BEHAVIOUR_US },
	[ATTACK_REQUEST] = { ATTACK_REQUESTS_MAX, ATTACK_BEHAVIOUR_US },
	[ATTACK_NAMED] = { ATTACK_NAMED_MAX, ATTACK_SOURCE_US },
};

struct attacks *
attacks_new(void)
{
	struct attacks *a = calloc(1, sizeof(*a));
	bool whole;

	if (a == NULL)
		return NULL;
	a->habits = calloc(HABIT_BITS / 64, sizeof(*a->habits));
	whole = a->habits != NULL;
	for (int i = 0; i < ATTACK_SORTS; i++)
		a->at[i] = calloc(sorts[i].max, sizeof(*a->at[i]));
	for (int i = 0; i < ATTACK_SORTS; i++)
		whole &= a->at[i] != NULL;
	if (whole)
		return a;
	attacks_free(a);
	return NULL;
}

void
attacks_free(void *attacks)
{
	struct attacks *a = attacks;

	if (a == NULL)
		return;
	for (int i = 0; i < ATTACK_SORTS; i++)
		free(a->at[i]);
	free(a->habits);
	free(a);
}

struct attacks *
attacks_copy(const struct attacks *a)
{
	struct attacks *copy = calloc(1, sizeof(*copy));

	for (int i = 0; copy != NULL && i < ATTACK_SORTS; i++) {
		copy->len[i] = a->len[i];
		copy->at[i] = malloc((a->len[i] + 1) * sizeof(*a->at[i]));
		if (copy->at[i] == NULL) {
			attacks_free(copy);
			return NULL;
		}
		memcpy(copy->at[i], a->at[i], a->len[i] * sizeof(*a->at[i]));
	}
	return copy;
}

/* ---- what they are known by */

/* What each host has for itself, or on its link, or nobody: no machine that others could know. */
static bool
is_nobodys(const uint8_t address[16], bool is_v4)
{
	const uint8_t *v4 = address + 12;
	static const uint8_t low[8];

	if (is_v4)
		return v4[0] == 0 || v4[0] == 127 || v4[0] >= 224 || (v4[0] == 169 && v4[1] == 254);
	return memcmp(address, low, sizeof(low)) == 0 || address[0] == 0xff ||
	       (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
}

uint64_t
attack_source(const uint8_t *address, unsigned size, uint8_t ret[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool is_v4;

	memcpy(ret, mapped, sizeof(mapped));
	if (size != 4 && size != 16)
		return 0;
	memcpy(ret + 16 - size, address, size);
	is_v4 = memcmp(ret, mapped, sizeof(mapped)) == 0;
	if (is_nobodys(ret, is_v4))
		return 0;
	return ds_u64_at(is_v4 ? ret + 8 : ret);
}

uint64_t
attack_behaviour(uint8_t kind, const uint8_t *key, size_t key_size)
{
	bool counts = false;
	uint64_t id;

	if (key_size < 2)
		return 0;
	switch (key_family(kind)) {
	case KEY_PROCESS:
		counts = key[0] == KEY_CHILD || key[0] == KEY_REMOTE || key[0] == KEY_SHAPE;
		break;
	case KEY_NETWORK:
		counts = (kind == DS_EVENT_CONNECT || kind == DS_EVENT_SEND) &&
			 memmem(key, key_size, "unix ", 5) == NULL &&
			 memmem(key, key_size, " 127.0.0.0/", 11) == NULL;
		break;
	case KEY_FILE:
		counts = kind != DS_EVENT_FILE_READ && (key[0] == KEY_PLACE || key[0] == KEY_PLAIN);
		break;
	default:
		break;
	}
	id = counts ? key_hash(41 + (uint64_t)kind, key, key_size) : 0;
	return counts && id == 0 ? 1 : id;
}

/* ---- what visitors say */

/* Where the path begins behind a method, or NULL. */
static const char *
find_path(const char *text, size_t len)
{
	static const char *const methods[] = { "GET /", "POST /", "HEAD /", "PUT /", "DELETE /",
		"OPTIONS /", "PATCH /", "PROPFIND /" };

	for (size_t i = 0; i < DS_LEN(methods); i++) {
		const char *at = memmem(text, len, methods[i], strlen(methods[i]));

		if (at != NULL)
			return at + strlen(methods[i]) - 1;
	}
	return NULL;
}

uint64_t
attack_request(const char *text, size_t len)
{
	static const char *const ordinary[] = { "/", "/favicon.ico", "/robots.txt", "/index.html" };
	const char *path = len > 0 ? find_path(text, len) : NULL;
	size_t left = path != NULL ? len - (size_t)(path - text) : 0, n = 0;
	uint64_t id;

	while (n < DS_MIN(left, REQUEST_MAX) && strchr(" ?#\"\r\n", path[n]) == NULL)
		n++;
	for (size_t i = 0; i < DS_LEN(ordinary); i++)
		if (strlen(ordinary[i]) == n && memcmp(ordinary[i], path, n) == 0)
			return 0;
	id = n > 0 ? key_hash(42, path, n) : 0;
	return n > 0 && id == 0 ? 1 : id;
}

bool
attack_next_named(const char *text, size_t len, size_t *at, uint8_t ret[4])
{
	static const char numbers[] = "0123456789.";
	char word[16];

	for (size_t i = *at; i < len;) {
		size_t n = 0;

		while (i + n < len && text[i + n] != '\0' && strchr(numbers, text[i + n]) != NULL)
			n++;
		*at = i + n;
		memcpy(word, text + i, DS_MIN(n, sizeof(word) - 1));
		word[DS_MIN(n, sizeof(word) - 1)] = '\0';
		if (n < sizeof(word) && inet_pton(AF_INET, word, ret) == 1)
			return true;
		i += n + 1;
	}
	return false;
}

/* ---- what is known */

/* Where it is, or belongs. */
static size_t
find(const struct attacks *a, enum attack_sort sort, uint64_t id)
{
	size_t from = 0, to = a->len[sort];

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (a->at[sort][mid].id < id)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static bool
has(const struct attacks *a, enum attack_sort sort, size_t i, uint64_t id)
{
	return i < a->len[sort] && a->at[sort][i].id == id;
}

static void
take_out(struct attacks *a, enum attack_sort sort, size_t i)
{
	struct attack *at = a->at[sort];

	memmove(at + i, at + i + 1, (a->len[sort] - i - 1) * sizeof(*at));
	a->len[sort]--;
}

static void
drop_oldest(struct attacks *a, enum attack_sort sort)
{
	size_t oldest = 0;

	for (size_t i = 1; i < a->len[sort]; i++)
		if (a->at[sort][i].time_us < a->at[sort][oldest].time_us)
			oldest = i;
	take_out(a, sort, oldest);
}

static uint64_t
habit_bit(uint64_t behaviour, unsigned probe)
{
	return (behaviour + probe * (behaviour >> 32 | 1)) & (HABIT_BITS - 1);
}

static bool
is_habit(const struct attacks *a, uint64_t behaviour)
{
	for (unsigned i = 0; i < HABIT_PROBES; i++) {
		uint64_t bit = habit_bit(behaviour, i);

		if (!(a->habits[bit / 64] >> bit % 64 & 1))
			return false;
	}
	return true;
}

bool
attacks_habit(struct attacks *a, uint64_t behaviour)
{
	if (behaviour == 0)
		return false;
	for (unsigned i = 0; i < HABIT_PROBES; i++) {
		uint64_t bit = habit_bit(behaviour, i);

		a->habits[bit / 64] |= UINT64_C(1) << bit % 64;
	}
	return attacks_remove(a, ATTACK_BEHAVIOUR, behaviour);
}

void
attacks_forget_habits(struct attacks *a)
{
	for (size_t i = 0; i < HABIT_BITS / 64; i++)
		a->habits[i] = 0;
}

bool
attacks_add(struct attacks *a, enum attack_sort sort, const struct attack *attack)
{
	size_t i = find(a, sort, attack->id);
	struct attack *at = a->at[sort];

	if (attack->id == 0 || (sort == ATTACK_BEHAVIOUR && is_habit(a, attack->id)))
		return false;
	if (has(a, sort, i, attack->id)) {
		if (attack->time_us < at[i].time_us + SOONEST_US)
			return false;
		at[i] = *attack;
		return true;
	}
	if (a->len[sort] == sorts[sort].max) {
		drop_oldest(a, sort);
		i = find(a, sort, attack->id);
	}
	memmove(at + i + 1, at + i, (a->len[sort] - i) * sizeof(*at));
	at[i] = *attack;
	a->len[sort]++;
	return true;
}

bool
attacks_remove(struct attacks *a, enum attack_sort sort, uint64_t id)
{
	size_t i = find(a, sort, id);

	if (!has(a, sort, i, id))
		return false;
	take_out(a, sort, i);
	return true;
}

const struct attack *
attacks_find(const struct attacks *a, enum attack_sort sort, uint64_t id, uint64_t now_us)
{
	size_t i = a != NULL && id != 0 ? find(a, sort, id) : 0;

	if (a == NULL || id == 0 || !has(a, sort, i, id) ||
	    now_us >= a->at[sort][i].time_us + sorts[sort].lasts_us)
		return NULL;
	return &a->at[sort][i];
}

const struct attack *
attacks_list(const struct attacks *a, enum attack_sort sort, size_t *ret_len)
{
	*ret_len = a->len[sort];
	return a->at[sort];
}

/* ---- in the store */

static int
pack_one(const struct attack *at, struct ds_buf *to)
{
	int r = ds_buf_put_u64(to, at->id);

	if (r == 0)
		r = ds_buf_put_u64(to, at->time_us);
	if (r == 0)
		r = ds_buf_put(to, at->address, sizeof(at->address));
	if (r == 0)
		r = ds_buf_put_u32(to, at->host);
	if (r == 0)
		r = ds_buf_put_str(to, at->host_name);
	return r == 0 ? ds_buf_put_str(to, at->decoy) : r;
}

int
attacks_pack(const struct attacks *a, struct ds_buf *to)
{
	int r = pack_version(to);

	for (int sort = 0; sort < ATTACK_SORTS; sort++) {
		if (r == 0)
			r = ds_buf_put_varint(to, a->len[sort]);
		for (size_t i = 0; r == 0 && i < a->len[sort]; i++)
			r = pack_one(&a->at[sort][i], to);
	}
	return r;
}

static int
unpack_text(struct ds_buf *from, char *ret, size_t size)
{
	const uint8_t *text;
	size_t len;
	int r = ds_buf_get_bytes(from, size - 1, &text, &len);

	if (r == 0 && len > 0)
		memcpy(ret, text, len);
	return r;
}

static int
unpack_one(struct ds_buf *from, struct attack *ret)
{
	const uint8_t *address;
	int r;

	*ret = (struct attack){ 0 };
	r = ds_buf_get_u64(from, &ret->id);
	if (r == 0)
		r = ds_buf_get_u64(from, &ret->time_us);
	if (r == 0)
		r = ds_buf_get(from, sizeof(ret->address), &address);
	if (r == 0)
		memcpy(ret->address, address, sizeof(ret->address));
	if (r == 0)
		r = ds_buf_get_u32(from, &ret->host);
	if (r == 0)
		r = unpack_text(from, ret->host_name, sizeof(ret->host_name));
	return r == 0 ? unpack_text(from, ret->decoy, sizeof(ret->decoy)) : r;
}

static int
unpack_sort(struct attacks *a, enum attack_sort sort, struct ds_buf *from)
{
	struct attack *at = a->at[sort];
	uint64_t len, before = 0;
	int r = ds_buf_get_varint(from, &len);

	if (r == 0 && len > sorts[sort].max)
		r = -EBADMSG;
	for (size_t i = 0; r == 0 && i < len; i++) {
		r = unpack_one(from, &at[i]);
		if (r == 0 && at[i].id <= before) /* in order, each once */
			r = -EBADMSG;
		before = at[i].id;
	}
	if (r == 0)
		a->len[sort] = (size_t)len;
	return r;
}

int
attacks_unpack(struct attacks *a, struct ds_buf *from)
{
	int r = unpack_version(from);

	/* Of a server that did not know the later sorts there are none. */
	for (int sort = 0; r == 0 && sort < ATTACK_SORTS; sort++)
		if (sort < ATTACK_REQUEST || ds_buf_left(from) > 0)
			r = unpack_sort(a, (enum attack_sort)sort, from);
	if (r == 0 && ds_buf_left(from) > 0)
		r = -EBADMSG;
	for (int sort = 0; r < 0 && sort < ATTACK_SORTS; sort++)
		a->len[sort] = 0;
	return r;
}

/* ---- for people */

/* "the decoy ssh on host hp1", "the honeypot hp1" */
static void
say_place(const struct attack *a, char *ret, size_t size)
{
	if (a->decoy[0] != '\0')
		snprintf(ret, size, "the decoy %s on host %s", a->decoy, a->host_name);
	else
		snprintf(ret, size, "the honeypot %s", a->host_name);
}

void
attack_say(const struct attack *a, enum attack_sort sort, uint64_t now_us, char *ret, size_t size)
{
	static const uint8_t zero[10];
	bool is_v4 = memcmp(a->address, zero, sizeof(zero)) == 0;
	char ago[40], address[INET6_ADDRSTRLEN] = "", place[110];

	explain_duration(now_us > a->time_us ? now_us - a->time_us : 0, ago, sizeof(ago));
	say_place(a, place, sizeof(place));
	inet_ntop(
	    is_v4 ? AF_INET : AF_INET6, a->address + (is_v4 ? 12 : 0), address, sizeof(address));
	switch (sort) {
	case ATTACK_BEHAVIOUR:
		snprintf(ret, size,
		    "%s showed the same after an attack, %s ago, and no ordinary host does", place,
		    ago);
		return;
	case ATTACK_REQUEST:
		snprintf(ret, size, "%s was asked for the same path %s ago", place, ago);
		return;
	case ATTACK_NAMED:
		snprintf(ret, size, "a visitor of %s named %s %s ago", place, address, ago);
		return;
	case ATTACK_SOURCE:
	case ATTACK_SORTS:
		break;
	}
	snprintf(ret, size, "%s came to %s %s ago", address, place, ago);
}

double
attack_raise(double score)
{
	return score + (100 - score) / 2;
}
