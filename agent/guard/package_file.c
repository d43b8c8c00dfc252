/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/guard/package_file.h"

#include "agent/guard/package_part.h"
#include "lib/command.h"

#include <errno.h>
#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 3000u
#define OUTPUT_MAX (8u << 20) /* all files of a package are listed */
#define MD5        1
#define SHA256     8

bool
package_file_is_known_to_rpm(void)
{
	return package_rpm_program() != NULL;
}

/* What it said; owned by the caller, NULL: nothing. */
static char *
run(const char *const *argv, size_t size)
{
	const struct ds_command c = {
		.argv = argv, .as = DS_COMMAND_REDUCED, .timeout_ms = TIMEOUT_MS
	};
	char *out = argv[0] != NULL ? malloc(size) : NULL;

	if (out != NULL && ds_command_run(&c, out, size) == 0)
		return out;
	free(out);
	return NULL;
}

/* /usr/lib/x and /lib/x are the same file where /lib is a link. */
static bool
is_same_path(const char *a, const char *b)
{
	a += strncmp(a, "/usr/", 5) == 0 ? 4 : 0;
	b += strncmp(b, "/usr/", 5) == 0 ? 4 : 0;
	return strcmp(a, b) == 0;
}

/* "package\tNAME\tVERSION\tALGORITHM" and for each of its files "file\tDIGEST\tPATH"; of the first
 * package when several own the file. */
static int
parse(char *out, const char *path, struct rpm_file *ret)
{
	struct rpm_file f = { .algorithm = MD5 };
	bool found = false;
	char *save = NULL;

	for (char *line = strtok_r(out, "\n", &save); line != NULL && !found;
	     line = strtok_r(NULL, "\n", &save)) {
		char algorithm[16];
		char *tab;

		if (sscanf(line, "package\t%127[^\t]\t%127[^\t]\t%15s", f.package, f.version,
			algorithm) == 3) {
			f.algorithm = algorithm[0] == '(' ? MD5 : (int)strtol(algorithm, NULL, 10);
			continue;
		}
		tab = strncmp(line, "file\t", 5) == 0 ? strchr(line + 5, '\t') : NULL;
		if (f.package[0] == '\0' || tab == NULL || !is_same_path(tab + 1, path))
			continue;
		*tab = '\0';
		(void)snprintf(f.digest, sizeof(f.digest), "%s", line + 5);
		found = true;
	}
	if (f.package[0] == '\0')
		return -ENOENT;
	*ret = f;
	return 0;
}

int
package_file_ask(const char *path, struct rpm_file *ret)
{
	static const char format[] =
	    "package\\t%{NAME}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}"
	    "\\t%{FILEDIGESTALGO}\\n[file\\t%{FILEDIGESTS}\\t%{FILENAMES}\\n]";
	const char *argv[] = { package_rpm_program(), "-qf", "--qf", format, "--", path, NULL };
	char *out = run(argv, OUTPUT_MAX);
	int r = out != NULL ? parse(out, path, ret) : -ENOENT;

	free(out);
	return r;
}

int
package_file_version(const char *package, char *ret, size_t size)
{
	static const char format[] = "package\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n";
	const char *argv[] = { package_rpm_program(), "-q", "--qf", format, "--", package, NULL };
	char *out = run(argv, 4096), version[128];
	int r = out != NULL && sscanf(out, "package\t%127[^\n]", version) == 1 ? 0 : -ENOENT;

	if (r == 0)
		(void)snprintf(ret, size, "%s", version);
	free(out);
	return r;
}

static int
digest_of(int algorithm, int fd, char *ret, size_t size)
{
	static uint8_t chunk[64u << 10];
	struct sha256_ctx sha;
	struct md5_ctx md5;
	uint8_t bytes[SHA256_DIGEST_SIZE];
	size_t len = algorithm == SHA256 ? SHA256_DIGEST_SIZE : MD5_DIGEST_SIZE;
	off_t at = 0;
	ssize_t n;

	sha256_init(&sha);
	md5_init(&md5);
	while ((n = pread(fd, chunk, sizeof(chunk), at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (algorithm == SHA256)
			sha256_update(&sha, (size_t)n, chunk);
		else
			md5_update(&md5, (size_t)n, chunk);
		at += n;
	}
	if (algorithm == SHA256)
		sha256_digest(&sha, len, bytes);
	else
		md5_digest(&md5, len, bytes);
	for (size_t i = 0; i < len && 2 * i + 2 < size; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int
package_file_matches(const struct rpm_file *f, int fd)
{
	char now[2 * SHA256_DIGEST_SIZE + 2] = "";
	int r;

	if (f->digest[0] == '\0' || (f->algorithm != MD5 && f->algorithm != SHA256))
		return -ENOENT;
	if (fd < 0)
		return 0;
	r = digest_of(f->algorithm, fd, now, sizeof(now));
	return r < 0 ? r : strcmp(now, f->digest) == 0;
}
