/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold - stops new programs until somebody says whether they may run.
 *
 * Called by attribute (samples), order (answers) and supervise (time).  Owns the questions, and
 * guard_dir/held, a file of who is stopped that the next guard finds.
 */
#include "agent/guard/hold.h"
#include "agent/guard/daemon.h"
#include "agent/guard/emit.h"
#include "agent/guard/hold_known.h"
#include "agent/guard/hold_watch.h"
#include "agent/guard/order_job.h"
#include "agent/guard/path.h"
#include "agent/guard/probe.h"
#include "agent/guard/process.h"
#include "agent/guard/reactions/tree.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define QUESTIONS_MAX 256u
#define DAEMONS_MAX   64u
#define SYNC_MS       1000u

/* On disk, in guard_dir/held: pid 0: free. */
struct stopped {
	int32_t pid;
	uint32_t reserved;
	uint64_t start_ticks;
};

struct question {
	uint8_t id[DS_ORDER_ID_SIZE];
	struct target_process process;
	uint64_t key; /* of the program in `known` */
	uint64_t due_ms;
	char daemon[256];
	char exe[DS_PATH_MAX + 1];
	bool is_open;
};

static const struct agent_config *config;
static struct question questions[QUESTIONS_MAX];
static size_t questions_len;
static struct stopped *stopped;       /* QUESTIONS_MAX of them, shared with the file; NULL: none */
static char wanted[DAEMONS_MAX][256]; /* daemons that are held by order; "": free */
static uint64_t next_sync_ms;
static bool attached;

/* ---- who is stopped, in a file */

