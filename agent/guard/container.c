/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container - name, image and engine of a container by its id, from the files that engines keep.
 *
 * Called by daemon_find and engine.  One more engine is a row of `finders`, and what it keeps.
 */
#include "agent/guard/container.h"

#include "agent/guard/container_file.h"
#include "agent/guard/container_json.h"
#include "agent/guard/containerd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIGS_MAX 8u
#define DIR_SIZE    256u

void
container_set_name(struct container_info *info, const char *name)
{
	while (*name == '/')
		name++;
	(void)snprintf(info->name, sizeof(info->name), "%s", name);
}

void
container_set_pod(
    struct container_info *info, const char *space, const char *pod, const char *container)
{
	if ((size_t)snprintf(info->name, sizeof(info->name), "%s/%s/%s", space, pod, container) >=
	    sizeof(info->name))
		info->name[0] = '\0';
}

void
container_add_digest(struct container_info *info, const char *digest)
{
	static const char algorithm[] = "sha256:";
	size_t len = strlen(info->image);

	if (strncmp(digest, algorithm, sizeof(algorithm) - 1) == 0)
		digest += sizeof(algorithm) - 1;
	if (len == 0 || strchr(info->image, '@') != NULL ||
	    strncmp(info->image, algorithm, sizeof(algorithm) - 1) == 0 || strlen(digest) != 64 ||
	    strspn(digest, "0123456789abcdef") != 64 || len + 8 + 64 >= sizeof(info->image))
		return;
	(void)snprintf(info->image + len, sizeof(info->image) - len, "@sha256:%s", digest);
}

/* ---- docker */

/* Where docker keeps what it has, when it was told to keep it elsewhere. */
static void
docker_dir(const char *root, const char *id, char *ret, size_t size)
{
	char path[CONTAINER_PATH_SIZE], dir[256] = "/var/lib/docker";
	size_t len;
	char *text;

	(void)snprintf(path, sizeof(path), "%s/etc/docker/daemon.json", root);
	text = container_file_read(path, &len);
	if (text != NULL && container_json_string(text, len, "data-root", 1, dir, sizeof(dir)) < 0)
		(void)snprintf(dir, sizeof(dir), "/var/lib/docker");
	free(text);
	(void)snprintf(ret, size, "%s%s/containers/%s", root, dir, id);
}

/* Log drivers have a Config, too, without an image. */
void
container_take_document(const char *text, size_t len, struct container_info *ret)
{
	static const char config[] = "\"Config\":";
	const char *at = text;
	char digest[128];

	container_file_name(ret, text, len, "Name", 1);
	for (unsigned i = 0;
	     i < CONFIGS_MAX && ret->image[0] == '\0' &&
	     (at = memmem(at, len - (size_t)(at - text), config, sizeof(config) - 1)) != NULL;
	     i++) {
		at += sizeof(config) - 1;
		container_file_image(ret, at, len - (size_t)(at - text), "Image", 1);
	}
	if (container_json_string(text, len, "Image", 1, digest, sizeof(digest)) == 0 &&
	    strncmp(digest, "sha256:", 7) == 0)
		container_add_digest(ret, digest);
}

