/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/batch.h"
#include "lib/batch_format.h"
#include "lib/zip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE_US 1764000000000000ull

struct fixture {
	struct ds_batch_builder *builder;
	struct ds_batch *batch;
	struct ds_buf packed;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->builder = ds_batch_builder_new();
	f->batch = ds_batch_new();
	ds_buf_init(&f->packed, 16u << 20);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	ds_batch_builder_free(f->builder);
	ds_batch_free(f->batch);
	ds_buf_done(&f->packed);
	ds_zip_thread_done();
	free(f);
	return 0;
}

static uint32_t
noise(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void
assert_same_event(const struct ds_event *a, const struct ds_event *b)
{
	assert_int_equal(a->time_us, b->time_us);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->flags, b->flags);
	assert_true(ds_str_equal(a->daemon, b->daemon));
	assert_memory_equal(a->num, b->num, sizeof(a->num));
	for (size_t i = 0; i < DS_LEN(a->str); i++)
		assert_true(ds_str_equal(a->str[i], b->str[i]));
}

static struct ds_event
event_make(uint8_t kind, uint64_t time_us, const char *daemon)
{
	struct ds_event ev = { .kind = kind, .time_us = time_us, .count = 1 };

	ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	return ev;
}

/* Every field the kind can have, from bytes no encoding likes. */
static void
event_fill(struct ds_event *ev, uint32_t *x)
{
	static const char bytes[] = "\xff\n\0/\xc3\x28\x01\r\"\\'\x80zyxwvuts";
	uint64_t nums = ds_kind_table[ev->kind].nums, strs = ds_kind_table[ev->kind].strs;

	for (; nums != 0; nums &= nums - 1)
		ev->num[__builtin_ctzll(nums)] =
		    ((uint64_t)noise(x) << 32 | noise(x)) >> (noise(x) % 64);
	for (; strs != 0; strs &= strs - 1) {
		unsigned i = (unsigned)__builtin_ctzll(strs);
		uint32_t len = noise(x) % 16;

		if (ds_field_table[DS_STR_FIRST + i].type == DS_TYPE_ADDR)
			len = noise(x) % 2 ? 4 : 16;
		if (len > 0)
			ev->str[i] = (struct ds_str){ bytes + noise(x) % 4, len };
	}
	ev->count = 1 + (noise(x) % 3 ? 0 : noise(x));
	ev->flags = (uint8_t)(noise(x) & 0x3f);
}

static void
pack(struct fixture *f, int level)
{
	ds_buf_clear(&f->packed);
	assert_int_equal(ds_batch_pack(f->builder, level, &f->packed), 0);
}

static void
every_kind_and_field_comes_back(void **state)
{
	struct fixture *f = *state;
	struct ds_event events[DS_EVENT_MAX], got;
	size_t n = 0;
	uint32_t x = 1;

	for (unsigned kind = 1; kind < DS_EVENT_MAX; kind++) {
		events[n] = event_make((uint8_t)kind, BASE_US + noise(&x), kind % 2 ? "a" : "");
		if (ds_kind_table[kind].symbol == NULL) {
			assert_int_equal(ds_batch_add(f->builder, &events[n]), -EINVAL);
			continue;
		}
		event_fill(&events[n], &x);
		assert_int_equal(ds_batch_add(f->builder, &events[n]), 0);
		n++;
	}
	for (int level = 1; level <= 9; level += 4) {
		pack(f, level);
		assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
		assert_int_equal(ds_batch_len(f->batch), n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(ds_batch_event(f->batch, i, &got), 0);
			assert_same_event(&events[i], &got);
		}
	}
	assert_int_equal(ds_batch_event(f->batch, n, &got), -ERANGE);
}

