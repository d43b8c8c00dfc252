/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smd_asd - metrics of real servers, incidents labelled: NAME.train.tsv, NAME.test.tsv, NAME.label.
 *
 * Each machine has models of its own, fitted on its train file. Figures are the share of incidents
 * found at a budget of false episodes a host-day; the threshold of a machine is read off its normal
 * test rows ("recall_at"), or taken from the last part of its train file, which the models did not
 * see ("deployable").
 */
#include "server/model/scale.h"
#include "tests/eval/eval.h"
#include "tests/eval/incidents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALIBRATION_SHARE 0.25 /* of the train file, its end */

/* What one machine's rows score with one method: calibration rows, then test rows. */
struct scored {
	double *calibration, *test;
};

struct machine {
	struct eval_table train, test;
	uint8_t *labels;
	size_t fit_len; /* rows of train that models may see */
	double step_s;
};

/* The sets that have this form, by the beginning of their machines' names. */
static const struct family {
	const char *prefix, *name;
	double step_s;
} families[] = {
	{ "machine-", "smd", 60 },
	{ "omi-", "asd", 300 },
};

static const double budgets[] = { 0.1, 0.5, 1, 2 };

struct method {
	const char *name;
	int (*score)(const struct machine *m, struct scored *ret);
};

static int
score_mean_square(const struct machine *m, struct scored *ret)
{
	const struct scale_config cfg = { .floor = 0.01, .clip = 20 };
	size_t dim = m->train.columns, calibration = m->train.rows - m->fit_len;
	struct scale s;
	double row[MODEL_DIM_MAX];
	int r = scale_fit(&s, &cfg, m->train.at, m->fit_len, (uint32_t)dim);

	if (r < 0)
		return r;
	for (size_t i = 0; i < calibration + m->test.rows; i++) {
		double sum = 0,
		       *to = i < calibration ? ret->calibration + i : ret->test + i - calibration;

		scale_apply(&s,
		    i < calibration ? m->train.at + (m->fit_len + i) * dim
				    : m->test.at + (i - calibration) * dim,
		    row);
		for (size_t f = 0; f < dim; f++)
			sum += row[f] * row[f];
		*to = sum / (double)dim;
	}
	return 0;
}

static const struct method methods[] = {
	{ "mean_square", score_mean_square },
};

static void
add(struct tally *sum, const struct tally *one)
{
	sum->incidents += one->incidents;
	sum->found += one->found;
	sum->episodes += one->episodes;
	sum->days += one->days;
}

struct sums {
	struct tally at[DS_LEN(budgets)], deployable[DS_LEN(budgets)];
	size_t machines;
};

static int
count(const struct machine *m, const struct scored *s, struct sums *sums)
{
	struct timeline t = { s->test, m->labels, m->test.rows, m->step_s };
	size_t calibration = m->train.rows - m->fit_len;

	for (size_t i = 0; i < DS_LEN(budgets); i++) {
		double threshold;
		struct tally one;
		int r = incidents_threshold(&t, budgets[i], &threshold);

		if (r < 0)
			return r;
		one = incidents_tally(&t, threshold);
		add(&sums->at[i], &one);
		r = incidents_calibrate(
		    s->calibration, calibration, m->step_s, budgets[i], &threshold);
		if (r < 0)
			return r;
		one = incidents_tally(&t, threshold);
		add(&sums->deployable[i], &one);
	}
	sums->machines++;
	return 0;
}

static int
measure(const struct machine *m, struct sums *sums)
{
	struct scored s = { malloc(m->train.rows * sizeof(double)),
		malloc(m->test.rows * sizeof(double)) };
	int r = s.calibration != NULL && s.test != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < DS_LEN(methods) && r == 0; i++) {
		r = methods[i].score(m, &s);
		if (r == 0)
			r = count(m, &s, &sums[i]);
	}
	free(s.calibration);
	free(s.test);
	return r;
}

