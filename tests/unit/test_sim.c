/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/file.h"
#include "lib/zip.h"
#include "sim/attack.h"
#include "sim/manifest.h"
#include "sim/outbox.h"
#include "sim/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_US 1764000000000000ull

/* ---- tally */

static void
a_tally_does_not_depend_on_order(void **state)
{
	struct ds_event events[100];
	char names[100][16];
	struct tally a = { 0 }, b = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(names[i], sizeof(names[i]), "d%d", i % 7);
		events[i] = (struct ds_event){ .kind = (uint8_t)(1 + i % 3), .count = 2 };
		events[i].time_us = START_US + (uint64_t)i;
		events[i].daemon = (struct ds_str){ names[i], (uint32_t)strlen(names[i]) };
	}
	for (int i = 0; i < 100; i++) {
		assert_int_equal(tally_add_event(&a, &events[i]), 0);
		assert_int_equal(tally_add_event(&b, &events[99 - i]), 0);
	}
	assert_int_equal(a.len, 21);
	assert_int_equal(tally_events(&a), 100);
	for (size_t i = 0; i < a.len; i++) {
		const struct tally_row *other = tally_find(&b, a.rows[i].daemon, a.rows[i].kind);

		assert_non_null(other);
		assert_int_equal(other->events, a.rows[i].events);
		assert_int_equal(other->count, 2 * a.rows[i].events);
		assert_int_equal(other->checksum, a.rows[i].checksum);
	}
	tally_done(&a);
	tally_done(&b);
}

static void
every_change_of_an_event_changes_the_checksum(void **state)
{
	struct ds_event ev = { .kind = DS_EVENT_EXEC, .count = 1, .time_us = START_US };
	uint64_t seen[6];

	(void)state;
	for (unsigned i = 0; i < DS_LEN(seen); i++) {
		struct tally t = { 0 };

		ev.flags = i == 1;
		ev.num[DS_NUM_PID] = i == 2;
		ev.num[DS_NUM_UID] = i == 3;
		ds_event_set_str(&ev, DS_STR_EXE, "/bin/sh", i == 4 ? 6 : 7);
		ds_event_set_str(&ev, DS_STR_ARGS, "sh", i == 5 ? 2 : 0);
		assert_int_equal(tally_add_event(&t, &ev), 0);
		seen[i] = t.rows[0].checksum;
		for (unsigned k = 0; k < i; k++)
			assert_true(seen[k] != seen[i]);
		tally_done(&t);
	}
}

/* ---- outbox */

static struct parcel *
shared_parcel(void)
{
	static struct parcel p = { .is_shared = true, .events = 3 };

	return &p;
}

static void
letters_are_sent_in_order_and_again_after_a_rewind(void **state)
{
	struct outbox o = { .last_seq = 41 };

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(outbox_push(&o, shared_parcel()), 0);
	for (uint64_t seq = 42; seq < 52; seq++) {
		assert_int_equal(outbox_next(&o)->seq, seq);
		outbox_sent(&o);
	}
	for (int i = 0; i < 5; i++) {
		assert_non_null(outbox_acked(&o, 46));
		outbox_pop(&o);
	}
	assert_null(outbox_acked(&o, 46));
	outbox_rewind(&o);
	assert_int_equal(outbox_next(&o)->seq, 47);
	/* An ack for what this connection has not sent: the server had it from the one before. */
	while (outbox_acked(&o, 61) != NULL)
		outbox_pop(&o);
	assert_null(outbox_next(&o));
	assert_int_equal(o.len, 0);
	outbox_done(&o);
}

