/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unm_mit - system calls of daemons, some of whose processes were broken into.
 *
 * Below the folder, every directory with a `normal` and an `intrusion` one is a daemon; a file
 * holds lines "PID CALL".  A normal process is scored by a model that has seen the other nine
 * tenths.  A process's score is its worst frame of 20 steps.
 * DAEMON_found_at_1: the share of intrusions (files) with a process above the threshold that at
 * most 1 % of the normal processes are above; ..._processes_at_1 the same for processes.
 */
#include "lib/map.h"
#include "server/model/conformal.h"
#include "server/model/fuse.h"
#include "server/model/share.h"
#include "tests/eval/eval.h"
#include "tests/eval/traces.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GRAMS_MAX     (1u << 20)
#define DAEMONS_MAX   256u
#define PROCESSES_MAX (1u << 20) /* of a file */
#define FOLDS         10u

struct program {
	char name[64], path[4096];
	struct traces normal, intrusion;
	unsigned files; /* with intrusions */
};

struct programs {
	struct program at[DAEMONS_MAX];
	size_t len;
};

/* "…/UNM/5.xlock/normal/…": the directory above "normal"; false: neither normal nor intrusion.
 * What is above the data set's own folder, of `root` bytes, may be called anything. */
static bool
place(const char *path, size_t root, char *ret_daemon, size_t size, bool *ret_intrusion)
{
	const char *at = path + root + 1, *slash;

	for (; (slash = strchr(at, '/')) != NULL; at = slash + 1) {
		size_t len = (size_t)(slash - at);

		*ret_intrusion = len >= 9 && strncasecmp(at, "intrusion", 9) == 0;
		if (!*ret_intrusion && !(len >= 6 && strncasecmp(at, "normal", 6) == 0))
			continue;
		if ((size_t)(at - path) > size)
			return false;
		memcpy(ret_daemon, path, (size_t)(at - path) - 1);
		ret_daemon[at - path - 1] = '\0';
		return true;
	}
	return false;
}

/* The trace of a process, made when new; its place + 1, 0: no memory. */
static size_t
trace_of(struct traces *to, struct ds_map *places, long process, unsigned group)
{
	size_t at = (uintptr_t)ds_map_get(places, &process, sizeof(process));
	struct trace *t;

	if (at != 0)
		return at;
	t = traces_add(to);
	if (t == NULL ||
	    ds_map_put(places, &process, sizeof(process), (void *)(uintptr_t)to->len, NULL) < 0)
		return 0;
	*t = (struct trace){ .process = process, .group = group };
	return to->len;
}

/* Processes may take turns in it. */
static int
read_file(const char *path, unsigned group, struct traces *to)
{
	struct eval_reader *r = eval_reader_open(path);
	struct ds_map *places = ds_map_new(PROCESSES_MAX);
	size_t at = 0, odd = 0;
	long last = 0;
	char *line;
	int e = r == NULL ? -ENOENT : places == NULL ? -ENOMEM : 0;

	while (e == 0 && (line = eval_reader_line(r)) != NULL) {
		char *rest, *end;
		long process = strtol(line, &rest, 10), call = strtol(rest, &end, 10);

		if (rest == line || end == rest || call < 0) {
			odd += line[0] != '\0';
			continue;
		}
		if (at == 0 || process != last)
			at = trace_of(to, places, process, group);
		last = process;
		e = at != 0 ? trace_put(&to->at[at - 1], (uint32_t)call + 1) : -ENOMEM;
	}
	if (odd > 0)
		printf("# %s: %zu lines are no process and call\n", path, odd);
	ds_map_free(places, NULL);
	eval_reader_close(r);
	return e;
}

/* "5.xlock" -> "xlock", "4._Live_lpr" -> "live_lpr" */
static void
make_name(const char *path, char *ret, size_t size)
{
	const char *name = strrchr(path, '/');
	size_t n = 0;

	for (name = name != NULL ? name + 1 : path; *name && !isalpha((unsigned char)*name); name++)
		;
	for (; *name && n + 1 < size; name++)
		ret[n++] =
		    isalnum((unsigned char)*name) ? (char)tolower((unsigned char)*name) : '_';
	ret[n] = '\0';
}

