/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/systemd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* systemd's end of the socket; name may begin with '@'. */
static int
listener(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0 && len < sizeof(a.sun_path));
	memcpy(a.sun_path, name, len);
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&a,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
	    0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static const char *
heard(int fd)
{
	static char text[256];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
what_is_told_is_one_datagram(void **state)
{
	char name[64];
	int fd;

	(void)state;
	(void)snprintf(name, sizeof(name), "/tmp/ds-systemd-%d", (int)getpid());
	fd = listener(name);
	ds_systemd_tell("READY=1");
	ds_systemd_tell("WATCHDOG=1");
	assert_string_equal(heard(fd), "READY=1");
	assert_string_equal(heard(fd), "WATCHDOG=1");
	assert_string_equal(heard(fd), "");
	(void)close(fd);
	(void)unlink(name);
}

static void
a_name_without_a_file_is_known(void **state)
{
	char name[64];
	int fd;

	(void)state;
	(void)snprintf(name, sizeof(name), "@ds-systemd-%d", (int)getpid());
	fd = listener(name);
	ds_systemd_tell("STOPPING=1");
	assert_string_equal(heard(fd), "STOPPING=1");
	(void)close(fd);
}

static void
a_reload_has_its_time(void **state)
{
	unsigned long long us = 0;
	char name[64];
	int fd;

	(void)state;
	(void)snprintf(name, sizeof(name), "@ds-systemd-%d", (int)getpid());
	fd = listener(name);
	ds_systemd_reloading();
	assert_int_equal(sscanf(heard(fd), "RELOADING=1\nMONOTONIC_USEC=%llu", &us), 1);
	assert_true(us > 0);
	(void)close(fd);
}

static void
nobody_who_listens_is_no_trouble(void **state)
{
	char name[200];

	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	ds_systemd_tell("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1), 0);
	ds_systemd_tell("READY=1");
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	ds_systemd_tell("READY=1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_told_is_one_datagram),
		cmocka_unit_test(a_name_without_a_file_is_known),
		cmocka_unit_test(a_reload_has_its_time),
		cmocka_unit_test(nobody_who_listens_is_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
