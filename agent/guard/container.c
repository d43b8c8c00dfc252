/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container - name and image of a container by its id, from the files that engines keep.
 *
 * An engine is a row of `places`; a new one costs a row.
 */
#include "agent/guard/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX (256u << 10)

static const struct place {
	const char *before, *after; /* the id, in the path */
	const char *name_key, *image_key;
	int depth; /* of both keys; 0: any */
} places[] = {
	{ "/var/lib/docker/containers/", "/config.v2.json", "Name", "Image", 1 },
	{ "/run/containerd/io.containerd.runtime.v2.task/k8s.io/", "/config.json",
	    "io.kubernetes.cri.container-name", "io.kubernetes.cri.image-name", 0 },
	{ "/run/containerd/io.containerd.runtime.v2.task/default/", "/config.json", "nerdctl/name",
	    "nerdctl/image", 0 },
	{ "/run/containers/storage/overlay-containers/", "/userdata/config.json",
	    "io.kubernetes.container.name", "io.kubernetes.cri-o.ImageName", 0 },
};

/* Past the string that begins at text[at] == '"'; len when it does not end. */
static size_t
string_end(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < len ? at + 1 : len;
}

static size_t
skip_space(const char *text, size_t len, size_t at)
{
	while (at < len && strchr(" \t\r\n", text[at]) != NULL && text[at] != '\0')
		at++;
	return at;
}

/* Names have no escapes but \/ in practice; others lose their backslash. */
static int
string_copy(const char *text, size_t begin, size_t end, char *ret, size_t size)
{
	size_t len = 0;

	for (size_t i = begin; i < end; i++) {
		if (text[i] == '\\' && i + 1 < end)
			i++;
		if (len + 1 >= size)
			return -ENAMETOOLONG;
		ret[len++] = text[i];
	}
	ret[len] = '\0';
	return 0;
}

static bool
is_key(const char *text, size_t begin, size_t end, const char *key)
{
	return end - begin == strlen(key) + 2 && memcmp(text + begin + 1, key, strlen(key)) == 0;
}

int
container_json_string(
    const char *text, size_t len, const char *key, int depth, char *ret, size_t size)
{
	int level = 0;

	for (size_t at = 0; at < len;) {
		size_t end, value;

		if (text[at] == '{' || text[at] == '[')
			level++;
		if (text[at] == '}' || text[at] == ']')
			level--;
		if (text[at] != '"') {
			at++;
			continue;
		}
		end = string_end(text, len, at);
		value = skip_space(text, len, end);
		if (value >= len || text[value] != ':') {
			at = end;
			continue;
		}
		value = skip_space(text, len, value + 1);
		if ((depth == 0 || level == depth) && is_key(text, at, end, key) && value < len &&
		    text[value] == '"') {
			end = string_end(text, len, value);
			return string_copy(text, value + 1, end - 1, ret, size);
		}
		at = value;
	}
	return -ENOENT;
}

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

static void
set_name(struct container_info *info, const char *name)
{
	while (*name == '/') /* docker's names begin with one */
		name++;
	(void)snprintf(info->name, sizeof(info->name), "%s", name);
}

/* NAME@sha256:DIGEST, as everybody writes it: the same name may be another image tomorrow. */
static void
add_digest(struct container_info *info, const char *digest)
{
	size_t len = strlen(info->image);

	if (len == 0 || strchr(info->image, '@') != NULL ||
	    strncmp(info->image, "sha256:", 7) == 0 || strlen(digest) != 64 ||
	    strspn(digest, "0123456789abcdef") != 64 || len + 8 + 64 >= sizeof(info->image))
		return;
	(void)snprintf(info->image + len, sizeof(info->image) - len, "@sha256:%s", digest);
}

/* Docker has the image's name in Config, and its digest beside it under the same key. */
static void
read_image(const struct place *place, const char *text, size_t len, struct container_info *ret)
{
	char digest[128] = "";
	const char *config;

	if (strcmp(place->image_key, "Image") == 0) {
		if (container_json_string(text, len, "Image", 1, digest, sizeof(digest)) < 0 ||
		    strncmp(digest, "sha256:", 7) != 0)
			digest[0] = '\0';
		config = memmem(text, len, "\"Config\":", strlen("\"Config\":"));
		if (config != NULL) {
			len -= (size_t)(config - text);
			text = config;
		}
	}
	if (container_json_string(
		text, len, place->image_key, place->depth, ret->image, sizeof(ret->image)) < 0)
		ret->image[0] = '\0';
	if (digest[0] != '\0')
		add_digest(ret, digest + 7);
}

/* Podman keeps all in one list; name and image are in a JSON text inside the JSON text. */
static int
find_podman(const char *root, const char *id, struct container_info *ret)
{
	char path[384], key[96], metadata[4096], name[sizeof(ret->name)], digest[128];
	const char *entry;
	char *text;
	size_t len;
	int r;

	(void)snprintf(path, sizeof(path),
	    "%s/var/lib/containers/storage/overlay-containers/containers.json", root);
	text = read_config(path, &len);
	if (text == NULL)
		return -ENOENT;
	(void)snprintf(key, sizeof(key), "\"id\":\"%s\"", id);
	entry = memmem(text, len, key, strlen(key));
	r = entry == NULL ? -ENOENT
			  : container_json_string(entry, len - (size_t)(entry - text), "metadata",
				0, metadata, sizeof(metadata));
	free(text);
	if (r < 0)
		return r;
	if (container_json_string(metadata, strlen(metadata), "name", 1, name, sizeof(name)) == 0)
		set_name(ret, name);
	if (container_json_string(
		metadata, strlen(metadata), "image-name", 1, ret->image, sizeof(ret->image)) < 0)
		ret->image[0] = '\0';
	if (container_json_string(
		metadata, strlen(metadata), "image-id", 1, digest, sizeof(digest)) == 0)
		add_digest(ret, digest);
	return 0;
}

static bool
is_plain(const char *id)
{
	return id[0] != '\0' && strspn(id, "0123456789abcdef") == strlen(id);
}

int
container_find(const char *root, const char *id, struct container_info *ret)
{
	*ret = (struct container_info){ 0 };
	if (!is_plain(id))
		return -ENOENT;
	for (size_t i = 0; i < DS_LEN(places); i++) {
		char path[512], name[sizeof(ret->name)];
		size_t len;
		char *text;

		(void)snprintf(
		    path, sizeof(path), "%s%s%s%s", root, places[i].before, id, places[i].after);
		text = read_config(path, &len);
		if (text == NULL)
			continue;
		if (container_json_string(
			text, len, places[i].name_key, places[i].depth, name, sizeof(name)) == 0)
			set_name(ret, name);
		read_image(&places[i], text, len, ret);
		free(text);
		return 0;
	}
	return find_podman(root, id, ret);
}
