/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/daemon.h"

#include "lib/event.h"

#include <fnmatch.h>
#include <string.h>

size_t
ds_daemon_plain_len(const char *name)
{
	size_t len = strlen(name), suffix = sizeof(DS_UNIT_SUFFIX) - 1;

	return len > suffix && strcmp(name + len - suffix, DS_UNIT_SUFFIX) == 0 ? len - suffix
										: len;
}

static bool
fits_first(const char *pattern, const char *name, size_t len)
{
	char part[DS_DAEMON_MAX + 1];

	if (len == 0 || len >= sizeof(part))
		return false;
	memcpy(part, name, len);
	part[len] = '\0';
	return fnmatch(pattern, part, 0) == 0;
}

bool
ds_daemon_fits(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, 0) == 0 ||
	       fits_first(pattern, name, ds_daemon_plain_len(name)) ||
	       fits_first(pattern, name, strcspn(name, "@"));
}

bool
ds_daemon_fits_any(char *const *patterns, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (ds_daemon_fits(patterns[i], name))
			return true;
	return false;
}
