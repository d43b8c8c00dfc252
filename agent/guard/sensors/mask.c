/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mask - takes secrets out of command lines before they leave the guard.
 *
 * Each argument is looked at with the one before it; the part that is a secret becomes "***".
 * Nothing grows, so the work is done in place.
 */
#include "agent/guard/sensors/mask.h"

#include "lib/compiler.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char mask[] = "***";

struct arg {
	char *ptr;
	size_t len;
};

static bool
has_word(const char *ptr, size_t len)
{
	static const char *const words[] = { "password", "passwd", "passphrase", "secret", "token",
		"api-key", "api_key", "apikey", "access-key", "access_key", "private-key",
		"private_key", "credential", "authorization", "pwd", "auth-key", "cookie" };

	for (size_t i = 0; i < DS_LEN(words); i++) {
		size_t n = strlen(words[i]);

		for (size_t at = 0; at + n <= len; at++)
			if (strncasecmp(ptr + at, words[i], n) == 0)
				return true;
	}
	return false;
}

static bool
begins(struct arg a, const char *prefix)
{
	return a.len >= strlen(prefix) && memcmp(a.ptr, prefix, strlen(prefix)) == 0;
}

static bool
is(struct arg a, const char *text)
{
	return a.len == strlen(text) && memcmp(a.ptr, text, a.len) == 0;
}

/* Replaces [from, to) of the argument; it gets shorter or stays as long. */
static void
mask_part(struct arg *a, size_t from, size_t to)
{
	size_t put = DS_MIN(sizeof(mask) - 1, to - from);

	memcpy(a->ptr + from, mask, put);
	memmove(a->ptr + from + put, a->ptr + to, a->len - to);
	a->len -= to - from - put;
}

/* NAME=value, --name=value, "Name: value". */
static bool
mask_pair(struct arg *a)
{
	for (size_t i = 0; i < a->len; i++) {
		size_t from = i + 1;

		if (a->ptr[i] != '=' && a->ptr[i] != ':')
			continue;
		if (a->ptr[i] == ':' && i + 2 < a->len && a->ptr[i + 1] == '/')
			return false; /* a URL */
		if (!has_word(a->ptr, i))
			continue;
		while (from < a->len && a->ptr[from] == ' ')
			from++;
		mask_part(a, from, a->len);
		return true;
	}
	return false;
}

/* scheme://user:secret@host */
static void
mask_url(struct arg *a)
{
	char *scheme = memmem(a->ptr, a->len, "://", 3), *at, *colon, *end;
	size_t left;

	if (scheme == NULL)
		return;
	scheme += 3;
	left = a->len - (size_t)(scheme - a->ptr);
	end = memchr(scheme, '/', left);
	left = end != NULL ? (size_t)(end - scheme) : left;
	at = memrchr(scheme, '@', left);
	colon = at != NULL ? memchr(scheme, ':', (size_t)(at - scheme)) : NULL;
	if (colon != NULL)
		mask_part(a, (size_t)(colon + 1 - a->ptr), (size_t)(at - a->ptr));
}

/* Programs with short options of their own for it. */
static void
mask_short(struct arg *a, struct arg before, struct arg program)
{
	const char *slash = memrchr(program.ptr, '/', program.len);
	size_t skip = slash != NULL ? (size_t)(slash + 1 - program.ptr) : 0;
	struct arg base = { program.ptr + skip, program.len - skip };
	char *colon;

	if ((begins(base, "mysql") || begins(base, "mariadb") || begins(base, "sshpass") ||
		begins(base, "mongo")) &&
	    begins(*a, "-p") && a->len > 2)
		mask_part(a, 2, a->len);
	if (begins(base, "sshpass") && is(before, "-p"))
		mask_part(a, 0, a->len);
	if (!begins(base, "curl") || !(is(before, "-u") || is(before, "--user")))
		return;
	colon = memchr(a->ptr, ':', a->len);
	if (colon != NULL)
		mask_part(a, (size_t)(colon + 1 - a->ptr), a->len);
}

static void
redact_one(struct arg *a, struct arg before, struct arg program)
{
	if (begins(before, "-") && memchr(before.ptr, '=', before.len) == NULL &&
	    has_word(before.ptr, before.len) && !begins(*a, "-")) {
		mask_part(a, 0, a->len);
		return;
	}
	if (mask_pair(a))
		return;
	mask_url(a);
	mask_short(a, before, program);
}

size_t
mask_args(char *args, size_t len)
{
	struct arg before = { args, 0 }, program = { args, 0 };
	size_t out = 0;

	for (size_t at = 0; at <= len;) {
		const char *end = at < len ? memchr(args + at, '\0', len - at) : NULL;
		struct arg a = { args + at, end != NULL ? (size_t)(end - args) - at : len - at };
		size_t next = at + a.len + 1;

		if (at > 0)
			redact_one(&a, before, program);
		memmove(args + out, a.ptr, a.len);
		a.ptr = args + out;
		if (at == 0)
			program = a;
		before = a;
		out += a.len;
		if (next > len)
			return out;
		args[out++] = '\0';
		at = next;
	}
	return out;
}
