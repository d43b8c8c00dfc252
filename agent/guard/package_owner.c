/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package_owner - one pass over dpkg's lists of files, for a caller that has many files to ask for.
 */
#include "agent/guard/package_owner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
owner_begin(struct owner_job *job, const char *root)
{
	char path[512];

	*job = (struct owner_job){ 0 };
	(void)snprintf(job->root, sizeof(job->root), "%s", root);
	(void)snprintf(path, sizeof(path), "%.255s/var/lib/dpkg/info", root);
	job->dir = opendir(path);
	return job->dir == NULL ? -errno : 0;
}

static void
read_list(const struct owner_job *job, const char *name, size_t name_len,
    void (*call)(void *ctx, const char *path, const char *package), void *ctx)
{
	static char line[4400];
	char path[768], package[200];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%.255s/var/lib/dpkg/info/%.255s", job->root, name);
	(void)snprintf(package, sizeof(package), "%.*s", (int)(name_len - 5), name);
	package[strcspn(package, ":")] = '\0';
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		call(ctx, line, package);
	}
	(void)fclose(f);
}

int
owner_step(struct owner_job *job, size_t lists,
    void (*call)(void *ctx, const char *path, const char *package), void *ctx)
{
	for (size_t done = 0; done < lists;) {
		struct dirent *entry = job->dir != NULL ? readdir(job->dir) : NULL;
		size_t len;

		if (entry == NULL) {
			owner_end(job);
			return 1;
		}
		len = strlen(entry->d_name);
		if (len <= 5 || strcmp(entry->d_name + len - 5, ".list") != 0)
			continue;
		read_list(job, entry->d_name, len, call, ctx);
		done++;
	}
	return 0;
}

void
owner_end(struct owner_job *job)
{
	if (job->dir != NULL)
		(void)closedir(job->dir);
	job->dir = NULL;
}
