/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/plugin.h"

#include "lib/clock.h"
#include "lib/command.h"
#include "lib/log.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING_MAX 1024u
#define ANSWER_MAX  (16u << 10)
#define PATH_SIZE   1200u

struct plugin_runner {
	struct ds_mailbox *mailbox;
	void (*done)(struct plugin_job *job, void *ctx);
	void *ctx;
	pthread_t thread;
	bool is_running;
	atomic_bool stop;
};

struct plugin_job *
plugin_job_new(void)
{
	struct plugin_job *job = calloc(1, sizeof(*job));

	if (job != NULL)
		ds_buf_init(&job->input, PLUGIN_INPUT_MAX);
	return job;
}

void
plugin_job_free(struct plugin_job *job)
{
	if (job == NULL)
		return;
	ds_buf_done(&job->input);
	free(job);
}

bool
plugin_job_name(struct plugin_job *job, const char *data, const char **ret_argument)
{
	size_t len = strcspn(data, " ");

	if (len == 0 || len >= sizeof(job->name) || data[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)data[i]) && strchr("-_.", data[i]) == NULL)
			return false;
	snprintf(job->name, sizeof(job->name), "%.*s", (int)len, data);
	*ret_argument = data + len + (data[len] == ' ');
	return true;
}

static void
fail(struct plugin_job *job, const char *what, const char *more)
{
	job->outcome = PLUGIN_FAILED;
	snprintf(job->text, sizeof(job->text), "plugin %s %s%.150s", job->name, what, more);
}

/* Nobody but root, or we, may have put it there. */
static bool
is_trusted(const char *path, bool directory)
{
	struct stat st;

	return stat(path, &st) == 0 && (directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)) &&
	       (st.st_uid == 0 || st.st_uid == geteuid()) &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* As root we become the plugins' user; nobody else can, and runs them with his own rights. */
static bool
find_user(struct plugin_job *job, struct ds_command *c)
{
	struct passwd pw, *found = NULL;
	char text[4096];

	c->as = DS_COMMAND_SELF;
	if (geteuid() != 0)
		return true;
	if (getpwnam_r(job->settings.user, &pw, text, sizeof(text), &found) != 0 || !found ||
	    pw.pw_uid == 0) {
		fail(job, "was not run: there is no such user for plugins: ", job->settings.user);
		return false;
	}
	c->as = DS_COMMAND_USER;
	c->uid = pw.pw_uid;
	c->gid = pw.pw_gid;
	return true;
}

