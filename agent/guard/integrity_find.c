/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_find - which files belong to a daemon: its program, what that maps, its unit, its
 * configuration.
 *
 * One more daemon whose configuration is known by its name is one row.
 */
#include "agent/guard/integrity_find.h"

#include "agent/guard/package_digest.h"
#include "agent/guard/process.h"
#include "agent/guard/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAPS_SIZE_MAX (512u << 10)
#define FDS_MAX       256u /* descriptors of a daemon that are looked at */

static const struct known_row {
	const char *name; /* of the daemon's program, see program_daemon_name() */
	const char *path[4];
} known[] = {
	{ "sshd", { "/etc/ssh/", "/etc/pam.d/sshd", "/etc/default/ssh" } },
	{ "nginx", { "/etc/nginx/", "/etc/default/nginx" } },
	{ "apache2", { "/etc/apache2/", "/etc/httpd/", "/etc/default/apache2" } },
	{ "lighttpd", { "/etc/lighttpd/" } },
	{ "haproxy", { "/etc/haproxy/" } },
	{ "named", { "/etc/bind/", "/etc/named.conf", "/etc/named/" } },
	{ "unbound", { "/etc/unbound/" } },
	{ "dnsmasq", { "/etc/dnsmasq.conf", "/etc/dnsmasq.d/" } },
	{ "master", { "/etc/postfix/" } },
	{ "postfix", { "/etc/postfix/" } },
	{ "dovecot", { "/etc/dovecot/" } },
	{ "exim4", { "/etc/exim4/" } },
	{ "mysqld", { "/etc/mysql/", "/etc/my.cnf", "/etc/my.cnf.d/" } },
	{ "mariadbd", { "/etc/mysql/", "/etc/my.cnf", "/etc/my.cnf.d/" } },
	{ "postgres", { "/etc/postgresql/", "/etc/postgresql-common/" } },
	{ "redis-server", { "/etc/redis/", "/etc/redis.conf" } },
	{ "memcached", { "/etc/memcached.conf" } },
	{ "cron", { "/etc/crontab", "/etc/cron.d/", "/etc/pam.d/cron" } },
	{ "dockerd", { "/etc/docker/" } },
	{ "containerd", { "/etc/containerd/" } },
	{ "vsftpd", { "/etc/vsftpd.conf" } },
	{ "proftpd", { "/etc/proftpd/" } },
	{ "smbd", { "/etc/samba/" } },
	{ "squid", { "/etc/squid/" } },
	{ "openvpn", { "/etc/openvpn/" } },
	{ "chronyd", { "/etc/chrony/", "/etc/chrony.conf" } },
	{ "rsyslogd", { "/etc/rsyslog.conf", "/etc/rsyslog.d/" } },
	{ "php-fpm", { "/etc/php/" } },
};

const char *file_class_name(enum file_class class)
{
	static const char *const names[] = { [FILE_EXECUTABLE] = "executable",
		[FILE_LIBRARY] = "library",
		[FILE_UNIT] = "unit",
		[FILE_CONFIG] = "configuration" };

	return names[class];
}

void
integrity_find_known(const char *name, integrity_found call, void *ctx)
{
	for (size_t i = 0; i < DS_LEN(known); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		for (size_t k = 0; k < DS_LEN(known[i].path) && known[i].path[k] != NULL; k++) {
			char path[128];
			size_t len = strlen(known[i].path[k]);
			bool tree = known[i].path[k][len - 1] == '/';

			(void)snprintf(
			    path, sizeof(path), "%.*s", (int)(len - tree), known[i].path[k]);
			call(ctx, path, FILE_CONFIG, tree);
		}
	}
}

