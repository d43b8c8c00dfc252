/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/fail2ban_conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_  8192
#define DEPTH_MAX  8   /* files that include files */
#define ROUNDS_MAX 200 /* values that lead to values */
#define NAME_MAX_  128

/* ---- files */

struct reading {
	json_t *into, *own; /* all, and what this file says */
	char section[NAME_MAX_], key[NAME_MAX_];
};

static json_t *
section_of(json_t *conf, const char *name)
{
	json_t *s = json_object_get(conf, name);

	if (s == NULL) {
		s = json_object();
		json_object_set_new(conf, name, s);
	}
	return s;
}

static char *
trim(char *s)
{
	size_t len;

	while (isspace((unsigned char)*s))
		s++;
	len = strlen(s);
	while (len > 0 && isspace((unsigned char)s[len - 1]))
		s[--len] = '\0';
	return s;
}

static void
append(struct reading *r, const char *text)
{
	json_t *s = section_of(r->own, r->section);
	const char *before = json_string_value(json_object_get(s, r->key));
	json_t *all =
	    before != NULL && *before ? json_sprintf("%s\n%s", before, text) : json_string(text);

	/* What is no UTF-8 is no expression either. */
	if (all != NULL)
		json_object_set_new(s, r->key, all);
}

static void
read_conf_line(struct reading *r, char *line)
{
	bool more = isspace((unsigned char)line[0]);
	char *text = trim(line), *at;

	if (*text == '\0' || (!more && (*text == '#' || *text == ';')) || (more && *text == '#'))
		return;
	if (!more && *text == '[' && (at = strchr(text, ']')) != NULL) {
		*at = '\0';
		snprintf(r->section, sizeof(r->section), "%s", text + 1);
		r->key[0] = '\0';
		(void)section_of(r->own, r->section);
		return;
	}
	if (more && r->key[0] != '\0') {
		append(r, text);
		return;
	}
	at = strpbrk(text, "=:");
	if (at == NULL || r->section[0] == '\0')
		return;
	*at = '\0';
	snprintf(r->key, sizeof(r->key), "%s", trim(text));
	for (char *p = r->key; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	json_object_set_new(section_of(r->own, r->section), r->key, json_string(""));
	append(r, trim(at + 1));
}

/* What a file overrides stays known: %(known/NAME)s. */
static void
merge(json_t *into, json_t *from)
{
	const char *name, *key;
	json_t *values, *value;

	json_object_foreach(from, name, values)
	{
		json_object_foreach(values, key, value)
		{
			const char *before = fail2ban_get(into, name, key);

			if (before != NULL)
				json_object_set_new(
				    section_of(into, "known"), key, json_string(before));
			json_object_set(section_of(into, name), key, value);
		}
	}
}

static int read_one(const char *dir, const char *file, json_t *into, int depth);

/* Names of files, by lines. */
static void
include(const char *dir, const json_t *own, const char *when, json_t *into, int depth)
{
	const char *list =
	    json_string_value(json_object_get(json_object_get(own, "INCLUDES"), when));
	char name[NAME_MAX_];

	while (list != NULL && *list != '\0') {
		size_t len = strcspn(list, "\n");

		snprintf(name, sizeof(name), "%.*s", (int)len, list);
		/* What is not there, such as common.local, need not be. */
		if (strstr(name, "..") == NULL && strstr(name, "%(") == NULL)
			(void)read_one(dir, name, into, depth + 1);
		list += len + (list[len] == '\n');
	}
}

static int
read_one(const char *dir, const char *file, json_t *into, int depth)
{
	struct reading r = { .into = into, .own = json_object() };
	char path[600], line[LINE_MAX_];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = depth < DEPTH_MAX ? fopen(path, "re") : NULL;
	if (f == NULL) {
		json_decref(r.own);
		return depth < DEPTH_MAX ? -errno : -ELOOP;
	}
	while (fgets(line, sizeof(line), f) != NULL)
		read_conf_line(&r, line);
	fclose(f);
	include(dir, r.own, "before", into, depth);
	merge(into, r.own);
	include(dir, r.own, "after", into, depth);
	json_decref(r.own);
	return 0;
}

int
fail2ban_read(const char *dir, const char *name, json_t *into)
{
	char file[NAME_MAX_ + 8];
	int r, local;

	snprintf(file, sizeof(file), "%.100s.conf", name);
	r = read_one(dir, file, into, 0);
	snprintf(file, sizeof(file), "%.100s.local", name);
	local = read_one(dir, file, into, 0);
	return r < 0 && local < 0 ? r : 0;
}

const char *
fail2ban_get(const json_t *conf, const char *section, const char *key)
{
	static const char *const others[] = { "Init", "Definition", "DEFAULT" };
	const char *v = json_string_value(json_object_get(json_object_get(conf, section), key));

	for (size_t i = 0; v == NULL && i < DS_LEN(others); i++)
		v = json_string_value(json_object_get(json_object_get(conf, others[i]), key));
	return v;
}

/* ---- interpolation */

/* "name" or "section/name". */
static const char *
value_of(const json_t *conf, const char *section, const char *text, size_t len)
{
	char name[2 * NAME_MAX_], *slash;

	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	slash = strchr(name, '/');
	if (slash != NULL)
		*slash = '\0';
	for (char *p = slash != NULL ? slash + 1 : name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return slash != NULL ? fail2ban_get(conf, name, slash + 1)
			     : fail2ban_get(conf, section, name);
}

/* The next reference at or behind `from` whose name has no other in it: where it begins, its name,
 * and where it ends. */
static bool
find_reference(
    const char *s, size_t from, size_t *ret_at, size_t *ret_name, size_t *ret_len, size_t *ret_end)
{
	for (size_t i = from; s[i] != '\0'; i++) {
		bool percent = s[i] == '%' && s[i + 1] == '(';
		size_t name = i + (percent ? 2 : 1), len;

		if (!percent && s[i] != '<')
			continue;
		len = strspn(
		    s + name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/-");
		if (len == 0 || len >= NAME_MAX_ ||
		    (percent ? strncmp(s + name + len, ")s", 2) != 0 : s[name + len] != '>'))
			continue;
		*ret_at = i;
		*ret_name = name;
		*ret_len = len;
		*ret_end = name + len + (percent ? 2 : 1);
		return true;
	}
	return false;
}

int
fail2ban_expand(const json_t *conf, const char *section, const char *text, struct ds_buf *out)
{
	char *now = strdup(text), *next;
	size_t from = 0, at, name, len, end;
	int r = now != NULL ? 0 : -ENOMEM;

	for (unsigned round = 0; r == 0 && find_reference(now, from, &at, &name, &len, &end);) {
		const char *v = value_of(conf, section, now + name, len);

		/* fail2ban's own tags stay. */
		if (v == NULL) {
			from = at + 1;
			continue;
		}
		if (++round > ROUNDS_MAX || strlen(now) + strlen(v) > FAIL2BAN_TEXT_MAX)
			r = round > ROUNDS_MAX ? -ELOOP : -EMSGSIZE;
		else if (asprintf(&next, "%.*s%s%s", (int)at, now, v, now + end) < 0)
			r = -ENOMEM;
		else {
			free(now);
			now = next;
			from = 0;
		}
	}
	ds_buf_clear(out);
	for (const char *p = now; r == 0 && *p != '\0'; p++) {
		r = ds_buf_put(out, p, 1);
		p += *p == '%' && p[1] == '%';
	}
	free(now);
	return r;
}

/* ---- expressions */

#define IP4 "(?:::f{4,6}:)?(?<ip4>(?:\\d{1,3}\\.){3}\\d{1,3})"
#define IP6 "(?<ip6>(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)?)"
#define DNS "(?<dns>[\\w\\-.^_]*\\w)"

static const struct {
	const char *tag, *regex;
} tags[] = {
	{ "<HOST>", "(?:" IP4 "|\\[?" IP6 "\\]?|" DNS ")" },
	{ "<ADDR>", "(?:" IP4 "|\\[?" IP6 "\\]?)" },
	{ "<SUBNET>", "\\[?(?:" IP4 "|" IP6 ")(?:/\\d+)?\\]?" },
	{ "<CIDR>", "(?:/\\d+)" },
	{ "<IP4>", IP4 },
	{ "<IP6>", "\\[?" IP6 "\\]?" },
	{ "<DNS>", DNS },
	{ "<F-HOST>", "(?<dns>" },
	{ "<F-IP4>", "(?<ip4>" },
	{ "<F-IP6>", "(?<ip6>" },
	{ "<F-DNS>", "(?<dns>" },
	{ "<F-PORT/>", "\\w+" },
	{ "<F-ID/>", "\\S+" },
	{ "<F-USER/>", "(?<user>\\S+)" },
	{ "(?P<", "(?<" },
	{ "(?iu)", "(?i)" },
	{ "\\Z", "\\z" },
};

/* <F-NAME>: a group of that name, in small letters; </F-NAME> ends one.  How long it was, or 0. */
static size_t
put_group(const char *s, struct ds_buf *out, int *r)
{
	char name[40];
	size_t len = strncmp(s, "<F-", 3) == 0 ? strcspn(s + 3, ">") : 0;

	if (strncmp(s, "</F-", 4) == 0) {
		*r = ds_buf_put(out, ")", 1);
		return strcspn(s, ">") + 1;
	}
	if (len == 0 || len > 24 || s[3 + len] != '>')
		return 0;
	for (size_t i = 0; i < len; i++)
		name[i] = (char)(isalnum((unsigned char)s[3 + i]) ? tolower((unsigned char)s[3 + i])
								  : '_');
	name[len] = '\0';
	*r = ds_buf_put(out, "(?<", 3);
	if (*r == 0)
		*r = ds_buf_put(out, name, len);
	if (*r == 0)
		*r = ds_buf_put(out, ">", 1);
	return len + 4;
}

int
fail2ban_regex(const char *text, size_t len, struct ds_buf *out)
{
	char *s = strndup(text, len);
	int r = s != NULL ? 0 : -ENOMEM;

	ds_buf_clear(out);
	if (r == 0 && strstr(s, "<SKIPLINES>") != NULL)
		r = -ENOTSUP;
	for (size_t i = 0; r == 0 && s[i] != '\0';) {
		size_t n, t = 0;

		while (t < DS_LEN(tags) && strncmp(s + i, tags[t].tag, strlen(tags[t].tag)) != 0)
			t++;
		if (t < DS_LEN(tags)) {
			r = ds_buf_put(out, tags[t].regex, strlen(tags[t].regex));
			n = strlen(tags[t].tag);
		} else if ((n = put_group(s + i, out, &r)) == 0) {
			r = ds_buf_put(out, s + i, 1);
			n = 1;
		}
		i += n;
	}
	free(s);
	return r == 0 && out->len == 0 ? -EINVAL : r;
}
