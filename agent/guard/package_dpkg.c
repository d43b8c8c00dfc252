/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package_dpkg - dpkg's database: info/PACKAGE.list, diversions, status.
 *
 * Plain text, read line by line through one buffer; a line longer than any path is skipped.
 */
#include "agent/guard/package_part.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (64u << 10)

static void
copy(char *ret, size_t size, const char *ptr, size_t len)
{
	len = DS_MIN(len, size - 1);
	memcpy(ret, ptr, len);
	ret[len] = '\0';
}

/* Calls for each complete line of one more chunk of job->fd; the rest waits in job->line.  Bytes
 * read; 0 at the end. */
static size_t
read_lines(struct package_job *job, void (*call)(struct package_job *, const char *, size_t))
{
	static char chunk[CHUNK]; /* one thread, one job at a time */
	size_t at = 0;
	ssize_t n;

	do
		n = read(job->fd, chunk, sizeof(chunk));
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		if (job->line_len > 0 && job->line_len <= sizeof(job->line))
			call(job, job->line, job->line_len);
		job->line_len = 0;
		return 0;
	}
	while (at < (size_t)n) {
		const char *end = memchr(chunk + at, '\n', (size_t)n - at);
		size_t len = end != NULL ? (size_t)(end - chunk) - at : (size_t)n - at;

		if (job->line_len == 0 && end != NULL) {
			call(job, chunk + at, len);
		} else if (job->line_len + len <= sizeof(job->line)) {
			memcpy(job->line + job->line_len, chunk + at, len);
			job->line_len += len;
		} else {
			job->line_len = sizeof(job->line) + 1; /* too long: dropped at its end */
		}
		if (end != NULL && job->line_len > 0) {
			if (job->line_len <= sizeof(job->line))
				call(job, job->line, job->line_len);
			job->line_len = 0;
		}
		at += len + (end != NULL ? 1 : 0);
	}
	return (size_t)n;
}

static bool
is_path(const struct package_query *q, const char *line, size_t len)
{
	for (size_t i = 0; i < DS_LEN(q->path); i++)
		if (q->path[i] != NULL && strlen(q->path[i]) == len &&
		    memcmp(q->path[i], line, len) == 0)
			return true;
	return false;
}

static void
on_list_line(struct package_job *job, const char *line, size_t len)
{
	if (len / 64 >= DS_LEN(job->lengths) || (job->lengths[len / 64] >> len % 64 & 1) == 0)
		return;
	for (size_t i = 0; i < job->len; i++) {
		struct package_query *q = &job->query[i];

		if (q->name[0] != '\0' || !is_path(q, line, len) ||
		    (q->except != NULL && strcmp(q->except, job->current) == 0))
			continue;
		copy(q->name, sizeof(q->name), job->current, strlen(job->current));
		copy(q->arch, sizeof(q->arch), job->current_arch, strlen(job->current_arch));
	}
}

/* libc6:amd64.list */
static bool
open_list(struct package_job *job, const char *name)
{
	size_t len = strlen(name);
	char path[512];
	const char *colon;

	if (len <= 5 || strcmp(name + len - 5, ".list") != 0 || len - 5 >= sizeof(job->current))
		return false;
	(void)snprintf(path, sizeof(path), "/var/lib/dpkg/info/%s", name);
	job->fd = package_open(job->root_fd, path, 0);
	if (job->fd < 0)
		return false;
	copy(job->current, sizeof(job->current), name, len - 5);
	job->current_arch[0] = '\0';
	colon = strchr(job->current, ':');
	if (colon != NULL) {
		copy(job->current_arch, sizeof(job->current_arch), colon + 1, strlen(colon + 1));
		job->current[colon - job->current] = '\0';
	}
	return true;
}

