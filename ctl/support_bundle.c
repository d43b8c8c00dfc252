/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_bundle - the verb that collects what somebody who helps needs to see: how the server and
 * this machine are, never what was seen on hosts, and no secrets.
 *
 * What cannot be had is left out and named; members are rows.
 */
#include "agent/config.h"
#include "ctl/archive.h"
#include "ctl/client.h"
#include "ctl/config_files.h"
#include "ctl/print.h"
#include "lib/command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>
#include <unistd.h>

#define DEPTH_MAX 32u
#define LOG_SIZE  (1u << 20)
#define LOG_MS    20000u
#define LEFT_OUT  "(left out)"
#define FILE_MAX  (1u << 20)

struct bundle {
	struct ctl *ctl;
	struct archive *archive;
	json_t *members, *missing;
	bool is_partial;            /* the server did not tell what it should */
	const char *agent, *server; /* configuration files that were named, or NULL */
};

/* Answers of the API that are about the server itself, and who is in the fleet. */
static const struct {
	const char *name, *path;
} answers[] = {
	{ "status.json", "status" },
	{ "settings.json", "settings" },
	{ "channels.json", "channels" },
	{ "modes.json", "modes" },
	{ "models.json", "models" },
	{ "jobs.json", "jobs?limit=100" },
	{ "hosts.json", "hosts?limit=1000" },
	{ "daemons.json", "daemons?limit=1000" },
	{ "audit-verify.json", "audit/verify" },
};

/* ---- secrets */

/* Whether what has this name may be one. */
static bool
is_secret(const char *key)
{
	static const char *const words[] = { "secret", "token", "password", "passphrase", "url",
		"webhook", "cookie", "credential", "totp", "user", "private" };

	if (strcmp(key, "api_url") == 0)
		return false;
	for (size_t i = 0; i < DS_LEN(words); i++)
		if (strcasestr(key, words[i]) != NULL)
			return true;
	return strcasecmp(key, "key") == 0;
}

/* Walks without recursion: the depth of an answer is not ours. */
static void
redact(json_t *doc)
{
	json_t *stack[DEPTH_MAX * 64], *one, *value;
	size_t len = 0, i;
	const char *key;
	void *next;

	stack[len++] = doc;
	while (len > 0) {
		one = stack[--len];
		json_object_foreach_safe(one, next, key, value)
		{
			if (is_secret(key) && !json_is_boolean(value) && !json_is_integer(value))
				json_object_set_new(one, key, json_string(LEFT_OUT));
			else if (len < DS_LEN(stack))
				stack[len++] = value;
			else
				json_object_set_new(one, key, json_string(LEFT_OUT));
		}
		json_array_foreach(one, i, value)
		{
			if (len < DS_LEN(stack))
				stack[len++] = value;
			else
				json_array_set_new(one, i, json_string(LEFT_OUT));
		}
	}
}

/* A line of a configuration file as it may be shown.  What was made a comment may still hold. */
static void
put_line(FILE *out, const char *line)
{
	size_t lead = strspn(line, " \t;#"), len = strcspn(line + lead, " \t=");
	const char *equals = strchr(line, '=');
	char key[80];

	snprintf(key, sizeof(key), "%.*s", (int)len, line + lead);
	if (equals != NULL && is_secret(key))
		fprintf(out, "%.*s= " LEFT_OUT "\n", (int)(equals - line), line);
	else
		fputs(line, out);
}

/* ---- members */

static int
keep(struct bundle *b, const char *name, const char *text, size_t size)
{
	int r = archive_add(b->archive, name, text, size);

	if (r == 0)
		json_array_append_new(b->members, json_string(name));
	return r;
}

static void
miss(struct bundle *b, const char *name, const char *why)
{
	json_array_append_new(b->missing, json_sprintf("%s: %s", name, why));
}

static int
keep_document(struct bundle *b, const char *name, json_t *doc)
{
	char *text;
	int r;

	redact(doc);
	text = json_dumps(doc, JSON_INDENT(1));
	r = text != NULL ? keep(b, name, text, strlen(text)) : -ENOMEM;
	free(text);
	return r;
}

static int
add_answers(struct bundle *b)
{
	int r = 0;

	for (size_t i = 0; i < DS_LEN(answers) && r == 0; i++) {
		json_t *doc = NULL;

		if (client_get(b->ctl, answers[i].path, &doc) != 0) {
			miss(b, answers[i].name, "the server did not give it, see above");
			b->is_partial = true;
			continue;
		}
		r = keep_document(b, answers[i].name, doc);
		json_decref(doc);
	}
	return r;
}

