/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container_file - how the files of container engines are read, and what is taken out of them.
 *
 * Called by container and containerd.
 */
#include "agent/guard/container_file.h"

#include "agent/guard/container_json.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)

char *
container_file_read(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= (off_t)FILE_MAX)
		text = malloc((size_t)st.st_size + 1);
	if (text != NULL)
		n = read(fd, text, (size_t)st.st_size);
	(void)close(fd);
	if (n <= 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	*ret_len = (size_t)n;
	return text;
}

/* The value of a line that sets the key, quotes and all. */
static const char *
line_value(const char *line, const char *key)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len) != 0)
		return NULL;
	line += len + strspn(line + len, " \t");
	return *line == '=' ? line + 1 + strspn(line + 1, " \t") : NULL;
}

bool
container_file_path(const char *path, const char *key, char *ret, size_t size)
{
	size_t len;
	char *text = container_file_read(path, &len);
	bool found = false;

	for (const char *line = text; line != NULL && !found;) {
		const char *value = line_value(line, key), *next = strchr(line, '\n');
		size_t end = value != NULL && (*value == '"' || *value == '\'')
				 ? strcspn(value + 1, "\"'\n")
				 : 0;

		if (end > 0 && value[1] == '/' && value[1 + end] == *value && end < size) {
			(void)snprintf(ret, size, "%.*s", (int)end, value + 1);
			found = true;
		}
		line = next != NULL ? next + 1 : NULL;
	}
	free(text);
	return found;
}

void
container_file_name(
    struct container_info *info, const char *text, size_t len, const char *key, int depth)
{
	char name[sizeof(info->name)];

	if (container_json_string(text, len, key, depth, name, sizeof(name)) == 0)
		container_set_name(info, name);
}

void
container_file_image(
    struct container_info *info, const char *text, size_t len, const char *key, int depth)
{
	if (container_json_string(text, len, key, depth, info->image, sizeof(info->image)) < 0)
		info->image[0] = '\0';
}
