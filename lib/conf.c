/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/conf.h"
#include "lib/conf_value.h"
#include "lib/nearest.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE     4096u
#define DROP_INS_MAX  256u
#define WORD_MAX_SIZE 64u

/* Where the parser is. */
struct place {
	const struct ds_conf_option *table;
	void *target;
	struct ds_conf_report *report;
	struct ds_conf_origin *origins;
	const char *file;
	unsigned line;
	char section[WORD_MAX_SIZE]; /* as its rows have it */
	char title[WORD_MAX_SIZE];   /* as the file has it: react.shell */
	void *base;                  /* where its values are */
	bool known_section;
};

static void DS_PRINTF(3, 4)
    complain(const struct place *at, unsigned column, const char *format, ...)
{
	struct ds_conf_error *e;
	va_list args;

	at->report->total++;
	if (at->report->len >= DS_CONF_ERRORS_MAX)
		return;
	e = &at->report->errors[at->report->len++];
	snprintf(e->file, sizeof(e->file), "%s", at->file);
	e->line = at->line;
	e->column = column;
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
}

static unsigned
distance(const char *a, const char *b)
{
	return ds_nearest_distance(a, strlen(a), b, strlen(b));
}

static const struct ds_conf_option *
find_option(const struct ds_conf_option *table, const char *section, const char *key)
{
	for (; table->section != NULL; table++)
		if (strcmp(table->section, section) == 0 && strcmp(table->key, key) == 0)
			return table;
	return NULL;
}

static bool
section_exists(const struct ds_conf_option *table, const char *section)
{
	for (; table->section != NULL; table++)
		if (strcmp(table->section, section) == 0)
			return true;
	return false;
}

static void
complain_unknown_key(const struct place *at, unsigned column, const char *key)
{
	const struct ds_conf_option *best = NULL;
	unsigned best_distance = 4;

	for (const struct ds_conf_option *o = at->table; o->section != NULL; o++) {
		unsigned d = distance(key, o->key) + (strcmp(o->section, at->section) != 0);

		if (d < best_distance) {
			best = o;
			best_distance = d;
		}
	}
	at->report->unknown++;
	if (best == NULL)
		complain(at, column, "unknown key \"%s\" in [%s]", key, at->title);
	else if (strcmp(best->section, at->section) == 0)
		complain(at, column, "unknown key \"%s\" in [%s]; did you mean \"%s\"?", key,
		    at->title, best->key);
	else
		complain(at, column, "unknown key \"%s\" in [%s]; did you mean \"%s\" in [%s%s]?",
		    key, at->title, best->key, best->section, conf_is_named(best) ? "NAME" : "");
}

static void
complain_unknown_section(const struct place *at, unsigned column, const char *section)
{
	const char *best = NULL;
	unsigned best_distance = 4;

	for (const struct ds_conf_option *o = at->table; o->section != NULL; o++) {
		unsigned d = distance(section, o->section);

		if (d < best_distance) {
			best = o->section;
			best_distance = d;
		}
	}
	at->report->unknown++;
	complain(at, column, "unknown section [%s]%s%s%s", section, best ? "; did you mean [" : "",
	    best ? best : "", best ? "]?" : "");
}

/* Cuts a comment that begins the text or follows white space, outside quotes, and white space at
 * the end. */
static void
strip(char *text)
{
	bool quoted = false;
	size_t n = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] == '"')
			quoted = !quoted;
		if (!quoted && (text[i] == ';' || text[i] == '#') &&
		    (i == 0 || isspace((unsigned char)text[i - 1]))) {
			text[i] = '\0';
			break;
		}
		n = i + 1;
	}
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	text[n] = '\0';
}

static void
set_option(struct place *at, const struct ds_conf_option *o, unsigned column, char *value,
    const char *origin)
{
	size_t len = strlen(value);
	int r;

	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value[len - 1] = '\0';
		value++;
	}
	r = conf_value_set(o, at->base, value);
	if (r == -ERANGE)
		complain(at, column, "%s = %s is out of range (%lld to %lld)", o->key, value,
		    (long long)o->min, (long long)o->max);
	else if (r == -ENOMEM)
		complain(at, column, "out of memory");
	else if (r < 0)
		complain(at, column, "%s = %s: expected %s", o->key, value, conf_type_expected(o));
	if (r < 0 || at->origins == NULL)
		return;
	if (origin != NULL)
		snprintf(
		    at->origins[o - at->table].text, sizeof(at->origins[0].text), "%s", origin);
	else
		snprintf(at->origins[o - at->table].text, sizeof(at->origins[0].text), "%s:%u",
		    at->file, at->line);
}