/* Streams that make each encoding the best one, and batches of every small size. */
static void
any_mix_of_events_comes_back(void **state)
{
	static const char *const daemons[] = { "nginx", "sshd", "sshd/session", "cron/job", "" };
	static struct ds_event events[3000];
	struct fixture *f = *state;
	struct ds_event got;
	uint32_t x = 99;

	for (size_t n = 1; n <= DS_LEN(events); n = n * 2 + 1) {
		ds_batch_builder_clear(f->builder);
		for (size_t i = 0; i < n; i++) {
			struct ds_event *ev = &events[i];

			*ev = event_make((uint8_t)(1 + noise(&x) % 35), BASE_US + 1000 * i,
			    daemons[noise(&x) % DS_LEN(daemons)]);
			if (noise(&x) % 4 == 0)
				event_fill(ev, &x);
			ev->num[DS_NUM_PID] =
			    ds_kind_table[ev->kind].nums >> DS_NUM_PID & 1 ? 1000 + i : 0;
			if (ds_kind_table[ev->kind].nums >> DS_NUM_INODE & 1)
				ev->num[DS_NUM_INODE] = 0xfedcba9876543210 - noise(&x) % 3;
			if (n > 1000)
				ev->time_us += noise(&x) % 5000;
			assert_int_equal(ds_batch_add(f->builder, ev), 0);
		}
		pack(f, 6);
		assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
		assert_int_equal(ds_batch_len(f->batch), n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(ds_batch_event(f->batch, i, &got), 0);
			assert_same_event(&events[i], &got);
		}
	}
}

static void
paths_of_4_kib_and_the_longest_strings_come_back(void **state)
{
	static char path[DS_STRING_MAX + 1];
	struct fixture *f = *state;
	struct ds_event ev = event_make(DS_EVENT_FILE_RENAME, BASE_US, "d"), got;
	uint32_t x = 3;

	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = (char)noise(&x);
	ds_event_set_str(&ev, DS_STR_PATH, path, DS_PATH_MAX);
	ds_event_set_str(&ev, DS_STR_TARGET_PATH, path, DS_STRING_MAX);
	assert_int_equal(ds_batch_add(f->builder, &ev), 0);
	pack(f, 1);
	assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
	assert_int_equal(ds_batch_event(f->batch, 0, &got), 0);
	assert_same_event(&ev, &got);
	ds_event_set_str(&ev, DS_STR_PATH, path, DS_STRING_MAX + 1);
	assert_int_equal(ds_batch_add(f->builder, &ev), -EINVAL);
	ev = event_make(DS_EVENT_CONNECT, BASE_US, "d");
	ds_event_set_str(&ev, DS_STR_DADDR, path, 5);
	assert_int_equal(ds_batch_add(f->builder, &ev), -EINVAL);
	ev.daemon = (struct ds_str){ path, DS_DAEMON_MAX + 1 };
	assert_int_equal(ds_batch_add(f->builder, &ev), -EINVAL);
	assert_int_equal(ds_batch_builder_len(f->builder), 1);
}

static void
the_header_tells_what_is_inside(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev = event_make(DS_EVENT_EXIT, BASE_US + 7, "nginx");
	struct ds_batch_header h;

	assert_int_equal(ds_batch_add(f->builder, &ev), 0);
	ev = event_make(DS_EVENT_LOGIN, BASE_US, "sshd");
	assert_int_equal(ds_batch_add(f->builder, &ev), 0);
	pack(f, 6);
	assert_int_equal(ds_batch_peek(f->packed.data, f->packed.len, &h), 0);
	assert_int_equal(h.len, 2);
	assert_int_equal(h.strings, 3);
	assert_int_equal(h.time_min_us, BASE_US);
	assert_int_equal(h.time_max_us, BASE_US + 7);
	assert_int_equal(h.kinds, 1u << DS_EVENT_EXIT | 1u << DS_EVENT_LOGIN);
	assert_int_equal(ds_batch_peek(f->packed.data, f->packed.len - 1, &h), -EBADMSG);
	f->packed.data[3] = 2;
	assert_int_equal(ds_batch_peek(f->packed.data, f->packed.len, &h), -EPROTONOSUPPORT);
}

