/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/sensors/sample.h"
#include "agent/guard/sensors/sensors.skel.h"
#include "lib/event.h"

#include <bpf/btf.h>

/* The compiler of the kernel side may lay a structure out otherwise: what it says is in the object.
 */
static uint32_t
kernel_size(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);

	assert_true(id > 0);
	return btf__type_by_id(btf, (uint32_t)id)->size;
}

static void
both_sides_agree_on_sizes(void **state)
{
	struct sensors_bpf *o = sensors_bpf__open();
	const struct btf *btf;

	(void)state;
	assert_non_null(o);
	btf = bpf_object__btf(o->obj);
	assert_int_equal(kernel_size(btf, "sample"), sizeof(struct sample));
	assert_int_equal(kernel_size(btf, "task_state"), sizeof(struct task_state));
	assert_int_equal(kernel_size(btf, "verdict"), sizeof(struct verdict));
	assert_int_equal(kernel_size(btf, "repeat"), sizeof(struct repeat));
	assert_int_equal(kernel_size(btf, "file_id"), sizeof(struct file_id));
	assert_int_equal(kernel_size(btf, "held_task"), sizeof(struct held_task));
	sensors_bpf__destroy(o);
}

static void
a_sample_has_no_holes(void **state)
{
	(void)state;
	assert_int_equal(offsetof(struct sample, device), 11 * 8);
	assert_int_equal(offsetof(struct sample, kind), 11 * 8 + 7 * 4);
	assert_int_equal(offsetof(struct sample, sport), 11 * 8 + 7 * 4 + 4);
	assert_int_equal(offsetof(struct sample, form), 11 * 8 + 8 * 4 + 4);
	assert_int_equal(offsetof(struct sample, saddr), 11 * 8 + 8 * 4 + 4 + 4 + 8);
	assert_int_equal(offsetof(struct sample, data), sizeof(struct sample));
	assert_int_equal(sizeof(struct task_state), 11 * 8 + 6 * 4);
}

static void
a_cookie_gives_back_its_parts(void **state)
{
	uint64_t c = CALL(DS_EVENT_FILE_RENAME, 0, 1, CALL_NONE, 2, 3);

	(void)state;
	assert_int_equal(CALL_KIND(c), DS_EVENT_FILE_RENAME);
	assert_int_equal(CALL_DIR(c), 0);
	assert_int_equal(CALL_PATH(c), 1);
	assert_int_equal(CALL_VALUE(c), CALL_NONE);
	assert_int_equal(CALL_DIR2(c), 2);
	assert_int_equal(CALL_PATH2(c), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_agree_on_sizes),
		cmocka_unit_test(a_sample_has_no_holes),
		cmocka_unit_test(a_cookie_gives_back_its_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
