/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container_file - how the files of container engines are read, and what is taken out of them.
 */
#ifndef AGENT_GUARD_CONTAINER_FILE_H
#define AGENT_GUARD_CONTAINER_FILE_H

#include "agent/guard/container.h"

#define CONTAINER_PATH_SIZE 768u

/* NULL, or the text of a file of 1 MiB at most, to be freed. */
char *container_file_read(const char *path, size_t *ret_len);
/* KEY = "/an/absolute/path" on a line of its own, in TOML; false, and ret left as it is, without.
 */
bool container_file_path(const char *path, const char *key, char *ret, size_t size);
/* Texts out of JSON, where it has them; as container_json_string(). */
void container_file_name(
    struct container_info *info, const char *text, size_t len, const char *key, int depth);
void container_file_image(
    struct container_info *info, const char *text, size_t len, const char *key, int depth);

#endif
