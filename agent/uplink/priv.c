/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/priv.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_SECCOMP
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>
#endif

#define FILES_MAX 256 /* open at once: a dozen are */

int
priv_lookup(const char *user, uid_t *ret_uid, gid_t *ret_gid, char *ret_why, size_t why_size)
{
	const struct passwd *pw;

	if (geteuid() != 0) {
		*ret_uid = geteuid();
		*ret_gid = getegid();
		return 0;
	}
	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL) {
		snprintf(ret_why, why_size, "there is no user %s ([general] user)", user);
		return errno ? -errno : -ENOENT;
	}
	*ret_uid = pw->pw_uid;
	*ret_gid = pw->pw_gid;
	return 0;
}

int
priv_own_directory(const char *dir, uid_t uid, gid_t gid, char *ret_why, size_t why_size)
{
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		snprintf(ret_why, why_size, "%s: %s", dir, strerror(errno));
		return -errno;
	}
	if (stat(dir, &st) < 0 || (st.st_uid != uid && chown(dir, uid, gid) < 0)) {
		snprintf(ret_why, why_size, "%s: %s", dir, strerror(errno));
		return -errno;
	}
	return 0;
}

/* Besides its own group those that Debian and Fedora let read logs, where they are. */
static int
set_groups(gid_t own)
{
	static const char *const names[] = { "adm", "systemd-journal" };
	gid_t groups[1 + DS_LEN(names)] = { own };
	size_t len = 1;

	for (size_t i = 0; i < DS_LEN(names); i++) {
		const struct group *g = getgrnam(names[i]);

		if (g != NULL)
			groups[len++] = g->gr_gid;
	}
	return setgroups(len, groups) < 0 ? -errno : 0;
}

static int
become(uid_t uid, gid_t gid)
{
	int r = set_groups(gid);

	if (r < 0)
		return r;
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	/* It must not be possible to go back. */
	return uid != 0 && setuid(0) == 0 ? -EPERM : 0;
}

int
priv_drop(const char *user, char *ret_why, size_t why_size)
{
	const struct rlimit none = { 0, 0 }, files = { FILES_MAX, FILES_MAX };
	uid_t uid;
	gid_t gid;
	int r = priv_lookup(user, &uid, &gid, ret_why, why_size);

	if (r < 0)
		return r;
	if (geteuid() == 0 && uid != 0) {
		r = become(uid, gid);
		if (r < 0) {
			snprintf(ret_why, why_size, "user %s: %s", user, strerror(-r));
			return r;
		}
	}
	/* After the change of user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
	    setrlimit(RLIMIT_MEMLOCK, &none) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0) {
		snprintf(ret_why, why_size, "prctl: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

#ifdef HAVE_SECCOMP
/* All that the uplink's work needs once it has started, libc's and OpenSSL's ways of doing it
 * included; what a newer libc would rather use is not there (ENOSYS), and it falls back.  Not here:
 * starting programs, listening, changing users, modes of others' files, the kernel or other
 * processes. */
static const char *const allowed[] = {
	/* files */
	"read", "write", "readv", "writev", "pread64", "pwrite64", "lseek", "_llseek", "close",
	"close_range", "open", "openat", "stat", "stat64", "fstat", "fstat64", "lstat", "lstat64",
	"newfstatat", "fstatat64", "statx", "statfs", "statfs64", "fstatfs", "fstatfs64", "access",
	"faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd",
	"fcntl", "fcntl64", "dup", "dup2", "dup3", "pipe", "pipe2", "flock", "fsync", "fdatasync",
	"ftruncate", "ftruncate64", "unlink", "unlinkat", "rename", "renameat", "renameat2",
	"mkdir", "mkdirat", "fchmod", "fadvise64", "fadvise64_64", "arm_fadvise64_64", "umask",
	"ioctl", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
	/* memory, threads, signals, time */
	"mmap", "mmap2", "munmap", "mprotect", "mremap", "madvise", "brk", "futex", "futex_time64",
	"set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "membarrier", "exit",
	"exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack",
	"restart_syscall", "tgkill", "nanosleep", "clock_nanosleep", "clock_nanosleep_time64",
	"clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "gettimeofday",
	"time", "getrandom", "getpid", "getppid", "gettid", "getuid", "getuid32", "geteuid",
	"geteuid32", "getgid", "getgid32", "getegid", "getegid32", "getrusage", "getrlimit",
	"ugetrlimit", "prlimit64", "sysinfo", "uname", "prctl", "arch_prctl", "set_tid_address",
	/* the loop */
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
	"poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64",
	"eventfd2", "timerfd_create", "timerfd_settime", "timerfd_settime64",
	/* the network, outwards */
	"connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt", "send", "recv",
	"sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "recvmmsg_time64",
	"shutdown", "socketpair", "socketcall"
};

/* libc asks netlink for this machine's addresses when it sorts those of a server. */
static const int domains[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

static int
add_rules(scmp_filter_ctx filter, bool may_accept)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < DS_LEN(allowed); i++) {
		int nr = seccomp_syscall_resolve_name(allowed[i]);

		/* Of another machine: there is none to allow. */
		if (nr != __NR_SCMP_ERROR)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
	}
	for (size_t i = 0; r == 0 && i < DS_LEN(domains); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)domains[i], 0));
	/* A thread, to resolve a name: never a process.  clone3() hides its flags; without it libc
	 * takes this one. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (r == 0 && may_accept)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(accept4), 0);
	return r;
}

int
priv_filter(bool may_accept, char *ret_why, size_t why_size)
{
	scmp_filter_ctx filter;
	int r;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	snprintf(ret_why, why_size, "a sanitizer is at work, which needs more");
	return -ENOSYS;
#endif
	filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	r = filter != NULL ? add_rules(filter, may_accept) : -ENOMEM;
	if (r == 0)
		r = seccomp_load(filter);
	if (r < 0)
		snprintf(ret_why, why_size, "seccomp: %s", strerror(-r));
	seccomp_release(filter);
	return r;
}
#else
int
priv_filter(bool may_accept, char *ret_why, size_t why_size)
{
	(void)may_accept;
	snprintf(ret_why, why_size, "built without libseccomp");
	return -ENOSYS;
}
#endif
