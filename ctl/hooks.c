/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hooks - the verb hooks: forges that tell of changes, and letting another secret take over. */
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/lists.h"
#include "ctl/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECRET_MAX 256 /* bytes, with the line's end */

static const struct column columns[] = {
	{ "HOOK", "id", NULL },
	{ "TYPE", "type", NULL },
	{ "EVENTS", "events", NULL },
	{ "DAEMONS", "daemons", NULL },
	{ "SECRET", "secret_from", NULL },
	{ "SET", "secret_set", format_time },
	{ "BY", "secret_set_by", NULL },
	{ "OLD UNTIL", "previous_until", format_time },
	{ NULL, NULL, NULL },
};

/* The first line of a file ("-": stdin); false after a message. */
static bool
read_secret(const char *path, char ret[SECRET_MAX])
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	bool good = f != NULL && fgets(ret, SECRET_MAX, f) != NULL;

	if (!good)
		fprintf(stderr, "daemonsec-ctl: %s: %s\n", path,
		    f == NULL ? strerror(errno) : "there is no secret in it");
	if (f != NULL && f != stdin)
		fclose(f);
	if (good)
		ret[strcspn(ret, "\r\n")] = '\0';
	return good;
}

static int
rotate(struct ctl *c, const char *name, json_t *body)
{
	char text[SECRET_MAX];
	json_t *doc;
	int r = client_call(c, "POST", "hooks", name, "rotate", body, &doc);

	if (r != EXIT_OK)
		return r;
	if (c->output != OUTPUT_TABLE) {
		print_document(c, doc);
	} else if (json_object_get(doc, "secret") != NULL) {
		/* Alone on stdout, so that a script can take it from there. */
		printf("%s\n", print_text(doc, "secret", text, sizeof(text)));
		fprintf(stderr, "shown this once; put it into the forge's webhook\n");
	} else {
		puts("taken over");
	}
	if (c->output == OUTPUT_TABLE && json_object_get(doc, "previous_until") != NULL)
		fprintf(stderr, "the one before it is taken until %s\n",
		    print_text(doc, "previous_until", text, sizeof(text)));
	explicit_bzero(text, sizeof(text));
	json_decref(doc);
	return EXIT_OK;
}

int
verb_hooks(struct ctl *c)
{
	const char *file = ctl_option(c, "secret-file"), *overlap = ctl_option(c, "overlap");
	bool at_once = ctl_flag(c, "now");
	char secret[SECRET_MAX] = "";
	json_t *body;
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc == 1)
		return list_print(c, "hooks", NULL, 1000, columns,
		    "no hooks; a section [hook.NAME] of server.conf is one");
	if (c->argc != 3 || strcmp(c->argv[1], "rotate") != 0 || (at_once && overlap != NULL))
		return ctl_usage(c);
	if (file != NULL && !read_secret(file, secret))
		return EXIT_USAGE;
	body = json_pack("{s:b}", "at_once", at_once);
	if (*secret)
		json_object_set_new(body, "secret", json_string(secret));
	if (overlap != NULL)
		json_object_set_new(body, "overlap", json_string(overlap));
	explicit_bzero(secret, sizeof(secret));
	r = rotate(c, c->argv[2], body);
	json_decref(body);
	return r;
}
