/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schonlau_sea - command streams of users, some blocks of which are another user's.
 *
 * A user is an entity of server/model/llr.h, a block is 100 commands.  The first 50 blocks of all
 * users are read first; their held-out scores calibrate (server/model/conformal.h, all users in one
 * group).  Then the users with labels go on side by side, block after block, and what is usual
 * enough (p above the learning gate) is learnt.  hits_at_fa_X reads the threshold off the true
 * blocks, as the papers do; deployable_X uses the calibration alone: p below X %.
 */
#include "server/detect/evidence.h"
#include "server/model/conformal.h"
#include "server/model/llr.h"
#include "tests/eval/eval.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK     100u
#define FIT       50u
#define TEST      100u
#define USERS_MAX 256u

struct user {
	unsigned number;
	uint32_t *commands; /* hashes */
	size_t len;
	int8_t labels[TEST]; /* 1: somebody else; -1: not said */
	bool labelled;
	struct llr model;
};

struct sea {
	struct user users[USERS_MAX];
	size_t users_len;
	struct tally others;
	struct tally nobody[USERS_MAX]; /* without a fleet: each user's own */
	struct conformal calibration;
	double *hits, *normals; /* scores */
	size_t hits_len, normals_len;
	size_t caught[4], alarms[4]; /* at the nominal shares */
};

/* What is left out, to see what it is worth. */
struct variant {
	const char *suffix;
	bool no_gate, no_scale, no_memory, no_fleet;
};

static const struct variant variants[] = {
	{ "", false, false, false, false },
	{ "_without_gate", true, false, false, false },
	{ "_without_scale", false, true, false, false },
	{ "_without_memory", false, false, true, false },
	{ "_without_fleet", false, false, false, true },
};

static const double nominal[] = { 0.005, 0.01, 0.02, 0.05 };

static uint32_t
hash(const char *text)
{
	uint64_t h = 14695981039346656037ull;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211ull;
	return (uint32_t)(h ^ h >> 32);
}

/* The number in "…/User12.gz", or -1. */
static long
number_of(const char *path)
{
	const char *name = strrchr(path, '/');

	for (name = name != NULL ? name + 1 : path; *name && !isdigit((unsigned char)*name); name++)
		;
	return *name ? strtol(name, NULL, 10) : -1;
}

static int
read_commands(const char *path, struct user *u)
{
	struct eval_reader *r = eval_reader_open(path);
	size_t size = 0;
	char *line;

	if (r == NULL)
		return -ENOENT;
	while ((line = eval_reader_line(r)) != NULL) {
		if (u->len == size) {
			uint32_t *more = realloc(u->commands, (size + 8192) * sizeof(*more));

			if (more == NULL)
				break;
			u->commands = more;
			size += 8192;
		}
		if (line[0] != '\0')
			u->commands[u->len++] = hash(line);
	}
	eval_reader_close(r);
	return line != NULL ? -ENOMEM : 0;
}

static int
read_labels(struct sea *s, const char *path)
{
	struct eval_reader *r = eval_reader_open(path);
	char *line;

	if (r == NULL)
		return -ENOENT;
	while ((line = eval_reader_line(r)) != NULL) {
		unsigned user, block;
		int label;

		if (sscanf(line, "%u %u %d", &user, &block, &label) != 3 || block < 1 ||
		    block > TEST)
			continue;
		for (size_t i = 0; i < s->users_len; i++)
			if (s->users[i].number == user) {
				s->users[i].labels[block - 1] = (int8_t)label;
				s->users[i].labelled = true;
			}
	}
	eval_reader_close(r);
	return 0;
}

static int
read_all(struct sea *s, const char *dir)
{
	struct eval_files files;
	int r = eval_files_find(dir, "", &files);

	for (size_t i = 0; r == 0 && i < files.len && s->users_len < USERS_MAX; i++) {
		struct user *u = &s->users[s->users_len];

		if (number_of(files.paths[i]) < 0)
			continue;
		r = read_commands(files.paths[i], u);
		u->number = (unsigned)number_of(files.paths[i]);
		memset(u->labels, -1, sizeof(u->labels));
		if (r == 0 && u->len >= FIT * BLOCK) {
			s->users_len++;
			continue;
		}
		printf("# %s: %zu commands, fewer than %u, left out\n", files.paths[i], u->len,
		    FIT * BLOCK);
		free(u->commands);
		*u = (struct user){ 0 };
	}
	if (s->users_len == USERS_MAX)
		printf("# no more than %u users are read\n", USERS_MAX);
	for (size_t i = 0; r == 0 && i < files.len; i++)
		if (strstr(files.paths[i], "labels") != NULL)
			r = read_labels(s, files.paths[i]);
	eval_files_free(&files);
	return r < 0 ? r : s->users_len > 0 ? 0 : -ENOENT;
}

/* ---- a run */

static size_t
block_items(const struct user *u, size_t block, struct llr_item ret[BLOCK])
{
	size_t len = 0;

	for (size_t i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
		size_t at = 0;

		while (at < len && ret[at].category != u->commands[i])
			at++;
		if (at == len)
			ret[len++] = (struct llr_item){ u->commands[i], 0 };
		ret[at].weight++;
	}
	return len;
}

static struct tally *
others_of(struct sea *s, const struct user *u, const struct variant *v)
{
	return v->no_fleet ? &s->nobody[u - s->users] : &s->others;
}

static bool
has_block(const struct user *u, size_t block)
{
	return u->len >= (FIT + block + 1) * BLOCK;
}

static void
count_missing(struct sea *s)
{
	size_t missing = 0, labelled = 0;

	for (size_t i = 0; i < s->users_len; i++) {
		labelled += s->users[i].labelled;
		for (size_t b = 0; b < TEST; b++)
			missing += s->users[i].labels[b] >= 0 && !has_block(&s->users[i], b);
	}
	printf("# %zu users, %zu with labels\n", s->users_len, labelled);
	if (missing > 0)
		printf(
		    "# %zu blocks with a label end before their last command, left out\n", missing);
}

