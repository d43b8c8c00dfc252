/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container - name and image of a container by its id, from the files that engines keep.
 *
 * Docker, Podman, containerd (CRI and nerdctl).  Bounded reads with a scanner of our own, which
 * understands just enough JSON: the guard parses no documents.
 */
#ifndef AGENT_GUARD_CONTAINER_H
#define AGENT_GUARD_CONTAINER_H

#include "lib/compiler.h"

#include <stddef.h>

struct container_info {
	char name[128];  /* "" when not known */
	char image[256]; /* with its digest, where the engine tells: shop:3@sha256:... */
};

/* root: "" or another root directory, for tests.  0 or -ENOENT. */
DS_MUST_CHECK int container_find(const char *root, const char *id, struct container_info *ret);
/* The string value of the first `key` at nesting `depth` (1: of the outermost object; 0: any) in
 * JSON text, unescaped as far as names need it.  0, -ENOENT, -ENAMETOOLONG. */
DS_MUST_CHECK int container_json_string(
    const char *text, size_t len, const char *key, int depth, char *ret, size_t size);

#endif