/* "7f.. r-xp 00000000 fe:00 123    /usr/lib/x.so" */
static void
find_line(char *line, const char *exe, char *last, size_t size, integrity_found call, void *ctx)
{
	static const char gone[] = " (deleted)";
	char *path = strchr(line, '/'), *mode = strchr(line, ' ');
	size_t len = path != NULL ? strlen(path) : 0;

	if (path == NULL || mode == NULL || mode + 4 >= path || mode[3] != 'x')
		return;
	if (len >= sizeof(gone) && strcmp(path + len - (sizeof(gone) - 1), gone) == 0)
		path[len - (sizeof(gone) - 1)] = '\0';
	if (strcmp(path, exe) == 0 || strcmp(path, last) == 0 || strncmp(path, "/memfd:", 7) == 0 ||
	    strncmp(path, "/dev/", 5) == 0)
		return;
	(void)snprintf(last, size, "%s", path);
	call(ctx, path, FILE_LIBRARY, false);
}

void
integrity_find_maps(const char *text, const char *exe, integrity_found call, void *ctx)
{
	static char last[PROCESS_PATH_MAX], line[PROCESS_PATH_MAX + 128];

	last[0] = '\0';
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len < sizeof(line)) {
			memcpy(line, text, len);
			line[len] = '\0';
			find_line(line, exe, last, sizeof(last), call, ctx);
		}
		text += len + (text[len] == '\n');
	}
}

static void
find_libraries(pid_t pid, const char *exe, integrity_found call, void *ctx)
{
	char *text = malloc(MAPS_SIZE_MAX);

	if (text != NULL && process_read(pid, "maps", text, MAPS_SIZE_MAX) > 0)
		integrity_find_maps(text, exe, call, ctx);
	free(text);
}

/* /etc/systemd/system/NAME and its drop-ins, in every place systemd reads; @ of an instance goes
 * with its template. */
static void
find_unit(const char *unit, integrity_found call, void *ctx)
{
	static const char *const places[] = { "/etc/systemd/system", "/run/systemd/system",
		"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system" };
	const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');
	char path[512], template[256] = "";
	struct stat usr, lib;
	size_t len = DS_LEN(places);

	if (stat(places[3], &usr) == 0 && stat(places[4], &lib) == 0 && usr.st_ino == lib.st_ino)
		len--; /* one directory under two names */
	if (at != NULL && dot > at)
		(void)snprintf(
		    template, sizeof(template), "%.*s%s", (int)(at + 1 - unit), unit, dot);
	for (size_t i = 0; i < len; i++) {
		const char *const names[] = { unit, template };

		for (size_t k = 0; k < DS_LEN(names) && access(places[i], F_OK) == 0; k++) {
			if (names[k][0] == '\0')
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s", places[i], names[k]);
			call(ctx, path, FILE_UNIT, false);
			(void)snprintf(path, sizeof(path), "%s/%s.d", places[i], names[k]);
			call(ctx, path, FILE_UNIT, true);
		}
	}
}

static bool
ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(text + len - n, end, n) == 0;
}

bool
integrity_is_passing(const char *name, size_t len)
{
	static const char *const ends[] = { "~", ".swp", ".swx", ".swpx", ".tmp", ".dpkg-new",
		".dpkg-tmp", ".ucf-new", ".rpmnew", ";", ".lock" };

	for (size_t i = 0; i < DS_LEN(ends); i++)
		if (ends_with(name, len, ends[i]))
			return true;
	return (len == 4 && memcmp(name, "4913", 4) == 0) ||
	       (len > 2 && memcmp(name, ".#", 2) == 0);
}

/* What a daemon is told to write is no configuration of it. */
static bool
is_written(pid_t pid, const struct stat *st)
{
	char path[128], text[512];
	unsigned count = 0;
	bool written = false;
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir != NULL && !written && (entry = readdir(dir)) != NULL && count++ < FDS_MAX) {
		const char *flags;
		struct stat other;

		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%.16s", (int)pid, entry->d_name);
		if (entry->d_name[0] == '.' || stat(path, &other) < 0 ||
		    other.st_ino != st->st_ino || other.st_dev != st->st_dev)
			continue;
		(void)snprintf(path, sizeof(path), "fdinfo/%.16s", entry->d_name);
		flags =
		    process_read(pid, path, text, sizeof(text)) > 0 ? strstr(text, "flags:") : NULL;
		written = flags != NULL &&
			  (strtoul(flags + strlen("flags:"), NULL, 8) & O_ACCMODE) != O_RDONLY;
	}
	if (dir != NULL)
		(void)closedir(dir);
	return written;
}

