/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/ipc.h"

#include <errno.h>
#include <string.h>

/* An event of the kind with every field it can have. */
static void
event_fill(struct ds_event *ev, uint8_t kind)
{
	static const char bytes[16] = "\xff\n\0/\xc3\x28\x01zyxwvutsr";

	*ev = (struct ds_event){ .kind = kind, .flags = kind, .count = kind + 1ull };
	ev->time_us = 1764000000000000ull + kind;
	ev->daemon = (struct ds_str){ "nginx", 5 };
	for (unsigned i = 1; i < DS_NUM_MAX; i++)
		if (ds_kind_table[kind].nums >> i & 1)
			ev->num[i] = UINT64_MAX >> i;
	for (unsigned i = 0; i < DS_STR_END - DS_STR_FIRST; i++)
		if (ds_kind_table[kind].strs >> i & 1)
			ev->str[i] = (struct ds_str){ bytes, 16 };
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

static void
every_kind_with_every_field_comes_back(void **state)
{
	struct ds_event ev, got;
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, 1 << 20);
	for (unsigned kind = 0; kind < DS_EVENT_MAX; kind++) {
		event_fill(&ev, (uint8_t)kind);
		if (ds_kind_table[kind].symbol == NULL) {
			assert_int_equal(ds_ipc_put_event(&b, &ev), -EINVAL);
			continue;
		}
		assert_int_equal(ds_ipc_put_event(&b, &ev), 0);
		assert_int_equal(ds_ipc_get_event(&b, &got), 0);
		assert_same_event(&ev, &got);
		assert_int_equal(ds_buf_left(&b), 0);
	}
	ds_buf_done(&b);
}

static void
a_path_of_4_kib_comes_back(void **state)
{
	char path[DS_PATH_MAX];
	struct ds_event ev, got;
	struct ds_buf b;

	(void)state;
	memset(path, 'p', sizeof(path));
	event_fill(&ev, DS_EVENT_FILE_WRITE);
	ds_event_set_str(&ev, DS_STR_PATH, path, sizeof(path));
	ds_buf_init(&b, 1 << 20);
	assert_int_equal(ds_ipc_put_event(&b, &ev), 0);
	assert_int_equal(ds_ipc_get_event(&b, &got), 0);
	assert_same_event(&ev, &got);
	ds_buf_done(&b);
}

static void
what_breaks_a_bound_is_not_put(void **state)
{
	static char big[DS_STRING_MAX + 1];
	struct ds_event ev;
	struct ds_buf b;

	(void)state;
	ds_buf_init(&b, 1 << 20);
	event_fill(&ev, DS_EVENT_EXEC);
	ds_event_set_str(&ev, DS_STR_EXE, big, sizeof(big));
	assert_int_equal(ds_ipc_put_event(&b, &ev), -EINVAL);
	event_fill(&ev, DS_EVENT_CONNECT);
	ds_event_set_str(&ev, DS_STR_DADDR, big, 5);
	assert_int_equal(ds_ipc_put_event(&b, &ev), -EINVAL);
	event_fill(&ev, DS_EVENT_EXEC);
	ev.daemon = (struct ds_str){ big, DS_DAEMON_MAX + 1 };
	assert_int_equal(ds_ipc_put_event(&b, &ev), -EINVAL);
	event_fill(&ev, DS_EVENT_EXEC);
	ev.count = 0;
	assert_int_equal(ds_ipc_put_event(&b, &ev), -EINVAL);
	assert_int_equal(b.len, 0);
	ds_buf_done(&b);
}

static void
a_cut_event_is_refused_at_every_byte(void **state)
{
	struct ds_event ev, got;
	struct ds_buf b, view;

	(void)state;
	event_fill(&ev, DS_EVENT_EXEC);
	ds_buf_init(&b, 1 << 20);
	assert_int_equal(ds_ipc_put_event(&b, &ev), 0);
	for (size_t n = 0; n < b.len; n++) {
		ds_buf_view(&view, b.data, n);
		assert_int_equal(ds_ipc_get_event(&view, &got), -EBADMSG);
		assert_int_equal(view.pos, 0);
	}
	ds_buf_done(&b);
}

