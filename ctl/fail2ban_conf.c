/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/fail2ban_conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX  8   /* files that include files */
#define ROUNDS_MAX 400 /* values that lead to values */
#define NAME_MAX_  128
#define FILE_MAX   (1u << 20) /* bytes */

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

/* What is behind " ;" is a comment, everywhere. */
static void
cut_comment(char *line)
{
	for (char *p = strchr(line, ';'); p != NULL; p = strchr(p + 1, ';'))
		if (p > line && isspace((unsigned char)p[-1])) {
			*p = '\0';
			return;
		}
}

static void
read_conf_line(struct reading *r, char *line)
{
	bool more = isspace((unsigned char)line[0]);
	char *text, *at;

	cut_comment(line);
	text = trim(line);
	if (*text == '\0' || *text == '#' || *text == ';')
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

static void
take_text(const char *dir, char *text, json_t *into, int depth)
{
	struct reading r = { .into = into, .own = json_object() };

	for (char *line = text, *end; *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		if (*end != '\0')
			*end++ = '\0';
		if (strlen(line) <= FAIL2BAN_LINE_MAX)
			read_conf_line(&r, line);
	}
	if (dir != NULL)
		include(dir, r.own, "before", into, depth);
	merge(into, r.own);
	if (dir != NULL)
		include(dir, r.own, "after", into, depth);
	json_decref(r.own);
}

void
fail2ban_take(const char *dir, char *text, json_t *into)
{
	take_text(dir, text, into, 0);
}

static int
read_one(const char *dir, const char *file, json_t *into, int depth)
{
	char path[600], *text;
	FILE *f;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = depth < DEPTH_MAX ? fopen(path, "re") : NULL;
	if (f == NULL)
		return depth < DEPTH_MAX ? -errno : -ELOOP;
	text = malloc(FILE_MAX + 1);
	len = text != NULL ? fread(text, 1, FILE_MAX, f) : 0;
	fclose(f);
	if (text == NULL)
		return -ENOMEM;
	text[len] = '\0';
	take_text(dir, text, into, depth);
	free(text);
	return 0;
}

int
fail2ban_read_file(const char *dir, const char *file, json_t *into)
{
	return read_one(dir, file, into, 0);
}

int
fail2ban_read(const char *dir, const char *more, const char *name, json_t *into)
{
	char file[NAME_MAX_ + 8];
	int r, local;

	snprintf(file, sizeof(file), "%.100s.conf", name);
	r = read_one(dir, file, into, 0);
	if (r < 0 && more != NULL)
		r = read_one(more, file, into, 0);
	snprintf(file, sizeof(file), "%.100s.local", name);
	if (r == 0 && more != NULL)
		(void)read_one(more, file, into, 0); /* most filters need none */
	local = read_one(dir, file, into, 0);
	return r < 0 && local < 0 ? r : 0;
}

const char *
fail2ban_get(const json_t *conf, const char *section, const char *key)
{
	static const char *const others[] = { "Definition", "Init", "DEFAULT" };
	const char *v = json_string_value(json_object_get(json_object_get(conf, section), key));

	for (size_t i = 0; v == NULL && i < DS_LEN(others); i++)
		v = json_string_value(json_object_get(json_object_get(conf, others[i]), key));
	return v;
}

void
fail2ban_set(json_t *conf, const char *key, const char *value)
{
	static const char *const sections[] = { "Definition", "Init" };

	for (size_t i = 0; i < DS_LEN(sections); i++)
		json_object_set_new(section_of(conf, sections[i]), key, json_string(value));
}

void
fail2ban_set_all(json_t *conf, const char *options)
{
	char key[60], value[2000];
	int n = 0;

	/* n stays what it is where no value follows the key. */
	for (; sscanf(options, " %59[A-Za-z0-9_.-] = %n", key, &n) == 1 && n > 0; n = 0) {
		size_t len;
		char quote = options[n] == '"' || options[n] == '\'' ? options[n++] : '\0';

		options += n;
		len = quote == '"' ? strcspn(options, "\"")
		      : quote      ? strcspn(options, "'")
				   : strcspn(options, ",]");
		snprintf(
		    value, sizeof(value), "%.*s", (int)DS_MIN(len, sizeof(value) - 1), options);
		for (char *p = key; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		fail2ban_set(conf, key, quote ? value : trim(value));
		options += len + (quote && options[len] == quote);
		options += strspn(options, " ,]\n\t[");
	}
}

/* ---- interpolation */

/* "name" or "section/name"; <name> prefers what is set in Init. */
static const char *
value_of(const json_t *conf, const char *section, const char *text, size_t len, bool percent)
{
	char name[2 * NAME_MAX_], *slash;
	const char *v = NULL;

	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	if (strcmp(name, "__name__") == 0)
		return section;
	slash = strchr(name, '/');
	if (slash != NULL)
		*slash = '\0';
	for (char *p = slash != NULL ? slash + 1 : name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (slash != NULL && strcasecmp(name, "known") != 0) {
		v = json_string_value(json_object_get(json_object_get(conf, name), slash + 1));
		return v != NULL ? v
				 : json_string_value(json_object_get(
				       json_object_get(conf, "DEFAULT"), slash + 1));
	}
	if (slash != NULL)
		return fail2ban_get(conf, "known", slash + 1);
	if (!percent)
		v = json_string_value(json_object_get(json_object_get(conf, "Init"), name));
	return v != NULL ? v : fail2ban_get(conf, section, name);
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

/* What a value of a section refers to by %(name)s is looked for in that section first: it becomes
 * %(section/name)s.  The caller's; NULL: no memory. */
static char *
stay_in_section(const json_t *conf, const char *ref, size_t ref_len, const char *value)
{
	size_t len = strcspn(ref, "/"), at, name, name_len, end, from = 0;
	char section[NAME_MAX_], key[NAME_MAX_], *now = strdup(value), *next;

	if (len >= ref_len || len >= sizeof(section))
		return now;
	snprintf(section, sizeof(section), "%.*s", (int)len, ref);
	while (now != NULL && strlen(now) < FAIL2BAN_TEXT_MAX &&
	       find_reference(now, from, &at, &name, &name_len, &end)) {
		snprintf(key, sizeof(key), "%.*s", (int)name_len, now + name);
		for (char *p = key; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		from = end;
		if (now[at] != '%' || strchr(key, '/') != NULL ||
		    json_object_get(json_object_get(conf, section), key) == NULL)
			continue;
		if (asprintf(&next, "%.*s%%(%s/%s)s%s", (int)at, now, section, key, now + end) < 0)
			next = NULL;
		from += len + 1;
		free(now);
		now = next;
	}
	return now;
}

int
fail2ban_expand(const json_t *conf, const char *section, const char *text, struct ds_buf *out)
{
	char *now = strdup(text), *next;
	size_t from = 0, at, name, len, end;
	int r = now != NULL ? 0 : -ENOMEM;

	for (unsigned round = 0; r == 0 && find_reference(now, from, &at, &name, &len, &end);) {
		const char *raw = value_of(conf, section, now + name, len, now[at] == '%');

		char *v;

		/* fail2ban's own tags stay. */
		if (raw == NULL) {
			from = at + 1;
			continue;
		}
		v = stay_in_section(conf, now + name, len, raw);
		if (v == NULL)
			r = -ENOMEM;
		else if (++round > ROUNDS_MAX || strlen(now) + strlen(v) > FAIL2BAN_TEXT_MAX)
			r = round > ROUNDS_MAX ? -ELOOP : -EMSGSIZE;
		else if (asprintf(&next, "%.*s%s%s", (int)at, now, v, now + end) < 0)
			r = -ENOMEM;
		else {
			free(now);
			now = next;
			from = 0;
		}
		free(v);
	}
	ds_buf_clear(out);
	for (const char *p = now; r == 0 && *p != '\0'; p++) {
		r = ds_buf_put(out, p, 1);
		p += *p == '%' && p[1] == '%';
	}
	free(now);
	return r;
}
