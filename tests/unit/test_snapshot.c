/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/snapshot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define READERS  3
#define VERSIONS 3000

static atomic_int alive;

struct value {
	int a, b; /* equal in every version: a reader must never see a mixture */
};

static struct value *
value_new(int n)
{
	struct value *v = malloc(sizeof(*v));

	*v = (struct value){ .a = n, .b = n };
	atomic_fetch_add(&alive, 1);
	return v;
}

static void
value_free(void *p)
{
	struct value *v = p;

	v->a = -1;
	v->b = -2;
	free(v);
	atomic_fetch_sub(&alive, 1);
}

static void
nothing_published_is_no_version(void **state)
{
	struct ds_snapshot *s = ds_snapshot_new(value_free);

	(void)state;
	assert_null(ds_snapshot_acquire(s));
	ds_version_release(NULL);
	ds_snapshot_free(s);
	ds_snapshot_free(NULL);
}

static void
a_held_version_outlives_newer_ones_and_the_snapshot(void **state)
{
	struct ds_snapshot *s = ds_snapshot_new(value_free);
	struct ds_version *first, *second;

	(void)state;
	assert_int_equal(ds_snapshot_publish(s, value_new(1)), 0);
	first = ds_snapshot_acquire(s);
	assert_int_equal(ds_snapshot_publish(s, value_new(2)), 0);
	second = ds_snapshot_acquire(s);
	assert_int_equal(((const struct value *)ds_version_value(first))->a, 1);
	assert_int_equal(((const struct value *)ds_version_value(second))->a, 2);
	assert_int_equal(alive, 2);
	ds_version_release(first);
	assert_int_equal(alive, 1);
	ds_snapshot_free(s);
	assert_int_equal(alive, 1);
	ds_version_release(second);
	assert_int_equal(alive, 0);
}

static void *
read_until_last(void *arg)
{
	struct ds_snapshot *s = arg;
	int newest = 0;
	intptr_t torn = 0;

	while (newest < VERSIONS) {
		struct ds_version *v = ds_snapshot_acquire(s);
		const struct value *value = ds_version_value(v);

		if (value->a != value->b || value->a < newest)
			torn++;
		newest = value->a;
		ds_version_release(v);
	}
	return (void *)torn;
}

static void
readers_see_whole_versions_and_never_an_older_one(void **state)
{
	struct ds_snapshot *s = ds_snapshot_new(value_free);
	pthread_t threads[READERS];

	(void)state;
	assert_int_equal(ds_snapshot_publish(s, value_new(0)), 0);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_until_last, s), 0);
	for (int i = 1; i <= VERSIONS; i++)
		assert_int_equal(ds_snapshot_publish(s, value_new(i)), 0);
	for (int i = 0; i < READERS; i++) {
		void *torn;

		pthread_join(threads[i], &torn);
		assert_null(torn);
	}
	ds_snapshot_free(s);
	assert_int_equal(alive, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_published_is_no_version),
		cmocka_unit_test(a_held_version_outlives_newer_ones_and_the_snapshot),
		cmocka_unit_test(readers_see_whole_versions_and_never_an_older_one),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