static int
find_docker(const char *root, const char *id, struct container_info *ret)
{
	char dir[CONTAINER_PATH_SIZE - 32], path[CONTAINER_PATH_SIZE];
	size_t len;
	char *text;

	docker_dir(root, id, dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/config.v2.json", dir);
	text = container_file_read(path, &len);
	if (text == NULL)
		return -ENOENT;
	ret->engine = CONTAINER_DOCKER;
	container_take_document(text, len, ret);
	free(text);
	return 0;
}

bool
container_comes_back(const char *root, const char *id)
{
	char dir[CONTAINER_PATH_SIZE - 32], path[CONTAINER_PATH_SIZE], name[32] = "";
	const char *policy;
	size_t len;
	char *text;

	docker_dir(root, id, dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/hostconfig.json", dir);
	text = container_file_read(path, &len);
	policy = text != NULL ? memmem(text, len, "\"RestartPolicy\":", 16) : NULL;
	if (policy != NULL && container_json_string(policy, len - (size_t)(policy - text), "Name",
				  1, name, sizeof(name)) < 0)
		name[0] = '\0';
	free(text);
	return strcmp(name, "always") == 0 || strcmp(name, "unless-stopped") == 0;
}

/* ---- podman and CRI-O, which keep things together */

/* An entry of the list; name and image are in a JSON text inside the JSON text. */
static int
take_listed(const char *path, const char *id, struct container_info *ret)
{
	char key[96], metadata[4096], digest[128];
	const char *entry = NULL;
	size_t len;
	char *text = container_file_read(path, &len);
	int r = -ENOENT;

	(void)snprintf(key, sizeof(key), "\"id\":\"%s\"", id);
	if (text != NULL)
		entry = memmem(text, len, key, strlen(key));
	if (entry != NULL)
		r = container_json_string(
		    entry, len - (size_t)(entry - text), "metadata", 0, metadata, sizeof(metadata));
	free(text);
	if (r < 0)
		return r;
	ret->engine = CONTAINER_PODMAN;
	len = strlen(metadata);
	container_file_name(ret, metadata, len, "name", 1);
	container_file_image(ret, metadata, len, "image-name", 1);
	if (container_json_string(metadata, len, "image-id", 1, digest, sizeof(digest)) == 0)
		container_add_digest(ret, digest);
	return 0;
}

/* What is started with --rm is in a list of its own. */
static int
find_listed(const char *dir, const char *run, const char *id, struct container_info *ret)
{
	static const char *const drivers[] = { "overlay", "vfs", "btrfs" };
	static const char *const lists[] = { "containers.json", "volatile-containers.json" };
	char path[CONTAINER_PATH_SIZE];
	int r = -ENOENT;

	for (size_t i = 0; i < DS_LEN(drivers) * DS_LEN(lists) && r < 0; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s-containers/%s", dir,
		    drivers[i / DS_LEN(lists)], lists[i % DS_LEN(lists)]);
		r = take_listed(path, id, ret);
	}
	(void)snprintf(path, sizeof(path), "%s/overlay-containers/volatile-containers.json", run);
	return r < 0 ? take_listed(path, id, ret) : r;
}

static int
find_podman(const char *root, const char *id, struct container_info *ret)
{
	char path[CONTAINER_PATH_SIZE - 128], run[CONTAINER_PATH_SIZE - 128],
	    dir[DIR_SIZE] = "/var/lib/containers/storage";

	(void)snprintf(path, sizeof(path), "%s/etc/containers/storage.conf", root);
	(void)container_file_path(path, "graphroot", dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s%s", root, dir);
	(void)snprintf(run, sizeof(run), "%s/run/containers/storage", root);
	return find_listed(path, run, id, ret);
}

int
container_find_of_user(const char *home, uint32_t uid, const char *id, struct container_info *ret)
{
	char conf[CONTAINER_PATH_SIZE], run[64], dir[DIR_SIZE];

	*ret = (struct container_info){ .uid = uid };
	if ((size_t)snprintf(dir, sizeof(dir), "%s/.local/share/containers/storage", home) >=
	    sizeof(dir))
		return -ENOENT;
	(void)snprintf(conf, sizeof(conf), "%s/.config/containers/storage.conf", home);
	(void)container_file_path(conf, "graphroot", dir, sizeof(dir));
	(void)snprintf(run, sizeof(run), "/run/user/%u/containers", uid);
	return find_listed(dir, run, id, ret);
}

/* k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT, of which none has a '_' in it. */
static void
name_of_crio(const char *text, size_t len, struct container_info *ret)
{
	char all[512], part[3][sizeof(ret->name)];
	const char *at = all + strlen("k8s_");

	if (container_json_string(text, len, "io.kubernetes.cri-o.Name", 2, all, sizeof(all)) < 0 ||
	    strncmp(all, "k8s_", strlen("k8s_")) != 0)
		return;
	for (size_t i = 0; i < DS_LEN(part); i++) {
		size_t size = strcspn(at, "_");

		if (at[size] == '\0' || size >= sizeof(part[i]))
			return;
		(void)snprintf(part[i], sizeof(part[i]), "%.*s", (int)size, at);
		at += size + 1;
	}
	container_set_pod(ret, part[2], part[1], part[0]);
}

static void
take_crio(const char *text, size_t len, struct container_info *ret)
{
	char type[16], image[sizeof(ret->image)];
	const char *digest;

	ret->engine = CONTAINER_KUBERNETES;
	ret->holds_pod = container_json_string(text, len, "io.kubernetes.cri-o.ContainerType", 2,
			     type, sizeof(type)) == 0 &&
			 strcmp(type, "sandbox") == 0;
	name_of_crio(text, len, ret);
	container_file_image(ret, text, len, "io.kubernetes.cri-o.ImageName", 2);
	if (ret->image[0] == '\0')
		container_file_image(ret, text, len, "io.kubernetes.cri-o.Image", 2);
	if (container_json_string(
		text, len, "io.kubernetes.cri-o.ImageRef", 2, image, sizeof(image)) < 0)
		return;
	digest = strchr(image, '@'); /* an id by itself, of late */
	container_add_digest(ret, digest != NULL ? digest + 1 : image);
}

/* Podman has such a file, too. */
static int
find_crio(const char *root, const char *id, struct container_info *ret)
{
	char path[CONTAINER_PATH_SIZE], manager[16];
	size_t len;
	char *text;
	int r;

	(void)snprintf(path, sizeof(path),
	    "%s/run/containers/storage/overlay-containers/%s/userdata/config.json", root, id);
	text = container_file_read(path, &len);
	if (text == NULL)
		return -ENOENT;
	r = container_json_string(text, len, "io.container.manager", 2, manager, sizeof(manager));
	if (r == 0 && strcmp(manager, "cri-o") == 0)
		take_crio(text, len, ret);
	else
		r = -ENOENT;
	free(text);
	return r;
}

static int
find_containerd(const char *root, const char *id, struct container_info *ret)
{
	return containerd_find(root, id, NULL, ret);
}

static int (*const finders[])(const char *root, const char *id, struct container_info *ret) = {
	find_docker,
	find_containerd,
	find_crio, /* keeps its containers where podman does */
	find_podman,
};

int
container_find(const char *root, const char *id, struct container_info *ret)
{
	if (id[0] == '\0' || strspn(id, "0123456789abcdef") != strlen(id))
		return -ENOENT;
	for (size_t i = 0; i < DS_LEN(finders); i++) {
		*ret = (struct container_info){ 0 };
		if (finders[i](root, id, ret) == 0)
			return 0;
	}
	*ret = (struct container_info){ 0 };
	return -ENOENT;
}

/* ---- ids that somebody chose */

/* Whether what a runtime keeps of a container has this group: "/sys/fs/cgroup/systemd/default/web"
 * or "/default/web", with the quote behind it. */
static bool
has_group(const char *text, size_t len, const char *cgroup)
{
	size_t size = strlen(cgroup);
	const char *at = text;

	while ((at = memmem(at, len - (size_t)(at - text), cgroup, size)) != NULL) {
		const char *end = at + size;

		/* The whole of a path: below a mount of control groups, or from the beginning. */
		if (end < text + len && *end == '"' && at > text && at[-1] != '\\')
			return true;
		at = end;
	}
	return false;
}

static int
find_runtime(const char *root, const char *id, const char *cgroup, struct container_info *ret)
{
	static const char *const places[][2] = {
		{ "/run/runc/", "/state.json" },
		{ "/run/crun/", "/status" },
	};

	for (size_t i = 0; i < DS_LEN(places); i++) {
		char path[CONTAINER_PATH_SIZE];
		bool is_its = false;
		size_t len;
		char *text;

		(void)snprintf(
		    path, sizeof(path), "%s%s%s%s", root, places[i][0], id, places[i][1]);
		text = container_file_read(path, &len);
		if (text != NULL)
			is_its = has_group(text, len, cgroup);
		free(text);
		if (is_its) {
			ret->engine = CONTAINER_RUNTIME;
			return 0;
		}
	}
	return -ENOENT;
}

int
container_find_named(
    const char *root, const char *id, const char *cgroup, struct container_info *ret)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char all[128];
	int r;

	*ret = (struct container_info){ 0 };
	(void)snprintf(all, sizeof(all), "%s0123456789_.-", letters);
	if (id[0] == '\0' || id[0] == '.' || strspn(id, all) != strlen(id))
		return -ENOENT;
	r = containerd_find(root, id, cgroup, ret);
	if (r < 0)
		r = find_runtime(root, id, cgroup, ret);
	if (r == 0 && ret->name[0] == '\0')
		container_set_name(ret, id);
	return r;
}
