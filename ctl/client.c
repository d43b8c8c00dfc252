/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/client.h"
#include "ctl/print.h"
#include "lib/utf8.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX (256u << 20) /* bytes */
#define PREFIX     "/api/v1/"

struct client {
	CURL *curl;
	struct curl_slist *headers;
	char server[PATH_MAX]; /* unix:PATH or http(s)://... */
	char socket[PATH_MAX]; /* "" when not a socket */
	char base[PATH_MAX];   /* http://localhost for a socket */
};

struct answer {
	char *text;
	size_t len;
	/* streaming: called for whole lines */
	int (*line)(const char *text, size_t len, void *ctx);
	void *ctx;
	bool stopped;
};

/* Never below the current directory, which may be anybody's. */
static const char *
find_server(void)
{
	const char *env = getenv("DAEMONSEC_API");

	return env != NULL && *env != '\0' ? env : "unix:" DS_RUNDIR "/api.sock";
}

static int
add_token(struct client *client, const char *file)
{
	char line[512] = { 0 }, header[600];
	FILE *f = fopen(file, "re");

	if (f == NULL)
		return ctl_file_error(file, -errno);
	if (fgets(line, sizeof(line), f) == NULL || line[0] == '\n') {
		fprintf(stderr, "daemonsec-ctl: %s: there is no token in it\n", file);
		fclose(f);
		return EXIT_USAGE;
	}
	fclose(f);
	line[strcspn(line, "\r\n")] = '\0';
	snprintf(header, sizeof(header), "Authorization: Bearer %s", line);
	client->headers = curl_slist_append(client->headers, header);
	explicit_bzero(header, sizeof(header));
	explicit_bzero(line, sizeof(line));
	return 0;
}

static int
open_client(struct ctl *c)
{
	const char *server = c->server ? c->server : find_server();
	struct client *client;

	if (c->client != NULL)
		return 0;
	if ((strncmp(server, "unix:", 5) != 0 || server[5] == '\0') &&
	    strncmp(server, "http://", 7) != 0 && strncmp(server, "https://", 8) != 0) {
		fprintf(stderr,
		    "daemonsec-ctl: --server is unix:PATH, http://... or https://..., not \"%s\"\n",
		    server);
		return EXIT_USAGE;
	}
	client = calloc(1, sizeof(*client));
	if (client == NULL || (client->curl = curl_easy_init()) == NULL) {
		free(client);
		fprintf(stderr, "daemonsec-ctl: out of memory\n");
		return EXIT_UNREACHABLE;
	}
	snprintf(client->server, sizeof(client->server), "%s", server);
	if (strncmp(server, "unix:", 5) == 0) {
		snprintf(client->socket, sizeof(client->socket), "%s", server + 5);
		snprintf(client->base, sizeof(client->base), "http://localhost");
	} else {
		snprintf(client->base, sizeof(client->base), "%.*s",
		    (int)(strlen(server) - (server[strlen(server) - 1] == '/')), server);
	}
	c->client = client;
	return c->token_file ? add_token(client, c->token_file) : 0;
}

const char *
client_server(struct ctl *c)
{
	return open_client(c) == 0 ? c->client->server : "";
}

void
client_free(struct client *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->curl);
	curl_slist_free_all(client->headers);
	free(client);
}

/* Hands over the whole lines that are there. */
static void
take_lines(struct answer *a)
{
	char *start = a->text, *end;
	size_t left = a->len;

	while (!a->stopped && left > 0 && (end = memchr(start, '\n', left)) != NULL) {
		size_t n = (size_t)(end - start);

		if (n > 0 && a->line(start, n, a->ctx) != 0)
			a->stopped = true;
		start = end + 1;
		left -= n + 1;
	}
	memmove(a->text, start, left);
	a->len = left;
}

static size_t
on_data(char *data, size_t size, size_t count, void *ctx)
{
	struct answer *a = ctx;
	size_t n = size * count;
	char *p;

	if (a->len + n > ANSWER_MAX)
		return 0;
	p = realloc(a->text, a->len + n + 1);
	if (p == NULL)
		return 0;
	a->text = p;
	memcpy(a->text + a->len, data, n);
	a->len += n;
	a->text[a->len] = '\0';
	if (a->line != NULL)
		take_lines(a);
	return a->stopped ? 0 : n;
}

/* What the server says is wrong (RFC 9457), as a sentence and an exit code. */
static int
explain_problem(long status, const json_t *doc)
{
	const char *title = json_string_value(json_object_get(doc, "title"));
	const char *detail = json_string_value(json_object_get(doc, "detail"));
	const json_t *column = json_object_get(doc, "column");
	const char *query = json_string_value(json_object_get(doc, "query"));
	const char *said = detail  ? detail
			   : title ? title
				   : "what answered is not DaemonSec's server";
	char text[2048];

	/* It may name what hosts told. */
	(void)ds_utf8_escape(said, strlen(said), text, sizeof(text));
	fprintf(stderr, "daemonsec-ctl: %s\n", text);
	print_strings(stderr, "  - ", json_object_get(doc, "blockers"));
	if (query != NULL && json_is_integer(column))
		fprintf(stderr, "  %s\n  %*s^\n", query, (int)json_integer_value(column) - 1, "");
	if (status == 404)
		return EXIT_NOT_FOUND;
	if (status == 401 || status == 403)
		return EXIT_NOT_ALLOWED;
	if (status == 409 || status == 412 || status == 422)
		return EXIT_CONFLICT;
	return status >= 500 ? EXIT_UNREACHABLE : EXIT_USAGE;
}

