/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract of struct store_model_state, run against every backend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/compiler.h"
#include "tests/contract/store_fixture.h"

#include <stdio.h>
#include <string.h>

static void
put(struct fixture *f, uint32_t host, uint32_t shard, const char *name, const char *data)
{
	const struct model_state_row row = {
		.host = host, .shard = shard, .name = name, .data = data, .size = strlen(data)
	};

	fixture_begin(f);
	assert_int_equal(f->backend->model_state->put(f->store, &row), 0);
	fixture_commit(f);
}

static int
list(const struct model_state_row *row, void *ctx)
{
	char *to = ctx;
	size_t len = strlen(to);

	snprintf(
	    to + len, 200 - len, "%s=%.*s ", row->name, (int)row->size, (const char *)row->data);
	return 0;
}

static void
assert_listed(struct fixture *f, uint32_t host, uint32_t shard, const char *expected)
{
	char text[200] = "";

	assert_int_equal(
	    f->backend->model_state->each(fixture_reader(f), host, shard, list, text), 0);
	assert_string_equal(text, f->keeps ? expected : "");
}

static void
assert_one(struct fixture *f, uint32_t host, const char *name, const char *expected)
{
	char text[200] = "";

	assert_int_equal(f->backend->model_state->get(f->store, host, 0, name, list, text), 0);
	assert_string_equal(text, f->keeps ? expected : "");
}

static void
what_models_learnt_is_kept_by_host_shard_and_name(void **state)
{
	struct fixture *f = *state;

	put(f, 0, 0, "grams", "one");
	put(f, 0, 1, "grams", "two");
	put(f, 7, 0, "llr\tnginx.service", "three");
	put(f, 0, 0, "class\tnginx", "four");
	assert_listed(f, 0, 0, "class\tnginx=four grams=one ");
	assert_listed(f, 0, 1, "grams=two ");
	assert_listed(f, 7, 0, "llr\tnginx.service=three ");
	assert_listed(f, 8, 0, "");
	put(f, 0, 0, "grams", "new");
	assert_listed(f, 0, 0, "class\tnginx=four grams=new ");
	assert_one(f, 0, "grams", "grams=new ");
	assert_one(f, 7, "grams", "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_models_learnt_is_kept_by_host_shard_and_name,
		    fixture_setup, fixture_teardown),
	};

	return fixture_run(tests, DS_LEN(tests));
}
