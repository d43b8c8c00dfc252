/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arguments - what was typed after a verb: its options, and what to say when they are wrong.
 */
#include "ctl/ctl.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAR 3u /* letters that are wrong: it was meant otherwise */

const struct verb *
verb_find(const char *name)
{
	for (const struct verb *v = verb_table; v->name != NULL; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

/* A word that may have been meant, of those in `words` that begin with `begin`; "" for none. */
static void
nearest(const char *words, const char *begin, const char *typed, char ret[64])
{
	unsigned best = FAR;
	size_t len;

	ret[0] = '\0';
	for (const char *w = words; *w != '\0'; w += len + strspn(w + len, " ")) {
		unsigned far = ds_nearest_distance(w, len = strcspn(w, " "), typed, strlen(typed));

		if (strncmp(w, begin, strlen(begin)) != 0 || far >= best)
			continue;
		best = far;
		snprintf(ret, 64, "%.*s", (int)len, w);
	}
}

static bool
has_word(const char *words, const char *word)
{
	size_t len;

	for (const char *w = words; *w != '\0'; w += len + strspn(w + len, " ")) {
		len = strcspn(w, " ");
		if (strlen(word) == len && strncmp(w, word, len) == 0)
			return true;
	}
	return false;
}

/* ---- forms: what stands between " | " in a verb's arguments, outside of brackets */

static size_t
form_len(const char *text, size_t max)
{
	size_t i;
	int depth = 0;

	for (i = 0; i < max; i++) {
		depth += (text[i] == '[') - (text[i] == ']');
		if (depth == 0 && i + 3 <= max && strncmp(text + i, " | ", 3) == 0)
			break;
	}
	return i;
}

/* "[show H | revoke H] [--host H]": the verb alone is a form as well; the length of what is in the
 * first brackets, 0 when it is no such group. */
static size_t
group_len(const char *args)
{
	size_t i = 0;
	int depth = 0;

	if (args[0] != '[' || args[1] < 'a' || args[1] > 'z')
		return 0;
	do
		depth += (args[i] == '[') - (args[i] == ']');
	while (args[i++] != '\0' && depth > 0);
	return i - 2;
}

/* Whether a form begins with that word; "check|show" has two. */
static bool
form_is(const char *form, size_t len, const char *word)
{
	size_t end = strcspn(form, " "), n;

	for (const char *p = form; p < form + DS_MIN(end, len); p += n + 1) {
		n = strcspn(p, "| ");
		if (strlen(word) == n && strncmp(p, word, n) == 0)
			return true;
	}
	return false;
}

/* Prints the forms that begin with `word`, all for NULL; how many.  With NULL for `out` it counts.
 */
static unsigned
put_forms(FILE *out, const struct verb *v, const char *word)
{
	size_t group = group_len(v->args), max = group ? group : strlen(v->args), len;
	const char *args = v->args + (group > 0), *more = group ? args + group + 1 : "";
	unsigned n = 0;

	if (group > 0 && word == NULL && out != NULL)
		fprintf(out, "%s daemonsec-ctl %s%s\n", n++ ? "      " : "usage:", v->name, more);
	for (size_t at = 0; at == 0 || at < max; at += len + 3) {
		len = form_len(args + at, max - at);
		if (word != NULL && !form_is(args + at, len, word))
			continue;
		if (out != NULL)
			fprintf(out, "%s daemonsec-ctl %s%s%.*s%s\n",
			    n ? "      " : "usage:", v->name, len ? " " : "", (int)len, args + at,
			    more);
		n++;
	}
	return n;
}

void
verb_help(const struct verb *v, FILE *out)
{
	(void)put_forms(out, v, NULL);
	fprintf(out, "%s\n", v->help);
}

int
ctl_usage(const struct ctl *c)
{
	const struct verb *v = verb_find(c->argv[0]);
	const char *word = c->argc > 1 && c->argv[1][0] != '-' ? c->argv[1] : NULL;
	bool has_words = v->words[0] >= 'a' && v->words[0] <= 'z', is_known;
	char near[64];

	is_known = word != NULL && has_words && put_forms(NULL, v, word) > 0;
	if (word != NULL && has_words && !is_known) {
		nearest(v->words, "", word, near);
		fprintf(stderr, "daemonsec-ctl: %s has no \"%s\"", v->name, word);
		if (near[0] != '\0')
			fprintf(stderr, "; did you mean \"%s\"?", near);
		fputc('\n', stderr);
	} else {
		fprintf(stderr, "daemonsec-ctl: %s%s%s wants other arguments\n", v->name,
		    is_known ? " " : "", is_known ? word : "");
	}
	(void)put_forms(stderr, v, is_known ? word : NULL);
	return EXIT_USAGE;
}

/* ---- options */

static void
remove_arguments(struct ctl *c, int at, int n)
{
	for (int i = at; i + n < c->argc; i++)
		c->argv[i] = c->argv[i + n];
	c->argc -= n;
}

/* What follows its one or two dashes, or NULL. */
static const char *
option_name(const char *text)
{
	return text[0] == '-' ? text + 1 + (text[1] == '-') : NULL;
}

const char *
ctl_option(struct ctl *c, const char *name)
{
	size_t len = strlen(name);

	for (int i = 1; i < c->argc; i++) {
		const char *a = option_name(c->argv[i]), *value;

		if (a == NULL || strncmp(a, name, len) != 0)
			continue;
		if (a[len] == '=') {
			remove_arguments(c, i, 1);
			return a + len + 1;
		}
		if (a[len] == '\0' && i + 1 < c->argc) {
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
		const char *a = option_name(c->argv[i]);

		if (a != NULL && strcmp(a, name) == 0) {
			remove_arguments(c, i, 1);
			return true;
		}
	}
	return false;
}

bool
ctl_options_known(struct ctl *c)
{
	const char *words = verb_find(c->argv[0])->words;
	char near[64];

	for (int i = 1; i < c->argc; i++) {
		const char *a = c->argv[i];

		if (strcmp(a, "--") == 0) {
			remove_arguments(c, i, 1);
			return true;
		}
		if (a[0] != '-' || a[1] == '\0')
			continue;
		if (has_word(words, a)) {
			fprintf(stderr, "daemonsec-ctl: %s wants a value, and only one\n", a);
			return false;
		}
		nearest(words, "--", a, near);
		fprintf(stderr, "daemonsec-ctl: %s does not know %s", c->argv[0], a);
		if (near[0] != '\0')
			fprintf(stderr, "; did you mean %s?", near);
		fprintf(stderr, "\n  daemonsec-ctl %s --help says what it knows\n", c->argv[0]);
		return false;
	}
	return true;
}

bool
ctl_number(struct ctl *c, const char *name, int64_t max, int64_t *value)
{
	const char *text = ctl_option(c, name);
	char *end;
	long long v;

	if (text == NULL)
		return true;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (end != text && *end == '\0' && errno == 0 && v > 0 && v <= max) {
		*value = v;
		return true;
	}
	fprintf(stderr, "daemonsec-ctl: --%s is a number", name);
	if (max < INT64_MAX)
		fprintf(stderr, " from 1 to %lld", (long long)max);
	fprintf(stderr, ", not \"%s\"\n", text);
	return false;
}

bool
ctl_time(struct ctl *c, const char *name, char buf[CTL_TIME_SIZE], const char **ret)
{
	const char *text = ctl_option(c, name), *back;
	uint64_t ms, us, now_us = ds_clock_wall_us();

	*ret = NULL;
	if (text == NULL)
		return true;
	back = strncmp(text, "now-", 4) == 0 ? text + 4 : text;
	if (strcmp(text, "now") == 0) {
		us = now_us;
	} else if (ds_conf_duration(back, &ms) == 0) {
		us = now_us - DS_MIN(ms * 1000, now_us);
	} else if (ds_clock_parse(text, &us) < 0) {
		fprintf(stderr,
		    "daemonsec-ctl: --%s is a time such as 10m, 1h, 7d or 2026-11-24T01:02:03Z, not \"%s\"\n",
		    name, text);
		return false;
	}
	ds_clock_format(us, buf, CTL_TIME_SIZE);
	*ret = buf;
	return true;
}

int
ctl_file_error(const char *file, int r)
{
	fprintf(stderr, "daemonsec-ctl: %s: %s\n", file, strerror(-r));
	return ctl_exit_code(r);
}

int
ctl_exit_code(int r)
{
	return r == -EACCES || r == -EPERM ? EXIT_NOT_ALLOWED
	       : r == -ENOENT              ? EXIT_NOT_FOUND
	       : r == -EEXIST              ? EXIT_CONFLICT
					   : EXIT_FOUND;
}