static void
columns_have_an_element_for_every_event(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev = event_make(DS_EVENT_EXEC, BASE_US, "nginx");

	ev.num[DS_NUM_PID] = 42;
	ds_event_set_str(&ev, DS_STR_EXE, "/bin/sh", 7);
	assert_int_equal(ds_batch_add(f->builder, &ev), 0);
	ev = event_make(DS_EVENT_GAP, BASE_US + 1, "cron");
	ev.count = 5;
	ev.flags = DS_FLAG_REPEAT;
	assert_int_equal(ds_batch_add(f->builder, &ev), 0);
	pack(f, 6);
	assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
	assert_int_equal(ds_batch_kinds(f->batch)[1], DS_EVENT_GAP);
	assert_int_equal(ds_batch_times(f->batch)[1], BASE_US + 1);
	assert_int_equal(ds_batch_flags(f->batch)[1], DS_FLAG_REPEAT);
	assert_int_equal(ds_batch_counts(f->batch)[0], 1);
	assert_int_equal(ds_batch_counts(f->batch)[1], 5);
	assert_int_equal(ds_batch_nums(f->batch, DS_NUM_PID)[0], 42);
	assert_int_equal(ds_batch_nums(f->batch, DS_NUM_PID)[1], 0);
	assert_int_equal(ds_batch_nums(f->batch, DS_NUM_LOST)[1], 0);
	assert_int_equal(ds_batch_strs(f->batch, DS_STR_EXE)[1], 0);
	assert_memory_equal(
	    ds_batch_string(f->batch, ds_batch_strs(f->batch, DS_STR_EXE)[0]).ptr, "/bin/sh", 7);
	assert_memory_equal(
	    ds_batch_string(f->batch, ds_batch_daemons(f->batch)[1]).ptr, "cron", 4);
	assert_true(ds_batch_has_field(f->batch, DS_NUM_PID));
	assert_true(ds_batch_has_field(f->batch, DS_STR_EXE));
	assert_false(ds_batch_has_field(f->batch, DS_STR_PATH));
	assert_false(ds_batch_has_field(f->batch, 1000));
	assert_int_equal(ds_batch_string(f->batch, 999).len, 0);
}

static void
any_flipped_bit_and_any_cut_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct ds_batch_header h;
	uint32_t x = 5;

	for (unsigned i = 0; i < 20; i++) {
		struct ds_event ev = event_make((uint8_t)(1 + i), BASE_US + i, "nginx");

		event_fill(&ev, &x);
		assert_int_equal(ds_batch_add(f->builder, &ev), 0);
	}
	pack(f, 6);
	for (size_t bit = 0; bit < f->packed.len * 8; bit++) {
		f->packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(ds_batch_decode(f->batch, f->packed.data, f->packed.len) < 0);
		f->packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 0; n < f->packed.len; n++) {
		assert_true(ds_batch_decode(f->batch, f->packed.data, n) < 0);
		assert_true(ds_batch_peek(f->packed.data, n, &h) < 0);
	}
	assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
}

/* ---- batches made by hand, as a newer or a lying peer makes them */

static void
be_put(uint8_t *at, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
}

struct raw_batch {
	uint32_t len, strings;
	uint64_t min, max, kinds;
	const uint8_t *dict, *columns;
	uint32_t dict_size, columns_size;
	uint32_t dict_raw, columns_raw; /* 0: stored as they are */
};

