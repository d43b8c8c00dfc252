/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * web - reads the dashboard's directory and answers from memory.
 *
 * Loaded and freed by http.c; everything is immutable in between, and libmicrohttpd counts who uses
 * a response.
 */
#include "server/api/web.h"

#include "lib/buf.h"
#include "lib/file.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define FILES_MAX   256u
#define BYTES_MAX   (32u << 20) /* of all files */
#define PATH_SIZE   256u        /* bytes of a path as a URL, with the NUL */
#define DEPTH_MAX   4u
#define FULL_SIZE   4096u
#define IS_FOR_EVER "/assets/"

/* Nothing but our own files, no inline code or style, no frame around us. */
#define POLICY                                                                            \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "  \
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

static const struct {
	const char *suffix, *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".ico", "image/x-icon" },
	{ ".woff2", "font/woff2" },
	{ ".json", "application/json" },
	{ ".webmanifest", "application/manifest+json" },
	{ ".txt", "text/plain; charset=utf-8" },
};

static const struct {
	const char *name, *value;
} security_headers[] = {
	{ "Content-Security-Policy", POLICY },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()" },
};

/* One encoding of a file: its answer, and the answer to those who have it already. */
struct form {
	char *data;
	size_t size;
	char tag[WEB_ETAG_MAX];
	struct MHD_Response *full, *unchanged;
};

struct web_file {
	char path[PATH_SIZE]; /* "/assets/app-1a2b.js" */
	const char *type;
	struct form plain, gzip; /* gzip.data NULL: none */
};

struct web {
	struct web_file files[FILES_MAX];
	size_t len, bytes;
	const struct web_file *index;
};

/* ---- headers of requests */

/* Calls for "name;q=0" too: the caller looks at the rest. */
static const char *
next_item(const char *text, size_t *ret_len)
{
	text += strspn(text, " \t,");
	*ret_len = strcspn(text, ",");
	return *text ? text : NULL;
}

bool
web_accepts_gzip(const char *header)
{
	size_t len;

	for (const char *p = header; p != NULL && (p = next_item(p, &len)) != NULL; p += len) {
		const char *q = memchr(p, ';', len);
		size_t name = q != NULL ? (size_t)(q - p) : len;

		while (name > 0 && (p[name - 1] == ' ' || p[name - 1] == '\t'))
			name--;
		if (!(name == 4 && strncasecmp(p, "gzip", 4) == 0) && !(name == 1 && *p == '*'))
			continue;
		if (q == NULL)
			return true;
		q += 1 + strspn(q + 1, " \t");
		/* Any weight but nothing: "q=0", "q=0.000". */
		return strncasecmp(q, "q=", 2) != 0 || q[2 + strspn(q + 2, "0.")] > '0';
	}
	return false;
}

bool
web_tag_matches(const char *header, const char *tag)
{
	size_t len;

	for (const char *p = header; p != NULL && (p = next_item(p, &len)) != NULL; p += len) {
		size_t n = len;

		while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
			n--;
		if (n == 1 && *p == '*')
			return true;
		if (n > 2 && strncmp(p, "W/", 2) == 0) {
			if (n - 2 == strlen(tag) && strncmp(p + 2, tag, n - 2) == 0)
				return true;
		} else if (n == strlen(tag) && strncmp(p, tag, n) == 0) {
			return true;
		}
	}
	return false;
}

/* ---- answers */

static const char *
type_of(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < DS_LEN(types); i++) {
		size_t n = strlen(types[i].suffix);

		if (len > n && strcmp(path + len - n, types[i].suffix) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

static struct MHD_Response *
make_response(const struct web_file *f, const struct form *form, bool with_body)
{
	bool for_ever = strncmp(f->path, IS_FOR_EVER, sizeof(IS_FOR_EVER) - 1) == 0;
	struct MHD_Response *r = MHD_create_response_from_buffer(
	    with_body ? form->size : 0, with_body ? form->data : NULL, MHD_RESPMEM_PERSISTENT);
	int ok = MHD_YES;

	if (r == NULL)
		return NULL;
	ok &= MHD_add_response_header(r, "ETag", form->tag);
	ok &= MHD_add_response_header(r, "Vary", "Accept-Encoding");
	ok &= MHD_add_response_header(
	    r, "Cache-Control", for_ever ? "public, max-age=31536000, immutable" : "no-cache");
	if (with_body)
		ok &= MHD_add_response_header(r, "Content-Type", f->type);
	if (with_body && form == &f->gzip)
		ok &= MHD_add_response_header(r, "Content-Encoding", "gzip");
	for (size_t i = 0; i < DS_LEN(security_headers); i++)
		ok &=
		    MHD_add_response_header(r, security_headers[i].name, security_headers[i].value);
	/* Without its policy the page would not be safe to show. */
	if (ok == MHD_YES)
		return r;
	MHD_destroy_response(r);
	return NULL;
}

static int
make_form(struct web_file *f, struct form *form)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	size_t used = 1;

	SHA256((const unsigned char *)form->data, form->size, hash);
	form->tag[0] = '"';
	for (size_t i = 0; i < 16; i++)
		used += (size_t)snprintf(form->tag + used, 3, "%02x", hash[i]);
	snprintf(form->tag + used, sizeof(form->tag) - used, "%s\"", form == &f->gzip ? "-gz" : "");
	form->full = make_response(f, form, true);
	form->unchanged = make_response(f, form, false);
	return form->full != NULL && form->unchanged != NULL ? 0 : -ENOMEM;
}

struct MHD_Response *
web_response(const struct web_file *f, const char *accept_encoding, const char *if_none_match,
    unsigned *ret_status)
{
	const struct form *form =
	    f->gzip.data != NULL && web_accepts_gzip(accept_encoding) ? &f->gzip : &f->plain;
	bool unchanged = web_tag_matches(if_none_match, form->tag);

	*ret_status = unchanged ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK;
	return unchanged ? form->unchanged : form->full;
}

const struct web_file *
web_find(const struct web *w, const char *url, const char *accept)
{
	if (w == NULL || *url != '/')
		return NULL;
	for (size_t i = 0; i < w->len; i++)
		if (strcmp(w->files[i].path, url) == 0)
			return &w->files[i];
	if (strncmp(url, "/api/", 5) == 0 ||
	    strncmp(url, IS_FOR_EVER, sizeof(IS_FOR_EVER) - 1) == 0)
		return NULL;
	return accept != NULL && strstr(accept, "text/html") != NULL ? w->index : NULL;
}

size_t
web_count(const struct web *w, size_t *ret_bytes)
{
	*ret_bytes = w->bytes;
	return w->len;
}

/* ---- reading */

struct loader {
	struct web *web;
	const char *root;
	char *why;
	size_t why_size;
};

static int
fail(struct loader *l, int r, const char *path, const char *what)
{
	snprintf(l->why, l->why_size, "[api] web_root: %s%s: %s", l->root, path, what);
	return r;
}

static bool
is_name(const char *name)
{
	return name[0] != '.' && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
						   "UVWXYZ0123456789._-")] == '\0';
}

