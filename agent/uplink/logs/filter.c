/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter - reads files of filters; see filter.h.  On the uplink's only thread, and in
 * daemonsec-ctl. */
#include "agent/uplink/logs/filter_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->len; i++)
		pattern_free(f->regexes[i].pattern);
	for (size_t i = 0; i < f->logs_len; i++)
		free(f->logs[i]);
	for (size_t i = 0; i < f->journals_len; i++)
		free(f->journals[i]);
	filter_dates_free(f->dates);
	ds_buf_done(&f->lines);
	free(f->connections);
	free(f->regexes);
	free(f);
}

void
filters_free(struct filters *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->len; i++)
		filter_free(f->all[i]);
	filter_dates_free(f->dates);
	pattern_engine_free(f->engine);
	free(f);
}

static struct filters *
filters_new(void)
{
	struct filters *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->dates = filter_dates_new();
	f->engine = pattern_engine_new();
	if (f->dates == NULL || f->engine == NULL) {
		filters_free(f);
		return NULL;
	}
	return f;
}

/* ---- a line of the file; `one` is the filter that it belongs to */

/* What follows a word, and where to say what is wrong with it. */
struct rest {
	const char *text;
	size_t len;
	char *why;
	size_t why_size;
};

static int
add_filter(struct filters *f, const struct rest *rest)
{
	struct filter *one;

	if (f->len == FILTERS_MAX || rest->len == 0 || rest->len >= sizeof(one->name))
		return -EINVAL;
	one = calloc(1, sizeof(*one));
	if (one == NULL)
		return -ENOMEM;
	memcpy(one->name, rest->text, rest->len);
	one->lines_max = 1;
	ds_buf_init(&one->lines, FILTER_LINES_SIZE + FILTER_LINE_MAX * 4);
	f->all[f->len++] = one;
	return 0;
}

static int
take_log(struct filter *one, const struct rest *rest)
{
	if (one->logs_len == FILTER_LOGS || rest->len == 0 || rest->text[0] != '/')
		return -EINVAL;
	one->logs[one->logs_len] = strndup(rest->text, rest->len);
	return one->logs[one->logs_len] != NULL ? (one->logs_len++, 0) : -ENOMEM;
}

static int
take_journal(struct filter *one, const struct rest *rest)
{
	if (one->journals_len == FILTER_LOGS)
		return -EINVAL;
	one->journals[one->journals_len] = strndup(rest->text, rest->len);
	return one->journals[one->journals_len] != NULL ? (one->journals_len++, 0) : -ENOMEM;
}

static int
take_encoding(struct filter *one, const struct rest *rest)
{
	static const struct {
		const char *name;
		enum filter_encoding is;
	} names[] = { { "utf-8", FILTER_UTF8 }, { "latin1", FILTER_LATIN1 },
		{ "utf-16", FILTER_UTF16 } };

	for (size_t i = 0; i < DS_LEN(names); i++)
		if (strlen(names[i].name) == rest->len &&
		    strncasecmp(names[i].name, rest->text, rest->len) == 0) {
			one->encoding = names[i].is;
			return 0;
		}
	return -EINVAL;
}

static int
take_date(struct filter *one, const struct rest *rest)
{
	if (one->dates == NULL)
		one->dates = filter_dates_new();
	return one->dates == NULL
		   ? -ENOMEM
		   : filter_dates_add(one->dates, rest->text, rest->len, rest->why, rest->why_size);
}

static int
take_lines(struct filter *one, const struct rest *rest)
{
	unsigned n = 0;

	for (size_t i = 0; i < rest->len; i++) {
		if (rest->text[i] < '0' || rest->text[i] > '9' || n > FILTER_LINES_MAX)
			return -EINVAL;
		n = 10 * n + (unsigned)(rest->text[i] - '0');
	}
	one->lines_max = n;
	/* An expression that was read before does not know of lines. */
	return n >= 1 && n <= FILTER_LINES_MAX && one->len == 0 ? 0 : -EINVAL;
}

static int
add_regex(struct filter *one, enum filter_word word, const struct rest *rest)
{
	struct filter_regex *grown;
	struct pattern *p;

	if (one->len == FILTER_REGEXES)
		return -EINVAL;
	p = pattern_new(rest->text, rest->len, one->lines_max > 1 && word == FILTER_FAIL, rest->why,
	    rest->why_size);
	if (p == NULL)
		return -EINVAL;
	grown = realloc(one->regexes, (one->len + 1) * sizeof(*grown));
	if (grown == NULL) {
		pattern_free(p);
		return -ENOMEM;
	}
	one->regexes = grown;
	grown[one->len++] = (struct filter_regex){ .word = word, .pattern = p };
	return 0;
}

