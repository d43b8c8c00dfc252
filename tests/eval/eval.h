/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eval - measures the product's own models on labelled data sets, for `make eval`.
 *
 * A data set is one file, tests/eval/NAME.c, with one function, and a row of the table in main.c.
 * It gets the folder of the set, finds the files there by their form and not by their names, and
 * prints figures with eval_print(): `eval DATASET METRIC VALUE`. Comments for people begin with
 * `#`. A folder without usable files is -ENOENT, which is no failure; what is left out is said.
 */
#ifndef TESTS_EVAL_EVAL_H
#define TESTS_EVAL_EVAL_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

struct eval_dataset {
	const char *name;   /* of the figures, and what `make eval EVAL=PATTERN` looks at */
	const char *folder; /* below the data directory */
	int (*run)(const char *name, const char *dir);
};

int eval_schonlau_sea(const char *name, const char *dir);
int eval_unm_mit(const char *name, const char *dir);
int eval_adfa_ld(const char *name, const char *dir);
int eval_nab(const char *name, const char *dir);
int eval_smd_asd(const char *name, const char *dir);
int eval_cowrie(const char *name, const char *dir);
int eval_authlog(const char *name, const char *dir);
int eval_commands(const char *name, const char *dir);

/* `eval DATASET METRIC VALUE`; what is no number is printed as "nan". */
void eval_print(const char *dataset, const char *metric, double value);

/* ---- files (files.c) */

/* Text of a file, plain or .gz, line by line. */
struct eval_reader;
DS_MUST_CHECK struct eval_reader *eval_reader_open(const char *path);
/* The next line without its end, until the next call; NULL at the end. Longer lines are cut. */
char *eval_reader_line(struct eval_reader *r);
/* Says so when the file was empty or damaged. */
void eval_reader_close(struct eval_reader *r);

/* The paths below a folder whose names end in `suffix` or in `suffix`.gz, sorted: the same order
 * everywhere. Folders are followed to a small depth. */
struct eval_files {
	char **paths;
	size_t len;
};
DS_MUST_CHECK int eval_files_find(const char *dir, const char *suffix, struct eval_files *ret);
void eval_files_free(struct eval_files *f);

/* Numbers between tabs, commas or blanks; as many as there were, at most `max`. Words are NaN. */
size_t eval_numbers(const char *line, double *ret, size_t max);

/* A whole file of numbers: rows x columns, row after row. Rows of another width are left out. */
struct eval_table {
	double *at;
	size_t rows, columns;
};
DS_MUST_CHECK int eval_table_read(const char *path, struct eval_table *ret);
void eval_table_free(struct eval_table *t);

/* ---- figures (figures.c) */

/* Ascending. */
void eval_sort(double *values, size_t len);
/* Of sorted values, between two of them by share; q from 0 to 1. */
double eval_quantile(const double *sorted, size_t len, double q);
/* Area under the curve of the share of positives that score above negatives; ties count half. */
double eval_auc(
    const double *positives, size_t positives_len, const double *negatives, size_t negatives_len);
/* The share of positives found by the lowest threshold with at most `false_share` of the negatives.
 */
double eval_detected_at(const double *positives, size_t positives_len, const double *negatives,
    size_t negatives_len, double false_share);

#endif