static int
perform(struct ctl *c, const char *method, const char *path, const char *body, struct answer *a,
    long *ret_status)
{
	struct client *client = c->client;
	struct curl_slist *json = NULL;
	char url[8192];
	CURLcode r;

	if ((size_t)snprintf(url, sizeof(url), "%s%s%s", client->base, *path == '/' ? "" : PREFIX,
		path) >= sizeof(url)) {
		fprintf(stderr, "daemonsec-ctl: that is too long to be asked\n");
		return EXIT_USAGE;
	}
	curl_easy_reset(client->curl);
	curl_easy_setopt(client->curl, CURLOPT_URL, url);
	curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(client->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	if (a->line == NULL)
		curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, 120L);
	if (client->socket[0] != '\0')
		curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
	for (const struct curl_slist *h = client->headers; h != NULL; h = h->next)
		json = curl_slist_append(json, h->data);
	if (body != NULL) {
		json = curl_slist_append(json, "Content-Type: application/json");
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
	}
	json = curl_slist_append(json, "Expect:");
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, json);
	curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, a);
	r = curl_easy_perform(client->curl);
	curl_slist_free_all(json);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, ret_status);
	if (r == CURLE_OK || a->stopped)
		return 0;
	fprintf(stderr, "daemonsec-ctl: no answer from %s: %s\n", client->server,
	    curl_easy_strerror(r));
	if (client->socket[0] != '\0' && access(client->socket, R_OK | W_OK) < 0)
		fprintf(stderr, "  is the server running, and may you use its socket? "
				"(--server, or DAEMONSEC_API in the environment, say where it is; "
				"scripts/up prints its own)\n");
	return EXIT_UNREACHABLE;
}

int
client_request(
    struct ctl *c, const char *method, const char *path, const json_t *body, json_t **ret)
{
	struct answer a = { 0 };
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_t *doc;
	long status = 0;
	int r = open_client(c);

	if (r == 0)
		r = perform(c, method, path, text, &a, &status);
	free(text);
	if (r != 0) {
		free(a.text);
		return r;
	}
	doc = a.len > 0 ? json_loadb(a.text, a.len, JSON_ALLOW_NUL, NULL) : json_object();
	free(a.text);
	if (status >= 400) {
		r = explain_problem(status, doc);
		json_decref(doc);
		return r;
	}
	if (doc == NULL) {
		fprintf(stderr, "daemonsec-ctl: the answer of %s is not JSON\n", c->client->server);
		return EXIT_UNREACHABLE;
	}
	*ret = doc;
	return 0;
}

char *
client_path_of(const char *collection, const char *id, const char *action)
{
	char *escaped = curl_easy_escape(NULL, id, 0), *path;

	if (escaped == NULL || asprintf(&path, "%s/%s%s%s", collection, escaped, action ? "/" : "",
				   action ? action : "") < 0)
		abort();
	curl_free(escaped);
	return path;
}

int
client_call(struct ctl *c, const char *method, const char *collection, const char *id,
    const char *action, const json_t *body, json_t **ret)
{
	char *path = client_path_of(collection, id, action);
	int r = client_request(c, method, path, body, ret);

	free(path);
	return r;
}

int
client_stream(struct ctl *c, const char *path, int (*line)(const char *text, size_t len, void *ctx),
    void *ctx)
{
	struct answer a = { .line = line, .ctx = ctx };
	long status = 0;
	int r = open_client(c);

	if (r == 0)
		r = perform(c, "GET", path, NULL, &a, &status);
	if (r == 0 && status >= 400) {
		json_t *doc = a.text ? json_loadb(a.text, a.len, 0, NULL) : NULL;

		r = explain_problem(status, doc);
		json_decref(doc);
	}
	free(a.text);
	return r;
}

char *
client_path(const char *path, ...)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const char *name;
	char join = strchr(path, '?') ? '&' : '?';
	va_list args;

	if (out == NULL)
		abort();
	fputs(path, out);
	va_start(args, path);
	while ((name = va_arg(args, const char *)) != NULL) {
		const char *value = va_arg(args, const char *);
		char *escaped = value ? curl_easy_escape(NULL, value, 0) : NULL;

		if (escaped == NULL)
			continue;
		fprintf(out, "%c%s=%s", join, name, escaped);
		curl_free(escaped);
		join = '&';
	}
	va_end(args);
	fclose(out);
	return text;
}