static int
take_prefix(struct filter *one, const struct rest *rest)
{
	return add_regex(one, FILTER_PREFIX, rest);
}

static int
take_fail(struct filter *one, const struct rest *rest)
{
	return add_regex(one, FILTER_FAIL, rest);
}

static int
take_ignore(struct filter *one, const struct rest *rest)
{
	return add_regex(one, FILTER_IGNORE, rest);
}

static const struct {
	const char *word;
	int (*take)(struct filter *one, const struct rest *rest);
} words[] = {
	{ "log", take_log },
	{ "journal", take_journal },
	{ "encoding", take_encoding },
	{ "date", take_date },
	{ "lines", take_lines },
	{ "prefix", take_prefix },
	{ "fail", take_fail },
	{ "ignore", take_ignore },
};

static bool
is_word(const char *line, size_t len, const char *word, struct rest *ret)
{
	size_t n = strlen(word);

	if (len < n || memcmp(line, word, n) != 0 || (len > n && line[n] != ' '))
		return false;
	n += len > n;
	ret->text = line + n;
	ret->len = len - n;
	return true;
}

static int
read_line(struct filters *f, const char *line, size_t len, char *why, size_t size)
{
	struct filter *last = f->len > 0 ? f->all[f->len - 1] : NULL;
	struct rest rest = { .why = why, .why_size = size };

	snprintf(why, size,
	    "expected filter, log, journal, encoding, date, lines, prefix, fail or ignore and what belongs to it");
	if (len == 0 || line[0] == '#')
		return 0;
	if (is_word(line, len, "filter", &rest))
		return add_filter(f, &rest);
	for (size_t i = 0; last != NULL && i < DS_LEN(words); i++)
		if (is_word(line, len, words[i].word, &rest))
			return words[i].take(last, &rest);
	return -EINVAL;
}

int
filters_parse(const char *text, size_t size, struct filters **ret, char *why, size_t why_size)
{
	struct filters *f = filters_new();
	const char *end = text + size;
	char said[240] = "no memory, or built without regular expressions (libpcre2)";
	unsigned number = 0;
	int r = f == NULL ? -ENOSYS : size <= FILTER_FILE_MAX ? 0 : -E2BIG;

	if (r == -E2BIG)
		snprintf(said, sizeof(said), "the file is too large");
	while (r == 0 && text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		if (stop == NULL)
			stop = end;
		number++;
		r = read_line(f, text, (size_t)(stop - text), said, sizeof(said));
		text = stop + 1;
	}
	if (r < 0) {
		snprintf(why, why_size, "line %u: %s", number, said);
		filters_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

int
filters_load(const char *path, struct filters **ret, char *why, size_t why_size)
{
	char *text = malloc(FILTER_FILE_MAX + 1);
	FILE *file = text != NULL ? fopen(path, "re") : NULL;
	size_t size = file != NULL ? fread(text, 1, FILTER_FILE_MAX + 1, file) : 0;
	int r = file == NULL ? (text != NULL ? -errno : -ENOMEM) : 0;

	snprintf(why, why_size, "%s", strerror(-r));
	if (r == 0)
		r = filters_parse(text, size, ret, why, why_size);
	if (file != NULL)
		(void)fclose(file); /* read only */
	free(text);
	return r;
}

size_t
filters_len(const struct filters *f)
{
	return f->len;
}

uint64_t
filters_runaways(const struct filters *f)
{
	return pattern_engine_runaways(f->engine);
}

int
filters_each_log(const struct filters *f, int (*call)(const char *path, void *ctx), void *ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->len; i++)
		for (size_t k = 0; r == 0 && k < f->all[i]->logs_len; k++)
			r = call(f->all[i]->logs[k], ctx);
	return r;
}

int
filters_each_journal(const struct filters *f, int (*call)(const char *match, void *ctx), void *ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->len; i++)
		for (size_t k = 0; r == 0 && k < f->all[i]->journals_len; k++)
			r = call(f->all[i]->journals[k], ctx);
	return r;
}