bool
package_dpkg_lists(struct package_job *job, size_t budget)
{
	size_t used = 0;

	if (job->info == NULL)
		return true;
	while (used < budget) {
		struct dirent *entry;

		if (job->fd >= 0) {
			size_t n = read_lines(job, on_list_line);

			used += n;
			if (n == 0) {
				(void)close(job->fd);
				job->fd = -1;
			}
			continue;
		}
		entry = readdir(job->info);
		if (entry == NULL)
			return true;
		if (open_list(job, entry->d_name))
			used += 4096; /* what opening it costs */
	}
	return false;
}

static void
paragraph_end(struct package_job *job)
{
	for (size_t i = 0; i < job->len && job->paragraph.installed; i++) {
		struct package_query *q = &job->query[i];

		if (q->version[0] != '\0' || strcmp(q->name, job->paragraph.name) != 0)
			continue;
		if (q->arch[0] != '\0' && strcmp(q->arch, job->paragraph.arch) != 0)
			continue;
		copy(q->version, sizeof(q->version), job->paragraph.version,
		    strlen(job->paragraph.version));
	}
	job->paragraph.installed = false;
	job->paragraph.name[0] = job->paragraph.arch[0] = job->paragraph.version[0] = '\0';
}

static bool
field(const char *line, size_t len, const char *key, char *ret, size_t size)
{
	size_t skip = strlen(key);

	if (len <= skip || memcmp(line, key, skip) != 0)
		return false;
	copy(ret, size, line + skip, len - skip);
	return true;
}

static void
on_status_line(struct package_job *job, const char *line, size_t len)
{
	char text[64];

	if (len == 0)
		paragraph_end(job);
	else if (line[0] == ' ' || line[0] == '\t')
		return;
	else if (field(line, len, "Status: ", text, sizeof(text)))
		job->paragraph.installed = strstr(text, " installed") != NULL ||
					   strstr(text, " half-configured") != NULL ||
					   strstr(text, " unpacked") != NULL ||
					   strstr(text, " triggers-") != NULL;
	else if (!field(line, len, "Package: ", job->paragraph.name, sizeof(job->paragraph.name)) &&
		 !field(line, len, "Version: ", job->paragraph.version,
		     sizeof(job->paragraph.version)))
		(void)field(
		    line, len, "Architecture: ", job->paragraph.arch, sizeof(job->paragraph.arch));
}

bool
package_dpkg_status(struct package_job *job, size_t budget)
{
	if (job->fd < 0)
		return true;
	for (size_t used = 0; used < budget;) {
		size_t n = read_lines(job, on_status_line);

		used += n;
		if (n > 0)
			continue;
		paragraph_end(job);
		(void)close(job->fd);
		job->fd = -1;
		return true;
	}
	return false;
}

/* A file diverted away: it lies at `to`, but the lists say `from`.  A file that lies at `from`
 * belongs to the package that diverts. */
static void
divert(struct package_query *q, char *const from_to_by[3])
{
	const char *from = from_to_by[0], *to = from_to_by[1], *by = from_to_by[2];

	if (is_path(q, from, strlen(from)) && strcmp(by, ":") != 0) {
		copy(q->name, sizeof(q->name), by, strlen(by));
	} else if (is_path(q, to, strlen(to)) && q->except == NULL) {
		char *path = strdup(from), *except = strdup(by);

		if (path == NULL || except == NULL) {
			free(path);
			free(except);
			return;
		}
		free(q->path[1]);
		q->path[1] = path;
		q->except = except;
	}
}

void
package_dpkg_divert(struct package_job *job, struct package_query *q)
{
	int fd = package_open(job->root_fd, "/var/lib/dpkg/diversions", 0);
	char *lines[3];
	size_t size = 0, count = 0;
	char *line = NULL;
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	ssize_t n;

	if (f == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((n = getline(&line, &size, f)) > 0 && n < 4200) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		lines[count] = strdup(line);
		if (lines[count] == NULL)
			break;
		if (++count < 3)
			continue;
		divert(q, lines);
		while (count > 0)
			free(lines[--count]);
	}
	while (count > 0)
		free(lines[--count]);
	free(line);
	(void)fclose(f);
}
