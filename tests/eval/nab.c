/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nab - single series with labelled windows: NAME.csv (timestamp,value) below data/, and
 * combined_windows.json.
 *
 * Each series streams through the seasonal rates, which see every value once and know nothing of
 * what comes. The first 15 % is for learning only. Figures: the share of labelled windows with a
 * score above the series' threshold, at a budget of false episodes a day ("recall_at"); thresholds
 * read off the test as in smd_asd.
 */
#include "server/model/rates.h"
#include "tests/eval/eval.h"
#include "tests/eval/incidents.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROBATION  0.15
#define SERIES_MIN 100u /* values */

static const double budgets[] = { 0.1, 0.5, 1 };

struct series {
	uint64_t *at; /* seconds */
	double *values, *scores;
	uint8_t *labels;
	size_t len, room;
};

static void
series_free(struct series *s)
{
	free(s->at);
	free(s->values);
	free(s->scores);
	free(s->labels);
}

/* "2014-04-10 00:02:00", with or without fractions; 0: no time. */
static uint64_t
parse_time(const char *text)
{
	struct tm tm = { .tm_isdst = 0 };

	if (sscanf(text, "%d-%d-%d %d:%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		&tm.tm_min, &tm.tm_sec) != 6)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (uint64_t)timegm(&tm);
}

static int
push(struct series *s, uint64_t at, double value)
{
	if (s->len == s->room) {
		size_t room = s->room ? s->room * 2 : 4096;
		uint64_t *a = realloc(s->at, room * sizeof(*a));
		double *v;

		if (a == NULL)
			return -ENOMEM;
		s->at = a;
		v = realloc(s->values, room * sizeof(*v));
		if (v == NULL)
			return -ENOMEM;
		s->values = v;
		s->room = room;
	}
	s->at[s->len] = at;
	s->values[s->len++] = value;
	return 0;
}

static int
read_series(const char *path, struct series *s)
{
	struct eval_reader *r = eval_reader_open(path);
	const char *line;
	int e = 0;

	if (r == NULL)
		return -ENOENT;
	while (e == 0 && (line = eval_reader_line(r)) != NULL) {
		uint64_t at = parse_time(line);
		const char *comma = strchr(line, ',');

		if (at > 0 && comma != NULL)
			e = push(s, at, strtod(comma + 1, NULL));
	}
	eval_reader_close(r);
	s->scores = calloc(s->len + 1, sizeof(*s->scores));
	s->labels = calloc(s->len + 1, 1);
	return e < 0                                    ? e
	       : s->scores == NULL || s->labels == NULL ? -ENOMEM
	       : s->len < SERIES_MIN                    ? -ENODATA
	       : s->at[s->len - 1] <= s->at[0]          ? -EBADMSG
							: 0;
}

/* The labels are listed by "folder/file.csv". */
static void
label(struct series *s, const json_t *all, const char *path)
{
	const char *file = strrchr(path, '/'), *folder = file;
	char key[512];
	const json_t *windows, *one;

	while (folder > path && folder[-1] != '/')
		folder--;
	snprintf(key, sizeof(key), "%s", folder);
	if (strlen(key) > 3 && strcmp(key + strlen(key) - 3, ".gz") == 0)
		key[strlen(key) - 3] = '\0';
	windows = json_object_get(all, key);
	for (size_t i = 0; i < json_array_size(windows); i++) {
		const char *from, *to;

		one = json_array_get(windows, i);
		from = json_string_value(json_array_get(one, 0));
		to = json_string_value(json_array_get(one, 1));
		for (size_t k = 0; from != NULL && to != NULL && k < s->len; k++)
			if (s->at[k] >= parse_time(from) && s->at[k] <= parse_time(to))
				s->labels[k] = 1;
	}
}

static int
measure(struct series *s, struct tally *sums)
{
	struct rates *r = calloc(1, sizeof(*r));
	size_t skip = (size_t)(PROBATION * (double)s->len);
	struct timeline t = { s->scores + skip, s->labels + skip, s->len - skip,
		(double)(s->at[s->len - 1] - s->at[0]) / (double)(s->len - 1) };

	if (r == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->len; i++) {
		struct rates_score score;

		rates_see(r, s->at[i], s->values[i], true, &score);
		s->scores[i] = rates_total(&score);
	}
	free(r);
	for (size_t i = 0; i < DS_LEN(budgets); i++) {
		double threshold;
		struct tally one;
		int e = incidents_threshold(&t, budgets[i], &threshold);

		if (e < 0)
			return e;
		one = incidents_tally(&t, threshold);
		sums[i].incidents += one.incidents;
		sums[i].found += one.found;
		sums[i].episodes += one.episodes;
		sums[i].days += one.days;
	}
	return 0;
}

static int
take_files(
    const struct eval_files *files, const json_t *labels, struct tally *sums, size_t *ret_series)
{
	int r = 0;

	for (size_t i = 0; i < files->len && r != -ENOMEM; i++) {
		struct series s = { .len = 0 };

		r = read_series(files->paths[i], &s);
		if (r == 0) {
			label(&s, labels, files->paths[i]);
			r = measure(&s, sums);
			(*ret_series)++;
		} else {
			printf("# %s: %s, left out\n", files->paths[i], strerror(-r));
		}
		series_free(&s);
	}
	return r == -ENOMEM ? r : 0;
}

int
eval_nab(const char *name, const char *dir)
{
	struct tally sums[DS_LEN(budgets)] = { { .days = 0 } };
	struct eval_files files;
	char path[4096], metric[64];
	size_t series = 0;
	json_t *labels;
	int r;

	snprintf(path, sizeof(path), "%s/combined_windows.json", dir);
	labels = json_load_file(path, 0, NULL);
	if (labels == NULL) {
		printf("# %s: not there, or no JSON\n", path);
		return -ENOENT;
	}
	r = eval_files_find(dir, ".csv", &files);
	if (r == 0) {
		r = take_files(&files, labels, sums, &series);
		eval_files_free(&files);
	}
	json_decref(labels);
	if (r < 0 || series == 0)
		return r < 0 ? r : -ENOENT;
	eval_print(name, "series", (double)series);
	eval_print(name, "windows", (double)sums[0].incidents);
	for (size_t i = 0; i < DS_LEN(budgets); i++) {
		snprintf(metric, sizeof(metric), "rates_recall_at_%g", budgets[i]);
		eval_print(name, metric, 100.0 * (double)sums[i].found / (double)sums[i].incidents);
	}
	return 0;
}
