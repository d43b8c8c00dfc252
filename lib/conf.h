/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf - INI configuration read by a table of options: type, range, default and help in one row.
 *
 * From the same rows come `--check-config`, `config show --origin` and the option part of the man
 * pages. Files: the main file, then *.conf of a directory beside it in the order of their names;
 * later wins; then the environment, DAEMONSEC_<SECTION>_<KEY>.  A ';' or '#' at the start of a line
 * or after white space begins a comment. Values may be quoted with "".  Errors name file, line,
 * column and, for an unknown key, the nearest known one.
 */
#ifndef LIB_CONF_H
#define LIB_CONF_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ds_conf_type {
	DS_CONF_STRING,   /* char *, never NULL after load */
	DS_CONF_INT,      /* int64_t */
	DS_CONF_SIZE,     /* uint64_t bytes: 256M, 20G */
	DS_CONF_DURATION, /* uint64_t ms: 10s, 5m, 1h, 30d, 250ms */
	DS_CONF_BOOL,     /* bool: true/false, yes/no, on/off, 1/0 */
	DS_CONF_LIST,     /* struct ds_conf_list: separated by commas */
	DS_CONF_ENUM,     /* int64_t: index into `values` */
	DS_CONF_NAMED,    /* struct ds_conf_named: see there */
};

struct ds_conf_list {
	char **items;
	size_t len;
};

/* Sections that may be there many times, under names: [react.shell], [react.login].  In the table
 * they are rows of one section whose name ends with a dot, "react.".  The first has the key "",
 * the type DS_CONF_NAMED, the size of one section's struct as `min`, and as fallback the text of
 * the sections that are there without being said ("" for none): a file's section of the same name
 * changes single values of them.  The offsets of the other rows are in that struct. */
struct ds_conf_named {
	struct ds_conf_section {
		char name[48];
		void *value; /* of the size said */
	} * items;
	size_t len;
};

#define DS_CONF_NAMED_MAX 128 /* sections of one kind */

struct ds_conf_option {
	const char *section;
	const char *key;
	enum ds_conf_type type;
	size_t offset;        /* of the member in the program's struct */
	const char *fallback; /* the default, as text */
	int64_t min, max;     /* of INT, SIZE, DURATION (ms); both 0: any */
	const char *values;   /* of ENUM: "a|b|c" */
	bool reloadable;      /* taken over on SIGHUP */
	const char *help;     /* one sentence */
};

struct ds_conf_error {
	char file[256];
	unsigned line, column;
	char text[512]; /* a sentence; ds_conf_error_print() puts file:line:column before it */
};

#define DS_CONF_ERRORS_MAX 32
#define DS_CONF_FILE_MAX   (1u << 20) /* bytes */

struct ds_conf_report {
	struct ds_conf_error
	    errors[DS_CONF_ERRORS_MAX]; /* wrong values and syntax: the configuration is refused */
	size_t len;
	size_t total;   /* with those for which there was no room */
	size_t unknown; /* how many of all are unknown keys: an error in a check, a warning at run
			   time */
};

/* Where the value of an option came from: "default", "FILE:LINE" or "environment". */
struct ds_conf_origin {
	char text[300];
};

/* Fills `target` (zeroed by the caller) with defaults, then the file and its drop-in directory
 * (either may be NULL, or not there when `optional`).  origins: NULL, or one for each option.  0;
 * -EINVAL with the report filled; -errno of reading with one error in the report.  The table ends
 * with a row whose section is NULL. */
DS_MUST_CHECK int ds_conf_load(const struct ds_conf_option *table, void *target, const char *file,
    const char *dir, bool optional, struct ds_conf_report *report, struct ds_conf_origin *origins);
/* The same from memory, for tests and the fuzzer. */
DS_MUST_CHECK int ds_conf_parse(const struct ds_conf_option *table, void *target, const char *name,
    const char *text, size_t len, struct ds_conf_report *report, struct ds_conf_origin *origins);
/* Whether a program may run with what load returned r for: nothing but unknown keys was wrong. */
bool ds_conf_is_usable(int r, const struct ds_conf_report *report);
/* Frees what load put into target. */
void ds_conf_free(const struct ds_conf_option *table, void *target);
void ds_conf_print_report(const struct ds_conf_report *report, FILE *out);
/* "[section]\nkey = value   ; origin" for all options. */
void ds_conf_show(const struct ds_conf_option *table, const void *target,
    const struct ds_conf_origin *origins, FILE *out);
/* The value of one option as text, as one would write it. */
void ds_conf_format(
    const struct ds_conf_option *option, const void *target, char *ret, size_t size);
/* Options that are not reloadable and were read otherwise than they run, "api.listen", and such
 * sections that are new or gone, "notify.ops". */
void ds_conf_waits(const struct ds_conf_option *table, const void *running, const void *read,
    void (*call)(const char *name, void *ctx), void *ctx);
/* Options that are not reloadable change sides, so that who goes on with what was read again still
 * has them as they run, at the same addresses. */
void ds_conf_keep(const struct ds_conf_option *table, void *running, void *read);
/* "1h", "30d", "250ms" -> ms; "256M" -> bytes; for command lines.  0 or -EINVAL. */
DS_MUST_CHECK int ds_conf_duration(const char *text, uint64_t *ret_ms);
DS_MUST_CHECK int ds_conf_size(const char *text, uint64_t *ret_bytes);

#endif
