/* SPDX-License-Identifier: GPL-2.0-or-later */
/* integrity_query - what is known of watched files, for reactions and tests. */
#include "agent/guard/integrity.h"
#include "agent/guard/integrity_table.h"

bool
integrity_last(const char *path, struct file_state *ret, const char **ret_package)
{
	const struct watched_file *f = integrity_get(0, path);

	if (f == NULL || !f->known)
		return false;
	*ret = f->now;
	*ret_package = f->package != NULL ? f->package : "";
	return true;
}

size_t
integrity_users(const char *path, uint32_t ret[INTEGRITY_USERS])
{
	const struct watched_file *f = integrity_get(0, path);
	size_t n = 0;

	for (size_t i = 0; f != NULL && i < INTEGRITY_USERS; i++)
		if (f->daemon[i] != 0)
			ret[n++] = f->daemon[i];
	return n;
}

bool
integrity_is_config(const char *path)
{
	const struct watched_file *f = integrity_get(0, path);

	return f != NULL && f->class == FILE_CONFIG;
}

unsigned
integrity_count(void)
{
	return (unsigned)integrity_len();
}
