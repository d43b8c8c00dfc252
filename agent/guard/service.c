/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service - a running daemon as something that can be checked, reloaded, started anew and probed.
 *
 * One more daemon with a check of its own is one row.
 */
#include "agent/guard/service.h"

#include "agent/guard/engine_restart.h"
#include "agent/guard/identity.h"
#include "agent/guard/program.h"
#include "agent/guard/target.h"
#include "lib/clock.h"
#include "lib/command.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHECK_MS   5000u
#define SYSTEMD_MS 10000u
#define STOP_MS    3000u
#define FDS_MAX    4096u /* descriptors looked at */

/* "@": the daemon's own program; "%": the configuration that it was started with, or the one named
 * here. */
static const struct check_row {
	const char *name;    /* program_daemon_name() */
	const char *option;  /* names its configuration on the command line; NULL: none does */
	const char *config;  /* when it was started without */
	const char *argv[6]; /* [0] NULL: no check is known */
	int reload;          /* the signal that makes it read its configuration; 0: start it anew */
} rows[] = {
	{ "sshd", "-f", "/etc/ssh/sshd_config", { "@", "-t", "-f", "%" }, SIGHUP },
	{ "nginx", "-c", "/etc/nginx/nginx.conf", { "@", "-t", "-q", "-c", "%" }, SIGHUP },
	{ "apache2", NULL, NULL, { "/usr/sbin/apache2ctl", "-t" }, SIGUSR1 },
	{ "lighttpd", "-f", "/etc/lighttpd/lighttpd.conf", { "@", "-t", "-f", "%" }, 0 },
	{ "haproxy", "-f", "/etc/haproxy/haproxy.cfg", { "@", "-c", "-q", "-f", "%" }, SIGUSR2 },
	{ "named", "-c", "/etc/bind/named.conf", { "/usr/bin/named-checkconf", "%" }, SIGHUP },
	{ "unbound", "-c", "/etc/unbound/unbound.conf", { "/usr/sbin/unbound-checkconf", "%" },
	    SIGHUP },
	{ "dnsmasq", "-C", "/etc/dnsmasq.conf", { "@", "--test", "-C", "%" }, 0 },
	{ "master", NULL, NULL, { "/usr/sbin/postfix", "check" }, SIGHUP },
	{ "dovecot", "-c", "/etc/dovecot/dovecot.conf", { "/usr/bin/doveconf", "-n", "-c", "%" },
	    SIGHUP },
	{ "smbd", NULL, NULL, { "/usr/bin/testparm", "-s" }, SIGHUP },
	{ "squid", "-f", "/etc/squid/squid.conf", { "@", "-k", "parse", "-f", "%" }, SIGHUP },
	{ "rsyslogd", "-f", "/etc/rsyslog.conf", { "@", "-N1", "-f", "%" }, 0 },
	{ "php-fpm", NULL, NULL, { "@", "-t" }, SIGUSR2 },
	{ "postgres", NULL, NULL, { NULL }, SIGHUP },
	{ "mysqld", NULL, NULL, { NULL }, 0 },
	{ "redis-server", NULL, NULL, { NULL }, 0 },
};

/* Titles over the arguments: what comes before them, and where they end. */
static const struct {
	const char *before, *after;
} titles[] = {
	{ "nginx: master process ", NULL },
	{ "sshd: ", " [listener]" },
};

