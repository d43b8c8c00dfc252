/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writer over a store that is a few counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/writer.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

/* What the fake store did; read by the test only while the writer waits for mail. */
static struct {
	unsigned begins, commits, rollbacks, kept, undone, closed;
	int begin_fails, control_fails, commit_fails;
} log_;

static int
fake_open(const struct store_config *cfg, struct store **ret, char *ret_why, size_t why_size)
{
	(void)cfg;
	(void)ret_why;
	(void)why_size;
	*ret = NULL;
	return 0;
}

static void
fake_close(struct store *s)
{
	(void)s;
	log_.closed++;
}

static int
fake_begin(struct store *s)
{
	(void)s;
	log_.begins++;
	return log_.begin_fails ? -ENOSPC : 0;
}

static int
fake_commit_control(struct store *s)
{
	(void)s;
	return log_.control_fails ? -ENOSPC : 0;
}

static int
fake_commit(struct store *s)
{
	(void)s;
	log_.commits++;
	return log_.commit_fails ? -ENOSPC : 0;
}

static void
fake_rollback(struct store *s)
{
	(void)s;
	log_.rollbacks++;
}

static int
fake_mark(struct store *s)
{
	(void)s;
	return 0;
}

static int
fake_unmark(struct store *s, bool keep)
{
	(void)s;
	if (keep)
		log_.kept++;
	else
		log_.undone++;
	return 0;
}

static _Atomic int last_budget = -1;
static sem_t maintained;

static int
fake_maintain(struct store *s, uint64_t now_us, unsigned budget_ms)
{
	(void)s;
	(void)now_us;
	atomic_store(&last_budget, (int)budget_ms);
	sem_post(&maintained);
	return 1; /* more to do: comes again soon */
}

static const struct store_backend fake = {
	.name = "fake",
	.open = fake_open,
	.close = fake_close,
	.begin = fake_begin,
	.commit_control = fake_commit_control,
	.commit = fake_commit,
	.rollback = fake_rollback,
	.mark = fake_mark,
	.unmark = fake_unmark,
	.maintain = fake_maintain,
};

struct job {
	struct write_request request;
	int answer, result;
	sem_t *done, *gate;
};

static int
run_job(struct write_request *request, const struct store_backend *b, struct store *s)
{
	struct job *j = DS_CONTAINER(request, struct job, request);

	(void)b;
	(void)s;
	if (j->gate)
		while (sem_wait(j->gate) < 0)
			;
	return j->answer;
}

static void
job_done(struct write_request *request, int result)
{
	struct job *j = DS_CONTAINER(request, struct job, request);

	j->result = result;
	sem_post(j->done);
}

static sem_t done_sem, gate;

static struct job
make_job(int answer)
{
	return (struct job){ .request = { .run = run_job, .done = job_done },
		.answer = answer,
		.done = &done_sem,
		.result = 1 };
}

static int
setup(void **state)
{
	const struct store_config cfg = { 0 };
	char why[100];

	log_.begins = log_.commits = log_.rollbacks = log_.kept = log_.undone = log_.closed = 0;
	log_.begin_fails = log_.control_fails = log_.commit_fails = 0;
	(void)sem_init(&done_sem, 0, 0);
	(void)sem_init(&gate, 0, 0);
	(void)sem_init(&maintained, 0, 0);
	*state = writer_start(&fake, &cfg, why, sizeof(why));
	return *state ? 0 : -1;
}

static int
teardown(void **state)
{
	writer_stop(*state);
	assert_int_equal(log_.closed, 1);
	return 0;
}

static void
wait_done(unsigned n)
{
	while (n-- > 0)
		while (sem_wait(&done_sem) < 0)
			;
}

