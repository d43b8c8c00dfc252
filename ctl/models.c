/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * models - the verbs train and models: jobs with a progress bar, versions, files, forgetting.
 */
#include "ctl/client.h"
#include "ctl/lists.h"

#include <errno.h>
#include <math.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX  (64u << 20)
#define WAIT_MS   300
#define DAYS_MAX  365
#define BAR_WIDTH 30

static void
format_size(const json_t *value, const json_t *item, char *buf, size_t size)
{
	(void)item;
	snprintf(buf, size, "%.0f KiB", json_number_value(value) / 1024);
}

static const struct column model_columns[] = {
	{ "DAEMON", "daemon", NULL },
	{ "VERSION", "version", NULL },
	{ "STATE", "state", NULL },
	{ "MADE", "created", format_age },
	{ "DATA FROM", "data_from", format_time },
	{ "TO", "data_to", format_time },
	{ "WINDOWS", "windows", format_count },
	{ "HOSTS", "hosts", NULL },
	{ "COVERED", "coverage", format_percent },
	{ "SIZE", "size", format_size },
	{ "MODEL", "id", NULL },
	{ NULL, NULL, NULL },
};

/* ---- jobs */

static void
show_bar(const json_t *job)
{
	double total = json_number_value(json_object_get(job, "total"));
	double done = json_number_value(json_object_get(job, "done"));
	int filled = total > 0 ? (int)(done * BAR_WIDTH / total) : 0;
	char message[200];

	if (!isatty(STDERR_FILENO))
		return;
	filled = filled < 0 ? 0 : filled > BAR_WIDTH ? BAR_WIDTH : filled;
	fprintf(stderr, "\r[%.*s%.*s] %3.0f %%  %-40s", filled, "##############################",
	    BAR_WIDTH - filled, "..............................",
	    total > 0 ? done * 100 / total : 0,
	    print_text(job, "message", message, sizeof(message)));
}

static int
end_job(const struct ctl *c, const json_t *job)
{
	const json_t *reasons = print_lookup(job, "result.reasons");
	char state[32], message[400];

	print_text(job, "state", state, sizeof(state));
	print_text(job, "message", message, sizeof(message));
	if (c->output != OUTPUT_TABLE)
		print_document(c, job);
	else if (strcmp(state, "done") == 0)
		printf("%.0f models of %.0f windows\n",
		    json_number_value(print_lookup(job, "result.models")),
		    json_number_value(print_lookup(job, "result.windows")));
	else
		fprintf(stderr, "%s: %s\n", state, message);
	print_strings(stderr, "  ", reasons);
	return strcmp(state, "done") == 0 ? EXIT_OK : EXIT_CONFLICT;
}

static int
wait_job(struct ctl *c, const char *id)
{
	char state[32];
	json_t *job = NULL;
	int r;

	for (;;) {
		r = client_call(c, "GET", "jobs", id, NULL, NULL, &job);
		if (r != 0)
			return r;
		show_bar(job);
		if (strcmp(print_text(job, "state", state, sizeof(state)), "running") != 0)
			break;
		json_decref(job);
		(void)poll(NULL, 0, WAIT_MS);
	}
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
	r = end_job(c, job);
	json_decref(job);
	return r;
}

/* Posts, then waits or says which job it is. */
static int
begin_job(struct ctl *c, const char *path, json_t *body, bool wait)
{
	json_t *doc = NULL;
	char id[64];
	int r = client_request(c, "POST", path, body, &doc);

	json_decref(body);
	if (r != 0)
		return r;
	print_text(doc, "job", id, sizeof(id));
	if (wait)
		r = wait_job(c, id);
	else if (c->output == OUTPUT_TABLE)
		printf("%s\n", id);
	else
		print_document(c, doc);
	if (!wait && c->output == OUTPUT_TABLE)
		fprintf(stderr, "it goes on by itself; --wait would show how far it is, and "
				"daemonsec-ctl models what came of it\n");
	json_decref(doc);
	return r;
}

int
verb_train(struct ctl *c)
{
	const char *daemon = ctl_option(c, "daemon");
	bool wait = ctl_flag(c, "wait");
	int64_t days = 0;
	json_t *body;

	if (!ctl_number(c, "days", DAYS_MAX, &days) || !ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc != 1)
		return ctl_usage(c);
	body = json_pack("{s:s*}", "daemon", daemon);
	if (days > 0)
		json_object_set_new(body, "days", json_integer(days));
	return begin_job(c, "models/train", body, wait);
}

/* ---- versions */

