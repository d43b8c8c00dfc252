/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container - name, image and engine of a container by its id, from the files that engines keep.
 *
 * Called by daemon_find and engine.  One more engine is a row of `finders`, and what it keeps.
 */
#include "agent/guard/container.h"

#include "agent/guard/container_json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX     (1u << 20)
#define NAMESPACES_MAX 32u /* of containerd */
#define CONFIGS_MAX    8u
#define PATH_SIZE      768u

static const char tasks[] = "/run/containerd/io.containerd.runtime.v2.task";

/* NULL, or the file's text, to be freed. */
static char *
read_config(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= (off_t)CONFIG_MAX)
		text = malloc((size_t)st.st_size);
	if (text != NULL)
		n = read(fd, text, (size_t)st.st_size);
	(void)close(fd);
	if (n <= 0) {
		free(text);
		return NULL;
	}
	*ret_len = (size_t)n;
	return text;
}

void
container_set_name(struct container_info *info, const char *name)
{
	while (*name == '/')
		name++;
	(void)snprintf(info->name, sizeof(info->name), "%s", name);
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

static void
take_name(struct container_info *info, const char *text, size_t len, const char *key, int depth)
{
	char name[sizeof(info->name)];

	if (container_json_string(text, len, key, depth, name, sizeof(name)) == 0)
		container_set_name(info, name);
}

static void
take_image(struct container_info *info, const char *text, size_t len, const char *key, int depth)
{
	if (container_json_string(text, len, key, depth, info->image, sizeof(info->image)) < 0)
		info->image[0] = '\0';
}

/* ---- docker */

/* Where docker keeps what it has, when it was told to keep it elsewhere. */
static void
docker_dir(const char *root, const char *id, char *ret, size_t size)
{
	char path[PATH_SIZE], dir[256] = "/var/lib/docker";
	size_t len;
	char *text;

	(void)snprintf(path, sizeof(path), "%s/etc/docker/daemon.json", root);
	text = read_config(path, &len);
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

	take_name(ret, text, len, "Name", 1);
	for (unsigned i = 0;
	     i < CONFIGS_MAX && ret->image[0] == '\0' &&
	     (at = memmem(at, len - (size_t)(at - text), config, sizeof(config) - 1)) != NULL;
	     i++) {
		at += sizeof(config) - 1;
		take_image(ret, at, len - (size_t)(at - text), "Image", 1);
	}
	if (container_json_string(text, len, "Image", 1, digest, sizeof(digest)) == 0 &&
	    strncmp(digest, "sha256:", 7) == 0)
		container_add_digest(ret, digest);
}

static int
find_docker(const char *root, const char *id, struct container_info *ret)
{
	char dir[PATH_SIZE - 32], path[PATH_SIZE];
	size_t len;
	char *text;

	docker_dir(root, id, dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/config.v2.json", dir);
	text = read_config(path, &len);
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
	char dir[PATH_SIZE - 32], path[PATH_SIZE], name[32] = "";
	const char *policy;
	size_t len;
	char *text;

	docker_dir(root, id, dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/hostconfig.json", dir);
	text = read_config(path, &len);
	policy = text != NULL ? memmem(text, len, "\"RestartPolicy\":", 16) : NULL;
	if (policy != NULL && container_json_string(policy, len - (size_t)(policy - text), "Name",
				  1, name, sizeof(name)) < 0)
		name[0] = '\0';
	free(text);
	return strcmp(name, "always") == 0 || strcmp(name, "unless-stopped") == 0;
}

/* ---- containerd */

/* Of its namespaces, Kubernetes, nerdctl and ctr have one each. */
static int
find_task(const char *root, const char *space, const char *id, const char *cgroup,
    struct container_info *ret)
{
	char path[PATH_SIZE], own[512];
	size_t len;
	char *text;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s%s/%s/%s/config.json", root, tasks, space, id);
	text = read_config(path, &len);
	if (text == NULL)
		return -ENOENT;
	if (cgroup != NULL &&
	    (container_json_string(text, len, "cgroupsPath", 0, own, sizeof(own)) < 0 ||
		strcmp(own, cgroup) != 0))
		r = -ENOENT;
	if (r == 0 && strcmp(space, "k8s.io") == 0) {
		ret->engine = CONTAINER_KUBERNETES;
		take_name(ret, text, len, "io.kubernetes.cri.container-name", 0);
		take_image(ret, text, len, "io.kubernetes.cri.image-name", 0);
	} else if (r == 0) {
		ret->engine = CONTAINER_CONTAINERD;
		take_name(ret, text, len, "nerdctl/name", 0);
		take_image(ret, text, len, "nerdctl/image", 0);
	}
	free(text);
	return r;
}

static int
find_containerd(const char *root, const char *id, const char *cgroup, struct container_info *ret)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	unsigned seen = 0;
	int r = -ENOENT;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s%s", root, tasks);
	dir = opendir(path);
	while (dir != NULL && r < 0 && seen < NAMESPACES_MAX && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) > 76)
			continue;
		seen++;
		r = find_task(root, entry->d_name, id, cgroup, ret);
	}
	if (dir != NULL)
		(void)closedir(dir);
	return r;
}

