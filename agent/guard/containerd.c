/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * containerd - what a container of containerd's is called and made of: of Kubernetes, nerdctl, ctr.
 *
 * Called by container.  The bundle of a task has what its runtime was told, without the image when
 * ctr made it, and never with the image's digest: those are in containerd's database.  One more
 * distribution that keeps both elsewhere is a row of `places`.
 */
#include "agent/guard/containerd.h"

#include "agent/guard/bolt.h"
#include "agent/guard/container_file.h"
#include "agent/guard/container_json.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMESPACES_MAX 32u
#define NAMESPACE_MAX  76u /* containerd's own limit */
#define DIR_SIZE       256u
#define DETAILS_MAX    65536u
#define ANNOTATION     2 /* how deep they are in a bundle; what is deeper may be called so, too */
#define DIGEST_SIZE    96u
#define TRIES          3u
#define TIME_SIZE      15 /* as Go keeps one: a version, seconds and nanoseconds, a zone */
#define TIME_COMPARED  13u

static const char kubernetes[] = "k8s.io";

static const struct place {
	const char *state, *data;
	const char *config; /* may say that they are elsewhere; or NULL */
} places[] = {
	{ "/run/containerd", "/var/lib/containerd", "/etc/containerd/config.toml" },
	{ "/run/k3s/containerd", "/var/lib/rancher/k3s/agent/containerd", NULL },
	{ "/run/k0s/containerd", "/var/lib/k0s/containerd", NULL },
	{ "/var/snap/microk8s/common/run/containerd",
	    "/var/snap/microk8s/common/var/lib/containerd", NULL },
};

/* Where a place is on this host, and which of its containers is looked at. */
struct task {
	char state[DIR_SIZE], data[DIR_SIZE];
	const char *root, *space, *id;
};

static bool
is_digest(const char *image)
{
	return strncmp(image, "sha256:", strlen("sha256:")) == 0;
}

/* ---- what its runtime was told */

static void
name_of_kubernetes(const char *text, size_t len, struct container_info *ret)
{
	char space[sizeof(ret->name)], pod[sizeof(ret->name)], name[sizeof(ret->name)];

	if (container_json_string(text, len, "io.kubernetes.cri.sandbox-namespace", ANNOTATION,
		space, sizeof(space)) == 0 &&
	    container_json_string(
		text, len, "io.kubernetes.cri.sandbox-name", ANNOTATION, pod, sizeof(pod)) == 0 &&
	    container_json_string(
		text, len, "io.kubernetes.cri.container-name", ANNOTATION, name, sizeof(name)) == 0)
		container_set_pod(ret, space, pod, name);
	else
		container_file_name(ret, text, len, "io.kubernetes.cri.container-name", ANNOTATION);
}

static void
take_bundle(const char *space, const char *text, size_t len, struct container_info *ret)
{
	char type[16];

	if (strcmp(space, kubernetes) != 0) {
		ret->engine = CONTAINER_CONTAINERD;
		container_file_name(ret, text, len, "nerdctl/name", ANNOTATION);
		return;
	}
	ret->engine = CONTAINER_KUBERNETES;
	ret->holds_pod = container_json_string(text, len, "io.kubernetes.cri.container-type",
			     ANNOTATION, type, sizeof(type)) == 0 &&
			 strcmp(type, "sandbox") == 0;
	name_of_kubernetes(text, len, ret);
	container_file_image(ret, text, len, "io.kubernetes.cri.image-name", ANNOTATION);
}

static int
read_bundle(const struct task *t, const char *cgroup, struct container_info *ret)
{
	char path[CONTAINER_PATH_SIZE], own[512];
	size_t len;
	char *text;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s%s/io.containerd.runtime.v2.task/%s/%s/config.json",
	    t->root, t->state, t->space, t->id);
	text = container_file_read(path, &len);
	if (text == NULL)
		return -ENOENT;
	if (cgroup != NULL &&
	    (container_json_string(text, len, "cgroupsPath", 2, own, sizeof(own)) < 0 ||
		strcmp(own, cgroup) != 0))
		r = -ENOENT;
	if (r == 0)
		take_bundle(t->space, text, len, ret);
	free(text);
	return r;
}

/* ---- what containerd knows of it */

