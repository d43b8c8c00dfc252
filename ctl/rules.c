/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules - the verb about rules: list, import from Sigma or JSON, remove. */
#include "ctl/client.h"
#include "ctl/lists.h"
#include "ctl/sigma.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX  (1u << 20)
#define CHUNK_MAX 200u /* rules of one request */

static const struct column rule_columns[] = {
	{ "RULE", "id", NULL },
	{ "LEVEL", "level", NULL },
	{ "TECHNIQUES", "techniques", NULL },
	{ "TITLE", "title", NULL },
	{ "SOURCE", "source", NULL },
	{ NULL, NULL, NULL },
};

struct import {
	struct ctl *c;
	json_t *rules;
	const char *source;
	unsigned files, taken, refused;
	int code;
};

/* What was collected goes to the server. */
static void
send_rules(struct import *im)
{
	json_t *body, *answer = NULL;
	size_t n = json_array_size(im->rules);
	int r;

	if (n == 0)
		return;
	body = json_pack("{s:O, s:s}", "rules", im->rules, "source", im->source);
	r = client_request(im->c, "POST", "rules", body, &answer);
	json_decref(body);
	json_decref(answer);
	json_array_clear(im->rules);
	if (r == EXIT_OK)
		im->taken += (unsigned)n;
	else
		im->code = r;
}

static char *
read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	char *text = f != NULL ? malloc(FILE_MAX + 1) : NULL;

	*ret_len = text != NULL ? fread(text, 1, FILE_MAX + 1, f) : 0;
	if (f != NULL)
		fclose(f);
	if (text != NULL && *ret_len > FILE_MAX) {
		free(text);
		errno = EFBIG;
		return NULL;
	}
	return text;
}

static void
take_file(struct import *im, const char *path, bool is_json)
{
	char why[300] = "";
	json_t *rule = NULL;
	size_t len;
	char *text = read_file(path, &len);

	im->files++;
	if (text == NULL)
		snprintf(why, sizeof(why), "%s", strerror(errno));
	else if (is_json)
		rule = json_loadb(text, len, 0, NULL);
	else
		rule = sigma_compile(text, len, why, sizeof(why));
	free(text);
	if (rule == NULL) {
		fprintf(stderr, "%s: %s\n", path, why[0] != '\0' ? why : "no JSON");
		im->refused++;
		return;
	}
	if (json_is_array(rule))
		json_array_extend(im->rules, rule);
	else
		json_array_append(im->rules, rule);
	json_decref(rule);
	if (json_array_size(im->rules) >= CHUNK_MAX)
		send_rules(im);
}

static bool
ends_in(const char *name, const char *end)
{
	size_t a = strlen(name), b = strlen(end);

	return a > b && strcmp(name + a - b, end) == 0;
}

static int
import(struct ctl *c, char *path)
{
	struct import im = { .c = c, .source = path };
	char *paths[] = { path, NULL };
	FTSENT *e;
	FTS *fts;

	if (access(path, R_OK) < 0)
		return ctl_file_error(path, -errno);
	im.rules = json_array();
	fts = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	while (fts != NULL && (e = fts_read(fts)) != NULL) {
		bool is_json = ends_in(e->fts_name, ".json");

		if (e->fts_info == FTS_F &&
		    (is_json || ends_in(e->fts_name, ".yml") || ends_in(e->fts_name, ".yaml")))
			take_file(&im, e->fts_path, is_json);
	}
	if (fts != NULL)
		fts_close(fts);
	send_rules(&im);
	json_decref(im.rules);
	if (im.files == 0) {
		fprintf(stderr, "daemonsec-ctl: %s: no .yml, .yaml or .json file\n", path);
		return EXIT_NOT_FOUND;
	}
	printf("%u rules imported, %u of %u files refused\n", im.taken, im.refused, im.files);
	if (im.code != EXIT_OK && im.taken == 0)
		return im.code;
	return im.refused > 0 || im.code != EXIT_OK ? EXIT_PARTLY : EXIT_OK;
}

int
verb_rules(struct ctl *c)
{
	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc == 1)
		return list_print(c, "rules", NULL, 5000, rule_columns, "no rules");
	if (c->argc == 3 && strcmp(c->argv[1], "import") == 0)
		return import(c, c->argv[2]);
	if (c->argc == 3 && strcmp(c->argv[1], "remove") == 0)
		return list_post(c, "DELETE", "rules", c->argv[2], NULL, NULL, "removed");
	return ctl_usage(c);
}
