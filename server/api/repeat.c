/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repeat - a ring of answers, the oldest of which makes place; and the rows of the store.
 */
#include "server/api/repeat.h"

#include "lib/clock.h"
#include "server/api/caller.h"
#include "server/api/routes.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 600 /* bytes: a caller's name and a key, or a path and an id */

struct kept {
	uint8_t key[ACCESS_HASH_SIZE];
	unsigned status;
	const char *type;
	char *text; /* owned; NULL: the place is free, or the answer was too long */
	size_t len;
};

struct repeats {
	struct kept ring[REPEAT_ANSWERS];
	size_t next;
};

struct repeats *
repeats_new(void)
{
	return calloc(1, sizeof(struct repeats));
}

static void
forget(struct kept *k)
{
	if (k->text != NULL)
		explicit_bzero(k->text, k->len);
	free(k->text);
	*k = (struct kept){ 0 };
}

void
repeats_free(struct repeats *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < REPEAT_ANSWERS; i++)
		forget(&r->ring[i]);
	free(r);
}

/* Over two texts, told apart by a NUL, and the hash of what may be long. */
static void
hash_parts(
    const char *one, const char *two, const void *body, size_t size, uint8_t ret[ACCESS_HASH_SIZE])
{
	char text[PARTS_MAX] = "";
	int n = snprintf(text, sizeof(text) - ACCESS_HASH_SIZE, "%s%c%s", one, '\0', two);
	size_t len = DS_MIN((size_t)n, sizeof(text) - ACCESS_HASH_SIZE);

	SHA256(size > 0 ? body : "", size, (unsigned char *)text + len);
	SHA256((const unsigned char *)text, len + ACCESS_HASH_SIZE, ret);
}

static const struct kept *
find(const struct repeats *r, const uint8_t key[ACCESS_HASH_SIZE])
{
	for (size_t i = 0; i < REPEAT_ANSWERS; i++)
		if (r->ring[i].text != NULL && memcmp(r->ring[i].key, key, ACCESS_HASH_SIZE) == 0)
			return &r->ring[i];
	return NULL;
}

static bool
is_key(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return len > 0 && len <= REPEAT_KEY_MAX;
}

/* It was done before: the same answer again, if it is there. */
static void
answer_again(struct call *c, const struct kept *kept, uint64_t when_us)
{
	char when[40];

	if (kept != NULL) {
		ds_json_raw(&c->json, kept->text, kept->len);
		c->status = kept->status;
		c->type = kept->type;
		c->repeated = true;
		return;
	}
	ds_clock_format(when_us, when, sizeof(when));
	call_problem(c, 409, "repeated",
	    "this was done at %s under the same Idempotency-Key; its answer is not kept any more",
	    when);
}

bool
repeat_begin(struct repeats *r, struct call *c, const void *body, size_t size)
{
	const char *key = c->header(c->request, "Idempotency-Key");
	struct request_row *mine = &c->repeat, before;
	int found;

	/* What nobody asked for anybody could ask for again. */
	if (key == NULL || strcmp(c->route->method, "POST") != 0 ||
	    c->caller->kind == CALLER_NOBODY)
		return true;
	if (!is_key(key)) {
		call_problem(c, 400, "parameter",
		    "Idempotency-Key: expected 1 to %u printable characters", REPEAT_KEY_MAX);
		return false;
	}
	hash_parts(c->caller->name, key, NULL, 0, mine->key);
	hash_parts(c->route->path, c->id != NULL ? c->id : "", body, size, mine->hash);
	mine->created_us = ds_clock_wall_us();
	before = *mine;
	found = c->cfg->backend->access->request_get(c->worker->reader, &before);
	if (found < 0) {
		call_error(c, found, "cannot read what was asked before");
		return false;
	}
	if (found > 0 && before.created_us + REPEAT_AGE_US > mine->created_us) {
		if (memcmp(before.hash, mine->hash, sizeof(mine->hash)) != 0)
			call_problem(c, 422, "key-reused",
			    "this Idempotency-Key was used for another request");
		else
			answer_again(c, find(r, mine->key), before.created_us);
		return false;
	}
	c->has_repeat = true;
	return true;
}

void
repeat_end(struct repeats *r, struct call *c)
{
	struct kept *k = &r->ring[r->next];

	if (!c->has_repeat || !c->has_changed || c->out->len == 0 ||
	    c->out->len > REPEAT_ANSWER_MAX)
		return;
	forget(k);
	k->text = malloc(c->out->len);
	if (k->text == NULL)
		return; /* who asks again is told that it was done */
	memcpy(k->text, c->out->data, c->out->len);
	k->len = c->out->len;
	k->status = c->status;
	k->type = c->type;
	memcpy(k->key, c->repeat.key, sizeof(k->key));
	r->next = (r->next + 1) % REPEAT_ANSWERS;
}