/* The last line that has an outcome counts; others are for its author. */
static json_t *
read_answer(char *out)
{
	json_t *last = NULL;
	char *save = NULL;

	for (char *line = strtok_r(out, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		json_t *doc = line[0] == '{' ? json_loads(line, 0, NULL) : NULL;

		if (json_is_string(json_object_get(doc, "outcome"))) {
			json_decref(last);
			last = doc;
		} else {
			json_decref(doc);
		}
	}
	return last;
}

static enum plugin_outcome
outcome_of(const char *said)
{
	if (strcmp(said, "done") == 0 || strcmp(said, "active") == 0)
		return PLUGIN_DONE;
	return strcmp(said, "nothing") == 0 ? PLUGIN_NOTHING : PLUGIN_FAILED;
}

/* That it failed, it may say itself. */
static void
fail_with(struct plugin_job *job, int status, const char *said)
{
	char how[48];

	snprintf(how, sizeof(how),
	    said != NULL ? "ended with %d, but said " : "ended with %d, without an answer", status);
	fail(job, how, said != NULL ? said : "");
}

static void
take_answer(struct plugin_job *job, int status, char *out)
{
	json_t *doc = read_answer(out);
	const char *outcome = json_string_value(json_object_get(doc, "outcome")),
		   *text = json_string_value(json_object_get(doc, "text"));

	if (status == -ETIME)
		fail(job, "was ended: its time was over", "");
	else if (status < 0 || status == 127)
		fail(job, "could not be run", "");
	else if (outcome == NULL || (status != 0 && outcome_of(outcome) != PLUGIN_FAILED))
		fail_with(job, status, outcome);
	else
		job->outcome = outcome_of(outcome);
	if (job->text[0] == '\0')
		snprintf(job->text, sizeof(job->text), "plugin %s: %.16s%s%.200s", job->name,
		    outcome, text != NULL && *text ? ": " : "", text != NULL ? text : "");
	json_decref(doc);
}

void
plugin_job_run(struct plugin_job *job)
{
	const struct plugin_settings *s = &job->settings;
	char path[PATH_SIZE], python[PATH_SIZE], out[ANSWER_MAX];
	const char *argv[] = { path, NULL };
	const char *extra[] = { python, "PYTHONDONTWRITEBYTECODE=1", NULL };
	struct ds_command c = { .argv = argv,
		.extra = extra,
		.ends_all = true,
		.timeout_ms = s->timeout_ms,
		.memory_max = s->memory_max,
		.input = job->input.data,
		.input_size = job->input.len };
	uint64_t begun_us = ds_clock_boot_us();

	job->text[0] = '\0';
	snprintf(path, sizeof(path), "%.1020s/%s", s->dir, job->name);
	snprintf(python, sizeof(python), "PYTHONPATH=%.1020s", s->python);
	if (access(path, F_OK) < 0)
		fail(job, "is not in ", s->dir);
	else if (!is_trusted(s->dir, true) || !is_trusted(path, false) || access(path, X_OK) < 0)
		fail(job, "must be an executable that only root can write, in ", s->dir);
	else if (find_user(job, &c))
		take_answer(job, ds_command_run(&c, out, sizeof(out)), out);
	job->took_us = ds_clock_boot_us() - begun_us;
}

static void *
runner_main(void *arg)
{
	struct plugin_runner *r = arg;

	while (!r->stop) {
		struct ds_mail *m = ds_mailbox_wait(r->mailbox, -1);

		for (struct ds_mail *next; m != NULL; m = next) {
			struct plugin_job *job = DS_CONTAINER(m, struct plugin_job, mail);

			next = m->next;
			if (job->name[0] == '\0' || r->stop) {
				plugin_job_free(job); /* the store knows of it */
				continue;
			}
			plugin_job_run(job);
			if (job->outcome == PLUGIN_FAILED)
				ds_log(WARN, "a plugin failed", "plugin=%s text=\"%s\"", job->name,
				    job->text);
			r->done(job, r->ctx);
		}
	}
	return NULL;
}

struct plugin_runner *
plugin_runner_new(void (*done)(struct plugin_job *job, void *ctx), void *ctx)
{
	struct plugin_runner *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->done = done;
	r->ctx = ctx;
	r->mailbox = ds_mailbox_new(WAITING_MAX);
	r->is_running = r->mailbox != NULL && pthread_create(&r->thread, NULL, runner_main, r) == 0;
	if (r->is_running)
		return r;
	plugin_runner_free(r);
	return NULL;
}

void
plugin_runner_free(struct plugin_runner *r)
{
	struct ds_mail *m;

	if (r == NULL)
		return;
	if (r->is_running) {
		struct plugin_job *wake = plugin_job_new();

		r->stop = true;
		/* Full: then it is awake, and being emptied. */
		while (wake == NULL || ds_mailbox_put(r->mailbox, &wake->mail) < 0) {
			sched_yield();
			if (wake == NULL)
				wake = plugin_job_new();
		}
		pthread_join(r->thread, NULL);
	}
	m = r->mailbox != NULL ? ds_mailbox_take(r->mailbox) : NULL;
	for (struct ds_mail *next; m != NULL; m = next) {
		next = m->next;
		plugin_job_free(DS_CONTAINER(m, struct plugin_job, mail));
	}
	ds_mailbox_free(r->mailbox);
	free(r);
}

int
plugin_runner_post(struct plugin_runner *r, struct plugin_job *job)
{
	return ds_mailbox_put(r->mailbox, &job->mail);
}