static void
enter_named(struct place *at, unsigned column, const char *title)
{
	const struct ds_conf_option *row = conf_named_find(at->table, title);
	struct ds_conf_named *named = (void *)((char *)at->target + row->offset);
	const char *name = title + strlen(row->section);

	at->base = conf_named_get(row, named, name);
	at->known_section = at->base != NULL;
	snprintf(at->section, sizeof(at->section), "%s", row->section);
	if (at->base != NULL)
		return;
	at->base = at->target;
	if (errno == E2BIG)
		complain(
		    at, column, "more than %d sections [%sNAME]", DS_CONF_NAMED_MAX, row->section);
	else
		complain(at, column + 1 + (unsigned)strlen(row->section),
		    "expected a name of letters, digits, - and _ in [%s%s]", row->section, name);
}

static void
parse_section(struct place *at, char *text, unsigned column)
{
	char *end = strchr(text, ']');

	at->known_section = false;
	if (end == NULL) {
		complain(
		    at, column + (unsigned)strlen(text), "expected \"]\" after the section's name");
		return;
	}
	*end = '\0';
	text++;
	if (end[1] != '\0') {
		complain(at, column + (unsigned)(end - text) + 2, "expected nothing after \"]\"");
		return;
	}
	snprintf(at->section, sizeof(at->section), "%s", text);
	snprintf(at->title, sizeof(at->title), "%s", text);
	at->base = at->target;
	if (conf_named_find(at->table, text) != NULL) {
		enter_named(at, column, text);
		return;
	}
	at->known_section = section_exists(at->table, at->section);
	if (!at->known_section)
		complain_unknown_section(at, column + 1, at->section);
}

static void
parse_assignment(struct place *at, char *text, unsigned column)
{
	const struct ds_conf_option *o;
	char *equals = strchr(text, '='), *value;
	size_t n;

	if (equals == NULL) {
		complain(at, column, "expected \"key = value\" or \"[section]\"");
		return;
	}
	if (at->section[0] == '\0') {
		complain(at, column, "expected a [section] before the first key");
		return;
	}
	n = (size_t)(equals - text);
	value = equals + 1;
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	text[n] = '\0';
	while (isspace((unsigned char)*value))
		value++;
	if (!at->known_section)
		return; /* the section's line was complained about */
	o = find_option(at->table, at->section, text);
	if (o == NULL)
		complain_unknown_key(at, column, text);
	else
		set_option(at, o, column + (unsigned)(value - text), value, NULL);
}

static void
parse_line(struct place *at, const char *line, size_t len)
{
	char text[LINE_SIZE];
	size_t indent = 0;

	if (len >= sizeof(text)) {
		complain(at, LINE_SIZE, "line is longer than %u bytes", LINE_SIZE - 1);
		return;
	}
	if (memchr(line, '\0', len) != NULL) {
		complain(at, 1, "line holds a NUL byte");
		return;
	}
	memcpy(text, line, len);
	text[len] = '\0';
	while (isspace((unsigned char)text[indent]))
		indent++;
	strip(text + indent);
	if (text[indent] == '\0')
		return;
	if (text[indent] == '[')
		parse_section(at, text + indent, (unsigned)indent + 1);
	else
		parse_assignment(at, text + indent, (unsigned)indent + 1);
}

static void
parse_text(struct place *at, const char *text, size_t len)
{
	at->line = 0;
	at->section[0] = '\0';
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		at->line++;
		parse_line(at, text, n);
		n = end ? n + 1 : n;
		text += n;
		len -= n;
	}
}

static void
set_defaults(struct place *at)
{
	at->base = at->target;
	for (const struct ds_conf_option *o = at->table; o->section != NULL; o++) {
		char value[512];

		if (conf_is_named(o))
			continue;
		snprintf(value, sizeof(value), "%s", o->fallback);
		set_option(at, o, 0, value, "default");
	}
	for (const struct ds_conf_option *o = at->table; o->section != NULL; o++)
		if (o->type == DS_CONF_NAMED)
			parse_text(at, o->fallback, strlen(o->fallback));
}

static void
set_from_environment(struct place *at)
{
	at->base = at->target;
	for (const struct ds_conf_option *o = at->table; o->section != NULL; o++) {
		char name[2 * WORD_MAX_SIZE + 16], value[LINE_SIZE];
		const char *text;

		if (conf_is_named(o))
			continue;
		snprintf(name, sizeof(name), "DAEMONSEC_%s_%s", o->section, o->key);
		for (char *p = name; *p != '\0'; p++)
			*p = (char)toupper((unsigned char)*p);
		text = getenv(name);
		if (text == NULL)
			continue;
		at->file = name;
		at->line = 0;
		snprintf(value, sizeof(value), "%s", text);
		set_option(at, o, 0, value, "environment");
	}
}