static const struct check_row *
row_of(const struct service *s)
{
	const char *name = program_daemon_name(s->exe);

	for (size_t i = 0; i < DS_LEN(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static void
split(char *text, struct process_args *args)
{
	size_t n = 0;
	char *save = NULL;

	for (char *word = strtok_r(text, " ", &save); word != NULL && n < PROCESS_ARGV_MAX;
	     word = strtok_r(NULL, " ", &save))
		args->argv[n++] = word;
	args->argv[n] = NULL;
}

void
service_clean_args(struct process_args *args, const char *exe)
{
	for (size_t i = 0; args->argv[0] != NULL && i < DS_LEN(titles); i++) {
		size_t len = strlen(titles[i].before);
		char *end;

		if (strncmp(args->argv[0], titles[i].before, len) != 0)
			continue;
		memmove(args->text, args->argv[0] + len, strlen(args->argv[0] + len) + 1);
		end = titles[i].after != NULL ? strstr(args->text, titles[i].after) : NULL;
		if (end != NULL)
			*end = '\0';
		split(args->text, args);
		break;
	}
	if (args->argv[0] == NULL) {
		args->argv[0] = exe;
		args->argv[1] = NULL;
	}
}

static bool
runs_systemd(void)
{
	struct stat st;

	return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode) &&
	       access("/usr/bin/systemctl", X_OK) == 0;
}

static uint32_t
gid_of(pid_t pid)
{
	char text[2048];
	const char *line;
	unsigned real = 0;

	if (process_read(pid, "status", text, sizeof(text)) <= 0)
		return 0;
	line = strstr(text, "\nGid:");
	return line != NULL && sscanf(line, "\nGid: %u", &real) == 1 ? real : 0;
}

/* The address of a line of /proc/net/tcp that listens, and its inode. */
static bool
listener_of(const char *line, char ret[48], unsigned long *ret_inode)
{
	unsigned state;

	return sscanf(line, "%*d: %47s %*64s %x %*s %*s %*s %*u %*u %lu", ret, &state, ret_inode) ==
		   3 &&
	       state == 0x0a;
}

static void
add_table(struct service *s, const char *path, const unsigned long *inodes, size_t inodes_len)
{
	FILE *f = fopen(path, "re");
	char line[512], address[48];
	unsigned long inode;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (!listener_of(line, address, &inode))
			continue;
		for (size_t i = 0; i < inodes_len && s->listeners_len < SERVICE_LISTENERS_MAX; i++)
			if (inodes[i] == inode)
				(void)snprintf(s->listeners[s->listeners_len++],
				    sizeof(s->listeners[0]), "%s", address);
	}
	if (f != NULL)
		(void)fclose(f);
}

/* The inodes of the sockets that a process has open. */
static size_t
find_sockets(pid_t pid, unsigned long *ret, size_t max)
{
	int fd = process_open(pid, "fd");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	size_t len = 0, seen = 0;
	struct stat st;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return 0;
	}
	while (len < max && seen++ < FDS_MAX && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && fstatat(fd, entry->d_name, &st, 0) == 0 &&
		    S_ISSOCK(st.st_mode))
			ret[len++] = st.st_ino;
	(void)closedir(dir);
	return len;
}

void
service_find_listeners(struct service *s)
{
	unsigned long inodes[256];
	size_t len;
	struct stat ours, theirs;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)s->pid);
	s->net_is_ours = stat("/proc/self/ns/net", &ours) == 0 && stat(path, &theirs) == 0 &&
			 ours.st_ino == theirs.st_ino;
	s->listeners_len = 0;
	len = s->net_is_ours ? find_sockets(s->pid, inodes, DS_LEN(inodes)) : 0;
	if (len == 0)
		return;
	add_table(s, "/proc/self/net/tcp", inodes, len);
	add_table(s, "/proc/self/net/tcp6", inodes, len);
}

/* The main process that is known, or after a restart that nobody has told of yet, the oldest
 * process of the program that is the daemon's. */
static pid_t
main_process(uint32_t number, struct service *s, struct process_stat *ret)
{
	const char *exe = identity_exe(number);
	const struct daemon *d;
	pid_t pid = identity_pid(number);

	if (pid > 0 && process_stat(pid, ret) == 0 && !ret->zombie)
		return pid;
	if (exe == NULL)
		return 0;
	(void)snprintf(s->exe, sizeof(s->exe), "%s", exe);
	pid = service_find(s, 0);
	d = pid > 0 ? daemon_of_process(pid) : NULL;
	return d != NULL && d->number == number && process_stat(pid, ret) == 0 ? pid : 0;
}