static void
map_file(const char *guard_dir)
{
	char path[4096];
	int fd;
	void *p;

	if ((size_t)snprintf(path, sizeof(path), "%s/held", guard_dir) >= sizeof(path))
		return;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, QUESTIONS_MAX * sizeof(*stopped)) < 0) {
		ds_log(WARN, "who is held is not kept, going on", "path=\"%s\" error=\"%s\"", path,
		    strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	p = mmap(NULL, QUESTIONS_MAX * sizeof(*stopped), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	stopped = p == MAP_FAILED ? NULL : p;
}

static void
let_go_left_over(void)
{
	for (size_t i = 0; stopped != NULL && i < QUESTIONS_MAX; i++) {
		struct target_process p = { stopped[i].pid, stopped[i].start_ticks };

		if (p.pid > 1 && tree_signal_one(&p, SIGCONT) == 0)
			ds_log(WARN, "a program that was held goes on", "pid=%d", (int)p.pid);
		stopped[i] = (struct stopped){ 0 };
	}
}

/* ---- questions */

static void
tell(const struct question *q, const char *text)
{
	struct ds_result m = { .kind = "hold", .outcome = DS_OUTCOME_DONE, .is_verified = 1 };
	struct ds_order order = { .pid = (uint32_t)q->process.pid };

	memcpy(m.order, q->id, sizeof(m.order));
	(void)snprintf(m.text, sizeof(m.text), "%s: %.300s", text, q->exe);
	memcpy(order.daemon, q->daemon, sizeof(order.daemon));
	order_tell(NULL, LEDGER_OVER, &m, &order);
}

static void
close_question(struct question *q)
{
	if (stopped != NULL)
		stopped[q - questions] = (struct stopped){ 0 };
	probe_hold_forget((uint32_t)q->process.pid);
	q->is_open = false;
	questions_len--;
}

static int
decide(struct question *q, bool allow, const char *why)
{
	int r = tree_signal_one(&q->process, allow ? SIGCONT : SIGKILL);

	tell(q, why);
	close_question(q);
	return r;
}

static struct question *
free_question(void)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (!questions[i].is_open)
			return &questions[i];
	return NULL;
}

static void
ask(const struct question *q, const struct probe_sample *sample)
{
	struct ds_event ev = { .time_us = ds_clock_wall_us(),
		.count = 1,
		.kind = DS_EVENT_HELD,
		.flags = DS_FLAG_FIRST,
		.daemon = { q->daemon, (uint32_t)strlen(q->daemon) } };
	const struct probe_topic *topic = probe_topic_of(SENSOR_EXEC);
	char id[33];

	ds_order_id_format(q->id, id);
	ev.num[DS_NUM_PID] = (uint64_t)q->process.pid;
	ev.num[DS_NUM_PPID] = sample->s->ppid;
	ev.num[DS_NUM_UID] = sample->s->uid;
	ev.num[DS_NUM_START] = process_start_us(q->process.start_ticks);
	ev.num[DS_NUM_UNTIL] = ev.time_us + config->hold_timeout_ms * 1000;
	ds_event_set_str(&ev, DS_STR_ORDER, id, strlen(id));
	ds_event_set_str(&ev, DS_STR_EXE, q->exe, strlen(q->exe));
	if (topic != NULL)
		(void)topic->fill(sample, &ev); /* arguments, ancestors, account */
	emit_event(&ev);
}

/* Nobody is asked: it goes on at once. */
static void
let_pass(const struct probe_sample *sample)
{
	struct target_process p;

	if (target_of((pid_t)sample->s->pid, &p) == 0 && tree_signal_one(&p, SIGCONT) < 0)
		ds_log(WARN, "a held program could not be let go", "pid=%u", sample->s->pid);
	probe_hold_forget(sample->s->pid);
}

void
hold_sample(const struct probe_sample *sample)
{
	static char exe[DS_PATH_MAX + 1];
	const struct sample *s = sample->s;
	const struct daemon *d = daemon_get(s->daemon);
	struct question *q = free_question();

	(void)path_of_names(sample->str[1], exe, sizeof(exe));
	if (d == NULL || !d->watched || order_is_paused() || hold_known_has(d->name, exe)) {
		if (d != NULL && hold_known_has(d->name, exe))
			probe_hold_know(s->arg[0], true);
		let_pass(sample);
		return;
	}
	if (q == NULL) {
		emit_gap("hold", 1, 0, "too many programs are held: one was let go on");
		let_pass(sample);
		return;
	}
	*q = (struct question){ .key = s->arg[0],
		.due_ms = ds_clock_monotonic_ms() + config->hold_timeout_ms };
	if (target_of((pid_t)s->pid, &q->process) < 0 ||
	    getrandom(q->id, sizeof(q->id), 0) != sizeof(q->id)) {
		let_pass(sample);
		return;
	}
	(void)snprintf(q->daemon, sizeof(q->daemon), "%s", d->name);
	memcpy(q->exe, exe, sizeof(q->exe));
	q->is_open = true;
	questions_len++;
	if (stopped != NULL)
		stopped[q - questions] =
		    (struct stopped){ q->process.pid, 0, q->process.start_ticks };
	ask(q, sample);
}

int
hold_answer(const uint8_t id[DS_ORDER_ID_SIZE], unsigned answer)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct question *q = &questions[i];

		if (!q->is_open || memcmp(q->id, id, sizeof(q->id)) != 0)
			continue;
		if (answer == DS_ANSWER_ALLOW) {
			hold_known_add(q->daemon, q->exe);
			probe_hold_know(q->key, true);
			return decide(q, true, "allowed");
		}
		return decide(q, false, "killed before it ran");
	}
	return -ENOENT;
}

static void
decide_overdue(struct question *q)
{
	int r;

	if (config->hold_default == AGENT_HOLD_KILL)
		r = decide(q, false, "no answer in time, killed before it ran");
	else
		r = decide(q, true, "no answer in time, allowed");
	if (r < 0 && r != -ESRCH)
		ds_log(WARN, "a held program could not be let go", "error=\"%s\"", strerror(-r));
}

/* ---- which daemons */

void
hold_learn(const char *daemon, const char *exe)
{
	if (!hold_is_on(daemon))
		hold_known_add(daemon, exe);
}

bool
hold_is_on(const char *name)
{
	const struct daemon *d;

	for (size_t i = 0; i < DAEMONS_MAX; i++)
		if (strcmp(wanted[i], name) == 0)
			return true;
	d = config != NULL && config->hold ? daemon_find(name) : NULL;
	return d != NULL && d->watched && d->role != DAEMON_SESSION && d->role != DAEMON_PACKAGE;
}

