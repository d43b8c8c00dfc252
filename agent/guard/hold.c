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
#include "agent/guard/hold_part.h"
#include "agent/guard/order_job.h"
#include "agent/guard/path.h"
#include "agent/guard/probe.h"
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
#define SYNC_MS       1000u
/* Who lets go on what is held is looked for so long after the last question: it takes the kernel
 * some milliseconds to begin to, and costs all others as long as it does.  After one was found,
 * longer. */
#define WATCH_MS       60000u
#define WATCH_AFTER_MS 3600000u

/* On disk, in guard_dir/held: pid 0: free. */
struct stopped {
	int32_t pid;
	uint32_t reserved;
	uint64_t start_ticks;
};

static const struct agent_config *config;
static struct question questions[QUESTIONS_MAX];
static size_t questions_len;
static struct stopped *stopped; /* QUESTIONS_MAX of them, shared with the file; NULL: none */
static uint64_t next_sync_ms, watched_until_ms;

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
		struct target_process p = { .pid = stopped[i].pid,
			.start_ticks = stopped[i].start_ticks };

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
	q->is_open = false;
	questions_len--;
}

/* Off the kernel's map first: what goes on while it is on it is killed. */
static int
let_go(const struct question *q, bool allow)
{
	int r;

	if (q->token == 0)
		(void)probe_hold_forget((uint32_t)q->process.pid);
	r = q->token != 0 && allow ? 0 : tree_signal_one(&q->process, allow ? SIGCONT : SIGKILL);

	/* Killed first: not even the failure of its exec is seen by anybody. */
	if (q->token != 0)
		hold_perm_answer(q->token, allow);
	return r;
}

static int
decide(struct question *q, bool allow, const char *why)
{
	int r = let_go(q, allow);

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

/* Nobody is asked: it goes on at once. */
static void
let_pass(const struct probe_sample *sample)
{
	struct target_process p;

	(void)probe_hold_forget(sample->s->pid);
	if (target_of((pid_t)sample->s->pid, &p) == 0 && tree_signal_one(&p, SIGCONT) < 0)
		ds_log(WARN, "a held program could not be let go", "pid=%u", sample->s->pid);
}

/* A question about a process; NULL: there is no room, or it is gone. */
static struct question *
open_question(pid_t pid, const char *daemon, const char *exe, uint64_t key, uint32_t token)
{
	struct question *q = free_question();

	if (q == NULL) {
		emit_gap("hold", 1, 0, "too many programs are held: one was let go on");
		return NULL;
	}
	*q = (struct question){ .key = key,
		.token = token,
		.timeout_ms = config->hold_timeout_ms,
		.due_ms = ds_clock_monotonic_ms() + config->hold_timeout_ms };
	if (target_of(pid, &q->process) < 0 || getrandom(q->id, sizeof(q->id), 0) != sizeof(q->id))
		return NULL;
	(void)snprintf(q->daemon, sizeof(q->daemon), "%s", daemon);
	(void)snprintf(q->exe, sizeof(q->exe), "%.*s", (int)DS_PATH_MAX, exe);
	q->is_open = true;
	questions_len++;
	return q;
}

static bool
is_known(const char *daemon, const char *exe)
{
	return hold_known_has(daemon, exe) || hold_profile_get(daemon, exe) == HOLD_WORD_ALLOW;
}

static void
on_perm(const struct hold_perm_question *p)
{
	struct question *q;

	if (!hold_is_on(p->daemon) || order_is_paused() || is_known(p->daemon, p->exe)) {
		hold_perm_answer(p->token, true);
		return;
	}
	q = open_question(p->pid, p->daemon, p->exe, 0, p->token);
	if (q == NULL)
		hold_perm_answer(p->token, true);
	else
		hold_ask_perm(q);
}

static void
watch_for(uint64_t now_ms, uint64_t ms)
{
	watched_until_ms = DS_MAX(watched_until_ms, now_ms + ms);
	probe_escape_watch(true);
}

void
hold_sample(const struct probe_sample *sample)
{
	static char exe[DS_PATH_MAX + 1];
	const struct sample *s = sample->s;
	const struct daemon *d = daemon_get(s->daemon);
	struct question *q;

	(void)path_of_names(sample->str[1], exe, sizeof(exe));
	if (d == NULL || !d->watched || order_is_paused() || is_known(d->name, exe)) {
		if (d != NULL && is_known(d->name, exe))
			probe_hold_know(s->arg[0], true);
		let_pass(sample);
		return;
	}
	q = open_question((pid_t)s->pid, d->name, exe, s->arg[0], 0);
	if (q == NULL) {
		let_pass(sample);
		return;
	}
	if (stopped != NULL)
		stopped[q - questions] =
		    (struct stopped){ q->process.pid, 0, q->process.start_ticks };
	hold_ask(q, sample);
	watch_for(ds_clock_monotonic_ms(), WATCH_MS);
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
			if (q->token == 0)
				probe_hold_know(q->key, true);
			return decide(q, true, "allowed");
		}
		return decide(q, false, "killed before it ran");
	}
	return hold_net_answer(id, answer);
}

static void
decide_overdue(struct question *q)
{
	int r;

	if (hold_profile_get(q->daemon, q->exe) == HOLD_WORD_KILL &&
	    order_ceiling_allows(config, "kill"))
		r = decide(
		    q, false, "no answer in time, its profile forbids it: killed before it ran");
	else if (config->hold_default == AGENT_HOLD_KILL)
		r = decide(q, false, "no answer in time, killed before it ran");
	else
		r = decide(q, true, "no answer in time, allowed");
	if (r < 0 && r != -ESRCH)
		ds_log(WARN, "a held program could not be let go", "error=\"%s\"", strerror(-r));
}

/* ---- life */

static const char *
how_it_ended(const struct question *q, uint64_t now_ms)
{
	if (q->token != 0 || !probe_hold_forget((uint32_t)q->process.pid))
		return "it was ended before it ran";
	watch_for(now_ms, WATCH_AFTER_MS);
	return "somebody let it go on without an answer: killed before it did anything";
}

uint64_t
hold_tick(uint64_t now_ms)
{
	static struct ds_log_rate rate;
	uint64_t next = config != NULL ? hold_net_tick(now_ms) : UINT64_MAX;
	int r;

	hold_perm_drain(on_perm);
	for (size_t i = 0; questions_len > 0 && i < QUESTIONS_MAX; i++) {
		if (!questions[i].is_open)
			continue;
		if (!target_is_there(&questions[i].process)) {
			tell(&questions[i], how_it_ended(&questions[i], now_ms));
			close_question(&questions[i]);
		} else if (questions[i].due_ms <= now_ms) {
			decide_overdue(&questions[i]);
		} else {
			next = DS_MIN(next, questions[i].due_ms - now_ms);
		}
	}
	if (config == NULL || now_ms < next_sync_ms)
		return next;
	if (questions_len == 0 && now_ms >= watched_until_ms)
		probe_escape_watch(false);
	next_sync_ms = now_ms + SYNC_MS;
	hold_known_flush();
	hold_perm_tick();
	r = hold_keep();
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
	hold_which_init(c);
	hold_net_init(c);
	map_file(guard_dir);
	let_go_left_over();
	if (hold_profile_open(guard_dir) < 0)
		ds_log(WARN, "profiles are not kept", "guard_dir=\"%s\"", guard_dir);
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
	hold_detach();
	hold_known_close();
	hold_profile_close();
}
