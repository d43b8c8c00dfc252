/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spared - the addresses that the server says are never cut off.
 *
 * Called by never and order_kind.  The file has a line "@VERSION" and the lines of the text; it is
 * written whole and renamed.
 */
#include "agent/guard/reactions/spared.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX 32u

struct one {
	struct network network;
	char name[64];
};

static char file[4096];
static uint64_t version;
static struct one list[SPARED_MAX];
static size_t list_len;

/* One line without its end. */
static int
read_line(const char *line, size_t len, struct one *ret)
{
	char text[64 + sizeof(ret->name)];
	const char *space;
	size_t address;

	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, line, len);
	text[len] = '\0';
	space = strchr(text, ' ');
	address = space != NULL ? (size_t)(space - text) : len;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", space != NULL ? space + 1 : "a host");
	text[address] = '\0';
	return network_parse(text, &ret->network);
}

/* All of it or nothing; how many. */
static int
read_text(const char *text, struct one ret[SPARED_MAX])
{
	int n = 0;

	for (const char *line = text; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		if (line[len] != '\n' || n == (int)SPARED_MAX || read_line(line, len, &ret[n]) < 0)
			return -EINVAL;
		n++;
		line += len + 1;
	}
	return n;
}

static int
save(uint64_t of, const char *text)
{
	char head[HEAD_MAX];
	struct ds_buf b;
	int n = snprintf(head, sizeof(head), "@%" PRIu64 "\n", of), r;

	ds_buf_init(&b, HEAD_MAX + SPARED_SIZE);
	r = ds_buf_put(&b, head, (size_t)n);
	if (r == 0)
		r = ds_buf_put(&b, text, strlen(text));
	if (r == 0)
		r = ds_file_replace(file, b.data, b.len, 0600);
	ds_buf_done(&b);
	return r;
}

int
spared_open(const char *guard_dir)
{
	const char *end;
	char *text;
	size_t size;
	int n = -EINVAL;

	spared_close();
	if ((size_t)snprintf(file, sizeof(file), "%s/spared", guard_dir) >= sizeof(file))
		return -ENAMETOOLONG;
	if (ds_file_read(file, HEAD_MAX + SPARED_SIZE, &text, &size) < 0)
		return 0; /* none came yet */
	end = strchr(text, '\n');
	if (end != NULL && sscanf(text, "@%" SCNu64, &version) == 1)
		n = read_text(end + 1, list);
	if (n < 0) {
		ds_log(ERROR, "the addresses to be spared cannot be read, there are none",
		    "path=\"%s\"", file);
		version = 0; /* the server's next one is taken */
	}
	list_len = n > 0 ? (size_t)n : 0;
	free(text);
	return 0;
}

void
spared_close(void)
{
	file[0] = '\0';
	version = 0;
	list_len = 0;
}

int
spared_set(uint64_t of, const char *text)
{
	static struct one fresh[SPARED_MAX];
	int n, r;

	if (file[0] == '\0')
		return -EBADF;
	if (of <= version)
		return -ESTALE;
	if (strlen(text) >= SPARED_SIZE)
		return -EINVAL;
	n = read_text(text, fresh);
	r = n < 0 ? n : save(of, text);
	if (r < 0)
		return r;
	memcpy(list, fresh, (size_t)n * sizeof(list[0]));
	list_len = (size_t)n;
	version = of;
	return 0;
}

bool
spared_is(uint64_t of)
{
	return version == of;
}

size_t
spared_len(void)
{
	return list_len;
}

void
spared_each(void (*call)(const struct network *network, const char *name))
{
	for (size_t i = 0; i < list_len; i++)
		call(&list[i].network, list[i].name);
}
