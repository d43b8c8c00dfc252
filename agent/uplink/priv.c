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
#include <seccomp.h>
#endif

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
	const struct rlimit no_core = { 0, 0 };
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
	    prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0) {
		snprintf(ret_why, why_size, "prctl: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

#ifdef HAVE_SECCOMP
/* What a process that reads files, talks to the network and keeps time has no use for: starting
 * programs, changing the kernel, its users or other processes.  A list of what is refused survives
 * a new libc better than one of what is allowed; what is refused is what turns a bug in a parser
 * into a foothold. */
static const char *const refused[] = { "execve", "execveat", "ptrace", "process_vm_readv",
	"process_vm_writev", "bpf", "perf_event_open", "userfaultfd", "init_module", "finit_module",
	"delete_module", "kexec_load", "kexec_file_load", "mount", "umount2", "pivot_root",
	"chroot", "unshare", "setns", "open_tree", "move_mount", "fsopen", "fsmount", "fsconfig",
	"reboot", "swapon", "swapoff", "setuid", "setgid", "setreuid", "setregid", "setresuid",
	"setresgid", "setgroups", "setfsuid", "setfsgid", "capset", "keyctl", "add_key",
	"request_key", "acct", "quotactl", "settimeofday", "clock_settime", "clock_adjtime",
	"adjtimex", "iopl", "ioperm", "personality", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "mknod", "mknodat", "name_to_handle_at", "open_by_handle_at",
	"fanotify_init", "syslog", "vhangup", "pidfd_getfd", "kcmp", "lookup_dcookie", "nfsservctl",
	"sethostname", "setdomainname", "process_madvise", "memfd_create", "memfd_secret" };

int
priv_filter(char *ret_why, size_t why_size)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < DS_LEN(refused); i++) {
		int nr = seccomp_syscall_resolve_name(refused[i]);

		if (nr != __NR_SCMP_ERROR)
			r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
	if (r == 0)
		r = seccomp_load(filter);
	if (r < 0)
		snprintf(ret_why, why_size, "seccomp: %s", strerror(-r));
	seccomp_release(filter);
	return r;
}
#else
int
priv_filter(char *ret_why, size_t why_size)
{
	snprintf(ret_why, why_size, "built without libseccomp");
	return -ENOSYS;
}
#endif
