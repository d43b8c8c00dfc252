/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/fds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST 40

/* As on a kernel that does not know it. */
static int
forget_close_range(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = DS_LEN(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

/* 0: what is below is open, what is from there on is not; the line of the check that failed. */
static int
try(bool old_kernel)
{
	if (dup2(0, FIRST - 1) < 0 || dup2(0, FIRST) < 0 || dup2(0, FIRST + 60) < 0)
		return __LINE__;
	if (old_kernel && (forget_close_range() < 0 ||
			      syscall(SYS_close_range, FIRST, ~0u, 0u) == 0 || errno != ENOSYS))
		return __LINE__;
	if (ds_fds_close_from(FIRST) < 0)
		return __LINE__;
	if (fcntl(FIRST - 1, F_GETFD) < 0)
		return __LINE__;
	return fcntl(FIRST, F_GETFD) < 0 && fcntl(FIRST + 60, F_GETFD) < 0 ? 0 : __LINE__;
}

static void
check(bool old_kernel)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(try(old_kernel));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
nothing_from_there_on_stays_open(void **state)
{
	(void)state;
	check(false);
}

static void
nor_on_a_kernel_without_close_range(void **state)
{
	(void)state;
	check(true);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_from_there_on_stays_open),
		cmocka_unit_test(nor_on_a_kernel_without_close_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
