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

static int
print_usage(int code)
{
	FILE *out = code == EXIT_OK ? stdout : stderr;

	fputs(
	    "usage: daemonsec-ctl [-o table|json|jsonl|csv] [--server unix:PATH|http(s)://HOST:PORT] [--token-file F]\n"
	    "                     [--no-headers] VERB ...\n\n",
	    out);
	for (const struct verb *v = verb_table; v->name != NULL; v++)
		fprintf(out, "  %-14s  %s\n", v->name, v->help);
	fputs(
	    "\ndaemonsec-ctl VERB --help says how a verb is used; --json is -o json\n"
	    "exit codes: 0 ok, 1 a check found something, 2 usage, 3 not found, 4 not allowed, 5 server unreachable,\n"
	    "6 conflict or not enough data, 7 partly failed\n",
	    out);
	return code;
}

static int
print_version(void)
{
	puts("daemonsec-ctl " PACKAGE_VERSION);
	return EXIT_OK;
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
		{ "version", no_argument, NULL, 'V' }, { "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 } };
	int opt, r;

	while ((opt = getopt_long(argc, argv, "+o:hV", options, NULL)) != -1) {
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
			exit(print_version());
		} else if (opt == 'j') {
			c->output = OUTPUT_JSON;
		} else if (opt == '?') {
			fprintf(stderr, "  daemonsec-ctl --help lists the options and the verbs\n");
			exit(EXIT_USAGE);
		} else {
			exit(print_usage(EXIT_OK));
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

	if (output == NULL)
		output = ctl_option(c, "o");
	if (output == NULL && ctl_flag(c, "json"))
		output = "json";
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

static int
run(struct ctl *c, const struct verb *v)
{
	int r = take_late_options(c);

	if (r != 0)
		return r;
	if (ctl_flag(c, "help") || ctl_flag(c, "h")) {
		verb_help(v, stdout);
		return EXIT_OK;
	}
	return ctl_flag(c, "version") ? print_version() : v->run(c);
}

int
main(int argc, char **argv)
{
	struct ctl c = { .output = OUTPUT_TABLE };
	const struct verb *v;
	int r;

	setlocale(LC_CTYPE, "");
	(void)signal(SIGPIPE, SIG_DFL); /* `| head` ends us quietly */
	r = take_global_options(&c, argc, argv);
	if (r != 0)
		return r;
	if (c.argc == 0)
		return print_usage(EXIT_USAGE);
	if (strcmp(c.argv[0], "help") == 0) {
		if (c.argc == 1)
			return print_usage(EXIT_OK);
		c.argv++;
		c.argc--;
		v = verb_find(c.argv[0]);
		if (v != NULL)
			verb_help(v, stdout);
		return v != NULL ? EXIT_OK : no_such_verb(c.argv[0]);
	}
	v = verb_find(c.argv[0]);
	if (v == NULL)
		return no_such_verb(c.argv[0]);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r = run(&c, v);
	client_free(c.client);
	curl_global_cleanup();
	return r;
}
