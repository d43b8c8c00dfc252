/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print.h"
#include "lib/clock.h"
#include "lib/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define CELL_MAX    1024u
#define COLUMNS_MAX 16u

const json_t *
print_lookup(const json_t *item, const char *path)
{
	while (path != NULL) {
		const char *bar = strchr(path, '|');
		size_t left = bar ? (size_t)(bar - path) : strlen(path);
		const json_t *at = item;
		const char *p = path;

		while (at != NULL && left > 0) {
			size_t n = 0;
			char name[128];

			while (n < left && p[n] != '.')
				n++;
			snprintf(name, sizeof(name), "%.*s", (int)n, p);
			at = json_object_get(at, name);
			p += n + (n < left);
			left -= n + (n < left);
		}
		if (at != NULL && !json_is_null(at))
			return at;
		path = bar ? bar + 1 : NULL;
	}
	return NULL;
}

/* A value as one line: lists joined by spaces, control characters escaped. */
static void
value_text(const json_t *v, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	if (json_is_string(v)) {
		(void)ds_utf8_escape(json_string_value(v), json_string_length(v), buf, size);
	} else if (json_is_integer(v)) {
		snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	} else if (json_is_real(v)) {
		snprintf(buf, size, "%.4g", json_real_value(v));
	} else if (json_is_boolean(v)) {
		snprintf(buf, size, "%s", json_is_true(v) ? "yes" : "no");
	} else if (json_is_array(v)) {
		size_t i;
		json_t *one;

		json_array_foreach((json_t *)(uintptr_t)v, i, one)
		{
			char part[CELL_MAX];

			value_text(one, part, sizeof(part));
			if (n + 2 < size)
				n +=
				    (size_t)snprintf(buf + n, size - n, "%s%s", i ? " " : "", part);
			n = DS_MIN(n, size - 1);
		}
	} else if (json_is_object(v)) {
		char *text = json_dumps(v, JSON_COMPACT | JSON_ENSURE_ASCII);

		snprintf(buf, size, "%s", text ? text : "");
		free(text);
	}
}

const char *
print_text(const json_t *item, const char *path, char *buf, size_t size)
{
	const json_t *v = print_lookup(item, path);

	buf[0] = '\0';
	if (v != NULL)
		value_text(v, buf, size);
	return buf;
}

void
print_strings(FILE *out, const char *begin, const json_t *list)
{
	char text[CELL_MAX];

	for (size_t i = 0; i < json_array_size(list); i++) {
		value_text(json_array_get(list, i), text, sizeof(text));
		fprintf(out, "%s%s\n", begin, text);
	}
}

static void
cell(const json_t *item, const struct column *col, char *buf, size_t size)
{
	const json_t *v = print_lookup(item, col->path);

	buf[0] = '\0';
	if (col->format != NULL)
		col->format(v, item, buf, size);
	else if (v != NULL)
		value_text(v, buf, size);
}

const char *
print_colour(const char *word)
{
	static const struct {
		const char *word, *colour;
	} colours[] = { { "critical", "\033[1;31m" }, { "FAIL", "\033[1;31m" },
		{ "high", "\033[31m" }, { "failed", "\033[31m" }, { "medium", "\033[33m" },
		{ "warn", "\033[33m" } };
	const char *no = getenv("NO_COLOR");

	if (!isatty(STDOUT_FILENO) || (no != NULL && *no != '\0'))
		return "";
	for (size_t i = 0; i < DS_LEN(colours); i++)
		if (strcmp(colours[i].word, word) == 0)
			return colours[i].colour;
	return "";
}

static size_t
terminal_width(void)
{
	struct winsize w;
	const char *env = getenv("COLUMNS");

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20)
		return w.ws_col;
	return env != NULL && strtoul(env, NULL, 10) > 20 ? strtoul(env, NULL, 10) : 10000;
}