static void
fields_out_of_order_unknown_or_of_another_kind_are_refused(void **state)
{
	/* kind, flags, time, count, no daemon, fields, end */
	static const uint8_t twice[] = { 2, 0, 1, 1, 0, 1, 7, 1, 7, 0 };
	static const uint8_t backwards[] = { 2, 0, 1, 1, 0, 3, 7, 1, 7, 0 };
	static const uint8_t unknown[] = { 2, 0, 1, 1, 0, 63, 7, 0 };
	static const uint8_t foreign[] = { 2, 0, 1, 1, 0, 8, 7, 0 };
	static const uint8_t zero[] = { 2, 0, 1, 1, 0, 1, 0, 0 };
	static const uint8_t no_kind[] = { 62, 0, 1, 1, 0, 0 };
	static const uint8_t no_count[] = { 2, 0, 1, 0, 0, 0 };
	static const uint8_t good[] = { 2, 0, 1, 1, 0, 1, 7, 3, 7, 0 };
	static const struct {
		const uint8_t *data;
		size_t size;
		int result;
	} cases[] = {
		{ twice, sizeof(twice), -EBADMSG },
		{ backwards, sizeof(backwards), -EBADMSG },
		{ unknown, sizeof(unknown), -EBADMSG },
		{ foreign, sizeof(foreign), -EBADMSG },
		{ zero, sizeof(zero), -EBADMSG },
		{ no_kind, sizeof(no_kind), -EBADMSG },
		{ no_count, sizeof(no_count), -EBADMSG },
		{ good, sizeof(good), 0 },
	};
	struct ds_event got;
	struct ds_buf b;

	(void)state;
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		ds_buf_view(&b, cases[i].data, cases[i].size);
		assert_int_equal(ds_ipc_get_event(&b, &got), cases[i].result);
	}
}

static void
a_message_waits_until_it_is_whole(void **state)
{
	const uint8_t *body;
	struct ds_buf b, view;
	size_t start, size;
	uint8_t type;

	(void)state;
	ds_buf_init(&b, 4096);
	assert_int_equal(ds_ipc_begin(&b, DS_IPC_STORED, &start), 0);
	assert_int_equal(ds_buf_put_u64(&b, 42), 0);
	ds_ipc_end(&b, start);
	for (size_t n = 0; n < b.len; n++) {
		ds_buf_view(&view, b.data, n);
		assert_int_equal(ds_ipc_get(&view, &type, &body, &size), 0);
		assert_int_equal(view.pos, 0);
	}
	assert_int_equal(ds_ipc_get(&b, &type, &body, &size), 1);
	assert_int_equal(type, DS_IPC_STORED);
	assert_int_equal(size, 8);
	assert_int_equal(body[7], 42);
	assert_int_equal(ds_ipc_get(&b, &type, &body, &size), 0);
	ds_buf_done(&b);
}

static void
a_message_without_a_type_or_too_large_is_an_error(void **state)
{
	static const uint8_t empty[] = { 0, 0, 0, 0, 1 };
	static const uint8_t large[] = { 0, 4, 0, 1, 1 };
	const uint8_t *body;
	struct ds_buf b;
	size_t size;
	uint8_t type;

	(void)state;
	ds_buf_view(&b, empty, sizeof(empty));
	assert_int_equal(ds_ipc_get(&b, &type, &body, &size), -EBADMSG);
	ds_buf_view(&b, large, sizeof(large));
	assert_int_equal(ds_ipc_get(&b, &type, &body, &size), -EFBIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_with_every_field_comes_back),
		cmocka_unit_test(a_path_of_4_kib_comes_back),
		cmocka_unit_test(what_breaks_a_bound_is_not_put),
		cmocka_unit_test(a_cut_event_is_refused_at_every_byte),
		cmocka_unit_test(fields_out_of_order_unknown_or_of_another_kind_are_refused),
		cmocka_unit_test(a_message_waits_until_it_is_whole),
		cmocka_unit_test(a_message_without_a_type_or_too_large_is_an_error),
	};

	return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