static struct program *
program_of(struct programs *all, const char *path)
{
	struct program *d = &all->at[all->len];

	for (size_t i = 0; i < all->len; i++)
		if (strcmp(all->at[i].path, path) == 0)
			return &all->at[i];
	if (all->len == DAEMONS_MAX) {
		printf("# %s: more than %u daemons, left out\n", path, DAEMONS_MAX);
		return NULL;
	}
	snprintf(d->path, sizeof(d->path), "%s", path);
	make_name(path, d->name, sizeof(d->name));
	all->len++;
	return d;
}

/* ---- scores */

/* What the daemon does, but for one fold of its processes. */
static int
fit(const struct program *d, size_t fold, struct grams *ret)
{
	int r = grams_init(ret, GRAMS_MAX);

	if (r < 0)
		return r;
	for (size_t i = 0; i < d->normal.len; i++)
		if (i % FOLDS != fold)
			trace_learn(ret, &d->normal.at[i]);
	return 0;
}

/* Held out in turn: [0, normal.len) the normal ones, then the intrusions by all that is normal. */
static int
score(const struct program *d, double (*ret)[TRACE_MODELS])
{
	struct grams g;
	int r = 0;

	for (size_t fold = 0; r == 0 && fold <= FOLDS; fold++) {
		r = fit(d, fold, &g);
		for (size_t i = fold; r == 0 && fold < FOLDS && i < d->normal.len; i += FOLDS)
			trace_score(&g, &d->normal.at[i], true, ret[i]);
		for (size_t i = 0; r == 0 && fold == FOLDS && i < d->intrusion.len; i++)
			trace_score(&g, &d->intrusion.at[i], true, ret[d->normal.len + i]);
		grams_done(&g);
	}
	return r;
}

/* -ln p of the share of processes with a sequence that was never seen, among the last twenty of a
 * file; what is normal is known by the processes that are not among them. */
static void
score_shares(const struct program *d, double (*scores)[TRACE_MODELS], double *ret)
{
	struct share all = { 0 };
	struct share_frame frame = { 0 };

	for (size_t i = 0; i < d->normal.len; i++)
		share_learn(&all, scores[i][TRACE_STIDE] > 0, 1);
	for (size_t i = 0; i < d->normal.len + d->intrusion.len; i++) {
		bool held_out = i < d->normal.len;
		const struct trace *t =
		    held_out ? &d->normal.at[i] : &d->intrusion.at[i - d->normal.len];
		struct share rest = all;

		if (i > 0 && (i == d->normal.len || t->group != (t - 1)->group))
			frame = (struct share_frame){ 0 };
		share_frame_add(&frame, scores[i][TRACE_STIDE] > 0);
		if (held_out) {
			rest.all -= frame.len;
			rest.marked -= __builtin_popcount(frame.marked);
		}
		ret[i] =
		    -log(share_p(&rest, (unsigned)__builtin_popcount(frame.marked), frame.len));
	}
}

/* What a process is compared with: the normal ones, without its own fold. */
static void
calibrate(const struct program *d, double (*scores)[TRACE_MODELS], const double *shares,
    size_t fold, struct conformal ret[TRACE_MODELS + 1])
{
	ret[TRACE_MODELS] = (struct conformal){ 0 };
	for (size_t i = 0; i < d->normal.len; i++)
		if (i % FOLDS != fold)
			conformal_learn(&ret[TRACE_MODELS], shares[i]);
	for (int m = 0; m < TRACE_MODELS; m++) {
		ret[m] = (struct conformal){ 0 };
		for (size_t i = 0; i < d->normal.len; i++)
			if (i % FOLDS != fold)
				conformal_learn(&ret[m], scores[i][m]);
	}
}

/* All models together: the smallest p-value among those of normal processes, corrected for how many
 * there are.  That of the share would be exact without, but beside ranks of a few it would let one
 * odd normal process silence all models. */
static double
fuse_one(
    const struct conformal c[TRACE_MODELS + 1], const double scores[TRACE_MODELS], double share)
{
	double p[TRACE_MODELS + 1];

	for (int m = 0; m < TRACE_MODELS; m++)
		p[m] = conformal_p(&c[m], scores[m]);
	p[TRACE_MODELS] = conformal_p(&c[TRACE_MODELS], share);
	return -log(fuse_min(p, TRACE_MODELS + 1));
}

