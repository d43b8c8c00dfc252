/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * print - collections as a table that fits the terminal, JSON, JSON lines or CSV.
 *
 * Texts come from other hosts: control characters are shown escaped, never sent to the terminal.
 */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include "ctl/ctl.h"

struct column {
	const char *title; /* NULL ends the list */
	const char *path; /* "host.name": members, dots between; several separated by '|': the first
			     that is there */
	/* How a value becomes text, "" for none; NULL: as it is.  Into buf (size bytes). */
	void (*format)(const json_t *value, const json_t *item, char *buf, size_t size);
};

/* All items; `empty` is what a table says when there are none. */
void print_items(
    const struct ctl *c, const json_t *items, const struct column *columns, const char *empty);
/* One line of a table without headings, for streams. */
void print_item(const struct ctl *c, const json_t *item, const struct column *columns);
/* Any document: JSON as such, in a table format as "name: value" lines. */
void print_document(const struct ctl *c, const json_t *doc);
/* A line for each text of a list (or NULL), after `begin`. */
void print_strings(FILE *out, const char *begin, const json_t *list);
/* The member that a path names, or NULL. */
const json_t *print_lookup(const json_t *item, const char *path);
/* Its text, "" for none; into buf. */
const char *print_text(const json_t *item, const char *path, char *buf, size_t size);
/* The colour of a word such as "critical" or "FAIL", "" for others, and where colour is not
 * welcome: not on a terminal, or NO_COLOR.  Where it is not "", PRINT_PLAIN ends it. */
#define PRINT_PLAIN "\033[0m"
const char *print_colour(const char *word);

/* Formats. */
void format_time(
    const json_t *value, const json_t *item, char *buf, size_t size); /* local "11-24 02:13:07" */
void format_age(const json_t *value, const json_t *item, char *buf, size_t size); /* "3s ago" */
void format_percent(
    const json_t *value, const json_t *item, char *buf, size_t size); /* 0..1 -> "99.1 %" */
void format_count(
    const json_t *value, const json_t *item, char *buf, size_t size); /* 12345 -> "12 345" */
void format_yes(const json_t *value, const json_t *item, char *buf, size_t size);

#endif
