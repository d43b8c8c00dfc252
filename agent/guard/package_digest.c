/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package_digest - what the package database says the contents of a file should be.
 *
 * info/PACKAGE[:ARCH].md5sums has what was shipped except configuration, whose digests are in the
 * package's paragraph of status.
 */
#include "agent/guard/package_digest.h"

#include "agent/guard/package_file.h"
#include "agent/guard/process.h"
#include "agent/guard/program.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <nettle/md5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4400u

static FILE *
open_text(const char *root, const char *path)
{
	char full[4096];
	FILE *f;
	int fd;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return NULL;
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	f = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (f == NULL && fd >= 0)
		(void)close(fd);
	return f;
}

static void
chop(char *line)
{
	line[strcspn(line, "\n")] = '\0';
}

static bool
is_field(const char *line, const char *key, const char *value)
{
	size_t len = strlen(key);

	return strncmp(line, key, len) == 0 && strcmp(line + len, value) == 0;
}

/* Stands after the "Package: NAME" line of an installed package; without the name's architecture.
 */
static FILE *
open_paragraph(const char *root, const char *package, char *line)
{
	FILE *f = open_text(root, "/var/lib/dpkg/status");

	while (f != NULL && fgets(line, LINE_MAX_BYTES, f) != NULL) {
		chop(line);
		if (is_field(line, "Package: ", package))
			return f;
	}
	if (f != NULL)
		(void)fclose(f);
	return NULL;
}

int
package_version(const char *root, const char *package, char *ret, size_t size)
{
	static char line[LINE_MAX_BYTES];
	FILE *f = open_paragraph(root, package, line);
	int r = -ENOENT;

	while (f != NULL && r < 0 && fgets(line, sizeof(line), f) != NULL && line[0] != '\n') {
		chop(line);
		if (strncmp(line, "Version: ", 9) != 0)
			continue;
		(void)snprintf(ret, size, "%s", line + 9);
		r = 0;
	}
	if (f != NULL)
		(void)fclose(f);
	if (r == -ENOENT && root[0] == '\0' && package_file_is_known_to_rpm())
		r = package_file_version(package, ret, size);
	return r;
}

/* " /etc/x 0123..ef [obsolete]" */
static bool
conffile_line(char *line, char **ret_path, char **ret_md5)
{
	char *md5;

	chop(line);
	if (line[0] != ' ' || line[1] != '/')
		return false;
	if (strlen(line) > 9 && strcmp(line + strlen(line) - 9, " obsolete") == 0)
		return false;
	md5 = strrchr(line, ' ');
	if (md5 == line || strlen(md5 + 1) != 2 * (size_t)PACKAGE_MD5_SIZE)
		return false;
	*md5 = '\0';
	*ret_path = line + 1;
	*ret_md5 = md5 + 1;
	return true;
}

int
package_conffiles(const char *root, const char *package,
    void (*call)(void *ctx, const char *path, const char *md5), void *ctx)
{
	static char line[LINE_MAX_BYTES];
	FILE *f = open_paragraph(root, package, line);
	bool inside = false;
	int count = 0;

	if (f == NULL)
		return -ENOENT;
	while (fgets(line, sizeof(line), f) != NULL && line[0] != '\n') {
		char *path, *md5;

		if (line[0] != ' ')
			inside = strncmp(line, "Conffiles:", 10) == 0;
		else if (inside && conffile_line(line, &path, &md5)) {
			call(ctx, path, md5);
			count++;
		}
	}
	(void)fclose(f);
	return count;
}

static int
parse_md5(const char *text, uint8_t ret[PACKAGE_MD5_SIZE])
{
	for (size_t i = 0; i < PACKAGE_MD5_SIZE; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return -EBADMSG;
		ret[i] = (uint8_t)byte;
	}
	return 0;
}

/* usr/lib/x and lib/x are the same file where /lib is a link. */
static const char *
without_usr(const char *path)
{
	return strncmp(path, "usr/", 4) == 0 ? path + 4 : path;
}

static int
find_in_sums(FILE *f, const char *path, uint8_t ret[PACKAGE_MD5_SIZE])
{
	static char line[LINE_MAX_BYTES];
	const char *wanted = without_usr(path + 1);

	while (fgets(line, sizeof(line), f) != NULL) {
		chop(line);
		if (strlen(line) > 34 && line[32] == ' ' &&
		    strcmp(without_usr(line + 34), wanted) == 0)
			return parse_md5(line, ret);
	}
	return -ENOENT;
}