/* What is known of its main process. */
static int
fill(const struct daemon *d, pid_t pid, const struct process_stat *st, struct service *ret)
{
	char path[64];
	ssize_t n;

	ret->pid = pid;
	if (d != NULL && d->role == DAEMON_CONTAINER && d->container[0] == '\0')
		return -ESRCH; /* many containers are this daemon: none of them is meant */
	if (d == NULL || pid <= 0 || process_exe(pid, ret->exe, sizeof(ret->exe), NULL) < 0 ||
	    process_args(pid, &ret->args) < 0)
		return -ESRCH;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", d->name);
	(void)snprintf(ret->container, sizeof(ret->container), "%s", d->container);
	ret->owner = d->owner;
	if (ret->container[0] == '\0' && runs_systemd() && strncmp(d->name, "user/", 5) != 0)
		(void)snprintf(ret->unit, sizeof(ret->unit), "%s", d->unit);
	service_clean_args(&ret->args, ret->exe);
	ret->start_ticks = st->start_ticks;
	if (process_uid(ret->pid, &ret->uid) < 0)
		return -ESRCH;
	ret->gid = gid_of(ret->pid);
	(void)snprintf(path, sizeof(path), "/proc/%d/cwd", (int)ret->pid);
	n = readlink(path, ret->cwd, sizeof(ret->cwd) - 1);
	ret->cwd[n > 0 ? n : 0] = '\0';
	n = process_read(ret->pid, "environ", ret->env, sizeof(ret->env));
	ret->env_size = n > 0 && (size_t)n < sizeof(ret->env) - 1 ? (size_t)n : 0;
	service_find_listeners(ret);
	return 0;
}

int
service_of(uint32_t number, struct service *ret)
{
	struct process_stat st;
	pid_t pid;

	*ret = (struct service){ 0 };
	pid = main_process(number, ret, &st);
	return fill(daemon_get(number), pid, &st, ret);
}

int
service_of_file(uint32_t number, uint64_t device, uint64_t inode, struct service *ret)
{
	pid_t pid = service_find_file(device, inode);
	const struct daemon *d = pid > 0 ? daemon_of_process(pid) : NULL;
	struct process_stat st;

	*ret = (struct service){ 0 };
	if (pid == 0 || (d != NULL && d->number != number) || process_stat(pid, &st) < 0)
		return -ESRCH;
	return fill(daemon_get(number), pid, &st, ret);
}

/* ---- the daemon's own check */

static const char *
config_of(const struct service *s, const struct check_row *row)
{
	for (size_t i = 1; row->option != NULL && s->args.argv[0] != NULL &&
			   s->args.argv[i] != NULL && i < PROCESS_ARGV_MAX;
	     i++) {
		size_t len = strlen(row->option);

		if (strncmp(s->args.argv[i], row->option, len) != 0)
			continue;
		if (s->args.argv[i][len] == '/')
			return s->args.argv[i] + len;
		if (s->args.argv[i][len] == '\0' && s->args.argv[i + 1] != NULL &&
		    s->args.argv[i + 1][0] == '/')
			return s->args.argv[i + 1];
	}
	return row->config;
}

int
service_check(const struct service *s, char *why, size_t size)
{
	const struct check_row *row = row_of(s);
	const char *argv[8] = { NULL };
	struct ds_command c = { .argv = argv, .as = DS_COMMAND_REDUCED, .timeout_ms = CHECK_MS };
	char out[256];
	int r;

	if (row == NULL || row->argv[0] == NULL || s->container[0] != '\0')
		return -ENOENT;
	for (size_t i = 0; i < DS_LEN(row->argv) && row->argv[i] != NULL; i++)
		argv[i] = strcmp(row->argv[i], "@") == 0   ? s->exe
			  : strcmp(row->argv[i], "%") == 0 ? config_of(s, row)
							   : row->argv[i];
	if (access(argv[0], X_OK) < 0)
		return -ENOENT;
	r = ds_command_run(&c, out, sizeof(out));
	if (r == 0)
		return 1;
	out[strcspn(out, "\n")] = '\0';
	(void)snprintf(why, size, "%.200s %s: %.200s", argv[0],
	    r == -ETIME ? "did not finish its check"
	    : r < 0     ? "could not be run"
			: "refuses its configuration",
	    r < 0 ? strerror(-r) : out);
	return r < 0 ? r : 0;
}