/* Holds the writer in a first request, so that the others come together. */
static void
post_together(struct writer *w, struct job *jobs, size_t len)
{
	struct job first = make_job(0);

	first.gate = &gate;
	assert_int_equal(writer_post(w, &first.request), 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(writer_post(w, &jobs[i].request), 0);
	sem_post(&gate);
	wait_done((unsigned)len + 1);
}

static void
what_waits_is_committed_together(void **state)
{
	struct job jobs[20];

	for (size_t i = 0; i < DS_LEN(jobs); i++)
		jobs[i] = make_job(0);
	post_together(*state, jobs, DS_LEN(jobs));
	for (size_t i = 0; i < DS_LEN(jobs); i++)
		assert_int_equal(jobs[i].result, 0);
	assert_in_range(log_.commits, 1, 2);
	assert_int_equal(log_.kept, DS_LEN(jobs) + 1);
}

static void
a_request_that_fails_alone_hurts_no_other(void **state)
{
	struct job jobs[] = { make_job(0), make_job(-EINVAL), make_job(0) };

	post_together(*state, jobs, DS_LEN(jobs));
	assert_int_equal(jobs[0].result, 0);
	assert_int_equal(jobs[1].result, -EINVAL);
	assert_int_equal(jobs[2].result, 0);
	assert_int_equal(log_.undone, 1);
	assert_int_equal(log_.rollbacks, 0);
}

static void
a_full_disk_fails_the_whole_transaction(void **state)
{
	struct job jobs[] = { make_job(0), make_job(-ENOSPC) };

	post_together(*state, jobs, DS_LEN(jobs));
	assert_int_equal(jobs[0].result, -ENOSPC);
	assert_int_equal(jobs[1].result, -ENOSPC);
	assert_in_range(log_.rollbacks, 1, 1);
}

static void
when_the_commit_fails_everybody_is_told(void **state)
{
	struct job jobs[] = { make_job(0), make_job(-EINVAL) };
	struct writer_stats stats;

	log_.commit_fails = 1;
	post_together(*state, jobs, DS_LEN(jobs));
	assert_int_equal(jobs[0].result, -ENOSPC);
	assert_int_equal(jobs[1].result, -ENOSPC);
	writer_get_stats(*state, &stats);
	assert_int_equal(stats.last_error, -ENOSPC);
	assert_true(stats.failures > 0 && stats.commits == 0);
}

/* ---- what others decide about a request */

/* A request about which somebody decides at once, or only when it is over. */
struct asking {
	struct job job;
	struct writer *writer;
	struct job decided;
	struct write_request answer;
	bool is_late;
};

static void
answer_done(struct write_request *request, int result)
{
	(void)request;
	(void)result;
	sem_post(&done_sem);
}

static int
run_asking(struct write_request *request, const struct store_backend *b, struct store *s)
{
	struct asking *a = DS_CONTAINER(request, struct asking, job.request);

	(void)b;
	(void)s;
	a->decided = make_job(0);
	a->decided.request.with = writer_transaction(a->writer);
	a->decided.request.is_control = true;
	a->answer = (struct write_request){
		.done = answer_done, .with = a->decided.request.with, .is_answer = true
	};
	request->asked = 1;
	if (a->is_late)
		return 0;
	assert_int_equal(writer_post(a->writer, &a->decided.request), 0);
	assert_int_equal(writer_post(a->writer, &a->answer), 0);
	return 0;
}

static struct asking
make_asking(struct writer *w, bool is_late)
{
	struct asking a = { .job = make_job(0), .writer = w, .is_late = is_late };

	a.job.request.run = run_asking;
	return a;
}

static void
what_is_decided_at_once_comes_into_the_same_transaction(void **state)
{
	struct asking a = make_asking(*state, false);
	struct writer_stats stats;

	assert_int_equal(writer_post(*state, &a.job.request), 0);
	wait_done(3);
	assert_int_equal(a.job.result, 0);
	assert_int_equal(a.decided.result, 0);
	writer_get_stats(*state, &stats);
	assert_int_equal(stats.commits, 1);
}

static void
an_answer_that_is_late_comes_into_a_later_transaction(void **state)
{
	struct asking a = make_asking(*state, true);

	assert_int_equal(writer_post(*state, &a.job.request), 0);
	wait_done(1);
	assert_int_equal(a.job.result, 0);
	assert_int_equal(writer_post(*state, &a.decided.request), 0);
	wait_done(1);
	assert_int_equal(a.decided.result, 0);
	assert_int_equal(log_.kept, 2);
}

static void
what_was_decided_about_what_failed_is_not_done(void **state)
{
	struct asking at_once = make_asking(*state, false), late = make_asking(*state, true);

	log_.control_fails = 1;
	assert_int_equal(writer_post(*state, &at_once.job.request), 0);
	wait_done(3);
	assert_int_equal(at_once.job.result, -ENOSPC);
	assert_int_equal(at_once.decided.result, -ECANCELED);
	assert_int_equal(writer_post(*state, &late.job.request), 0);
	wait_done(1);
	log_.control_fails = 0;
	assert_int_equal(writer_post(*state, &late.decided.request), 0);
	wait_done(1);
	assert_int_equal(late.decided.result, -ECANCELED);
	assert_int_equal(log_.kept, 3); /* all but the last one */
}

static void
what_needs_no_segment_is_done_though_the_segments_fail(void **state)
{
	struct asking a = make_asking(*state, false);

	log_.commit_fails = 1;
	assert_int_equal(writer_post(*state, &a.job.request), 0);
	wait_done(3);
	assert_int_equal(a.job.result, -ENOSPC);
	assert_int_equal(a.decided.result, 0);
}

static void
a_store_that_recovers_is_used_again(void **state)
{
	struct job jobs[] = { make_job(0) };
	struct writer_stats stats;

	log_.begin_fails = 1;
	post_together(*state, jobs, 0);
	log_.begin_fails = 0;
	post_together(*state, jobs, 1);
	assert_int_equal(jobs[0].result, 0);
	writer_get_stats(*state, &stats);
	assert_int_equal(stats.last_error, 0);
}

/* Until a step of housekeeping has (or has not) a budget for merging. */
static void
wait_budget(bool has)
{
	do
		while (sem_wait(&maintained) < 0)
			;
	while ((atomic_load(&last_budget) > 0) != has);
}

static void
segments_stay_as_they_are_while_somebody_pages(void **state)
{
	wait_budget(true);
	writer_keep_segments(*state, 1000000);
	wait_budget(false);
	writer_keep_segments(*state, 0);
	wait_budget(true);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_waits_is_committed_together),
		T(a_request_that_fails_alone_hurts_no_other),
		T(a_full_disk_fails_the_whole_transaction),
		T(when_the_commit_fails_everybody_is_told),
		T(what_is_decided_at_once_comes_into_the_same_transaction),
		T(an_answer_that_is_late_comes_into_a_later_transaction),
		T(what_was_decided_about_what_failed_is_not_done),
		T(what_needs_no_segment_is_done_though_the_segments_fail),
		T(a_store_that_recovers_is_used_again),
		T(segments_stay_as_they_are_while_somebody_pages),
	};

	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