static void
raw_pack(struct fixture *f, const struct raw_batch *r)
{
	uint8_t h[BATCH_HEADER] = BATCH_MAGIC "\1";

	be_put(h + 8, r->len, 4);
	be_put(h + 12, r->strings, 4);
	be_put(h + 16, r->min, 8);
	be_put(h + 24, r->max, 8);
	be_put(h + 32, r->kinds, 8);
	be_put(h + 40, r->dict_raw ? r->dict_raw : r->dict_size, 4);
	be_put(h + 44, r->dict_size, 4);
	be_put(h + 48, r->columns_raw ? r->columns_raw : r->columns_size, 4);
	be_put(h + 52, r->columns_size, 4);
	be_put(h + 56, ds_crc32(r->dict, r->dict_size), 4);
	be_put(h + 60, ds_crc32(r->columns, r->columns_size), 4);
	be_put(h + 4, ds_crc32(h + 8, sizeof(h) - 8), 4);
	ds_buf_clear(&f->packed);
	assert_int_equal(ds_buf_put(&f->packed, h, sizeof(h)), 0);
	assert_int_equal(ds_buf_put(&f->packed, r->dict, r->dict_size), 0);
	assert_int_equal(ds_buf_put(&f->packed, r->columns, r->columns_size), 0);
}

static int
raw_decode(struct fixture *f, const struct raw_batch *r)
{
	raw_pack(f, r);
	return ds_batch_decode(f->batch, f->packed.data, f->packed.len);
}

/* Two kinds: EXIT with PID, and 60 with PID, number 50 and string 120.  One event each. */
static const uint8_t newer_dict[] = { 1, 3, 'd', 'n', 'e', 'w' };
static const uint8_t newer_columns[] = {
	2, 2, 1, 1, 60, 3, 1, 50, 120, /* kinds */
	2, 0, 1, 1, 1,                 /* groups */
	0, 0x01, 3, 0, 0, 1,           /* group: EXIT, then 60 */
	128, 0x10, 2, 10, 0,           /* times 10, 10 */
	1, 0x01, 3, 0, 7, 8,           /* PID 7, 8 */
	50, 0x00, 1, 99,               /* 50: 99 */
	120, 0x20, 1, 2,               /* 120: string 2, and with width 0 each is new */
	200, 0xff, 3, 1, 2, 3,         /* a column of a kind that does not exist yet */
};

static struct raw_batch
newer_batch(void)
{
	return (struct raw_batch){ .len = 2,
		.strings = 3,
		.min = 10,
		.max = 10,
		.kinds = UINT64_C(1) << DS_EVENT_EXIT | UINT64_C(1) << 60,
		.dict = newer_dict,
		.dict_size = sizeof(newer_dict),
		.columns = newer_columns,
		.columns_size = sizeof(newer_columns) };
}

static void
kinds_fields_and_columns_of_a_newer_peer_do_no_harm(void **state)
{
	struct fixture *f = *state;
	struct raw_batch r = newer_batch();
	struct ds_event got;

	assert_null(ds_kind_table[60].symbol);
	assert_int_equal(raw_decode(f, &r), 0);
	assert_int_equal(ds_batch_event(f->batch, 0, &got), 0);
	assert_int_equal(got.kind, DS_EVENT_EXIT);
	assert_int_equal(got.num[DS_NUM_PID], 7);
	assert_int_equal(got.daemon.len, 1);
	assert_int_equal(ds_batch_event(f->batch, 1, &got), 0);
	assert_int_equal(got.kind, 60);
	assert_int_equal(got.num[DS_NUM_PID], 8);
	assert_int_equal(got.num[50], 99);
	assert_int_equal(got.str[120 - DS_STR_FIRST].len, 3);
}