/* ---- reload, restart */

static int
systemctl(const struct service *s, const char *verb, char *why, size_t size)
{
	const char *argv[] = { "/usr/bin/systemctl", verb, s->unit, NULL };
	const struct ds_command c = {
		.argv = argv, .as = DS_COMMAND_ROOT, .timeout_ms = SYSTEMD_MS
	};
	char out[256];
	int r = ds_command_run(&c, out, sizeof(out));

	if (r == 0)
		return 0;
	out[strcspn(out, "\n")] = '\0';
	(void)snprintf(
	    why, size, "systemctl %s %.200s: %.200s", verb, s->unit, r < 0 ? strerror(-r) : out);
	return r < 0 ? r : -EIO;
}

static const struct target_process *
target(const struct service *s)
{
	static struct target_process t;

	t = (struct target_process){ .pid = s->pid, .start_ticks = s->start_ticks };
	return &t;
}

static int
signal_main(const struct service *s, int sig)
{
	int fd = target_open(target(s)), r = 0;

	if (fd < 0)
		return -ESRCH;
	if (syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

int
service_reload(const struct service *s, char *why, size_t size)
{
	const struct check_row *row = row_of(s);
	int r;

	if (s->unit[0] != '\0')
		return systemctl(s, "reload-or-restart", why, size);
	if (row != NULL && row->reload == 0)
		return service_restart(s, why, size);
	if (row == NULL)
		return 0; /* what it does with a signal is not known: it runs on as it is */
	r = signal_main(s, row->reload);
	if (r < 0)
		(void)snprintf(why, size, "%.200s has ended", s->name);
	return r;
}

/* Asks the main process to end, and makes it. */
static int
stop(const struct service *s)
{
	struct pollfd p = { .fd = target_open(target(s)), .events = POLLIN };
	int r = 0;

	if (p.fd < 0)
		return 0; /* it has ended already */
	if (syscall(SYS_pidfd_send_signal, p.fd, SIGTERM, NULL, 0) < 0)
		r = -errno;
	if (r == 0 && poll(&p, 1, STOP_MS) <= 0) {
		(void)syscall(SYS_pidfd_send_signal, p.fd, SIGKILL, NULL, 0);
		if (poll(&p, 1, STOP_MS) <= 0)
			r = -ETIME;
	}
	(void)close(p.fd);
	return r;
}

/* What is left of a title is none. */
static bool
is_variable(const char *text)
{
	return (isalpha((unsigned char)text[0]) || text[0] == '_') && strchr(text, '=') != NULL;
}

int
service_restart(const struct service *s, char *why, size_t size)
{
	const char *env[PROCESS_ARGV_MAX + 1] = { NULL };
	const struct ds_command_start c = { .exe = s->exe,
		.argv = s->args.argv,
		.envp = env,
		.cwd = s->cwd[0] != '\0' ? s->cwd : NULL,
		.uid = s->uid,
		.gid = s->gid };
	size_t n = 0;
	int r;

	if (s->container[0] != '\0')
		return engine_restart(s, why, size);
	if (s->unit[0] != '\0')
		return systemctl(s, "restart", why, size);
	for (size_t at = 0; at < s->env_size && n < PROCESS_ARGV_MAX; at += strlen(s->env + at) + 1)
		if (is_variable(s->env + at))
			env[n++] = s->env + at;
	/* nginx and others have written their title over it: they get what a service begins with.
	 */
	if (n == 0)
		env[n] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	r = stop(s);
	if (r == 0)
		r = ds_command_start(&c);
	if (r < 0)
		(void)snprintf(why, size, "%.200s cannot be started: %s", s->exe, strerror(-r));
	return r;
}
