/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * adfa_ld - system call traces of a whole machine, some of attacks.
 *
 * Lines are "file, attack folder or -, calls" between tabs; train*, validation* and attack* are
 * told apart by their names.  Three of four training traces are learnt, the fourth calibrates;
 * validation traces are the false alarms.  A trace's scores are means over all of it, and each
 * model's p-value is conformal; fused is Fisher over the models.  A folder's background processes,
 * which live through three or more attacks, are not attacks: ..._foreground leaves them out.
 */
#include "server/model/conformal.h"
#include "server/model/fuse.h"
#include "tests/eval/eval.h"
#include "tests/eval/traces.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRAMS_MAX  (1u << 20)
#define HELD_OUT   4u
#define BACKGROUND 3u /* attacks that one process is part of */

enum part { TRAIN, VALIDATION, ATTACK, PARTS };

struct adfa {
	struct traces part[PARTS];
	struct grams grams;
	struct conformal calibration[TRACE_MODELS];
};

/* "UAD-Adduser-1-1371.txt": the process is the last number. */
static long
process_of(const char *file)
{
	const char *dash = strrchr(file, '-');

	return dash != NULL ? strtol(dash + 1, NULL, 10) : -1;
}

static int
read_part(const char *path, struct traces *to)
{
	struct eval_reader *r = eval_reader_open(path);
	char *line;
	int e = 0;

	if (r == NULL)
		return -ENOENT;
	while (e == 0 && (line = eval_reader_line(r)) != NULL) {
		char *attack = strchr(line, '\t');
		char *calls = attack != NULL ? strchr(attack + 1, '\t') : NULL;
		struct trace *t = calls != NULL ? traces_add(to) : NULL;

		if (t == NULL)
			continue;
		*attack++ = '\0';
		*calls++ = '\0';
		t->process = process_of(line);
		snprintf(t->name, sizeof(t->name), "%s", attack);
		for (char *end; e == 0; calls = end) {
			long call = strtol(calls, &end, 10);

			if (end == calls)
				break;
			e = trace_put(t, (uint32_t)call + 1);
		}
	}
	eval_reader_close(r);
	return e;
}

static int
read_all(struct adfa *a, const char *dir)
{
	static const char *const names[PARTS] = { "train", "validation", "attack" };
	struct eval_files files;
	int r = eval_files_find(dir, ".tsv", &files);

	for (size_t i = 0; r == 0 && i < files.len; i++) {
		const char *name = strrchr(files.paths[i], '/');

		for (int p = 0; r == 0 && name != NULL && p < PARTS; p++)
			if (strncmp(name + 1, names[p], strlen(names[p])) == 0)
				r = read_part(files.paths[i], &a->part[p]);
	}
	eval_files_free(&files);
	for (int p = 0; r == 0 && p < PARTS; p++)
		if (a->part[p].len == 0) {
			printf("# adfa-ld: no traces in a file %s*.tsv\n", names[p]);
			r = -ENOENT;
		}
	return r;
}

static bool
is_background(const struct traces *attacks, const struct trace *t)
{
	const char *seen[BACKGROUND] = { NULL };
	unsigned n = 0;

	for (size_t i = 0; i < attacks->len && n < BACKGROUND; i++) {
		unsigned k = 0;

		if (attacks->at[i].process != t->process)
			continue;
		while (k < n && strcmp(seen[k], attacks->at[i].name) != 0)
			k++;
		if (k == n)
			seen[n++] = attacks->at[i].name;
	}
	return n >= BACKGROUND;
}

static void
fit(struct adfa *a)
{
	const struct traces *train = &a->part[TRAIN];

	for (size_t i = 0; i < train->len; i++)
		if (i % HELD_OUT != 0)
			trace_learn(&a->grams, &train->at[i]);
	for (size_t i = 0; i < train->len; i += HELD_OUT) {
		double scores[TRACE_MODELS];

		trace_score(&a->grams, &train->at[i], false, scores);
		for (int m = 0; m < TRACE_MODELS; m++)
			conformal_learn(&a->calibration[m], scores[m]);
	}
}

/* -log p, the last one fused. */
static void
score(const struct adfa *a, const struct trace *t, double ret[TRACE_MODELS + 1])
{
	static const double weights[TRACE_MODELS] = { 1, 1 };
	double p[TRACE_MODELS];

	trace_score(&a->grams, t, false, ret);
	for (int m = 0; m < TRACE_MODELS; m++)
		p[m] = conformal_p(&a->calibration[m], ret[m]);
	ret[TRACE_MODELS] = -log(fuse_fisher(p, weights, TRACE_MODELS));
}

static void
print(const char *name, const char *metric, const double *hits, size_t hits_len,
    const double *normals, size_t normals_len)
{
	static const double shares[] = { 1, 5, 20 };
	char text[120];

	snprintf(text, sizeof(text), "auc_%s", metric);
	eval_print(name, text, eval_auc(hits, hits_len, normals, normals_len));
	for (size_t i = 0; i < DS_LEN(shares); i++) {
		snprintf(text, sizeof(text), "detected_at_%g_%s", shares[i], metric);
		eval_print(name, text,
		    100 * eval_detected_at(hits, hits_len, normals, normals_len, shares[i] / 100));
	}
}

static int
measure(const char *name, const struct adfa *a)
{
	static const char *const names[TRACE_MODELS + 1] = { "markov", "stide", "fused" };
	size_t normals = a->part[VALIDATION].len, hits = a->part[ATTACK].len, kept;
	double(*scores)[TRACE_MODELS + 1] = calloc(normals + hits, sizeof(*scores));
	double *one = calloc(normals + 2 * hits, sizeof(*one));
	bool *background = calloc(hits, sizeof(*background));
	int r = scores != NULL && one != NULL && background != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < normals; i++)
		score(a, &a->part[VALIDATION].at[i], scores[i]);
	for (size_t i = 0; r == 0 && i < hits; i++) {
		score(a, &a->part[ATTACK].at[i], scores[normals + i]);
		background[i] = is_background(&a->part[ATTACK], &a->part[ATTACK].at[i]);
	}
	for (int m = 0; r == 0 && m <= TRACE_MODELS; m++) {
		char metric[80];

		for (size_t i = 0; i < normals + hits; i++)
			one[i] = scores[i][m];
		print(name, names[m], one + normals, hits, one, normals);
		kept = 0;
		for (size_t i = 0; i < hits; i++)
			if (!background[i])
				one[normals + hits + kept++] = scores[normals + i][m];
		snprintf(metric, sizeof(metric), "%s_foreground", names[m]);
		if (kept > 0)
			print(name, metric, one + normals + hits, kept, one, normals);
	}
	free(scores);
	free(one);
	free(background);
	return r;
}

int
eval_adfa_ld(const char *name, const char *dir)
{
	struct adfa *a = calloc(1, sizeof(*a));
	int r = a != NULL ? read_all(a, dir) : -ENOMEM;

	if (r == 0)
		r = grams_init(&a->grams, GRAMS_MAX);
	if (r == 0) {
		fit(a);
		r = measure(name, a);
		grams_done(&a->grams);
	}
	for (int p = 0; a != NULL && p < PARTS; p++)
		traces_free(&a->part[p]);
	free(a);
	return r;
}