static int
read_labels(const char *path, struct machine *m)
{
	struct eval_table t;
	int r = eval_table_read(path, &t);

	if (r < 0)
		return r;
	m->labels = calloc(m->test.rows + 1, 1);
	for (size_t i = 0; m->labels != NULL && i < t.rows && i < m->test.rows; i++)
		m->labels[i] = t.at[i * t.columns] > 0;
	r = m->labels == NULL ? -ENOMEM : t.rows != m->test.rows ? -EBADMSG : 0;
	eval_table_free(&t);
	return r;
}

/* The path of a sister file: .train.tsv becomes `suffix`. */
static void
sister(const char *train, const char *suffix, char *ret, size_t size)
{
	const char *at = strstr(train, ".train.tsv");

	snprintf(
	    ret, size, "%.*s%s%s", (int)(at - train), train, suffix, at + strlen(".train.tsv"));
}

static int
read_machine(const char *train, double step_s, struct machine *m)
{
	char path[4096];
	int r = eval_table_read(train, &m->train);

	m->step_s = step_s;
	sister(train, ".test.tsv", path, sizeof(path));
	r = r < 0 ? r : eval_table_read(path, &m->test);
	sister(train, ".label", path, sizeof(path));
	r = r < 0 ? r : read_labels(path, m);
	if (r < 0)
		return r;
	if (m->train.columns != m->test.columns || m->train.columns > MODEL_DIM_MAX ||
	    m->train.rows < 100)
		return -EBADMSG;
	m->fit_len = m->train.rows - (size_t)((double)m->train.rows * CALIBRATION_SHARE);
	return 0;
}

static int
take_machine(const char *train, double step_s, struct sums *sums)
{
	struct machine m = { .labels = NULL };
	int r = read_machine(train, step_s, &m);

	if (r < 0)
		printf("# %s: %s, left out\n", train, strerror(-r));
	else
		r = measure(&m, sums);
	eval_table_free(&m.train);
	eval_table_free(&m.test);
	free(m.labels);
	return r == -ENOMEM ? r : 0;
}

static void
print_sums(const char *family, const struct sums *sums)
{
	char metric[128];

	for (size_t i = 0; i < DS_LEN(methods); i++)
		for (size_t b = 0; b < DS_LEN(budgets); b++) {
			const struct tally *t = &sums[i].at[b], *d = &sums[i].deployable[b];

			snprintf(
			    metric, sizeof(metric), "%s_recall_at_%g", methods[i].name, budgets[b]);
			eval_print(family, metric, 100.0 * (double)t->found / (double)t->incidents);
			snprintf(metric, sizeof(metric), "%s_deployable_recall_at_%g",
			    methods[i].name, budgets[b]);
			eval_print(family, metric, 100.0 * (double)d->found / (double)d->incidents);
			snprintf(metric, sizeof(metric), "%s_deployable_episodes_at_%g",
			    methods[i].name, budgets[b]);
			eval_print(family, metric, (double)d->episodes / d->days);
		}
}

static int
take_family(const struct family *f, const struct eval_files *files)
{
	struct sums sums[DS_LEN(methods)] = { { .machines = 0 } };
	size_t machines = 0;
	int r = 0;

	for (size_t i = 0; i < files->len && r == 0; i++) {
		const char *name = strrchr(files->paths[i], '/') + 1;

		if (strncmp(name, f->prefix, strlen(f->prefix)) != 0)
			continue;
		r = take_machine(files->paths[i], f->step_s, sums);
		machines = sums[0].machines;
	}
	if (r == 0 && machines > 0) {
		eval_print(f->name, "machines", (double)machines);
		eval_print(f->name, "incidents", (double)sums[0].at[0].incidents);
		print_sums(f->name, sums);
	}
	return r < 0 ? r : machines > 0;
}

int
eval_smd_asd(const char *name, const char *dir)
{
	struct eval_files files;
	int r = eval_files_find(dir, ".train.tsv", &files), any = 0;

	(void)name; /* the families name their figures */
	for (size_t i = 0; r >= 0 && i < DS_LEN(families); i++) {
		r = take_family(&families[i], &files);
		any |= r > 0;
	}
	if (r >= 0)
		eval_files_free(&files);
	return r < 0 ? r : any ? 0 : -ENOENT;
}