static void
a_lying_header_is_refused(void **state)
{
	struct fixture *f = *state;
	struct raw_batch r;

	r = newer_batch();
	r.kinds |= 1u << DS_EVENT_EXEC;
	assert_int_equal(raw_decode(f, &r), -EBADMSG);
	r = newer_batch();
	r.min = 9;
	assert_int_equal(raw_decode(f, &r), -EBADMSG);
	r = newer_batch();
	r.max = 11;
	assert_int_equal(raw_decode(f, &r), -EBADMSG);
	r = newer_batch();
	r.strings = 2;
	assert_int_equal(raw_decode(f, &r), -EBADMSG);
	r = newer_batch();
	r.strings = 4;
	assert_int_equal(raw_decode(f, &r), -EBADMSG);
	r = newer_batch();
	r.len = 1;
	assert_int_equal(raw_decode(f, &r), -EBADMSG);
	r = newer_batch();
	r.len = 3;
	assert_int_equal(raw_decode(f, &r), -EBADMSG);
	r = newer_batch();
	r.len = DS_BATCH_EVENTS_MAX + 1;
	assert_int_equal(raw_decode(f, &r), -EFBIG);
	r = newer_batch();
	r.columns_size--;
	assert_int_equal(raw_decode(f, &r), -EBADMSG);
}

/* Every byte of the columns changed to every value: with a right checksum, as a peer can. */
static void
no_columns_whatever_crash_the_reader(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[sizeof(newer_columns)];
	struct raw_batch r = newer_batch();
	struct ds_event got;

	r.columns = bytes;
	for (size_t i = 0; i < sizeof(bytes); i++)
		for (unsigned v = 0; v < 256; v++) {
			memcpy(bytes, newer_columns, sizeof(bytes));
			bytes[i] = (uint8_t)v;
			if (raw_decode(f, &r) < 0)
				continue;
			assert_int_equal(ds_batch_event(f->batch, 0, &got), 0);
			assert_int_equal(ds_batch_event(f->batch, 1, &got), 0);
		}
}

static void
an_index_past_the_dictionary_reads_as_empty(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[sizeof(newer_columns)];
	struct raw_batch r = newer_batch();
	struct ds_event got;

	memcpy(bytes, newer_columns, sizeof(bytes));
	bytes[sizeof(bytes) - 7] = 77; /* start of column 120 */
	r.columns = bytes;
	assert_int_equal(raw_decode(f, &r), 0);
	assert_int_equal(ds_batch_event(f->batch, 1, &got), 0);
	assert_int_equal(got.str[120 - DS_STR_FIRST].len, 0);
}

static void
a_bomb_is_refused_before_it_inflates(void **state)
{
	struct fixture *f = *state;
	struct raw_batch r = newer_batch();
	struct ds_buf bomb;
	uint8_t *raw = calloc(1, 32u << 20);

	ds_buf_init(&bomb, 1 << 20);
	assert_int_equal(ds_zip(raw, 32u << 20, 9, &bomb), 0);
	r.columns = bomb.data;
	r.columns_size = (uint32_t)bomb.len;
	r.columns_raw = 32u << 20; /* honest: past the ceiling */
	assert_int_equal(raw_decode(f, &r), -EFBIG);
	r.columns_raw = DS_BATCH_RAW_MAX; /* dishonest: inflates to more than it says */
	assert_int_equal(raw_decode(f, &r), -EBADMSG);
	r = newer_batch();
	r.dict = bomb.data;
	r.dict_size = (uint32_t)bomb.len;
	r.dict_raw = DS_BATCH_RAW_MAX + 1;
	assert_int_equal(raw_decode(f, &r), -EFBIG);
	ds_buf_done(&bomb);
	free(raw);
}

/* ---- bounds */