static void
show_fit(const json_t *fit)
{
	const json_t *features = json_object_get(fit, "features");
	json_t *f;
	size_t i;
	char name[64], window[16];

	printf("\n%s windows, %s: %.0f windows of %.0f hosts\n",
	    print_text(fit, "window", window, sizeof(window)),
	    json_number_value(json_object_get(fit, "host")) > 0 ? "a host of its own" : "all hosts",
	    json_number_value(json_object_get(fit, "windows")),
	    json_number_value(json_object_get(fit, "hosts")));
	json_array_foreach((json_t *)(uintptr_t)features, i, f)
	{
		double high = json_number_value(json_object_get(f, "high"));

		if (json_number_value(json_object_get(f, "middle")) > 0 || high >= 1)
			printf("  %-34s %10.1f  usually %.1f to %.1f\n",
			    print_text(f, "name", name, sizeof(name)),
			    json_number_value(json_object_get(f, "middle")),
			    json_number_value(json_object_get(f, "low")), high);
	}
}

static int
model_show(struct ctl *c, const char *id)
{
	static const char *const fields[] = { "daemon", "version", "state", "created", "data_from",
		"data_to", "windows", "hosts", "coverage", "size", "checksum", "chain", "note",
		"damaged" };
	json_t *doc, *fit;
	char text[400];
	size_t i;
	int r = client_call(c, "GET", "models", id, NULL, NULL, &doc);

	if (r != 0)
		return r;
	if (c->output != OUTPUT_TABLE) {
		print_document(c, doc);
	} else {
		for (i = 0; i < DS_LEN(fields); i++)
			if (*print_text(doc, fields[i], text, sizeof(text)) != '\0')
				printf("%-10s %s\n", fields[i], text);
		json_array_foreach(json_object_get(doc, "fits"), i, fit) show_fit(fit);
	}
	json_decref(doc);
	return EXIT_OK;
}

/* Features of the class whose middle is elsewhere now, in spreads of the first model. */
static void
diff_fit(const json_t *a, const json_t *b)
{
	const json_t *x = json_object_get(a, "features"), *y = json_object_get(b, "features");
	char name[64];

	for (size_t i = 0; i < json_array_size(x) && i < json_array_size(y); i++) {
		const json_t *f = json_array_get(x, i), *g = json_array_get(y, i);
		double moved = json_number_value(json_object_get(g, "position")) -
			       json_number_value(json_object_get(f, "position"));

		moved /= json_number_value(json_object_get(f, "spread"));
		if (fabs(moved) >= 0.5)
			printf("  %-34s %10.1f -> %.1f  (%+.1f spreads)\n",
			    print_text(f, "name", name, sizeof(name)),
			    json_number_value(json_object_get(f, "middle")),
			    json_number_value(json_object_get(g, "middle")), moved);
	}
}

static int
model_diff(struct ctl *c, const char *first, const char *second)
{
	json_t *a = NULL, *b = NULL;
	char window[16];
	int r = client_call(c, "GET", "models", first, NULL, NULL, &a);

	if (r == 0)
		r = client_call(c, "GET", "models", second, NULL, NULL, &b);
	if (r == 0 && c->output != OUTPUT_TABLE) {
		json_t *both = json_pack("{s:O,s:O}", "before", a, "after", b);

		print_document(c, both);
		json_decref(both);
	}
	for (size_t i = 0; r == 0 && c->output == OUTPUT_TABLE && i < 2; i++) {
		const json_t *f = json_array_get(json_object_get(a, "fits"), i);
		const json_t *g = json_array_get(json_object_get(b, "fits"), i);

		if (f == NULL || g == NULL)
			break;
		printf("%s windows: %.0f -> %.0f windows\n",
		    print_text(f, "window", window, sizeof(window)),
		    json_number_value(json_object_get(f, "windows")),
		    json_number_value(json_object_get(g, "windows")));
		diff_fit(f, g);
	}
	json_decref(a);
	json_decref(b);
	return r;
}

/* The id of a version: mdl_..., or the number of one of the daemon's. */
static int
find_version(struct ctl *c, const char *daemon, const char *which, char ret[64])
{
	char *path = client_path("models", "daemon", daemon, NULL), version[32], state[32];
	json_t *doc = NULL, *one;
	size_t i;
	int r = client_get(c, path, &doc);

	free(path);
	if (r != 0)
		return r;
	r = EXIT_NOT_FOUND;
	json_array_foreach(json_object_get(doc, "items"), i, one)
	{
		print_text(one, "id", ret, 64);
		print_text(one, "version", version, sizeof(version));
		print_text(one, "state", state, sizeof(state));
		if (strcmp(which, ret) == 0 || strcmp(which, version) == 0 ||
		    strcmp(which, state) == 0) {
			r = EXIT_OK;
			break;
		}
	}
	json_decref(doc);
	if (r != EXIT_OK)
		fprintf(stderr,
		    "daemonsec-ctl: %s has no model that is %s; daemonsec-ctl models lists them\n",
		    daemon, which);
	return r;
}