static int
add_config(struct bundle *b, const char *name, const char *path)
{
	FILE *in = fopen(path, "re"), *out;
	char line[4096], *text = NULL;
	size_t size = 0;
	int r;

	if (in == NULL) {
		miss(b, name, strerror(errno));
		return 0;
	}
	out = open_memstream(&text, &size);
	if (out == NULL) {
		fclose(in);
		return -ENOMEM;
	}
	while (fgets(line, sizeof(line), in) != NULL && ftell(out) < (long)FILE_MAX)
		put_line(out, line);
	fclose(in);
	r = fclose(out) == 0 ? keep(b, name, text, size) : -ENOMEM;
	free(text);
	return r;
}

static int
add_configs(struct bundle *b)
{
	char path[PATH_MAX], dir[PATH_MAX];
	int r;

	config_find_server(b->ctl, b->server, path, dir);
	r = add_config(b, "server.conf", path);
	config_find_agent(b->ctl, b->agent, path, dir);
	return r == 0 ? add_config(b, "daemonsec.conf", path) : r;
}

static int
add_doctor(struct bundle *b)
{
	json_t *results = doctor_results(b->ctl);
	int r = results != NULL ? keep_document(b, "doctor.json", results) : -ENOMEM;

	json_decref(results);
	return r;
}

static int
add_system(struct bundle *b)
{
	struct utsname u = { 0 };
	char text[1024];
	int n;

	(void)uname(&u); /* empty then */
	n = snprintf(text, sizeof(text), "daemonsec-ctl %s\n%s %s %s %s\nprocessors %ld\n",
	    PACKAGE_VERSION, u.sysname, u.release, u.version, u.machine,
	    sysconf(_SC_NPROCESSORS_ONLN));
	return keep(b, "system.txt", text, (size_t)n);
}

/* What the units wrote last, where there is a journal and we may read it. */
static int
add_log(struct bundle *b)
{
	static const char *const argv[] = { "/usr/bin/journalctl", "--no-pager", "-q", "-n", "2000",
		"-o", "short-iso", "-u", "daemonsec-server", "-u", "daemonsec-agent", NULL };
	struct ds_command command = { .argv = argv, .as = DS_COMMAND_SELF, .timeout_ms = LOG_MS };
	char *text = calloc(1, LOG_SIZE);
	int r;

	if (text == NULL)
		return -ENOMEM;
	r = access(argv[0], X_OK) == 0 ? ds_command_run(&command, text, LOG_SIZE) : -ENOENT;
	if (r != 0 || *text == '\0') {
		miss(b, "journal.txt",
		    r == 0 ? "the journal has nothing of our units" : "no journal could be read");
		free(text);
		return 0;
	}
	r = keep(b, "journal.txt", text, strlen(text));
	free(text);
	return r;
}

static int (*const parts[])(
    struct bundle *b) = { add_system, add_doctor, add_answers, add_configs, add_log };

/* ---- the verb */

static void
say(const struct bundle *b, const char *file)
{
	printf("%s has\n", file);
	print_strings(stdout, "  ", b->members);
	if (json_array_size(b->missing) > 0)
		printf("and has not\n");
	print_strings(stdout, "  ", b->missing);
	printf(
	    "Passwords, tokens, keys, users and addresses of channels were left out; names of hosts and daemons "
	    "are in it.\nLook through it before you give it away: tar -xOf %s | less\n",
	    file);
}

static int
fill(struct bundle *b, const char *file)
{
	json_t *about;
	int r = 0;

	for (size_t i = 0; i < DS_LEN(parts) && r == 0; i++)
		r = parts[i](b);
	about = json_pack("{s:s, s:O, s:O}", "version", PACKAGE_VERSION, "members", b->members,
	    "missing", b->missing);
	if (r == 0)
		r = about != NULL ? keep_document(b, "contents.json", about) : -ENOMEM;
	if (r == 0)
		r = archive_finish(b->archive);
	if (r == 0 && b->ctl->output == OUTPUT_TABLE)
		say(b, file);
	else if (r == 0)
		print_document(b->ctl, about);
	json_decref(about);
	return r;
}

int
verb_support_bundle(struct ctl *c)
{
	struct bundle b = {
		.ctl = c, .agent = ctl_option(c, "agent"), .server = ctl_option(c, "server-file")
	};
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc != 2)
		return ctl_usage(c);
	b.archive = archive_new(c->argv[1], &r);
	if (b.archive != NULL) {
		b.members = json_array();
		b.missing = json_array();
		r = fill(&b, c->argv[1]);
		json_decref(b.members);
		json_decref(b.missing);
		archive_free(b.archive);
	}
	if (r == 0)
		return b.is_partial ? EXIT_PARTLY : EXIT_OK;
	(void)ctl_file_error(c->argv[1], r); /* the exit code comes below */
	if (r == -EEXIST)
		fprintf(stderr,
		    "  nothing is written over: choose another name, and remove FILE.part "
		    "of one that was interrupted\n");
	return ctl_exit_code(r);
}