static FILE *
open_sums(const char *root, const char *package)
{
	char path[4200];
	glob_t found = { 0 };
	FILE *f;

	(void)snprintf(path, sizeof(path), "/var/lib/dpkg/info/%.200s.md5sums", package);
	f = open_text(root, path);
	if (f != NULL || strchr(package, '*') != NULL)
		return f;
	(void)snprintf(path, sizeof(path), "%s/var/lib/dpkg/info/%.200s:*.md5sums", root, package);
	if (glob(path, GLOB_NOSORT, NULL, &found) == 0 && found.gl_pathc > 0)
		f = open_text("", found.gl_pathv[0]);
	globfree(&found);
	return f;
}

struct wanted {
	const char *path;
	uint8_t *md5;
	bool found;
};

static void
on_conffile(void *ctx, const char *path, const char *md5)
{
	struct wanted *w = ctx;

	if (strcmp(path, w->path) == 0)
		w->found = parse_md5(md5, w->md5) == 0;
}

int
package_md5(const char *root, const char *package, const char *path, uint8_t ret[PACKAGE_MD5_SIZE])
{
	struct wanted wanted = { path, ret, false };
	FILE *f;
	int r = -ENOENT;

	if (package[0] == '\0' || path[0] != '/' || strchr(package, '/') != NULL)
		return -ENOENT;
	f = open_sums(root, package);
	if (f != NULL) {
		r = find_in_sums(f, path, ret);
		(void)fclose(f);
	}
	if (r == -ENOENT && package_conffiles(root, package, on_conffile, &wanted) > 0 &&
	    wanted.found)
		r = 0;
	return r;
}

static int
md5_of(int fd, uint8_t ret[PACKAGE_MD5_SIZE])
{
	static uint8_t chunk[64u << 10];
	struct md5_ctx ctx;
	off_t at = 0;
	ssize_t n;

	md5_init(&ctx);
	while ((n = pread(fd, chunk, sizeof(chunk), at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		md5_update(&ctx, (size_t)n, chunk);
		at += n;
	}
	md5_digest(&ctx, PACKAGE_MD5_SIZE, ret);
	return 0;
}

/* rpm's word, on our own root. */
static enum package_word
verify_rpm(const char *package, const char *path, int fd)
{
	struct rpm_file f;
	int r;

	if (!package_file_is_known_to_rpm() || package_file_ask(path, &f) < 0 ||
	    strcmp(f.package, package) != 0)
		return PACKAGE_UNKNOWN;
	r = package_file_matches(&f, fd);
	return r == -ENOENT ? PACKAGE_UNKNOWN : r == 1 ? PACKAGE_AGREES : PACKAGE_DIFFERS;
}

enum package_word
package_verify(const char *root, const char *package, const char *path, int fd)
{
	uint8_t shipped[PACKAGE_MD5_SIZE], now[PACKAGE_MD5_SIZE];

	if (package_md5(root, package, path, shipped) < 0)
		return root[0] == '\0' ? verify_rpm(package, path, fd) : PACKAGE_UNKNOWN;
	if (fd < 0 || md5_of(fd, now) < 0)
		return PACKAGE_DIFFERS;
	return memcmp(shipped, now, sizeof(now)) == 0 ? PACKAGE_AGREES : PACKAGE_DIFFERS;
}

/* Only a package manager's own program explains anything: anybody with root can lock a file. */
static bool
is_manager(pid_t pid)
{
	static const char *const names[] = { "dpkg", "apt", "apt-get", "aptitude", "rpm", "dnf5",
		"packagekitd", "zypper", "microdnf" };
	char exe[PROCESS_PATH_MAX];

	if (pid <= 0 || process_exe(pid, exe, sizeof(exe), NULL) < 0 || program_is_temporary(exe))
		return false;
	for (size_t i = 0; i < DS_LEN(names); i++)
		if (strcmp(program_base(exe), names[i]) == 0)
			return true;
	return false;
}

pid_t
package_worker(const char *root)
{
	/* The first is held between two runs of dpkg, too. */
	static const char *const locks[] = { "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock",
		"/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock" };

	for (size_t i = 0; i < DS_LEN(locks); i++) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		char path[4096];
		int fd, r;

		(void)snprintf(path, sizeof(path), "%s%s", root, locks[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue;
		r = fcntl(fd, F_GETLK, &lock);
		(void)close(fd);
		if (r == 0 && lock.l_type != F_UNLCK && is_manager(lock.l_pid))
			return lock.l_pid;
	}
	return 0;
}
