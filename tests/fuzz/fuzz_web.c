/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard's answers: any path and any headers, one a line, find a file that was loaded or
 * none. */
#include "server/api/web.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct web *web;

static void
put(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static void
clean(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)remove(path); /* a file in /tmp at worst */
}

static void
start(void)
{
	static const char *const names[] = { "index.html", "index.html.gz", "a.js", "" };
	char dir[] = "/tmp/fuzz_web.XXXXXX", why[256];

	if (mkdtemp(dir) == NULL)
		abort();
	for (size_t i = 0; i < 3; i++)
		put(dir, names[i], names[i]);
	if (web_load(dir, &web, why, sizeof(why)) < 0)
		abort();
	for (size_t i = 0; i < DS_LEN(names); i++)
		clean(dir, names[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), *lines[4] = { NULL }, *rest = text;
	const struct web_file *f;
	unsigned status = 0;

	if (text == NULL)
		return 0;
	if (web == NULL)
		start();
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	for (size_t i = 0; i < DS_LEN(lines) && rest != NULL; i++)
		lines[i] = strsep(&rest, "\n");
	f = web_find(web, lines[0], lines[1]);
	if (f != NULL && web_response(f, lines[2], lines[3], &status) == NULL)
		abort();
	if (f != NULL && status != 200 && status != 304)
		abort();
	(void)web_accepts_gzip(lines[0]);
	(void)web_tag_matches(lines[0], "\"a\"");
	free(text);
	return 0;
}