static bool
get_text(const struct bolt *b, const char *const *keys, size_t len, char *ret, size_t size)
{
	int n = bolt_get(b, keys, len, ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool
get_digest(const struct bolt *b, const struct task *t, const char *image, char *ret, size_t size)
{
	const char *const keys[] = { "v1", t->space, "images", image, "target", "digest" };

	return get_text(b, keys, DS_LEN(keys), ret, size);
}

/* A container of Kubernetes' knows the image that it was made of by its id, whatever the name
 * stands for by now. */
static bool
get_image_id(const struct bolt *b, const struct task *t, char *ret, size_t size)
{
	const char *const keys[] = { "v1", t->space, "containers", t->id, "extensions",
		"io.cri-containerd.container.metadata" };
	char details[DETAILS_MAX];
	const char *json;

	if (!get_text(b, keys, DS_LEN(keys), details, sizeof(details)))
		return false;
	json = strchr(details, '{'); /* there are two short fields before it */
	return json != NULL &&
	       container_json_string(json, strlen(json), "ImageRef", 2, ret, size) == 0;
}

/* Whether the name was given to another image, or once more to the same, after the container was
 * made. */
static bool
is_newer(const struct bolt *b, const struct task *t, const char *image)
{
	const char *const made[] = { "v1", t->space, "containers", t->id, "createdat" };
	const char *const named[] = { "v1", t->space, "images", image, "updatedat" };
	unsigned char of_container[TIME_SIZE + 1], of_image[TIME_SIZE + 1];

	return bolt_get(b, made, DS_LEN(made), of_container, sizeof(of_container)) < TIME_SIZE ||
	       bolt_get(b, named, DS_LEN(named), of_image, sizeof(of_image)) < TIME_SIZE ||
	       memcmp(of_image, of_container, TIME_COMPARED) > 0;
}

/* The digest is that of the manifest, as everybody who pulls it sees it; else, of the id. */
static void
take_known(const struct bolt *b, const struct task *t, struct container_info *ret)
{
	const char *const label_keys[] = { "v1", t->space, "containers", t->id, "labels",
		"nerdctl/name" };
	const char *const image_keys[] = { "v1", t->space, "containers", t->id, "image" };
	char image[sizeof(ret->image)], id[DIGEST_SIZE], digest[DIGEST_SIZE];
	bool has_id;

	if (ret->name[0] == '\0')
		(void)get_text(b, label_keys, DS_LEN(label_keys), ret->name, sizeof(ret->name));
	if (!get_text(b, image_keys, DS_LEN(image_keys), image, sizeof(image)))
		return;
	if (ret->image[0] == '\0' || is_digest(ret->image))
		memcpy(ret->image, image, sizeof(image));
	has_id = get_image_id(b, t, id, sizeof(id));
	if ((has_id && get_digest(b, t, id, digest, sizeof(digest))) ||
	    (!is_newer(b, t, image) && get_digest(b, t, image, digest, sizeof(digest))))
		container_add_digest(ret, digest);
	else if (has_id)
		container_add_digest(ret, id);
}

static void
read_database(const struct task *t, struct container_info *info)
{
	char path[CONTAINER_PATH_SIZE];

	(void)snprintf(
	    path, sizeof(path), "%s%s/io.containerd.metadata.v1.bolt/meta.db", t->root, t->data);
	for (unsigned i = 0; i < TRIES; i++) {
		struct container_info ret = *info;
		struct bolt b;
		bool is_whole;

		if (bolt_open(path, &b) < 0)
			return;
		take_known(&b, t, &ret);
		is_whole = bolt_is_current(&b);
		bolt_close(&b);
		if (is_whole) {
			*info = ret;
			return;
		}
	}
}

/* ---- */

/* NAMESPACE/NAME: each namespace may have one that is called so.  Who says none is in "default". */
static void
add_namespace(const struct task *t, bool is_chosen, struct container_info *info)
{
	char own[sizeof(info->name)];
	const char *name = info->name[0] != '\0' ? info->name : is_chosen ? t->id : "";

	if (info->engine == CONTAINER_CONTAINERD && name[0] != '\0' &&
	    strcmp(t->space, "default") != 0 &&
	    (size_t)snprintf(own, sizeof(own), "%s/%s", t->space, name) < sizeof(own))
		memcpy(info->name, own, sizeof(own));
}

/* Of its namespaces, Kubernetes, nerdctl and ctr have one each; docker's says less than docker. */
static int
find_at(struct task *t, const char *cgroup, struct container_info *ret)
{
	char path[CONTAINER_PATH_SIZE];
	struct dirent *entry;
	unsigned seen = 0;
	int r = -ENOENT;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s%s/io.containerd.runtime.v2.task", t->root, t->state);
	dir = opendir(path);
	while (dir != NULL && r < 0 && seen < NAMESPACES_MAX && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) > NAMESPACE_MAX ||
		    strcmp(entry->d_name, "moby") == 0)
			continue;
		seen++;
		t->space = entry->d_name;
		r = read_bundle(t, cgroup, ret);
		if (r < 0)
			continue;
		read_database(t, ret);
		add_namespace(t, cgroup != NULL, ret);
	}
	if (dir != NULL)
		(void)closedir(dir);
	return r;
}

int
containerd_find(const char *root, const char *id, const char *cgroup, struct container_info *ret)
{
	int r = -ENOENT;

	for (size_t i = 0; i < DS_LEN(places) && r < 0; i++) {
		struct task t = { .root = root, .id = id };
		char config[CONTAINER_PATH_SIZE];

		(void)snprintf(t.state, sizeof(t.state), "%s", places[i].state);
		(void)snprintf(t.data, sizeof(t.data), "%s", places[i].data);
		if (places[i].config != NULL) {
			(void)snprintf(config, sizeof(config), "%s%s", root, places[i].config);
			(void)container_file_path(config, "state", t.state, sizeof(t.state));
			(void)container_file_path(config, "root", t.data, sizeof(t.data));
		}
		r = find_at(&t, cgroup, ret);
	}
	return r;
}