static void
a_parcel_knows_what_is_in_it(void **state)
{
	struct ds_batch_builder *b = ds_batch_builder_new();
	struct ds_batch *scratch = ds_batch_new();
	struct sim_stream s;
	struct ds_event ev;
	struct ds_buf packed;
	struct parcel *p;
	struct tally expected = { 0 };

	(void)state;
	sim_stream_init(&s, 1, 1, START_US, 10);
	for (int i = 0; i < 500; i++) {
		sim_stream_next(&s, &ev);
		assert_int_equal(ds_batch_add(b, &ev), 0);
		assert_int_equal(tally_add_event(&expected, &ev), 0);
	}
	ds_buf_init(&packed, 1 << 20);
	assert_int_equal(ds_batch_pack(b, 6, &packed), 0);
	p = parcel_new(&packed, scratch);
	assert_non_null(p);
	assert_int_equal(p->events, 500);
	assert_int_equal(p->tally.len, expected.len);
	for (size_t i = 0; i < expected.len; i++)
		assert_int_equal(
		    tally_find(&p->tally, expected.rows[i].daemon, expected.rows[i].kind)->checksum,
		    expected.rows[i].checksum);
	parcel_free(p);
	tally_done(&expected);
	ds_buf_done(&packed);
	ds_batch_free(scratch);
	ds_batch_builder_free(b);
	ds_zip_thread_done();
}

/* ---- manifest */

static void
a_manifest_comes_back(void **state)
{
	const struct tally_row row = { "sshd/session", DS_EVENT_EXEC, 7, 9, UINT64_MAX };
	const struct tally_row nameless = { "", DS_EVENT_GAP, 1, 1, 5 };
	char dir[] = "/tmp/test-sim.XXXXXX", path[64];
	struct manifest m = { 0 }, got;
	struct manifest_host *h;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(manifest_load(dir, &got), 0);
	assert_int_equal(got.len, 0);
	h = manifest_host_get(&m, 12);
	h->epoch = 77;
	h->last_seq[DS_LANE_BULK] = 5;
	h->id[0] = 0xab;
	assert_int_equal(tally_add_row(&h->acked, &row), 0);
	assert_int_equal(tally_add_row(&h->acked, &nameless), 0);
	assert_non_null(manifest_host_get(&m, 13));
	assert_int_equal(manifest_save(dir, &m), 0);
	assert_int_equal(manifest_load(dir, &got), 0);
	assert_int_equal(got.len, 2);
	assert_int_equal(got.hosts[0].number, 12);
	assert_int_equal(got.hosts[0].epoch, 77);
	assert_int_equal(got.hosts[0].last_seq[DS_LANE_BULK], 5);
	assert_int_equal(got.hosts[0].id[0], 0xab);
	assert_int_equal(
	    tally_find(&got.hosts[0].acked, "sshd/session", DS_EVENT_EXEC)->checksum, UINT64_MAX);
	assert_int_equal(tally_find(&got.hosts[0].acked, "", DS_EVENT_GAP)->events, 1);
	manifest_done(&m);
	manifest_done(&got);
	snprintf(path, sizeof(path), "%s/sent.tsv", dir);
	assert_int_equal(ds_file_replace(path, "host\tnonsense\n", 14, 0600), 0);
	assert_int_equal(manifest_load(dir, &got), -EBADMSG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- attacks */

static void
every_attack_ends_and_its_events_are_well_formed(void **state)
{
	struct ds_batch_builder *b = ds_batch_builder_new();

	(void)state;
	for (unsigned i = 0; i < attack_table_len; i++) {
		struct attack_run run;
		struct ds_event ev;
		uint64_t last = 0;
		unsigned n = 0;

		attack_begin(&run, &attack_table[i], START_US);
		assert_false(attack_next(&run, START_US - 1, &ev));
		while (attack_next(&run, UINT64_MAX, &ev)) {
			assert_true(ev.time_us >= last);
			last = ev.time_us;
			assert_int_equal(ds_batch_add(b, &ev), 0);
			assert_true(++n < 1000);
		}
		assert_true(n >= attack_table[i].len);
		assert_ptr_equal(attack_find(attack_table[i].name), &attack_table[i]);
	}
	ds_batch_builder_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tally_does_not_depend_on_order),
		cmocka_unit_test(every_change_of_an_event_changes_the_checksum),
		cmocka_unit_test(letters_are_sent_in_order_and_again_after_a_rewind),
		cmocka_unit_test(a_parcel_knows_what_is_in_it),
		cmocka_unit_test(a_manifest_comes_back),
		cmocka_unit_test(every_attack_ends_and_its_events_are_well_formed),
	};

	return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