static int
learn_running(pid_t pid, void *ctx)
{
	const struct daemon *d = ctx;
	char exe[PROCESS_PATH_MAX];

	if (daemon_of_process(pid) == d && process_exe(pid, exe, sizeof(exe), NULL) == 0)
		hold_known_add(d->name, exe);
	return 0;
}

/* What the daemon runs now is known, too: it may start itself again. */
static void
switch_on(const struct daemon *d)
{
	static bool is_on[DAEMON_TABLE_MAX + 1];
	struct daemon copy = *d;

	if (d->number > DAEMON_TABLE_MAX || is_on[d->number] == hold_is_on(d->name))
		return;
	is_on[copy.number] = !is_on[copy.number];
	if (is_on[copy.number]) {
		if (process_each(learn_running, (void *)(uintptr_t)d) < 0)
			return;
		hold_known_push(copy.name);
	}
	if (probe_hold_daemon(copy.number, is_on[copy.number]) < 0)
		ds_log(WARN, "new programs of a daemon are not held", "daemon=\"%s\"", copy.name);
}

void
hold_seen(const struct daemon *d)
{
	if (attached)
		switch_on(d);
}

static bool
anybody(void)
{
	for (size_t i = 0; i < DAEMONS_MAX; i++)
		if (wanted[i][0] != '\0')
			return true;
	return config->hold;
}

static int
sync_kernel(void)
{
	int r;

	if (anybody() != attached) {
		r = anybody() ? hold_watch_start(probe_hold_fd()) : 0;
		if (r == 0)
			r = probe_hold(anybody());
		if (r < 0)
			return r;
		attached = anybody();
	}
	for (uint32_t i = 1; i <= daemon_count(); i++)
		if (daemon_get(i) != NULL)
			switch_on(daemon_get(i));
	return 0;
}

int
hold_daemon(const char *name, bool on)
{
	char *room = NULL;
	int r;

	for (size_t i = 0; i < DAEMONS_MAX; i++) {
		if (strcmp(wanted[i], name) == 0)
			room = wanted[i];
		else if (wanted[i][0] == '\0' && room == NULL)
			room = wanted[i];
	}
	if (room == NULL)
		return -ENOSPC;
	(void)snprintf(room, sizeof(wanted[0]), "%s", on ? name : "");
	r = sync_kernel();
	if (r < 0 && on)
		room[0] = '\0';
	return r;
}

/* ---- life */

uint64_t
hold_tick(uint64_t now_ms)
{
	static struct ds_log_rate rate;
	uint64_t next = UINT64_MAX;
	int r;

	for (size_t i = 0; questions_len > 0 && i < QUESTIONS_MAX; i++) {
		if (!questions[i].is_open)
			continue;
		if (!target_is_there(&questions[i].process)) {
			tell(&questions[i], "it was ended before it ran");
			close_question(&questions[i]);
		} else if (questions[i].due_ms <= now_ms) {
			decide_overdue(&questions[i]);
		} else {
			next = DS_MIN(next, questions[i].due_ms - now_ms);
		}
	}
	if (config == NULL || now_ms < next_sync_ms)
		return next;
	next_sync_ms = now_ms + SYNC_MS;
	hold_known_flush();
	r = anybody() || attached ? sync_kernel() : 0;
	if (r == 0 && attached)
		r = hold_watch_start(probe_hold_fd());
	if (r < 0 && ds_log_pass(&rate, 1))
		ds_log(WARN, "new programs are not held", "error=\"%s\"", strerror(-r));
	return next;
}

size_t
hold_len(void)
{
	return questions_len;
}

void
hold_init(const struct agent_config *c, const char *guard_dir)
{
	config = c;
	map_file(guard_dir);
	let_go_left_over();
	if (hold_known_open(guard_dir) < 0)
		ds_log(WARN, "which programs are known is not kept", "guard_dir=\"%s\"", guard_dir);
}

void
hold_done(void)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions[i].is_open &&
		    decide(&questions[i], true, "the agent stops, allowed") < 0)
			continue; /* it has ended */
	if (attached && probe_hold(false) == 0)
		attached = false;
	hold_watch_stop();
	hold_known_close();
}