static int
model_rollback(struct ctl *c, const char *daemon, const char *which)
{
	char id[64];
	int r = find_version(c, daemon, which, id);

	return r != 0
		   ? r
		   : list_post(c, "POST", "models", id, "activate", json_object(), "is active now");
}

/* ---- files */

static int
model_export(struct ctl *c, const char *daemon, const char *file)
{
	json_t *doc = NULL;
	const char *data;
	unsigned char *bytes;
	char id[64];
	FILE *out;
	int n, r = find_version(c, daemon, "active", id);

	r = r != 0 ? r : client_call(c, "GET", "models", id, "file", NULL, &doc);
	if (r != 0)
		return r;
	data = json_string_value(json_object_get(doc, "data"));
	bytes = data != NULL ? malloc(strlen(data) + 4) : NULL;
	n = bytes != NULL ? EVP_DecodeBlock(bytes, (const unsigned char *)data, (int)strlen(data))
			  : -1;
	if (n > 2)
		n -= (data[strlen(data) - 1] == '=') + (data[strlen(data) - 2] == '=');
	out = n > 0 ? fopen(file, "wbe") : NULL;
	if (out == NULL || fwrite(bytes, 1, (size_t)n, out) != (size_t)n || fclose(out) != 0) {
		fprintf(stderr, "daemonsec-ctl: %s: %s\n", file,
		    n > 0 ? strerror(errno) : "no model came");
		r = EXIT_FOUND;
	} else if (c->output == OUTPUT_TABLE) {
		printf("%s: %d bytes of %s\n", file, n, id);
	}
	free(bytes);
	json_decref(doc);
	return r;
}

static char *
read_file(const char *file, size_t *ret)
{
	FILE *in = fopen(file, "rbe");
	char *bytes = in != NULL ? malloc(FILE_MAX) : NULL;

	*ret = bytes != NULL ? fread(bytes, 1, FILE_MAX, in) : 0;
	if (in != NULL)
		fclose(in);
	if (*ret > 0)
		return bytes;
	fprintf(
	    stderr, "daemonsec-ctl: %s: %s\n", file, in != NULL ? "it is empty" : strerror(errno));
	free(bytes);
	return NULL;
}

static int
model_import(struct ctl *c, const char *file)
{
	size_t size;
	char *bytes = read_file(file, &size), *text;
	json_t *doc = NULL, *body;
	int r;

	if (bytes == NULL)
		return EXIT_NOT_FOUND;
	text = malloc(size / 3 * 4 + 8);
	if (text == NULL) {
		free(bytes);
		return EXIT_FOUND;
	}
	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes, (int)size);
	body = json_pack("{s:s}", "data", text);
	free(bytes);
	free(text);
	r = client_request(c, "POST", "models/import", body, &doc);
	json_decref(body);
	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE)
		printf("%s: imported; `daemonsec-ctl models rollback %s %s` makes it active\n",
		    json_string_value(json_object_get(doc, "id")),
		    json_string_value(json_object_get(doc, "daemon")),
		    json_string_value(json_object_get(doc, "id")));
	else
		print_document(c, doc);
	json_decref(doc);
	return EXIT_OK;
}

static int
model_forget(struct ctl *c, const char *host, const char *from, const char *to, bool wait)
{
	if (host == NULL || from == NULL || to == NULL)
		return ctl_usage(c);
	return begin_job(c, "models/forget",
	    json_pack("{s:s,s:s,s:s}", "host", host, "from", from, "to", to), wait);
}

int
verb_models(struct ctl *c)
{
	const char *host = ctl_option(c, "host"), *from, *to, *what;
	char from_text[CTL_TIME_SIZE], to_text[CTL_TIME_SIZE];
	bool wait = ctl_flag(c, "wait");

	if (!ctl_time(c, "from", from_text, &from) || !ctl_time(c, "to", to_text, &to) ||
	    !ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc == 1)
		return list_print(c, "models", NULL, 10000, model_columns,
		    "no models yet; `daemonsec-ctl train --wait` says what is missing");
	what = c->argv[1];
	if (strcmp(what, "show") == 0 && c->argc == 3)
		return model_show(c, c->argv[2]);
	if (strcmp(what, "diff") == 0 && c->argc == 4)
		return model_diff(c, c->argv[2], c->argv[3]);
	if (strcmp(what, "rollback") == 0 && c->argc == 4)
		return model_rollback(c, c->argv[2], c->argv[3]);
	if (strcmp(what, "export") == 0 && c->argc == 4)
		return model_export(c, c->argv[2], c->argv[3]);
	if (strcmp(what, "import") == 0 && c->argc == 3)
		return model_import(c, c->argv[2]);
	if (strcmp(what, "forget") == 0 && c->argc == 2)
		return model_forget(c, host, from, to, wait);
	return ctl_usage(c);
}
