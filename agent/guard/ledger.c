/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger - the effects of orders, on disk before they happen.
 *
 * Called by order.  Owns guard_dir/ledger, a journal: "DSL1", then records of u32 size, u32
 * checksum, body.  A record is an entry as it is from then on; the last one of an id counts.  A
 * tail that was being written when the power went is cut off; damage before it is set aside.
 */
#include "agent/guard/ledger.h"
#include "agent/guard/ledger_file.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ds_map *entries; /* id -> struct ledger_entry */

static void
entry_free(void *value)
{
	struct ledger_entry *e = value;

	if (e == NULL)
		return;
	free(e->order);
	free(e->inverse);
	free(e->result);
	free(e);
}

static uint8_t *
copy(const void *data, size_t size)
{
	uint8_t *p = malloc(size > 0 ? size : 1);

	if (p != NULL && size > 0)
		memcpy(p, data, size);
	return p;
}

static int
put_entry(struct ledger_entry *e)
{
	void *old = NULL;
	int r = ds_map_put(entries, e->id, sizeof(e->id), e, &old);

	if (r == 0)
		entry_free(old);
	return r;
}

/* A record of the journal, while it is read. */
static int
take_record(const struct ledger_entry *borrowed)
{
	struct ledger_entry *e = malloc(sizeof(*e));
	int r = -ENOMEM;

	if (e == NULL)
		return r;
	*e = *borrowed;
	e->order = copy(borrowed->order, borrowed->order_size);
	e->inverse = copy(borrowed->inverse, borrowed->inverse_size);
	e->result = copy(borrowed->result, borrowed->result_size);
	if (e->order != NULL && e->inverse != NULL && e->result != NULL)
		r = put_entry(e);
	if (r < 0)
		entry_free(e);
	return r;
}

static int
write_entry(const void *key, size_t len, void *value, void *ctx)
{
	(void)key;
	(void)len;
	(void)ctx;
	return ledger_file_append(value);
}

/* The journal anew, with what still counts. */
static int
compact(void)
{
	int r = ledger_file_begin();

	if (r == 0)
		r = ds_map_each(entries, write_entry, NULL);
	return ledger_file_end(r);
}

int
ledger_open(const char *guard_dir, unsigned *ret_damaged)
{
	int r;

	entries = ds_map_new(LEDGER_MAX);
	if (entries == NULL)
		return -ENOMEM;
	r = ledger_file_read(guard_dir, take_record, ret_damaged);
	if (r == 0)
		r = compact();
	if (r < 0)
		ledger_close();
	return r;
}

void
ledger_close(void)
{
	ledger_file_close();
	if (entries != NULL)
		ds_map_free(entries, entry_free);
	entries = NULL;
}

static uint8_t *
copy_of(const struct ds_buf *b, uint32_t *ret_size)
{
	*ret_size = b != NULL ? (uint32_t)b->len : 0;
	return copy(b != NULL ? b->data : NULL, *ret_size);
}

int
ledger_add(const struct ds_order *order, enum ledger_state state, uint64_t until_us,
    const struct ds_buf *inverse, const struct ds_buf *result, struct ledger_entry **ret)
{
	static const uint8_t no_key[DS_SIGN_ID_SIZE];
	struct ledger_entry *e;
	uint64_t now_us = ds_clock_wall_us();
	struct ds_buf b;
	int r;

	if (ledger_find(order->id) != NULL)
		return -EEXIST;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	memcpy(e->id, order->id, sizeof(e->id));
	memcpy(e->kind, order->kind, sizeof(e->kind));
	e->state = state;
	e->counter = order->counter;
	e->expires_us = order->expires_us;
	e->until_us = until_us;
	if (until_us > 0)
		e->until_boot_us = ds_clock_boot_us() + (until_us > now_us ? until_us - now_us : 0);
	ds_buf_init(&b, DS_ORDER_MAX);
	r = ds_order_put(&b, no_key, order);
	if (r == 0) {
		e->order = b.data; /* takes it over */
		e->order_size = (uint32_t)b.len;
		e->inverse = copy_of(inverse, &e->inverse_size);
		e->result = copy_of(result, &e->result_size);
		r = e->inverse == NULL || e->result == NULL ? -ENOMEM : put_entry(e);
	} else {
		ds_buf_done(&b);
	}
	if (r < 0) {
		entry_free(e);
		return r;
	}
	r = ledger_file_append(e);
	if (r < 0)
		ledger_drop(e);
	else
		*ret = e;
	return r;
}