static void
a_full_builder_says_so_and_packs_what_it_has(void **state)
{
	struct fixture *f = *state;
	struct ds_event ev = event_make(DS_EVENT_FORK, BASE_US, "nginx"), got;
	size_t n = 0;
	int r;

	for (;;) {
		ev.time_us++;
		ev.num[DS_NUM_PID] = n;
		r = ds_batch_add(f->builder, &ev);
		if (r < 0)
			break;
		n++;
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(n, DS_BATCH_EVENTS_MAX);
	pack(f, 1);
	assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
	assert_int_equal(ds_batch_event(f->batch, n - 1, &got), 0);
	assert_int_equal(got.num[DS_NUM_PID], n - 1);
}

static void
bytes_that_do_not_compress_still_fit(void **state)
{
	static char path[DS_PATH_MAX];
	struct fixture *f = *state;
	struct ds_event ev = event_make(DS_EVENT_FILE_UNLINK, BASE_US, "d");
	uint32_t x = 11;
	size_t n = 0;

	for (;;) {
		for (size_t i = 0; i < sizeof(path); i++)
			path[i] = (char)(noise(&x) >> 9);
		ds_event_set_str(&ev, DS_STR_PATH, path, sizeof(path));
		if (ds_batch_add(f->builder, &ev) < 0)
			break;
		n++;
	}
	assert_true(n > 500);
	pack(f, 1);
	assert_true(f->packed.len <= DS_BATCH_PACKED_MAX);
	assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
	assert_int_equal(ds_batch_len(f->batch), n);
	ds_batch_builder_clear(f->builder);
	assert_int_equal(ds_batch_builder_len(f->builder), 0);
	assert_int_equal(ds_batch_builder_size(f->builder), 0);
	assert_int_equal(ds_batch_add(f->builder, &ev), 0);
	pack(f, 1);
	assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
}

static void
nothing_cannot_be_packed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ds_batch_pack(f->builder, 6, &f->packed), -EINVAL);
	assert_int_equal(f->packed.len, 0);
}

/* Columns of all encodings: few values, a small range, a growing one, anything. */
static void
what_a_column_has_it_says_it_may_have(void **state)
{
	struct fixture *f = *state;
	uint32_t x = 5;

	for (unsigned round = 0; round < 200; round++) {
		uint64_t base = noise(&x) % 2 ? noise(&x) : UINT64_MAX - noise(&x) % 300, pid = 0;
		struct ds_event ev = event_make(DS_EVENT_CONNECT, BASE_US, "d");
		unsigned len = 1 + noise(&x) % 300, span = 1 + noise(&x) % 70000;

		for (unsigned i = 0; i < len; i++) {
			ev.num[DS_NUM_DPORT] = base + noise(&x) % (round % 2 ? span : 3) * span;
			ev.num[DS_NUM_PID] = pid += noise(&x) % 3;
			assert_int_equal(ds_batch_add(f->builder, &ev), 0);
		}
		pack(f, 1);
		ds_batch_builder_clear(f->builder);
		assert_int_equal(ds_batch_decode(f->batch, f->packed.data, f->packed.len), 0);
		for (unsigned i = 0; i < len; i++) {
			uint64_t v = ds_batch_nums(f->batch, DS_NUM_DPORT)[i];

			assert_true(ds_batch_may_have_num(f->batch, DS_NUM_DPORT, v, v));
			v = ds_batch_nums(f->batch, DS_NUM_PID)[i];
			assert_true(ds_batch_may_have_num(f->batch, DS_NUM_PID, v, v + 1));
		}
		assert_true(ds_batch_may_have_num(f->batch, DS_NUM_LOST, 0, 5));
		assert_false(ds_batch_may_have_num(f->batch, DS_NUM_LOST, 1, 5));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_and_field_comes_back),
		TEST(any_mix_of_events_comes_back),
		TEST(paths_of_4_kib_and_the_longest_strings_come_back),
		TEST(the_header_tells_what_is_inside),
		TEST(columns_have_an_element_for_every_event),
		TEST(what_a_column_has_it_says_it_may_have),
		TEST(any_flipped_bit_and_any_cut_is_noticed),
		TEST(kinds_fields_and_columns_of_a_newer_peer_do_no_harm),
		TEST(a_lying_header_is_refused),
		TEST(no_columns_whatever_crash_the_reader),
		TEST(an_index_past_the_dictionary_reads_as_empty),
		TEST(a_bomb_is_refused_before_it_inflates),
		TEST(a_full_builder_says_so_and_packs_what_it_has),
		TEST(bytes_that_do_not_compress_still_fit),
		TEST(nothing_cannot_be_packed),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