static int
fit(struct sea *s, const struct variant *v)
{
	struct llr_item items[BLOCK];
	double scores[LLR_BLOCKS];
	int r = 0;

	for (size_t i = 0; i < s->users_len; i++) {
		struct user *u = &s->users[i];

		llr_init(&u->model);
		for (size_t b = 0; r == 0 && b < FIT; b++)
			r = llr_count(
			    &u->model, others_of(s, u, v), items, block_items(u, b, items));
	}
	for (size_t i = 0; r >= 0 && i < s->users_len; i++) {
		struct user *u = &s->users[i];

		r = llr_make_scale(&u->model, others_of(s, u, v), scores);
		for (size_t b = 0; r > 0 && b < LLR_BLOCKS; b++)
			conformal_learn(&s->calibration,
			    v->no_scale ? scores[b] * u->model.deviation + u->model.mean
					: scores[b]);
	}
	return r < 0 ? r : 0;
}

static void
note(struct sea *s, bool masquerader, double score, double p)
{
	if (masquerader)
		s->hits[s->hits_len++] = score;
	else
		s->normals[s->normals_len++] = score;
	for (size_t i = 0; i < DS_LEN(nominal); i++)
		(masquerader ? s->caught : s->alarms)[i] += p <= nominal[i];
}

static int
test_block(struct sea *s, struct user *u, size_t block, const struct variant *v)
{
	struct tally *others = others_of(s, u, v);
	struct llr_item items[BLOCK];
	size_t len = block_items(u, FIT + block, items);
	double score, p;

	if (v->no_memory)
		u->model.memory = 0;
	score = llr_score(&u->model, others, items, len);
	if (v->no_scale)
		score = llr_raw(&u->model, others, items, len);
	p = conformal_p(&s->calibration, score);
	if (u->labels[block] >= 0)
		note(s, u->labels[block] == 1, score, p);
	if (p > EVIDENCE_LEARN || v->no_gate)
		return llr_count(&u->model, others, items, len);
	return 0;
}

static void
print(const struct sea *s, const char *name, const struct variant *v)
{
	static const double shares[] = { 0.5, 1, 1.3, 2.5, 3.4, 4.6 };
	char metric[80];

	for (size_t i = 0; i < DS_LEN(shares); i++) {
		if (v->suffix[0] != '\0' && shares[i] != 1.3 && shares[i] != 3.4)
			continue;
		snprintf(metric, sizeof(metric), "hits_at_fa_%g%s", shares[i], v->suffix);
		eval_print(name, metric,
		    100 * eval_detected_at(
			      s->hits, s->hits_len, s->normals, s->normals_len, shares[i] / 100));
	}
	snprintf(metric, sizeof(metric), "auc%s", v->suffix);
	eval_print(name, metric, eval_auc(s->hits, s->hits_len, s->normals, s->normals_len));
	for (size_t i = 0; i < DS_LEN(nominal); i++) {
		if (v->suffix[0] != '\0' && nominal[i] != 0.01)
			continue;
		snprintf(metric, sizeof(metric), "deployable_%g_fa%s", 100 * nominal[i], v->suffix);
		eval_print(name, metric, 100.0 * (double)s->alarms[i] / (double)s->normals_len);
		snprintf(
		    metric, sizeof(metric), "deployable_%g_hits%s", 100 * nominal[i], v->suffix);
		eval_print(name, metric, 100.0 * (double)s->caught[i] / (double)s->hits_len);
	}
}

static int
run(struct sea *s, const char *name, const struct variant *v)
{
	int r;

	tally_init(&s->others, 1u << 16);
	for (size_t i = 0; i < s->users_len; i++)
		tally_init(&s->nobody[i], 1u << 16);
	s->calibration = (struct conformal){ 0 };
	s->hits_len = s->normals_len = 0;
	memset(s->caught, 0, sizeof(s->caught));
	memset(s->alarms, 0, sizeof(s->alarms));
	r = fit(s, v);
	for (size_t b = 0; r == 0 && b < TEST; b++)
		for (size_t i = 0; r == 0 && i < s->users_len; i++)
			if (s->users[i].labelled && has_block(&s->users[i], b))
				r = test_block(s, &s->users[i], b, v);
	if (r == 0 && s->hits_len > 0 && s->normals_len > 0)
		print(s, name, v);
	for (size_t i = 0; i < s->users_len; i++) {
		llr_done(&s->users[i].model);
		tally_done(&s->nobody[i]);
	}
	tally_done(&s->others);
	return r;
}

int
eval_schonlau_sea(const char *name, const char *dir)
{
	struct sea *s = calloc(1, sizeof(*s));
	int r = s != NULL ? read_all(s, dir) : -ENOMEM;

	if (r == 0) {
		s->hits = calloc(s->users_len * TEST, sizeof(double));
		s->normals = calloc(s->users_len * TEST, sizeof(double));
		r = s->hits != NULL && s->normals != NULL ? 0 : -ENOMEM;
	}
	if (r == 0)
		count_missing(s);
	for (size_t i = 0; r == 0 && i < DS_LEN(variants); i++)
		r = run(s, name, &variants[i]);
	if (r == 0 && (s->hits_len == 0 || s->normals_len == 0)) {
		printf("# %s: no user has blocks of both labels\n", name);
		r = -ENOENT;
	}
	for (size_t i = 0; s != NULL && i < s->users_len; i++)
		free(s->users[i].commands);
	if (s != NULL) {
		free(s->hits);
		free(s->normals);
	}
	free(s);
	return r;
}
