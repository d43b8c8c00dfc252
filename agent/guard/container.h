/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container - name, image and engine of a container by its id, from the files that engines keep.
 *
 * Docker, Podman, containerd (CRI, nerdctl, ctr), CRI-O, and runc or crun by themselves.  Bounded
 * reads; no engine is asked, so that all of it works while the engine is down.
 */
#ifndef AGENT_GUARD_CONTAINER_H
#define AGENT_GUARD_CONTAINER_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum container_engine {
	CONTAINER_OTHER,
	CONTAINER_DOCKER,
	CONTAINER_PODMAN,
	CONTAINER_CONTAINERD,
	CONTAINER_KUBERNETES, /* CRI: containerd or CRI-O */
	CONTAINER_RUNTIME,    /* runc, crun */
};

struct container_info {
	enum container_engine engine;
	bool holds_pod;  /* it does nothing but keep the namespaces of Kubernetes' others */
	char name[192];  /* "" when not known */
	char image[256]; /* with its digest, where the engine tells: shop:3@sha256:... */
	uint32_t uid;    /* whose it is; 0: root's */
};

/* root: "" or another root directory, for tests.  The id is one of 64 hexadecimal digits.  0 or
 * -ENOENT. */
DS_MUST_CHECK int container_find(const char *root, const char *id, struct container_info *ret);
/* The same for an id that somebody chose, as ctr, runc and crun take them: anybody may make a
 * control group of any name, so the runtime has to say that this one is its container's. */
DS_MUST_CHECK int container_find_named(
    const char *root, const char *id, const char *cgroup, struct container_info *ret);
/* The same of the podman of a user: read as that user, and by a process that may wait, for the
 * files and what they lie on are his. */
DS_MUST_CHECK int container_find_of_user(
    const char *home, uint32_t uid, const char *id, struct container_info *ret);
/* Whether docker starts the container anew when it ends. */
bool container_comes_back(const char *root, const char *id);
/* Name, image and digest out of Docker's own description of a container: the image's name is in
 * Config, and its digest beside that under the same key. */
void container_take_document(const char *text, size_t len, struct container_info *ret);
/* NAME@sha256:DIGEST, as everybody writes it: the same name may be another image tomorrow.  digest:
 * with "sha256:" or without; what is none is left out. */
void container_add_digest(struct container_info *info, const char *digest);
/* NAMESPACE/POD/CONTAINER: each of the three alone is not one of a kind.  What is too long for a
 * name goes by its id. */
void container_set_pod(
    struct container_info *info, const char *space, const char *pod, const char *container);
/* Docker's names begin with a slash. */
void container_set_name(struct container_info *info, const char *name);

#endif
