/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter - see filter.h; on the uplink's only thread, and in daemonsec-ctl. */
#include "agent/uplink/logs/filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum word { WORD_PREFIX, WORD_FAIL, WORD_IGNORE };

struct regex {
	enum word word;
	pcre2_code *code;
};

struct filter {
	char name[64];
	char *logs[FILTER_LOGS];
	size_t logs_len;
	struct regex *regexes;
	size_t len;
};

struct filters {
	struct filter *all[FILTERS_MAX];
	size_t len;
	pcre2_code *date;
	pcre2_match_context *limits;
	pcre2_match_data *data, *inner;
	uint64_t runaways;
};

/* What stands for a time in logs; fail2ban cuts it out before it looks. */
static const char date_text[] =
    "(?:^|(?<=[\\[\\s(<]))(?:"
    "@[0-9a-f]{24}"
    "|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* "
    "+\\d{1,2},? (?:\\d{4} )?\\d{1,2}:\\d\\d:\\d\\d(?:[.,]\\d+)?(?: \\d{4}\\b)?"
    "|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?\\d{1,2}[ /-](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
    "[ /-]\\d{4}[: ]\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d+)?(?: [+-]\\d{4})?"
    "|\\d{4}[-/.]\\d\\d[-/.]\\d\\d[T ]+ ?\\d{1,2}:\\d\\d:\\d\\d(?:[.,]\\d+)?(?: ?(?:Z|[+-]\\d\\d:?\\d\\d))?"
    "|\\d{1,2}[/.-]\\d{1,2}[/.-](?:\\d{4}|\\d\\d)[ :@]+\\d{1,2}:\\d\\d:\\d\\d(?:[.,]\\d+)?"
    "|\\d{8}T\\d{6}(?:\\.\\d+)?Z?"
    "|\\d{6} {1,2}\\d{1,2}:\\d\\d:\\d\\d"
    "|\\d{14}(?=\\s|$)"
    "|1\\d{9}(?:\\.\\d{3,6})?(?=[\\s\\]:,)]|$)"
    ")|(?<=msg=audit\\()\\d{10}\\.\\d+(?=:)";

static pcre2_code *
compile(const char *text, size_t len, char *why, size_t size)
{
	int error;
	PCRE2_SIZE at;
	unsigned char said[120];
	pcre2_code *code = pcre2_compile(
	    (PCRE2_SPTR)text, len, PCRE2_DUPNAMES | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);

	if (code != NULL)
		return code;
	pcre2_get_error_message(error, said, sizeof(said));
	snprintf(why, size, "at character %zu of the expression: %s", (size_t)at + 1, said);
	return NULL;
}

static void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->len; i++)
		pcre2_code_free(f->regexes[i].code);
	for (size_t i = 0; i < f->logs_len; i++)
		free(f->logs[i]);
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
	pcre2_code_free(f->date);
	pcre2_match_data_free(f->data);
	pcre2_match_data_free(f->inner);
	pcre2_match_context_free(f->limits);
	free(f);
}

static struct filters *
filters_new(void)
{
	struct filters *f = calloc(1, sizeof(*f));
	char why[200];

	if (f == NULL)
		return NULL;
	f->date = compile(date_text, sizeof(date_text) - 1, why, sizeof(why));
	f->limits = pcre2_match_context_create(NULL);
	f->data = pcre2_match_data_create(64, NULL);
	f->inner = pcre2_match_data_create(64, NULL);
	if (f->date == NULL || f->limits == NULL || f->data == NULL || f->inner == NULL) {
		filters_free(f);
		return NULL;
	}
	pcre2_set_match_limit(f->limits, FILTER_STEPS);
	pcre2_set_depth_limit(f->limits, FILTER_STEPS);
	pcre2_set_heap_limit(f->limits, FILTER_HEAP_KIB);
	return f;
}

/* ---- reading */

static int
add_filter(struct filters *f, const char *name, size_t len)
{
	struct filter *one;

	if (f->len == FILTERS_MAX || len == 0 || len >= sizeof(one->name))
		return -EINVAL;
	one = calloc(1, sizeof(*one));
	if (one == NULL)
		return -ENOMEM;
	memcpy(one->name, name, len);
	f->all[f->len++] = one;
	return 0;
}

static int
add_log(struct filter *f, const char *path, size_t len)
{
	if (f->logs_len == FILTER_LOGS || len == 0 || path[0] != '/')
		return -EINVAL;
	f->logs[f->logs_len] = strndup(path, len);
	return f->logs[f->logs_len] != NULL ? (f->logs_len++, 0) : -ENOMEM;
}