static void
fuse(const struct program *d, double (*scores)[TRACE_MODELS], const double *shares, double *ret)
{
	size_t normals = d->normal.len, len = normals + d->intrusion.len;
	struct conformal c[TRACE_MODELS + 1];

	for (size_t fold = 0; fold < FOLDS; fold++) {
		calibrate(d, scores, shares, fold, c);
		for (size_t i = fold; i < normals; i += FOLDS)
			ret[i] = fuse_one(c, scores[i], shares[i]);
	}
	calibrate(d, scores, shares, FOLDS, c);
	for (size_t i = normals; i < len; i++)
		ret[i] = fuse_one(c, scores[i], shares[i]);
}

/* The best score of each file's processes. */
static size_t
by_file(const struct program *d, const double *scores, double *ret)
{
	for (unsigned f = 0; f < d->files; f++) {
		ret[f] = -INFINITY;
		for (size_t i = 0; i < d->intrusion.len; i++)
			if (d->intrusion.at[i].group == f && scores[i] > ret[f])
				ret[f] = scores[i];
	}
	return d->files;
}

static void
print(const char *name, const struct program *d, const char *model, const double *hits,
    const double *normals, size_t normals_len)
{
	double *files = calloc(d->files, sizeof(*files));
	char metric[200];

	if (files == NULL)
		return;
	by_file(d, hits, files);
	snprintf(metric, sizeof(metric), "%s_found_at_1_%s", d->name, model);
	eval_print(
	    name, metric, 100 * eval_detected_at(files, d->files, normals, normals_len, 0.01));
	snprintf(metric, sizeof(metric), "%s_processes_at_1_%s", d->name, model);
	eval_print(name, metric,
	    100 * eval_detected_at(hits, d->intrusion.len, normals, normals_len, 0.01));
	snprintf(metric, sizeof(metric), "%s_auc_%s", d->name, model);
	eval_print(name, metric, eval_auc(hits, d->intrusion.len, normals, normals_len));
	free(files);
}

static int
measure(const char *name, const struct program *d)
{
	size_t len = d->normal.len + d->intrusion.len;
	double(*scores)[TRACE_MODELS] = calloc(len, sizeof(*scores));
	double *one = calloc(len, sizeof(*one)), *shares = calloc(len, sizeof(*shares));
	int r = scores != NULL && one != NULL && shares != NULL ? score(d, scores) : -ENOMEM;

	printf("# %s: %zu normal processes, %zu in %u intrusions\n", d->name, d->normal.len,
	    d->intrusion.len, d->files);
	for (int m = 0; r == 0 && m < TRACE_MODELS; m++) {
		for (size_t i = 0; i < len; i++)
			one[i] = scores[i][m];
		print(name, d, trace_model_names[m], one + d->normal.len, one, d->normal.len);
	}
	if (r == 0) {
		score_shares(d, scores, shares);
		print(name, d, "share", shares + d->normal.len, shares, d->normal.len);
		fuse(d, scores, shares, one);
		print(name, d, "fused", one + d->normal.len, one, d->normal.len);
	}
	free(scores);
	free(shares);
	free(one);
	return r;
}

int
eval_unm_mit(const char *name, const char *dir)
{
	struct programs *all = calloc(1, sizeof(*all));
	struct eval_files files;
	int r = all != NULL ? eval_files_find(dir, "", &files) : -ENOMEM, usable = 0;

	for (size_t i = 0; r == 0 && i < files.len; i++) {
		const char *path = files.paths[i];
		bool intrusion;
		char where[4096];
		struct program *d = NULL;

		if (strstr(path + strlen(dir), ".tar") == NULL &&
		    place(path, strlen(dir), where, sizeof(where), &intrusion))
			d = program_of(all, where);
		if (d == NULL)
			continue;
		r = read_file(path, d->files, intrusion ? &d->intrusion : &d->normal);
		if (intrusion && d->intrusion.len > 0)
			d->files += d->intrusion.at[d->intrusion.len - 1].group == d->files;
	}
	for (size_t i = 0; r == 0 && i < all->len; i++)
		if (all->at[i].normal.len >= 2 && all->at[i].intrusion.len > 0) {
			r = measure(name, &all->at[i]);
			usable++;
		} else {
			printf("# %s: %zu normal processes, %zu of intrusions, left out\n",
			    all->at[i].name, all->at[i].normal.len, all->at[i].intrusion.len);
		}
	for (size_t i = 0; all != NULL && i < all->len; i++) {
		traces_free(&all->at[i].normal);
		traces_free(&all->at[i].intrusion);
	}
	if (all != NULL)
		eval_files_free(&files);
	free(all);
	return r < 0 ? r : usable > 0 ? 0 : -ENOENT;
}