/* Columns of the screen that UTF-8 text takes, near enough: one for each code point. */
static size_t
width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Pads or cuts to `width`; the last column is only cut. */
static void
put_cell(const char *text, size_t width, bool last)
{
	const char *colour = print_colour(text);
	size_t n = width_of(text), shown = 0;

	if (n <= width) {
		printf("%s%s%s%*s", colour, text, *colour ? PRINT_PLAIN : "",
		    last ? 0 : (int)(width - n + 2), "");
		return;
	}
	for (; *text != '\0' && (shown + 1 < width || ((unsigned char)*text & 0xc0) == 0x80);
	     text++) {
		putchar(*text);
		shown += ((unsigned char)text[1] & 0xc0) != 0x80;
	}
	printf("\xe2\x80\xa6%*s", last ? 0 : 2, "");
}

static size_t
measure(const json_t *items, const struct column *columns, size_t *widths)
{
	size_t n = 0, i;
	json_t *item;
	char buf[CELL_MAX];

	for (; n < COLUMNS_MAX && columns[n].title != NULL; n++)
		widths[n] = width_of(columns[n].title);
	json_array_foreach((json_t *)(uintptr_t)items, i, item)
	{
		for (size_t k = 0; k < n; k++) {
			cell(item, &columns[k], buf, sizeof(buf));
			widths[k] = DS_MAX(widths[k], width_of(buf));
		}
	}
	return n;
}

/* Takes from the widest column until the line fits; the last may be as wide as what is left. */
static void
fit(size_t *widths, size_t n)
{
	size_t room = terminal_width(), total = 0;

	for (size_t k = 0; k < n; k++)
		total += widths[k] + 2;
	while (total > room + 2) {
		size_t widest = 0;

		for (size_t k = 0; k < n; k++)
			if (widths[k] >= widths[widest])
				widest = k;
		if (widths[widest] <= 8)
			break;
		widths[widest]--;
		total--;
	}
}

static void
print_table(
    const struct ctl *c, const json_t *items, const struct column *columns, const char *empty)
{
	size_t widths[COLUMNS_MAX], n, i;
	json_t *item;
	char buf[CELL_MAX];

	if (json_array_size(items) == 0) {
		fprintf(stderr, "%s\n", empty);
		return;
	}
	n = measure(items, columns, widths);
	fit(widths, n);
	if (!c->no_headers) {
		for (size_t k = 0; k < n; k++)
			put_cell(columns[k].title, widths[k], k + 1 == n);
		putchar('\n');
	}
	json_array_foreach((json_t *)(uintptr_t)items, i, item)
	{
		for (size_t k = 0; k < n; k++) {
			cell(item, &columns[k], buf, sizeof(buf));
			put_cell(buf, widths[k], k + 1 == n);
		}
		putchar('\n');
	}
}