static bool
is_elsewhere(const char *path)
{
	static const char *const places[] = { "/proc/", "/sys/", "/dev/", "/run/", "/var/run/",
		"/var/log/", "/var/cache/", "/var/spool/" };
	static const char *const ends[] = { ".pid", ".log", ".sock", ".lock" };

	for (size_t i = 0; i < DS_LEN(places); i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return true;
	for (size_t i = 0; i < DS_LEN(ends); i++)
		if (ends_with(path, strlen(path), ends[i]))
			return true;
	return false;
}

/* /path, --option=/path, key=/path, -f/path */
static void
find_word(pid_t pid, char *word, integrity_found call, void *ctx)
{
	char *path = strchr(word, '/'), full[64 + PROCESS_PATH_MAX];
	struct stat st;

	if (path == NULL || strlen(path) >= PROCESS_PATH_MAX)
		return;
	if (path != word && path[-1] != '=' && path[-1] != ':' &&
	    !(word[0] == '-' && path == word + 2))
		return;
	if (is_elsewhere(path) || strstr(path, "/../") != NULL)
		return;
	(void)snprintf(full, sizeof(full), "/proc/%d/root%s", (int)pid, path);
	if (stat(full, &st) < 0 || !S_ISREG(st.st_mode) || is_written(pid, &st))
		return;
	call(ctx, path, FILE_CONFIG, false);
}

/* A process that wrote its title over its arguments has them as one text, or as words of it. */
void
integrity_find_arguments(pid_t pid, const char *const *argv, integrity_found call, void *ctx)
{
	static char text[PROCESS_ARGS_MAX + 1];

	for (size_t i = 0; argv[i] != NULL; i++) {
		char *save = NULL;

		(void)snprintf(text, sizeof(text), "%s", argv[i]);
		for (char *word = strtok_r(text, " \"'", &save); word != NULL;
		     word = strtok_r(NULL, " \"'", &save))
			if (i > 0 || word != text)
				find_word(pid, word, call, ctx);
	}
}

struct conffile_ctx {
	integrity_found call;
	void *ctx;
};

static void
on_conffile(void *ctx, const char *path, const char *md5)
{
	struct conffile_ctx *c = ctx;

	(void)md5;
	c->call(c->ctx, path, FILE_CONFIG, false);
}

void
integrity_find(const struct integrity_target *target, integrity_found call, void *ctx)
{
	static struct process_args args;
	struct conffile_ctx conffile = { call, ctx };
	char exe[PROCESS_PATH_MAX];
	const char *name, *script;

	if (process_exe(target->pid, exe, sizeof(exe), NULL) < 0)
		return;
	call(ctx, exe, FILE_EXECUTABLE, false);
	if (process_args(target->pid, &args) < 0)
		args.argv[0] = NULL;
	script = program_script(exe, args.argv);
	if (script != NULL && script[0] == '/')
		call(ctx, script, FILE_EXECUTABLE, false);
	integrity_find_arguments(target->pid, args.argv, call, ctx);
	if (!target->own_root) {
		name = program_daemon_name(exe);
		if (target->daemon->unit[0] != '\0' &&
		    strncmp(target->daemon->name, "user/", 5) != 0)
			find_unit(target->daemon->unit, call, ctx);
		integrity_find_known(name, call, ctx);
		if (target->package != NULL && target->package[0] != '\0')
			(void)package_conffiles("", target->package, on_conffile, &conffile);
	}
	find_libraries(target->pid, exe, call, ctx);
}