void
ledger_drop(struct ledger_entry *e)
{
	entry_free(ds_map_remove(entries, e->id, sizeof(e->id)));
}

int
ledger_change(struct ledger_entry *e, enum ledger_state state, const struct ds_buf *result)
{
	uint8_t *fresh = NULL;

	if (result != NULL) {
		fresh = copy(result->data, result->len);
		if (fresh == NULL)
			return -ENOMEM;
		free(e->result);
		e->result = fresh;
		e->result_size = (uint32_t)result->len;
	}
	e->state = state;
	if (state == LEDGER_OVER)
		e->inverse_size = 0; /* nothing to undo: it need not be kept */
	return ledger_file_append(e);
}

int
ledger_sync(void)
{
	return ledger_file_sync();
}

void
ledger_tidy(void)
{
	/* When that fails the long one stays. */
	if (ledger_file_is_long() && compact() < 0)
		ds_log(WARN, "the ledger cannot be written anew, going on", "entries=%zu",
		    ledger_len());
	ledger_file_make_room();
}

struct ledger_entry *
ledger_find(const uint8_t id[DS_ORDER_ID_SIZE])
{
	return entries != NULL ? ds_map_get(entries, id, DS_ORDER_ID_SIZE) : NULL;
}

int
ledger_order(const struct ledger_entry *e, struct ds_order *ret)
{
	struct ds_envelope envelope = { .message = e->order + 4 + DS_SIGN_ID_SIZE,
		.message_size = e->order_size - 4 - DS_SIGN_ID_SIZE };

	if (e->order_size < 4 + DS_SIGN_ID_SIZE)
		return -EBADMSG;
	return ds_order_get(&envelope, ret);
}

struct each {
	int (*call)(struct ledger_entry *entry, void *ctx);
	void *ctx;
};

static int
call_entry(const void *key, size_t len, void *value, void *ctx)
{
	struct each *each = ctx;

	(void)key;
	(void)len;
	return each->call(value, each->ctx);
}

int
ledger_each(int (*call)(struct ledger_entry *entry, void *ctx), void *ctx)
{
	struct each each = { call, ctx };

	return entries != NULL ? ds_map_each(entries, call_entry, &each) : 0;
}

#define FORGET_STEP 256u

struct forget {
	uint64_t now_us;
	struct ledger_entry *found[FORGET_STEP];
	size_t len;
};

static int
find_forgettable(struct ledger_entry *e, void *ctx)
{
	struct forget *f = ctx;

	if (e->state == LEDGER_OVER && e->expires_us <= f->now_us)
		f->found[f->len++] = e;
	return f->len == FORGET_STEP;
}

size_t
ledger_forget(uint64_t now_us, uint64_t *ret_floor)
{
	struct forget f = { .now_us = now_us };

	(void)ledger_each(find_forgettable, &f);
	for (size_t i = 0; i < f.len; i++) {
		*ret_floor = DS_MAX(*ret_floor, f.found[i]->counter);
		ledger_drop(f.found[i]);
	}
	return f.len;
}

size_t
ledger_len(void)
{
	return entries != NULL ? ds_map_len(entries) : 0;
}

static int
count_active(struct ledger_entry *e, void *ctx)
{
	*(size_t *)ctx += e->state != LEDGER_OVER;
	return 0;
}

size_t
ledger_active(void)
{
	size_t n = 0;

	(void)ledger_each(count_active, &n);
	return n;
}