/* RFC 4180; a cell that a spreadsheet would take for a formula gets an apostrophe. */
static void
csv_cell(const char *text)
{
	const char *guard = strchr("=+-@\t\r", *text) != NULL && *text != '\0' ? "'" : "";

	if (strpbrk(text, ",\"\r\n") == NULL && *guard == '\0') {
		fputs(text, stdout);
		return;
	}
	printf("\"%s", guard);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static void
csv_line(const json_t *item, const struct column *columns)
{
	char buf[CELL_MAX];

	for (const struct column *k = columns; k->title != NULL; k++) {
		const json_t *v = print_lookup(item, k->path);

		buf[0] = '\0';
		if (v != NULL)
			value_text(v, buf, sizeof(buf));
		else if (k->format != NULL && k->path == NULL)
			k->format(NULL, item, buf, sizeof(buf));
		if (k != columns)
			putchar(',');
		csv_cell(buf);
	}
	fputs("\r\n", stdout);
}

static void
csv_head(const struct column *columns)
{
	for (const struct column *k = columns; k->title != NULL; k++) {
		if (k != columns)
			putchar(',');
		csv_cell(k->title);
	}
	fputs("\r\n", stdout);
}

static void
json_line(const json_t *item, size_t flags)
{
	json_dumpf(item, stdout, flags);
	putchar('\n');
}

void
print_item(const struct ctl *c, const json_t *item, const struct column *columns)
{
	char buf[CELL_MAX];

	if (c->output == OUTPUT_JSON || c->output == OUTPUT_JSONL) {
		json_line(item, JSON_COMPACT);
	} else if (c->output == OUTPUT_CSV) {
		csv_line(item, columns);
	} else {
		for (const struct column *k = columns; k->title != NULL; k++) {
			cell(item, k, buf, sizeof(buf));
			put_cell(buf,
			    k[1].title != NULL ? DS_MAX(width_of(k->title), (size_t)14) : CELL_MAX,
			    k[1].title == NULL);
		}
		putchar('\n');
	}
	fflush(stdout);
}

void
print_items(
    const struct ctl *c, const json_t *items, const struct column *columns, const char *empty)
{
	size_t i;
	json_t *item;

	if (c->output == OUTPUT_TABLE) {
		print_table(c, items, columns, empty);
		return;
	}
	if (c->output == OUTPUT_JSON) {
		json_line(items, JSON_INDENT(2));
		return;
	}
	if (c->output == OUTPUT_CSV && !c->no_headers)
		csv_head(columns);
	json_array_foreach((json_t *)(uintptr_t)items, i, item)
	{
		if (c->output == OUTPUT_CSV)
			csv_line(item, columns);
		else
			json_line(item, JSON_COMPACT);
	}
}

static void
print_members(const json_t *doc, unsigned depth)
{
	const char *name;
	json_t *v;
	char buf[8192];

	json_object_foreach((json_t *)(uintptr_t)doc, name, v)
	{
		if (json_is_object(v) && json_object_size(v) > 0) {
			printf("%*s%s:\n", (int)depth * 2, "", name);
			print_members(v, depth + 1);
			continue;
		}
		value_text(v, buf, sizeof(buf));
		printf("%*s%s: %s\n", (int)depth * 2, "", name, buf);
	}
}

void
print_document(const struct ctl *c, const json_t *doc)
{
	if (c->output == OUTPUT_TABLE)
		print_members(doc, 0);
	else
		json_line(doc, c->output == OUTPUT_JSON ? JSON_INDENT(2) : JSON_COMPACT);
}

/* ---- formats */

static bool
parse_value_time(const json_t *value, uint64_t *ret)
{
	return json_is_string(value) && ds_clock_parse(json_string_value(value), ret) == 0;
}

void
format_time(const json_t *value, const json_t *item, char *buf, size_t size)
{
	struct tm tm;
	uint64_t us;
	time_t s;

	(void)item;
	if (!parse_value_time(value, &us))
		return;
	s = (time_t)(us / DS_US_PER_S);
	if (localtime_r(&s, &tm) != NULL)
		strftime(buf, size, "%m-%d %H:%M:%S", &tm);
}

void
format_age(const json_t *value, const json_t *item, char *buf, size_t size)
{
	uint64_t us, now = ds_clock_wall_us(), s;

	(void)item;
	if (!parse_value_time(value, &us))
		return;
	s = now > us ? (now - us) / DS_US_PER_S : 0;
	if (s < 120)
		snprintf(buf, size, "%" PRIu64 "s ago", s);
	else if (s < 7200)
		snprintf(buf, size, "%" PRIu64 "m ago", s / 60);
	else if (s < 172800)
		snprintf(buf, size, "%" PRIu64 "h ago", s / 3600);
	else
		snprintf(buf, size, "%" PRIu64 "d ago", s / 86400);
}

void
format_percent(const json_t *value, const json_t *item, char *buf, size_t size)
{
	(void)item;
	if (json_is_number(value))
		snprintf(buf, size, "%.1f %%", 100 * json_number_value(value));
}

void
format_count(const json_t *value, const json_t *item, char *buf, size_t size)
{
	char digits[32];
	size_t len, n = 0;

	(void)item;
	if (json_is_string(value))
		snprintf(digits, sizeof(digits), "%s", json_string_value(value));
	else if (json_is_number(value))
		snprintf(digits, sizeof(digits), "%.0f", json_number_value(value));
	else
		return;
	len = strlen(digits);
	for (size_t i = 0; i < len && n + 2 < size; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf[n++] = ' ';
		buf[n++] = digits[i];
	}
	buf[n] = '\0';
}

void
format_yes(const json_t *value, const json_t *item, char *buf, size_t size)
{
	(void)item;
	snprintf(buf, size, "%s", json_is_true(value) ? "yes" : "no");
}
