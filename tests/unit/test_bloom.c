/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/bloom.h"

#include <stdio.h>
#include <string.h>

struct made {
	struct ds_batch *batch;
	struct ds_buf packed, bloom, daemons;
};

static void
make(struct made *m, unsigned events)
{
	struct ds_batch_builder *b = ds_batch_builder_new();
	static const uint8_t v4[] = { 192, 0, 2, 77 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	char path[64], daemon[16];

	ds_buf_init(&m->packed, DS_BATCH_PACKED_MAX);
	ds_buf_init(&m->bloom, BLOOM_SIZE_MAX);
	ds_buf_init(&m->daemons, 65536);
	for (unsigned i = 0; i < events; i++) {
		struct ds_event ev = { .time_us = 1, .count = 1, .kind = DS_EVENT_EXEC };
		int n = snprintf(path, sizeof(path), "/usr/lib/x%u/program-%u", i % 3, i),
		    k = snprintf(daemon, sizeof(daemon), "d%u", i % 5);

		ev.daemon = (struct ds_str){ daemon, (uint32_t)k };
		ds_event_set_str(&ev, DS_STR_EXE, path, (size_t)n);
		ds_event_set_str(&ev, DS_STR_ARGS, "sh\0-c\0true", 10);
		assert_int_equal(ds_batch_add(b, &ev), 0);
		ev.kind = DS_EVENT_CONNECT;
		ds_event_set_str(&ev, DS_STR_ARGS, NULL, 0);
		ds_event_set_str(&ev, DS_STR_DADDR, i % 2 ? v4 : v6, i % 2 ? 4 : 16);
		assert_int_equal(ds_batch_add(b, &ev), 0);
	}
	assert_int_equal(ds_batch_pack(b, 1, &m->packed), 0);
	ds_batch_builder_free(b);
	m->batch = ds_batch_new();
	assert_int_equal(ds_batch_decode(m->batch, m->packed.data, m->packed.len), 0);
	assert_int_equal(bloom_build(m->batch, &m->bloom), 0);
	assert_int_equal(bloom_daemons(m->batch, &m->daemons), 0);
}

static void
unmake(struct made *m)
{
	ds_batch_free(m->batch);
	ds_buf_done(&m->packed);
	ds_buf_done(&m->bloom);
	ds_buf_done(&m->daemons);
}

static bool
may_have(const struct made *m, uint64_t hash)
{
	return bloom_may_have(m->bloom.data, m->bloom.len, hash);
}

static void
everything_that_is_in_is_found(void **state)
{
	static const uint8_t v4[] = { 192, 0, 2, 1 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4 };
	struct made m;
	char path[64];

	(void)state;
	make(&m, 500);
	for (unsigned i = 0; i < 500; i++) {
		int n = snprintf(path, sizeof(path), "/usr/lib/x%u/program-%u", i % 3, i);

		assert_true(may_have(&m, bloom_hash(path, (size_t)n)));
	}
	assert_true(may_have(&m, bloom_hash("-c", 2)));
	assert_true(may_have(&m, bloom_hash("sh\0-c\0true", 10)));
	assert_true(may_have(&m, bloom_hash_prefix("/usr/", 5)));
	assert_true(may_have(&m, bloom_hash_prefix("/usr/lib/x2/", 12)));
	assert_true(may_have(&m, bloom_hash_network(v4, 4, 24)));
	assert_true(may_have(&m, bloom_hash_network(v4, 4, 27)));
	assert_true(may_have(&m, bloom_hash_network(v4, 4, 16)));
	assert_true(may_have(&m, bloom_hash_network(v6, 16, 64)));
	assert_true(may_have(&m, bloom_hash_network(v6, 16, 48)));
	assert_int_equal(bloom_hash_network(v4, 4, 8), 0);
	unmake(&m);
}

static void
about_one_in_a_hundred_others_is_not_excluded(void **state)
{
	struct made m;
	unsigned wrong = 0;
	char text[64];

	(void)state;
	make(&m, 1000);
	for (unsigned i = 0; i < 20000; i++) {
		int n = snprintf(text, sizeof(text), "/opt/other/%u", i);

		wrong += may_have(&m, bloom_hash(text, (size_t)n));
	}
	assert_in_range(wrong, 0, 400);
	unmake(&m);
}

static void
it_is_small_and_never_larger_than_its_bound(void **state)
{
	struct made m;

	(void)state;
	make(&m, 30000);
	assert_true(m.bloom.len <= BLOOM_SIZE_MAX);
	unmake(&m);
	make(&m, 1);
	assert_true(m.bloom.len < 64);
	unmake(&m);
}

static void
daemons_are_a_sorted_set(void **state)
{
	struct made m;
	uint32_t last = 0;

	(void)state;
	make(&m, 100);
	assert_int_equal(m.daemons.len, 5 * 4);
	for (size_t i = 0; i < m.daemons.len; i += 4) {
		const uint8_t *p = m.daemons.data + i;
		uint32_t v = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
			     (uint32_t)p[3] << 24;

		assert_true(i == 0 || v > last);
		last = v;
	}
	unmake(&m);
}

static void
a_damaged_or_unknown_filter_excludes_nothing(void **state)
{
	static const uint8_t other[32] = { 9, 7 };

	(void)state;
	assert_true(bloom_may_have(NULL, 0, 1));
	assert_true(bloom_may_have(other, sizeof(other), 1));
	assert_true(bloom_may_have("\1\7abc", 5, 1));
}

/* Hashes are on disk: they must never change. */
static void
hashes_are_what_they_always_were(void **state)
{
	(void)state;
	assert_true(bloom_hash("/bin/sh", 7) == UINT64_C(0x8d3b8def6d4793c3));
	assert_int_equal(bloom_daemon_hash("/bin/sh", 7), (uint32_t)UINT64_C(0x8d3b8def6d4793c3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_that_is_in_is_found),
		cmocka_unit_test(about_one_in_a_hundred_others_is_not_excluded),
		cmocka_unit_test(it_is_small_and_never_larger_than_its_bound),
		cmocka_unit_test(daemons_are_a_sorted_set),
		cmocka_unit_test(a_damaged_or_unknown_filter_excludes_nothing),
		cmocka_unit_test(hashes_are_what_they_always_were),
	};

	return cmocka_run_group_tests_name("bloom", tests, NULL, NULL);
}
