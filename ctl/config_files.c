/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_files - the verb that reads the configuration files as the programs do: check says what is
 * wrong and where, show says what holds and why.
 */
#include "ctl/config_files.h"
#include "agent/config.h"
#include "server/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 128u

/* A configuration file, its drop-in directory and its table. */
struct file {
	const char *what;
	const struct ds_conf_option *options;
	char path[PATH_MAX], dir[PATH_MAX];
};

static union {
	struct agent_config agent;
	struct server_config server;
} target;

/* Beside the API's socket when that was given (scripts/up keeps everything below one directory),
 * else the system's. */
static void
find_file(
    const struct ctl *c, struct file *f, const char *given, const char *name, const char *drop_in)
{
	const char *server = c->server ? c->server : getenv("DAEMONSEC_API");
	char *slash;

	if (given != NULL) {
		snprintf(f->path, sizeof(f->path), "%s", given);
	} else {
		snprintf(f->path, sizeof(f->path), "%s/%s", DS_SYSCONFDIR, name);
		if (server != NULL && strncmp(server, "unix:", 5) == 0) {
			char beside[PATH_MAX];

			/* PREFIX/run/api.sock -> PREFIX/etc/daemonsec/NAME */
			snprintf(beside, sizeof(beside), "%.3000s", server + 5);
			for (int up = 0; up < 2 && (slash = strrchr(beside, '/')) != NULL; up++)
				*slash = '\0';
			snprintf(beside + strlen(beside), sizeof(beside) - strlen(beside),
			    "/etc/daemonsec/%s", name);
			if (access(beside, F_OK) == 0)
				snprintf(f->path, sizeof(f->path), "%s", beside);
		}
	}
	snprintf(f->dir, sizeof(f->dir), "%s", f->path);
	slash = strrchr(f->dir, '/');
	snprintf(slash ? slash + 1 : f->dir,
	    sizeof(f->dir) - (slash ? (size_t)(slash + 1 - f->dir) : 0), "%s", drop_in);
}

void
config_find_agent(const struct ctl *c, const char *given, char *ret_path, char *ret_dir)
{
	struct file f;

	find_file(c, &f, given, "daemonsec.conf", "conf.d");
	snprintf(ret_path, PATH_MAX, "%s", f.path);
	snprintf(ret_dir, PATH_MAX, "%s", f.dir);
}

void
config_find_server(const struct ctl *c, const char *given, char *ret_path, char *ret_dir)
{
	struct file f;

	find_file(c, &f, given, "server.conf", "server.conf.d");
	snprintf(ret_path, PATH_MAX, "%s", f.path);
	snprintf(ret_dir, PATH_MAX, "%s", f.dir);
}

/* 0, or 1 when something is wrong with it. */
static int
read_file(const struct file *f, bool show, bool origin)
{
	static struct ds_conf_report report;
	static struct ds_conf_origin origins[OPTIONS_MAX];
	char why[300] = "";
	int r;

	target.agent = (struct agent_config){ 0 };
	target.server = (struct server_config){ 0 };
	r = ds_conf_load(f->options, &target, f->path, f->dir, false, &report, origins);
	ds_conf_print_report(&report, stderr);
	if (r == 0 && f->options == server_options &&
	    server_config_check(&target.server, why, sizeof(why)) < 0) {
		fprintf(stderr, "%s: %s\n", f->path, why);
		r = -1;
	}
	if (show) {
		printf("; %s: %s\n", f->what, f->path);
		ds_conf_show(f->options, &target, origin ? origins : NULL, stdout);
		putchar('\n');
	} else {
		printf("%s %s: %s\n", f->what, f->path, r == 0 ? "ok" : "NOT ok");
	}
	ds_conf_free(f->options, &target);
	return r == 0 ? 0 : 1;
}

int
verb_config(struct ctl *c)
{
	const char *agent = ctl_option(c, "agent"), *server = ctl_option(c, "server-file");
	bool origin = ctl_flag(c, "origin"), show;
	struct file files[2] = { { .what = "agent", .options = agent_options },
		{ .what = "server", .options = server_options } };
	int wrong = 0, found = 0;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc != 2 || (strcmp(c->argv[1], "check") != 0 && strcmp(c->argv[1], "show") != 0))
		return ctl_usage(c);
	show = strcmp(c->argv[1], "show") == 0;
	find_file(c, &files[0], agent, "daemonsec.conf", "conf.d");
	find_file(c, &files[1], server, "server.conf", "server.conf.d");
	for (size_t i = 0; i < DS_LEN(files); i++) {
		/* A host has an agent, a server or both; a file that was named must be there. */
		if (access(files[i].path, F_OK) < 0 && (i == 0 ? agent : server) == NULL)
			continue;
		if ((agent != NULL || server != NULL) && (i == 0 ? agent : server) == NULL)
			continue;
		found++;
		wrong |= read_file(&files[i], show, origin);
	}
	if (found == 0) {
		fprintf(stderr,
		    "daemonsec-ctl: neither %s nor %s is here; --agent FILE or --server-file FILE name them\n",
		    files[0].path, files[1].path);
		return EXIT_NOT_FOUND;
	}
	return wrong ? EXIT_FOUND : EXIT_OK;
}
