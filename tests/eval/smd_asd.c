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
#include "tests/eval/smd_methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOOR             0.01 /* metrics are shares: a change of less than one percent is none */
#define RELATIVE          0.5  /* nor is one by less than half of what is usual */
#define CLIP              100.0
#define CALIBRATION_SHARE 0.25 /* of the train file, its end */
#define ROWS_MIN          100u /* of a train file */

struct machine {
	struct eval_table train, test;
	uint8_t *labels;
	size_t fit_len; /* rows of train that models may see */
	double step_s;
};

/* The sets that have this form, by the beginning of their machines' names, or by how many metrics
 * they have; what is like neither is measured as minutes. */
static const struct family {
	const char *prefix;
	size_t columns;
	const char *name;
	double step_s;
} families[] = {
	{ "machine-", 38, "smd", 60 },
	{ "omi-", 19, "asd", 300 },
	{ "", 0, "other", 60 },
};

static const double budgets[] = { 0.1, 0.5, 1, 2 };

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

/* scores: of the calibration rows, then of the test rows. */
static int
count(const struct machine *m, const double *scores, struct sums *sums)
{
	size_t calibration = m->train.rows - m->fit_len;
	struct timeline t = { scores + calibration, m->labels, m->test.rows, m->step_s };

	for (size_t i = 0; i < DS_LEN(budgets); i++) {
		double threshold;
		struct tally one;
		int r = incidents_threshold(&t, budgets[i], &threshold);

		if (r < 0)
			return r;
		one = incidents_tally(&t, threshold);
		add(&sums->at[i], &one);
		r = incidents_calibrate(scores, calibration, m->step_s, budgets[i], &threshold);
		if (r < 0)
			return r;
		one = incidents_tally(&t, threshold);
		add(&sums->deployable[i], &one);
	}
	sums->machines++;
	return 0;
}

/* All rows one after the other, scaled by those that models may see. */
static int
scale_rows(const struct machine *m, double *ret)
{
	const struct scale_config cfg = { .floor = FLOOR, .relative = RELATIVE, .clip = CLIP };
	size_t dim = m->train.columns;
	struct scale s;
	int r = scale_fit(&s, &cfg, m->train.at, m->fit_len, (uint32_t)dim);

	if (r < 0)
		return r;
	memcpy(ret, m->train.at, m->train.rows * dim * sizeof(*ret));
	memcpy(ret + m->train.rows * dim, m->test.at, m->test.rows * dim * sizeof(*ret));
	scale_apply_all(&s, ret, m->train.rows + m->test.rows);
	return 0;
}

static int
measure(const struct machine *m, struct sums *sums)
{
	size_t dim = m->train.columns, len = m->train.rows - m->fit_len + m->test.rows;
	double *rows = malloc((m->train.rows + m->test.rows) * dim * sizeof(*rows));
	double *scores[SMD_METHODS] = { NULL }, *all = malloc(len * SMD_METHODS * sizeof(*all));
	const struct smd_rows in = { rows, (uint32_t)dim, m->fit_len, m->train.rows - m->fit_len,
		m->test.rows };
	int r = rows != NULL && all != NULL ? scale_rows(m, rows) : -ENOMEM;

	for (size_t i = 0; i < SMD_METHODS && r == 0; i++) {
		scores[i] = all + i * len;
		r = smd_methods[i].score(&in, scores, scores[i]);
		if (r == 0)
			r = count(m, scores[i], &sums[i]);
	}
	free(rows);
	free(all);
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
	    m->train.rows < ROWS_MIN || m->test.rows == 0)
		return -EBADMSG;
	m->fit_len = m->train.rows - (size_t)((double)m->train.rows * CALIBRATION_SHARE);
	return 0;
}

static int
take_machine(const char *train, double step_s, struct sums *sums)
{
	struct machine m = { .labels = NULL };
	int r = read_machine(train, step_s, &m);

	if (r == -EBADMSG)
		printf("# %s: train (%zu rows of %zu), test (%zu of %zu) and label do not fit "
		       "together, left out\n",
		    train, m.train.rows, m.train.columns, m.test.rows, m.test.columns);
	else if (r < 0)
		printf("# %s: test or label: %s, left out\n", train, strerror(-r));
	else if ((r = measure(&m, sums)) < 0)
		printf("# %s: cannot be measured: %s, left out\n", train, strerror(-r));
	eval_table_free(&m.train);
	eval_table_free(&m.test);
	free(m.labels);
	return r == -ENOMEM ? r : 0;
}

static void
print_sums(const char *family, const struct sums *sums)
{
	char metric[128];

	for (size_t i = 0; i < SMD_METHODS; i++)
		for (size_t b = 0; b < DS_LEN(budgets); b++) {
			const struct tally *t = &sums[i].at[b], *d = &sums[i].deployable[b];

			snprintf(metric, sizeof(metric), "%s_recall_at_%g", smd_methods[i].name,
			    budgets[b]);
			eval_print(family, metric, 100.0 * (double)t->found / (double)t->incidents);
			snprintf(metric, sizeof(metric), "%s_deployable_recall_at_%g",
			    smd_methods[i].name, budgets[b]);
			eval_print(family, metric, 100.0 * (double)d->found / (double)d->incidents);
			snprintf(metric, sizeof(metric), "%s_deployable_episodes_at_%g",
			    smd_methods[i].name, budgets[b]);
			eval_print(family, metric, (double)d->episodes / d->days);
		}
}

static size_t
columns_of(const char *path)
{
	struct eval_reader *r = eval_reader_open(path);
	const char *line = r != NULL ? eval_reader_line(r) : NULL;
	double row[MODEL_DIM_MAX];
	size_t columns = line != NULL ? eval_numbers(line, row, MODEL_DIM_MAX) : 0;

	eval_reader_close(r);
	return columns;
}

static const struct family *
family_of(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	size_t columns = columns_of(path);

	for (size_t i = 0; i + 1 < DS_LEN(families); i++)
		if (strncmp(name, families[i].prefix, strlen(families[i].prefix)) == 0)
			return &families[i];
	for (size_t i = 0; i + 1 < DS_LEN(families); i++)
		if (columns == families[i].columns)
			return &families[i];
	return &families[DS_LEN(families) - 1];
}

static int
take_family(const struct family *f, const struct eval_files *files)
{
	struct sums sums[SMD_METHODS] = { { .machines = 0 } };
	size_t machines = 0;
	int r = 0;

	for (size_t i = 0; i < files->len && r == 0; i++) {
		if (family_of(files->paths[i]) != f)
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
