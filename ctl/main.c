/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemonsec-ctl - the operator's command line; everything it knows comes from the JSON API, but for
 * `config`, which reads the files, and `doctor`, which also looks at this machine.
 */
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "lib/nearest.h"

#include <curl/curl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
    "usage: daemonsec-ctl [-o table|json|jsonl|csv] [--server unix:PATH|http(s)://HOST:PORT] [--token-file F]\n"
    "                     [--no-headers] VERB ...\n\n";

static int
print_usage(int code)
{
	FILE *out = code == EXIT_OK ? stdout : stderr;

	fputs(usage_text, out);
	for (const struct verb *v = verb_table; v->name != NULL; v++)
		fprintf(out, "  %-12s %s\n      %s\n", v->name, v->args, v->help);
	fputs(
	    "\nexit codes: 0 ok, 1 a check found something, 2 usage, 3 not found, 4 not allowed, 5 server unreachable,\n"
	    "6 conflict or not enough data, 7 partly failed\n",
	    out);
	return code;
}

int
ctl_usage(const struct ctl *c)
{
	for (const struct verb *v = verb_table; v->name != NULL; v++)
		if (strcmp(v->name, c->argv[0]) == 0)
			fprintf(stderr, "usage: daemonsec-ctl %s %s\n", v->name, v->args);
	return EXIT_USAGE;
}

static void
remove_arguments(struct ctl *c, int at, int n)
{
	for (int i = at; i + n < c->argc; i++)
		c->argv[i] = c->argv[i + n];
	c->argc -= n;
}

const char *
ctl_option(struct ctl *c, const char *name)
{
	size_t len = strlen(name);

	for (int i = 1; i < c->argc; i++) {
		const char *a = c->argv[i], *value;

		if (strncmp(a, "--", 2) != 0 || strncmp(a + 2, name, len) != 0)
			continue;
		if (a[2 + len] == '=') {
			value = a + 3 + len;
			remove_arguments(c, i, 1);
			return value;
		}
		if (a[2 + len] == '\0' && i + 1 < c->argc) {
			value = c->argv[i + 1];
			remove_arguments(c, i, 2);
			return value;
		}
	}
	return NULL;
}

bool
ctl_flag(struct ctl *c, const char *name)
{
	for (int i = 1; i < c->argc; i++) {
		if (strncmp(c->argv[i], "--", 2) == 0 && strcmp(c->argv[i] + 2, name) == 0) {
			remove_arguments(c, i, 1);
			return true;
		}
	}
	return false;
}

bool
ctl_options_known(const struct ctl *c)
{
	for (int i = 1; i < c->argc; i++) {
		if (strcmp(c->argv[i], "--") == 0)
			return true;
		if (c->argv[i][0] == '-' && c->argv[i][1] != '\0') {
			fprintf(stderr, "daemonsec-ctl: %s does not know %s, or it wants a value\n",
			    c->argv[0], c->argv[i]);
			(void)ctl_usage(c);
			return false;
		}
	}
	return true;
}

static int
parse_output(const char *text, enum output *ret)
{
	static const char *const names[] = { "table", "json", "jsonl", "csv" };

	for (size_t i = 0; i < DS_LEN(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum output)i;
			return 0;
		}
	}
	fprintf(stderr, "daemonsec-ctl: -o is table, json, jsonl or csv, not \"%s\"\n", text);
	return EXIT_USAGE;
}

/* Options of the whole program are taken wherever they stand: `alerts -o json` is what people type.
 */
static int
take_global_options(struct ctl *c, int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' },
		{ "server", required_argument, NULL, 's' },
		{ "token-file", required_argument, NULL, 't' },
		{ "no-headers", no_argument, NULL, 'n' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	int opt, r;

	while ((opt = getopt_long(argc, argv, "+o:h", options, NULL)) != -1) {
		if (opt == 'o') {
			r = parse_output(optarg, &c->output);
			if (r != 0)
				return r;
		} else if (opt == 's') {
			c->server = optarg;
		} else if (opt == 't') {
			c->token_file = optarg;
		} else if (opt == 'n') {
			c->no_headers = true;
		} else if (opt == 'V') {
			puts("daemonsec-ctl " PACKAGE_VERSION);
			exit(EXIT_OK);
		} else {
			exit(print_usage(opt == 'h' ? EXIT_OK : EXIT_USAGE));
		}
	}
	c->argc = argc - optind;
	c->argv = argv + optind;
	return 0;
}

static int
take_late_options(struct ctl *c)
{
	const char *output = ctl_option(c, "output"), *text;

	for (int i = 1; output == NULL && i + 1 < c->argc; i++) {
		if (strcmp(c->argv[i], "-o") == 0) {
			output = c->argv[i + 1];
			remove_arguments(c, i, 2);
		}
	}
	text = ctl_option(c, "server");
	c->server = text ? text : c->server;
	text = ctl_option(c, "token-file");
	c->token_file = text ? text : c->token_file;
	c->no_headers = ctl_flag(c, "no-headers") || c->no_headers;
	return output ? parse_output(output, &c->output) : 0;
}

static unsigned
distance(const char *a, const char *b)
{
	return ds_nearest_distance(a, strlen(a), b, strlen(b));
}

static int
no_such_verb(const char *name)
{
	const struct verb *near = NULL;

	for (const struct verb *v = verb_table; v->name != NULL; v++)
		if (near == NULL || distance(name, v->name) < distance(name, near->name))
			near = v;
	fprintf(stderr, "daemonsec-ctl: there is no verb \"%s\"", name);
	if (near != NULL && distance(name, near->name) <= 2)
		fprintf(stderr, "; did you mean \"%s\"?", near->name);
	fprintf(stderr, "\n  daemonsec-ctl --help lists the verbs\n");
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct ctl c = { .output = OUTPUT_TABLE };
	int r = EXIT_USAGE;

	setlocale(LC_CTYPE, "");
	(void)signal(SIGPIPE, SIG_DFL); /* `| head` ends us quietly */
	r = take_global_options(&c, argc, argv);
	if (r != 0)
		return r;
	if (c.argc == 0)
		return print_usage(EXIT_USAGE);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	for (const struct verb *v = verb_table; v->name != NULL; v++) {
		if (strcmp(v->name, c.argv[0]) != 0)
			continue;
		r = take_late_options(&c);
		if (r == 0 && (ctl_flag(&c, "help"))) {
			printf("usage: daemonsec-ctl %s %s\n%s\n", v->name, v->args, v->help);
			r = EXIT_OK;
		} else if (r == 0) {
			r = v->run(&c);
		}
		client_free(c.client);
		curl_global_cleanup();
		return r;
	}
	return no_such_verb(c.argv[0]);
}
