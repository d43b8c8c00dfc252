/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/cgroup.h"

#include <errno.h>
#include <string.h>

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

struct row {
	const char *path;
	enum cgroup_kind kind;
	const char *unit, *instance, *container;
};

static void
check_rows(const struct row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct cgroup_name name;

		cgroup_parse(rows[i].path, &name);
		if (name.kind != rows[i].kind)
			fail_msg("%s: kind %d", rows[i].path, (int)name.kind);
		assert_string_equal(name.unit, rows[i].unit);
		assert_string_equal(name.instance, rows[i].instance);
		assert_string_equal(name.container, rows[i].container);
	}
}

static void
units_have_the_names_systemd_gave_them(void **state)
{
	static const struct row rows[] = {
		{ "/system.slice/nginx.service", CGROUP_UNIT, "nginx.service", "", "" },
		{ "/system.slice/system-postgresql.slice/postgresql@15-main.service", CGROUP_UNIT,
		    "postgresql@15-main.service", "15-main", "" },
		{ "/system.slice/system-serial\\x2dgetty.slice/serial-getty@ttyS0.service",
		    CGROUP_UNIT, "serial-getty@ttyS0.service", "ttyS0", "" },
		{ "/system.slice/foo.service/payload/system.slice/bar.service", CGROUP_UNIT,
		    "foo.service", "", "" },
		{ "/system.slice/foo.service/worker", CGROUP_UNIT, "foo.service", "", "" },
		{ "/web.slice/web-front.slice/app.service", CGROUP_UNIT, "app.service", "", "" },
		{ "/system.slice/dbus.socket", CGROUP_UNIT, "dbus.socket", "", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/pipe.service",
		    CGROUP_USER_UNIT, "pipe.service", "1000", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/init.scope", CGROUP_UNIT,
		    "user@1000.service", "1000", "" },
		{ "/openrc.nginx", CGROUP_UNIT, "nginx", "", "" },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
sessions_and_transient_units_are_kinds_of_their_own(void **state)
{
	static const struct row rows[] = {
		{ "/user.slice/user-0.slice/session-12.scope", CGROUP_SESSION, "", "12", "" },
		{ "/user.slice/user-1000.slice/session-c1.scope", CGROUP_SESSION, "", "c1", "" },
		{ "/system.slice/run-r0123456789abcdef0123456789abcdef.service", CGROUP_TRANSIENT,
		    "run-r0123456789abcdef0123456789abcdef.service", "", "" },
		{ "/system.slice/run-u12.service", CGROUP_TRANSIENT, "run-u12.service", "", "" },
		{ "/system.slice/run-p123-i124.scope", CGROUP_TRANSIENT, "run-p123-i124.scope", "",
		    "" },
		{ "/system.slice/run-3456.scope", CGROUP_TRANSIENT, "run-3456.scope", "", "" },
		{ "/system.slice/run-parts.service", CGROUP_UNIT, "run-parts.service", "", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/run-u3.scope",
		    CGROUP_TRANSIENT, "run-u3.scope", "1000", "" },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
containers_of_every_engine_are_known_by_their_id(void **state)
{
	static const struct row rows[] = {
		{ "/docker/" ID, CGROUP_CONTAINER, "", "", ID },
		{ "/docker/" ID "/system.slice/nginx.service", CGROUP_CONTAINER, "", "", ID },
		{ "/system.slice/docker-" ID ".scope", CGROUP_CONTAINER, "", "", ID },
		{ "/machine.slice/libpod-" ID ".scope/container", CGROUP_CONTAINER, "", "", ID },
		{ "/libpod_parent/libpod-" ID, CGROUP_CONTAINER, "", "", ID },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
		    CGROUP_CONTAINER, "", "", ID },
		{ "/kubepods/burstable/pod12345678-1234-1234-1234-123456789012/" ID,
		    CGROUP_CONTAINER, "", "", ID },
		{ "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope",
		    CGROUP_CONTAINER, "", "", ID },
		{ "/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope", CGROUP_CONTAINER, "", "",
		    ID },
		{ "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID,
		    CGROUP_CONTAINER, "", "", ID },
		{ "/kubepods.slice/kubepods-burstable.slice/"
		  "kubepods-burstable-pod12345678_1234_1234_1234_123456789012.slice/"
		  "cri-containerd-" ID ".scope",
		    CGROUP_CONTAINER, "", "", ID },
		{ "/kubepods.slice/kubepods-besteffort.slice/"
		  "kubepods-besteffort-pod12345678_1234_1234_1234_123456789012.slice/"
		  "crio-" ID ".scope/container",
		    CGROUP_CONTAINER, "", "", ID },
		{ "/kubepods/besteffort/pod12345678-1234-1234-1234-123456789012/crio-" ID,
		    CGROUP_CONTAINER, "", "", ID },
		{ "/kubepods/pod12345678-1234-1234-1234-123456789012/" ID, CGROUP_CONTAINER, "", "",
		    ID },
		{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice/"
		  "cri-containerd-" ID ".scope",
		    CGROUP_CONTAINER, "", "", ID },
		{ "/kubepods-burstable-pod1.slice:cri-containerd:" ID, CGROUP_CONTAINER, "", "",
		    ID },
		{ "/kubepods.slice/kubepods-pod1.slice/crio-conmon-" ID ".scope", CGROUP_UNIT,
		    "crio-conmon.scope", "", "" },
		{ "/k8s.io/" ID, CGROUP_CONTAINER, "", "", ID },
		{ "/system.slice/nerdctl-" ID ".scope", CGROUP_CONTAINER, "", "", ID },
		{ "/default/" ID, CGROUP_CONTAINER, "", "", ID },
		{ "/docker/" ID "/docker/" ID2, CGROUP_CONTAINER, "", "", ID2 },
		{ "/machine.slice/libpod-conmon-" ID ".scope", CGROUP_UNIT, "libpod-conmon.scope",
		    "", "" },
		{ "/system.slice/a-conmon-b.scope", CGROUP_UNIT, "a-conmon-b.scope", "", "" },
		{ "/lxc/web", CGROUP_CONTAINER, "", "", "web" },
		{ "/lxc.payload.web/system.slice/nginx.service", CGROUP_CONTAINER, "", "", "web" },
		{ "/machine.slice/systemd-nspawn@m1.service/payload/system.slice/a.service",
		    CGROUP_CONTAINER, "", "", "m1" },
		{ "/machine.slice/machine-my\\x2dbox.scope", CGROUP_CONTAINER, "", "", "my-box" },
		{ "/h3/system.slice/nginx.service", CGROUP_CONTAINER, "", "", "h3" },
		{ "/h3/init.scope", CGROUP_CONTAINER, "", "", "h3" },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
a_path_that_says_nothing_names_nothing(void **state)
{
	static const struct row rows[] = {
		{ "/", CGROUP_NONE, "", "", "" },
		{ "", CGROUP_NONE, "", "", "" },
		{ "/init.scope", CGROUP_NONE, "", "", "" },
		{ "/user.slice/user-0.slice", CGROUP_NONE, "", "", "" },
		{ "/../../h1/system.slice/nginx.service", CGROUP_NONE, "", "", "" },
		{ "/process_api/9da9601765a8d7e0626a2542726dac39", CGROUP_NONE, "", "", "" },
		{ "/docker/0123", CGROUP_NONE, "", "", "" },
		{ "/.service", CGROUP_NONE, "", "", "" },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
what_is_too_long_names_nothing(void **state)
{
	char path[1024] = "/system.slice/";
	struct cgroup_name name;

	(void)state;
	memset(path + 14, 'a', 300);
	memcpy(path + 314, ".service", 9);
	cgroup_parse(path, &name);
	assert_int_equal(name.kind, CGROUP_NONE);
}

static void
check_select(const char *text, const char *expected)
{
	char copy[1024], path[256];

	memcpy(copy, text, strlen(text) + 1);
	assert_int_equal(cgroup_select(copy, path, sizeof(path)), 0);
	assert_string_equal(path, expected);
}

static void
the_hierarchy_that_names_units_is_chosen(void **state)
{
	char none[] = "garbage\n", long_one[] = "0::/abcdefgh\n", small[8];

	(void)state;
	/* v2, hybrid, v1, v1 with an engine that has no systemd, and this machine's kind. */
	check_select("0::/system.slice/a.service\n", "/system.slice/a.service");
	check_select(
	    "3:cpu:/x\n1:name=systemd:/system.slice/b.service\n0::/system.slice/b.service\n",
	    "/system.slice/b.service");
	check_select("2:cpu,cpuacct:/system.slice\n1:name=systemd:/system.slice/c.service\n",
	    "/system.slice/c.service");
	check_select("4:memory:/docker/" ID "\n1:name=systemd:/\n0::/\n", "/docker/" ID);
	check_select("9:name=systemd:/\n4:memory:/process_api/9da96017\n0::/\n", "/");
	check_select("1:name=openrc:/openrc.nginx\n", "/openrc.nginx");
	check_select("0::/a:b/c.service\n", "/a:b/c.service");
	assert_int_equal(cgroup_select(none, small, sizeof(small)), -ENOENT);
	assert_int_equal(cgroup_select(long_one, small, sizeof(small)), -ENAMETOOLONG);
}

/* What an engine's container looks like where there is version 1, both, or version 2 only; with the
 * engine's own cgroup driver and with systemd's. */
static void
containers_are_found_in_every_layout(void **state)
{
	static const char *const layouts[] = {
		"12:pids:/docker/" ID "\n3:freezer:/docker/" ID "\n1:name=systemd:/docker/" ID "\n",
		"12:pids:/docker/" ID "\n1:name=systemd:/docker/" ID "\n0::/docker/" ID "\n",
		"0::/docker/" ID "\n",
		"0::/system.slice/docker-" ID ".scope\n",
		"9:name=systemd:/libpod_parent/libpod-" ID
		"\n4:memory:/other\n0::/libpod_parent/libpod-" ID "\n",
		"0::/machine.slice/libpod-" ID ".scope/container\n",
		"1:name=systemd:/system.slice/web.service/libpod-payload-" ID "\n",
		"0::/system.slice/nerdctl-" ID ".scope\n",
		"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/"
		"cri-containerd-" ID ".scope\n",
		/* Without a hierarchy of systemd's, and none of version 2. */
		"5:cpu,cpuacct:/docker/" ID "\n2:memory:/docker/" ID "\n1:devices:/\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		char text[512], path[256];
		struct cgroup_name name;

		memcpy(text, layouts[i], strlen(layouts[i]) + 1);
		assert_int_equal(cgroup_select(text, path, sizeof(path)), 0);
		cgroup_parse(path, &name);
		if (name.kind != CGROUP_CONTAINER)
			fail_msg("%s", layouts[i]);
		assert_string_equal(name.container, ID);
		assert_string_equal(name.leaf, "");
	}
}

static void
check_leaf(const char *path, const char *leaf)
{
	struct cgroup_name name;

	cgroup_parse(path, &name);
	assert_string_equal(name.leaf, leaf);
}

static void
the_last_part_may_be_a_name_that_somebody_chose(void **state)
{
	(void)state;
	check_leaf("/default/web", "web");
	check_leaf("/tin", "tin");
	check_leaf("/user.slice/user-0.slice/session-3.scope/tin", "tin");
	check_leaf("/system.slice/foo.service", "");
	check_leaf("/system.slice", "");
	check_leaf("/user.slice/user-0.slice/session-3.scope", "");
	check_leaf("/init.scope", "");
	check_leaf("/", "");
	check_leaf("/docker/" ID "/web", ""); /* in a container: its own business */
	check_leaf("/lxc/web", "");
}

static void
a_container_below_somebodys_slice_is_his(void **state)
{
	static const struct {
		const char *path;
		uint32_t uid;
	} rows[] = {
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
		    1000 },
		{ "/user.slice/user-1000.slice/session-3.scope/docker-" ID ".scope", 1000 },
		{ "/user.slice/user-0.slice/session-3.scope/docker/" ID, 0 },
		{ "/system.slice/docker-" ID ".scope", 0 }, { "/user.slice/user-x.slice/" ID, 0 },
		{ "/docker/" ID2 "/user.slice/user-7.slice/" ID, 0 }, /* of its own accounts */
	};

	(void)state;
	for (size_t i = 0; i < DS_LEN(rows); i++) {
		struct cgroup_name name;

		cgroup_parse(rows[i].path, &name);
		assert_string_equal(name.container, ID);
		assert_int_equal(name.uid, rows[i].uid);
	}
}

static void
paths_are_taken_below_the_guards_own_root(void **state)
{
	(void)state;
	assert_string_equal(cgroup_below("/docker/x/system.slice", "/docker/x"), "/system.slice");
	assert_string_equal(cgroup_below("/docker/x", "/docker/x"), "/");
	assert_string_equal(cgroup_below("/a", ""), "/a");
	assert_string_equal(cgroup_below("/a", "/"), "/a");
	assert_null(cgroup_below("/docker/xy", "/docker/x"));
	assert_null(cgroup_below("/", "/docker/x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_have_the_names_systemd_gave_them),
		cmocka_unit_test(sessions_and_transient_units_are_kinds_of_their_own),
		cmocka_unit_test(containers_of_every_engine_are_known_by_their_id),
		cmocka_unit_test(a_path_that_says_nothing_names_nothing),
		cmocka_unit_test(what_is_too_long_names_nothing),
		cmocka_unit_test(the_hierarchy_that_names_units_is_chosen),
		cmocka_unit_test(containers_are_found_in_every_layout),
		cmocka_unit_test(the_last_part_may_be_a_name_that_somebody_chose),
		cmocka_unit_test(a_container_below_somebodys_slice_is_his),
		cmocka_unit_test(paths_are_taken_below_the_guards_own_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