static int
find_cri(const char *root, const char *id, struct container_info *ret)
{
	return find_containerd(root, id, NULL, ret);
}

/* ---- podman and CRI-O, which keep things together */

#define DIR_SIZE 256u

/* graphroot = "/elsewhere", in TOML; without, dir stays what it is. */
static void
storage_dir(const char *conf, char dir[DIR_SIZE])
{
	const char *line, *quote, *end;
	size_t len;
	char *text = read_config(conf, &len);

	line = text != NULL ? memmem(text, len, "\ngraphroot", 10) : NULL;
	quote = line != NULL ? memchr(line, '"', len - (size_t)(line - text)) : NULL;
	end = quote != NULL ? memchr(quote + 1, '"', len - (size_t)(quote + 1 - text)) : NULL;
	if (end != NULL && quote[1] == '/' && (size_t)(end - quote) <= DIR_SIZE)
		(void)snprintf(dir, DIR_SIZE, "%.*s", (int)(end - quote - 1), quote + 1);
	free(text);
}

/* An entry of the list; name and image are in a JSON text inside the JSON text. */
static int
take_listed(const char *path, const char *id, struct container_info *ret)
{
	char key[96], metadata[4096], digest[128];
	const char *entry = NULL;
	size_t len;
	char *text = read_config(path, &len);
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
	take_name(ret, metadata, len, "name", 1);
	take_image(ret, metadata, len, "image-name", 1);
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
	char path[PATH_SIZE];
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
	char path[PATH_SIZE - 128], run[PATH_SIZE - 128],
	    dir[DIR_SIZE] = "/var/lib/containers/storage";

	(void)snprintf(path, sizeof(path), "%s/etc/containers/storage.conf", root);
	storage_dir(path, dir);
	(void)snprintf(path, sizeof(path), "%s%s", root, dir);
	(void)snprintf(run, sizeof(run), "%s/run/containers/storage", root);
	return find_listed(path, run, id, ret);
}

int
container_find_of_user(const char *home, uint32_t uid, const char *id, struct container_info *ret)
{
	char conf[PATH_SIZE], run[64], dir[DIR_SIZE];

	*ret = (struct container_info){ .uid = uid };
	if ((size_t)snprintf(dir, sizeof(dir), "%s/.local/share/containers/storage", home) >=
	    sizeof(dir))
		return -ENOENT;
	(void)snprintf(conf, sizeof(conf), "%s/.config/containers/storage.conf", home);
	storage_dir(conf, dir);
	(void)snprintf(run, sizeof(run), "/run/user/%u/containers", uid);
	return find_listed(dir, run, id, ret);
}

static int
find_crio(const char *root, const char *id, struct container_info *ret)
{
	char path[PATH_SIZE];
	size_t len;
	char *text;

	(void)snprintf(path, sizeof(path),
	    "%s/run/containers/storage/overlay-containers/%s/userdata/config.json", root, id);
	text = read_config(path, &len);
	if (text == NULL)
		return -ENOENT;
	ret->engine = CONTAINER_KUBERNETES;
	take_name(ret, text, len, "io.kubernetes.container.name", 0);
	take_image(ret, text, len, "io.kubernetes.cri-o.ImageName", 0);
	free(text);
	return ret->name[0] != '\0' ? 0 : -ENOENT; /* podman has such a file, too */
}

static int (*const finders[])(const char *root, const char *id, struct container_info *ret) = {
	find_docker,
	find_cri,
	find_podman,
	find_crio,
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
		char path[PATH_SIZE];
		bool is_its = false;
		size_t len;
		char *text;

		(void)snprintf(
		    path, sizeof(path), "%s%s%s%s", root, places[i][0], id, places[i][1]);
		text = read_config(path, &len);
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
	r = find_containerd(root, id, cgroup, ret);
	if (r < 0)
		r = find_runtime(root, id, cgroup, ret);
	if (r == 0 && ret->name[0] == '\0')
		container_set_name(ret, id);
	return r;
}
