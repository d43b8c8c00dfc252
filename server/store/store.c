/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/store/store.h"
#include "server/store/backends.h"

#include <string.h>

const struct store_backend *const store_backends[] = { &store_sqlite, &store_null, NULL };

const struct store_backend *
store_lookup(const char *name)
{
	for (size_t i = 0; store_backends[i]; i++)
		if (strcmp(store_backends[i]->name, name) == 0)
			return store_backends[i];
	return NULL;
}