/* The file of a path without ".gz", made when it is new; NULL: too many. */
static struct web_file *
file_of(struct web *w, const char *path, size_t len)
{
	struct web_file *f;

	for (size_t i = 0; i < w->len; i++)
		if (strlen(w->files[i].path) == len && strncmp(w->files[i].path, path, len) == 0)
			return &w->files[i];
	if (w->len == FILES_MAX)
		return NULL;
	f = &w->files[w->len++];
	snprintf(f->path, sizeof(f->path), "%.*s", (int)len, path);
	f->type = type_of(f->path);
	return f;
}

static int
read_file(struct loader *l, const char *full, const char *path)
{
	size_t len = strlen(path);
	bool gzip = len > 3 && strcmp(path + len - 3, ".gz") == 0;
	struct web_file *f = file_of(l->web, path, gzip ? len - 3 : len);
	struct form *form;
	int r;

	if (f == NULL)
		return fail(l, -EFBIG, path, "too many files for a dashboard");
	form = gzip ? &f->gzip : &f->plain;
	r = ds_file_read(full, BYTES_MAX - l->web->bytes, &form->data, &form->size);
	if (r < 0)
		return fail(l, r, path, strerror(-r));
	l->web->bytes += form->size;
	return 0;
}

static int read_entry(struct loader *l, const char *path, unsigned depth);

static int
read_dir(struct loader *l, const char *full, const char *path, unsigned depth)
{
	char below[PATH_SIZE];
	struct dirent *e;
	DIR *d = opendir(full);
	int n, r = 0;

	if (d == NULL)
		return depth == 0 && errno == ENOENT ? -ENOENT
						     : fail(l, -errno, path, strerror(errno));
	while (r == 0 && (e = readdir(d)) != NULL) {
		if (!is_name(e->d_name))
			continue;
		n = snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
		if (n < 0 || (size_t)n >= sizeof(below))
			r = fail(l, -ENAMETOOLONG, path, "a name is too long");
		else
			r = read_entry(l, below, depth + 1);
	}
	closedir(d);
	return r;
}

/* The depth is bounded, so is the recursion. */
static int
read_entry(struct loader *l, const char *path, unsigned depth)
{
	char full[FULL_SIZE];
	struct stat st;
	int n = snprintf(full, sizeof(full), "%s%s", l->root, path);

	if (n < 0 || (size_t)n >= sizeof(full))
		return fail(l, -ENAMETOOLONG, path, "the name is too long");
	if (depth > 0 && lstat(full, &st) < 0)
		return fail(l, -errno, path, strerror(errno));
	if (depth == 0 || (S_ISDIR(st.st_mode) && depth <= DEPTH_MAX))
		return read_dir(l, full, path, depth);
	return S_ISREG(st.st_mode) ? read_file(l, full, path) : 0;
}

/* What has only a compressed form is left out: everybody must be able to have it. */
static int
finish(struct web *w)
{
	int r = 0;

	for (size_t i = 0; i < w->len; i++) {
		struct web_file *f = &w->files[i];

		if (f->plain.data == NULL) {
			f->path[0] = '\0';
			continue;
		}
		r = make_form(f, &f->plain);
		if (r == 0 && f->gzip.data != NULL)
			r = make_form(f, &f->gzip);
		if (r < 0)
			return r;
		if (strcmp(f->path, "/index.html") == 0)
			w->index = f;
	}
	return w->index != NULL ? 0 : -ENOENT;
}

int
web_load(const char *root, struct web **ret, char *why, size_t why_size)
{
	struct loader l = { calloc(1, sizeof(*l.web)), root, why, why_size };
	int r;

	snprintf(why, why_size, "[api] web_root: %s holds no index.html", root);
	if (l.web == NULL)
		return -ENOMEM;
	r = read_entry(&l, "", 0);
	if (r == 0)
		r = finish(l.web);
	if (r < 0) {
		web_free(l.web);
		return r;
	}
	*ret = l.web;
	return 0;
}

static void
form_done(struct form *form)
{
	if (form->full != NULL)
		MHD_destroy_response(form->full);
	if (form->unchanged != NULL)
		MHD_destroy_response(form->unchanged);
	free(form->data);
}

void
web_free(struct web *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->len; i++) {
		form_done(&w->files[i].plain);
		form_done(&w->files[i].gzip);
	}
	free(w);
}