/* The whole file, malloc'd; -errno. */
static int
read_file(const char *file, char **ret, size_t *ret_len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), r = 0;
	size_t len = 0;
	struct stat st;
	char *text;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_size > (off_t)DS_CONF_FILE_MAX) {
		r = -EFBIG;
		goto done;
	}
	text = malloc(DS_CONF_FILE_MAX);
	if (text == NULL) {
		r = -ENOMEM;
		goto done;
	}
	for (;;) {
		ssize_t n = read(fd, text + len, DS_CONF_FILE_MAX - len);

		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		len += (size_t)n;
	}
	if (r < 0) {
		free(text);
		goto done;
	}
	*ret = text;
	*ret_len = len;
done:
	(void)close(fd); /* only read from */
	return r;
}

static int
load_file(struct place *at, const char *file, bool optional)
{
	char *text;
	size_t len;
	int r = read_file(file, &text, &len);

	if (r == -ENOENT && optional)
		return 0;
	at->file = file;
	at->line = 0;
	if (r < 0) {
		complain(at, 0, "cannot be read: %s", strerror(-r));
		return r;
	}
	parse_text(at, text, len);
	free(text);
	return 0;
}

static int
is_drop_in(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

static int
compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp(
	    (*a)->d_name, (*b)->d_name); /* not alphasort: the same order in every locale */
}

static int
load_directory(struct place *at, const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_drop_in, compare_names), r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (r == 0 && i < (int)DROP_INS_MAX)
			r = load_file(at, path, false);
		free(names[i]);
	}
	free(names);
	return r;
}

int
ds_conf_parse(const struct ds_conf_option *table, void *target, const char *name, const char *text,
    size_t len, struct ds_conf_report *report, struct ds_conf_origin *origins)
{
	struct place at = {
		.table = table, .target = target, .report = report, .origins = origins, .file = name
	};

	*report = (struct ds_conf_report){ 0 };
	set_defaults(&at);
	at.file = name;
	parse_text(&at, text, len);
	return report->len > 0 ? -EINVAL : 0;
}

int
ds_conf_load(const struct ds_conf_option *table, void *target, const char *file, const char *dir,
    bool optional, struct ds_conf_report *report, struct ds_conf_origin *origins)
{
	struct place at = { .table = table,
		.target = target,
		.report = report,
		.origins = origins,
		.file = "default" };
	int r;

	*report = (struct ds_conf_report){ 0 };
	set_defaults(&at);
	r = file ? load_file(&at, file, optional) : 0;
	if (r == 0 && dir != NULL)
		r = load_directory(&at, dir);
	set_from_environment(&at);
	if (r < 0)
		return r;
	return report->len > 0 ? -EINVAL : 0;
}

bool
ds_conf_is_usable(int r, const struct ds_conf_report *report)
{
	return r == 0 || (r == -EINVAL && report->total > 0 && report->total == report->unknown);
}

void
ds_conf_free(const struct ds_conf_option *table, void *target)
{
	for (; table->section != NULL; table++) {
		void *at = (char *)target + table->offset;

		if (table->type == DS_CONF_NAMED) {
			conf_named_free(table, at);
		} else if (conf_is_named(table)) {
			continue;
		} else if (table->type == DS_CONF_STRING) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (table->type == DS_CONF_LIST) {
			conf_list_free(at);
		}
	}
}

void
ds_conf_print_report(const struct ds_conf_report *report, FILE *out)
{
	for (size_t i = 0; i < report->len; i++) {
		const struct ds_conf_error *e = &report->errors[i];

		if (e->line > 0)
			fprintf(out, "%s:%u:%u: %s\n", e->file, e->line, e->column, e->text);
		else
			fprintf(out, "%s: %s\n", e->file, e->text);
	}
}

static void
show_named(const struct ds_conf_option *row, const struct ds_conf_named *named, FILE *out)
{
	char value[LINE_SIZE];

	for (size_t i = 0; i < named->len; i++) {
		fprintf(out, "\n[%s%s]\n", row->section, named->items[i].name);
		for (const struct ds_conf_option *o = row + 1;
		     o->section != NULL && strcmp(o->section, row->section) == 0; o++) {
			ds_conf_format(o, named->items[i].value, value, sizeof(value));
			fprintf(out, "%s = %s\n", o->key, value);
		}
	}
}

void
ds_conf_show(const struct ds_conf_option *table, const void *target,
    const struct ds_conf_origin *origins, FILE *out)
{
	const char *section = "";

	for (const struct ds_conf_option *o = table; o->section != NULL; o++) {
		char value[LINE_SIZE];

		if (o->type == DS_CONF_NAMED)
			show_named(o, (const void *)((const char *)target + o->offset), out);
		if (conf_is_named(o))
			continue;
		if (strcmp(section, o->section) != 0)
			fprintf(out, "%s[%s]\n", o == table ? "" : "\n", o->section);
		section = o->section;
		ds_conf_format(o, target, value, sizeof(value));
		fprintf(out, "%s = %s", o->key, value);
		if (origins != NULL)
			fprintf(out, "\t; %s", origins[o - table].text);
		fputc(0x0a, out);
	}
}
