/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slim - gives memory back that only starting up has touched.
 *
 * Called by health on the uplink's only thread.  Owns nothing.
 */
#include "agent/uplink/slim.h"

#include "lib/compiler.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Of a file, not writable: its pages are the file's unless they were written before (relocations),
 * and then they count as anonymous. */
struct mapping {
	uintptr_t start, end;
	bool is_of_file;
};

static bool
read_mapping(const char *line, struct mapping *ret)
{
	unsigned long long start, end;
	char rights[8];

	if (sscanf(line, "%llx-%llx %7s", &start, &end, rights) < 3)
		return false;
	ret->start = (uintptr_t)start;
	ret->end = (uintptr_t)end;
	ret->is_of_file =
	    rights[0] == 'r' && rights[1] == '-' && rights[3] == 'p' && strchr(line, '/') != NULL;
	return true;
}

void
slim_down(void)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	struct mapping m = { 0 };
	char line[512];

	(void)malloc_trim(0); /* whether there was something */
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		unsigned long long kib;

		if (read_mapping(line, &m))
			continue;
		if (m.is_of_file && sscanf(line, "Anonymous: %llu kB", &kib) == 1 && kib == 0)
			(void)madvise(
			    (void *)m.start, m.end - m.start, MADV_DONTNEED); /* or stays */
	}
	if (f != NULL)
		fclose(f);
}
