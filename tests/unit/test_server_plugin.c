/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's plugins, one at a time: real programs, in a directory that we made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/react/plugin.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/ds-plugin-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	return 0;
}

static int
teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/p", dir);
	(void)unlink(path); /* not every test made it */
	return rmdir(dir);
}

static void
put(const char *script, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/p", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fprintf(f, "#!/bin/sh\n%s\n", script) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static struct plugin_job *
run(const char *data, const char *input)
{
	struct plugin_job *job = plugin_job_new();
	const char *argument;

	assert_non_null(job);
	snprintf(job->settings.dir, sizeof(job->settings.dir), "%s", dir);
	snprintf(job->settings.user, sizeof(job->settings.user), "nobody");
	job->settings.timeout_ms = 300;
	job->settings.memory_max = 64u << 20;
	assert_true(plugin_job_name(job, data, &argument));
	assert_int_equal(ds_buf_put(&job->input, input, strlen(input)), 0);
	plugin_job_run(job);
	return job;
}

static void
expect(const char *script, enum plugin_outcome outcome, const char *text)
{
	struct plugin_job *job;

	put(script, 0755);
	job = run("p", "{}\n");
	assert_int_equal(job->outcome, outcome);
	assert_non_null(strstr(job->text, text));
	plugin_job_free(job);
}

static void
a_plugin_reads_one_line_and_its_last_answer_counts(void **state)
{
	struct plugin_job *job;

	(void)state;
	put("read l; echo '{\"outcome\":\"failed\"}'; echo noise; "
	    "echo \"{\\\"outcome\\\":\\\"done\\\",\\\"text\\\":\\\"$l\\\"}\"",
	    0755);
	job = run("p", "hello\n");
	assert_int_equal(job->outcome, PLUGIN_DONE);
	assert_string_equal(job->text, "plugin p: done: hello");
	plugin_job_free(job);
}

static void
what_it_says_is_told(void **state)
{
	(void)state;
	expect("echo '{\"outcome\":\"nothing\"}'", PLUGIN_NOTHING, "nothing");
	expect("echo '{\"outcome\":\"failed\",\"text\":\"no paper\"}'; exit 1", PLUGIN_FAILED,
	    "no paper");
	expect(
	    "echo '{\"outcome\":\"done\"}'; exit 1", PLUGIN_FAILED, "ended with 1, but said done");
}

static void
one_that_hangs_is_ended_and_one_that_says_nothing_failed(void **state)
{
	(void)state;
	expect("exec sleep 60", PLUGIN_FAILED, "its time was over");
	expect("exit 3", PLUGIN_FAILED, "ended with 3, without an answer");
	expect("echo '{\"outcome\":7}'", PLUGIN_FAILED, "without an answer");
}

static void
one_that_others_can_write_is_not_run(void **state)
{
	struct plugin_job *job;

	(void)state;
	put("echo '{\"outcome\":\"done\"}'", 0777);
	job = run("p", "{}\n");
	assert_int_equal(job->outcome, PLUGIN_FAILED);
	assert_non_null(strstr(job->text, "only root can write"));
	plugin_job_free(job);
	put("echo '{\"outcome\":\"done\"}'", 0755);
	assert_int_equal(chmod(dir, 0777), 0);
	job = run("p", "{}\n");
	assert_int_equal(job->outcome, PLUGIN_FAILED);
	plugin_job_free(job);
}

static void
a_name_is_no_path(void **state)
{
	static const char *const bad[] = { "", ".p", "../p", "a/b", " p", "a;b" };
	struct plugin_job job = { 0 };
	const char *argument;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(plugin_job_name(&job, bad[i], &argument));
	assert_true(plugin_job_name(&job, "p.py one two", &argument));
	assert_string_equal(job.name, "p.py");
	assert_string_equal(argument, "one two");
}

struct results {
	sem_t is_done;
	unsigned done;
};

static void
take(struct plugin_job *job, void *ctx)
{
	struct results *r = ctx;

	r->done += job->outcome == PLUGIN_DONE;
	plugin_job_free(job);
	sem_post(&r->is_done);
}

static void
a_runner_does_one_after_the_other_and_forgets_the_rest_at_its_end(void **state)
{
	struct results results = { .done = 0 };
	struct plugin_runner *r;
	const char *argument;

	(void)state;
	put("echo '{\"outcome\":\"done\"}'", 0755);
	sem_init(&results.is_done, 0, 0);
	r = plugin_runner_new(take, &results);
	assert_non_null(r);
	for (unsigned i = 0; i < 20; i++) {
		struct plugin_job *job = plugin_job_new();

		snprintf(job->settings.dir, sizeof(job->settings.dir), "%s", dir);
		snprintf(job->settings.user, sizeof(job->settings.user), "nobody");
		job->settings.timeout_ms = 5000;
		assert_true(plugin_job_name(job, "p", &argument));
		assert_int_equal(plugin_runner_post(r, job), 0);
	}
	for (unsigned i = 0; i < 3; i++)
		while (sem_wait(&results.is_done) < 0)
			;
	plugin_runner_free(r);
	assert_in_range(results.done, 3, 20);
	sem_destroy(&results.is_done);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_plugin_reads_one_line_and_its_last_answer_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_it_says_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    one_that_hangs_is_ended_and_one_that_says_nothing_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    one_that_others_can_write_is_not_run, setup, teardown),
		cmocka_unit_test(a_name_is_no_path),
		cmocka_unit_test_setup_teardown(
		    a_runner_does_one_after_the_other_and_forgets_the_rest_at_its_end, setup,
		    teardown),
	};

	return cmocka_run_group_tests_name("server_plugin", tests, NULL, NULL);
}