static int
add_regex(struct filter *f, enum word word, const char *text, size_t len, char *why, size_t size)
{
	struct regex *grown;

	if (f->len == FILTER_REGEXES)
		return -EINVAL;
	grown = realloc(f->regexes, (f->len + 1) * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	f->regexes = grown;
	grown[f->len] = (struct regex){ .word = word, .code = compile(text, len, why, size) };
	if (grown[f->len].code == NULL)
		return -EINVAL;
	f->len++;
	return 0;
}

static int
read_line(struct filters *f, const char *line, size_t len, char *why, size_t size)
{
	static const struct {
		const char *word;
		int is; /* enum word; -1 filter, -2 log */
	} words[] = { { "filter ", -1 }, { "log ", -2 }, { "prefix ", WORD_PREFIX },
		{ "fail ", WORD_FAIL }, { "ignore ", WORD_IGNORE } };
	struct filter *last = f->len > 0 ? f->all[f->len - 1] : NULL;

	snprintf(why, size, "expected filter, log, prefix, fail or ignore and what belongs to it");
	if (len == 0 || line[0] == '#')
		return 0;
	for (size_t i = 0; i < DS_LEN(words); i++) {
		size_t n = strlen(words[i].word);

		if (len <= n || memcmp(line, words[i].word, n) != 0)
			continue;
		if (words[i].is == -1)
			return add_filter(f, line + n, len - n);
		if (last == NULL)
			return -EINVAL;
		return words[i].is == -2
			   ? add_log(last, line + n, len - n)
			   : add_regex(last, (enum word)words[i].is, line + n, len - n, why, size);
	}
	return -EINVAL;
}

int
filters_parse(const char *text, size_t size, struct filters **ret, char *why, size_t why_size)
{
	struct filters *f = filters_new();
	const char *end = text + size;
	char said[240] = "no memory";
	unsigned number = 0;
	int r = f != NULL && size <= FILTER_FILE_MAX ? 0 : -ENOMEM;

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

/* ---- matching */

/* Counts what ran away; a match is 1 or more. */
static int
run(struct filters *f, struct regex *x, const char *text, size_t len, pcre2_match_data *data)
{
	int r;

	r = pcre2_match(x->code, (PCRE2_SPTR)text, len, 0, 0, data, f->limits);
	if (r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_DEPTHLIMIT ||
	    r == PCRE2_ERROR_HEAPLIMIT)
		f->runaways++;
	return r > 0 ? r : 0;
}

static bool
group(const pcre2_code *code, pcre2_match_data *data, const char *name, char *ret, size_t size)
{
	PCRE2_UCHAR *text;
	PCRE2_SIZE len;
	(void)code;

	if (pcre2_substring_get_byname(data, (PCRE2_SPTR)name, &text, &len) != 0)
		return false;
	snprintf(ret, size, "%.*s", (int)DS_MIN(len, size - 1), (const char *)text);
	pcre2_substring_free(text);
	return ret[0] != '\0';
}

static void
take_groups(const struct regex *x, pcre2_match_data *data, struct filter_hit *ret)
{
	static const char *const hosts[] = { "ip4", "ip6", "dns" }, *const users[] = { "user",
		"alt_user", "alt_user1", "alt_user2" };

	for (size_t i = 0; i < DS_LEN(hosts) && !ret->host[0]; i++)
		(void)group(x->code, data, hosts[i], ret->host, sizeof(ret->host));
	for (size_t i = 0; i < DS_LEN(users) && !ret->user[0]; i++)
		(void)group(x->code, data, users[i], ret->user, sizeof(ret->user));
}

static bool
filter_match(
    struct filters *f, struct filter *one, const char *line, size_t len, struct filter_hit *ret)
{
	char content[FILTER_LINE_MAX + 1];

	*ret = (struct filter_hit){ .filter = one->name };
	for (size_t i = 0; i < one->len; i++) {
		struct regex *x = &one->regexes[i];

		if (x->word == WORD_IGNORE && run(f, x, line, len, f->data) > 0)
			return false;
		if (x->word != WORD_PREFIX)
			continue;
		if (run(f, x, line, len, f->data) == 0)
			return false;
		take_groups(x, f->data, ret);
		if (group(x->code, f->data, "content", content, sizeof(content))) {
			line = content;
			len = strlen(content);
		}
	}
	for (size_t i = 0; i < one->len; i++) {
		struct regex *x = &one->regexes[i];

		if (x->word != WORD_FAIL || run(f, x, line, len, f->inner) == 0)
			continue;
		take_groups(x, f->inner, ret);
		/* A line that only sets the scene for others. */
		return !group(x->code, f->inner, "nofail", content, sizeof(content)) &&
		       ret->host[0] != '\0';
	}
	return false;
}

static bool
is_of(const struct filter *f, const char *log)
{
	for (size_t i = 0; i < f->logs_len; i++)
		if (log == NULL || fnmatch(f->logs[i], log, 0) == 0)
			return true;
	return log == NULL || f->logs_len == 0;
}

bool
filters_match(
    struct filters *f, const char *log, const char *line, size_t len, struct filter_hit *ret)
{
	char cut[FILTER_LINE_MAX];
	const PCRE2_SIZE *at;

	len = DS_MIN(len, sizeof(cut));
	memcpy(cut, line, len);
	if (pcre2_match(f->date, (PCRE2_SPTR)line, len, 0, 0, f->data, f->limits) > 0) {
		at = pcre2_get_ovector_pointer(f->data);
		memmove(cut + at[0], cut + at[1], len - at[1]);
		len -= at[1] - at[0];
	}
	for (size_t i = 0; i < f->len; i++)
		if (is_of(f->all[i], log) && filter_match(f, f->all[i], cut, len, ret))
			return true;
	return false;
}

size_t
filters_len(const struct filters *f)
{
	return f->len;
}

uint64_t
filters_runaways(const struct filters *f)
{
	return f->runaways;
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

#else
/* Built without regular expressions: there are no filters. */
int
filters_parse(const char *text, size_t size, struct filters **ret, char *why, size_t why_size)
{
	(void)text;
	(void)size;
	(void)ret;
	snprintf(why, why_size, "regular expressions are not built in (libpcre2)");
	return -ENOSYS;
}

void
filters_free(struct filters *f)
{
	(void)f;
}

bool
filters_match(
    struct filters *f, const char *log, const char *line, size_t len, struct filter_hit *ret)
{
	(void)f;
	(void)log;
	(void)line;
	(void)len;
	(void)ret;
	return false;
}

size_t
filters_len(const struct filters *f)
{
	(void)f;
	return 0;
}

uint64_t
filters_runaways(const struct filters *f)
{
	(void)f;
	return 0;
}

int
filters_each_log(const struct filters *f, int (*call)(const char *path, void *ctx), void *ctx)
{
	(void)f;
	(void)call;
	(void)ctx;
	return 0;
}
#endif

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
