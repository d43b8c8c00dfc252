/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard - the guard's loop: sensors, decisions, the queue to the uplink, and the uplink itself.
 *
 * Called by main; this is the guard's only thread.  Owns the epoll set, the signal descriptor and
 * the pid file.
 */
#include "agent/guard/guard.h"
#include "agent/guard/attribute.h"
#include "agent/guard/decide.h"
#include "agent/guard/emit.h"
#include "agent/guard/guard_report.h"
#include "agent/guard/heartbeat.h"
#include "agent/guard/modules.h"
#include "agent/guard/sensor.h"
#include "agent/guard/supervise.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE_BYTES_MAX (2u << 20)
#define QUEUE_MANY      (256u << 10) /* after so much memory is given back */
#define TICK_MS         1000u
#define BUSY_MS         2u /* after a wake-up the ring is looked at again until it is empty */

enum tag { TAG_SIGNAL, TAG_SENSOR, TAG_UPLINK };

struct guard {
	const char *file;
	struct agent_config *config;
	int epoll_fd, signal_fd;
	char uplink[4096];
	char sensors[2048];
	char pid_file[4096];
	uint64_t next_tick_ms, next_repeat_ms, next_cost_ms, next_module_ms;
	bool beat_due; /* the uplink does not have all that was seen up to the mark yet */
	bool busy, stop;
};

static struct guard guard;

/* The uplink: configured, or installed, or beside us in a build tree. */
static void
find_uplink(void)
{
	char self[4000];
	ssize_t n;

	if (guard.config->uplink[0] != '\0') {
		(void)snprintf(guard.uplink, sizeof(guard.uplink), "%s", guard.config->uplink);
		return;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	if (strrchr(self, '/') != NULL)
		*strrchr(self, '/') = '\0';
	(void)snprintf(guard.uplink, sizeof(guard.uplink), "%s/daemonsec-uplink", self);
	if (access(guard.uplink, X_OK) == 0)
		return;
	(void)snprintf(
	    guard.uplink, sizeof(guard.uplink), "%s/../libexec/daemonsec/daemonsec-uplink", self);
	if (access(guard.uplink, X_OK) != 0)
		(void)snprintf(
		    guard.uplink, sizeof(guard.uplink), DS_LIBEXECDIR "/daemonsec-uplink");
}

static int
signals_open(void)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int
loop_open(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = TAG_SIGNAL };

	guard.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (guard.epoll_fd < 0)
		return -errno;
	guard.signal_fd = signals_open();
	if (guard.signal_fd < 0)
		return guard.signal_fd;
	return epoll_ctl(guard.epoll_fd, EPOLL_CTL_ADD, guard.signal_fd, &event) < 0 ? -errno : 0;
}

static void
pid_file_write(void)
{
	FILE *f;

	(void)mkdir(guard.config->run_dir, 0755);
	(void)snprintf(guard.pid_file, sizeof(guard.pid_file), "%s/daemonsec-agent.pid",
	    guard.config->run_dir);
	f = fopen(guard.pid_file, "we");
	if (f == NULL || fprintf(f, "%d\n", (int)getpid()) < 0)
		ds_log(WARN, "cannot write the pid file, going on without",
		    "path=\"%s\" error=\"%s\"", guard.pid_file, strerror(errno));
	if (f != NULL)
		(void)fclose(f);
}

static bool
scope_is_machine(void)
{
	char target[64];
	ssize_t n;

	if (guard.config->scope != AGENT_SCOPE_AUTO)
		return guard.config->scope == AGENT_SCOPE_MACHINE;
	n = readlink("/proc/self/ns/pid", target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	return strcmp(target, "pid:[4026531836]") == 0; /* the initial one has a fixed number */
}

static int
sense(void)
{
	unsigned n;

	modules_set_scope(scope_is_machine());
	n = sensors_open(guard.config->sensors == AGENT_SENSORS_FALLBACK);
	if (n == 0)
		ds_log(ERROR, "nothing will be seen", "error=\"no sensor runs here\"");
	if (sensors_watch(guard.epoll_fd, TAG_SENSOR) < 0)
		ds_log(ERROR, "cannot wait for the sensors", "error=\"%s\"", strerror(errno));
	decide_all();
	modules_sensing(guard.config->sensors == AGENT_SENSORS_FALLBACK);
	sensors_text(guard.sensors, sizeof(guard.sensors));
	ds_log(INFO, "sensing", "sensors=\"%s\"", guard.sensors);
	return 0;
}

static void
start_uplink(void)
{
	find_uplink();
	supervise_init(&(struct supervise_options){ .program = guard.uplink,
	    .conf = guard.file,
	    .sensors = guard.sensors,
	    .config = guard.config,
	    .epoll_fd = guard.epoll_fd,
	    .tag = TAG_UPLINK });
}

static void
say_waits(const char *name, void *ctx)
{
	(void)ctx;
	ds_log(
	    WARN, "this option was changed, it is taken over at the next start", "option=%s", name);
}

static void
reload(void)
{
	struct agent_config fresh = { 0 };
	static struct ds_conf_report report;
	int r;

	r = agent_config_read(guard.file, &fresh, &report);
	if (r < 0) {
		ds_log(ERROR, "the new configuration is refused, keeping the old one",
		    "errors=%zu first=\"%s\"", report.len,
		    report.len > 0 ? report.errors[0].text : "");
		ds_conf_free(agent_options, &fresh);
		return;
	}
	if (report.unknown > 0)
		ds_log(WARN, "unknown options are left out", "unknown=%zu first=\"%s\"",
		    report.unknown, report.errors[0].text);
	ds_conf_waits(agent_options, guard.config, &fresh, say_waits, NULL);
	ds_conf_keep(agent_options, guard.config, &fresh);
	ds_conf_free(agent_options, guard.config);
	*guard.config = fresh;
	ds_log_set_level((enum ds_log_level)guard.config->log_level);
	modules_reload(guard.config);
	decide_all();
	supervise_reload();
	ds_log(INFO, "configuration reloaded", "file=\"%s\"", guard.file);
}

static void
on_signals(uint64_t now_ms)
{
	struct signalfd_siginfo info;

	while (read(guard.signal_fd, &info, sizeof(info)) == sizeof(info))
		switch (info.ssi_signo) {
		case SIGCHLD:
			supervise_reap(now_ms);
			break;
		case SIGHUP:
			ds_systemd_reloading();
			reload();
			ds_systemd_tell("READY=1");
			break;
		default:
			guard.stop = true;
		}
}

/* After a flood: what the queue took goes back to the system. */
static void
trim(void)
{
	static bool many;

	if (emit_bytes() >= QUEUE_MANY)
		many = true;
	else if (many && malloc_trim(0) >= 0)
		many = false;
}

/* Once the uplink has all that was seen up to the mark: if we die now, the gap begins there. */
static void
beat_if_sent(uint64_t now_ms)
{
	supervise_flush(now_ms, true);
	if (!emit_is_sent())
		return;
	heartbeat_beat();
	guard.beat_due = false;
}

static void
tell_repeats(uint64_t now_ms)
{
	modules_flush_repeats();
	heartbeat_mark();
	guard.beat_due = true;
	guard.next_repeat_ms = now_ms + guard.config->repeat_interval_ms;
}

static void
tick(uint64_t now_ms)
{
	trim();
	attribute_tick();
	sensors_tick(now_ms);
	modules_tick(now_ms);
	if (guard.beat_due)
		beat_if_sent(now_ms);
	if (now_ms >= guard.next_cost_ms) {
		report_cost(supervise_pid(), now_ms);
		guard.next_cost_ms = now_ms + 10 * TICK_MS;
	}
	ds_systemd_tell("WATCHDOG=1");
}

/* What is due; in how many ms something is due again. */
static int
run_timers(uint64_t now_ms)
{
	uint64_t next, wait;

	if (now_ms >= guard.next_repeat_ms)
		tell_repeats(now_ms);
	if (now_ms >= guard.next_tick_ms) {
		tick(now_ms);
		guard.next_tick_ms = now_ms + TICK_MS;
	}
	if (now_ms >= guard.next_module_ms)
		guard.next_module_ms = now_ms + modules_work(now_ms);
	wait = supervise_tick(now_ms);
	supervise_flush(now_ms, false);
	next = DS_MIN(guard.next_tick_ms, guard.next_module_ms);
	next = DS_MIN(next, guard.next_repeat_ms);
	next = DS_MIN(next, emit_deadline());
	if (wait != UINT64_MAX)
		next = DS_MIN(next, now_ms + wait);
	if (guard.busy)
		next = DS_MIN(next, now_ms + BUSY_MS);
	now_ms = ds_clock_monotonic_ms();
	return next > now_ms ? (int)DS_MIN(next - now_ms, (uint64_t)TICK_MS) : 0;
}

static void
run_loop(void)
{
	struct epoll_event events[16];

	while (!guard.stop) {
		int n = epoll_wait(
		    guard.epoll_fd, events, DS_LEN(events), run_timers(ds_clock_monotonic_ms()));
		uint64_t now_ms = ds_clock_monotonic_ms();

		guard.busy = sensors_drain() > 0;
		for (int i = 0; i < n; i++) {
			if (events[i].data.u32 == TAG_SIGNAL)
				on_signals(now_ms);
			else if (events[i].data.u32 == TAG_UPLINK)
				supervise_ready(now_ms);
		}
	}
}

static int
state_open(void)
{
	int r;

	if (mkdir(guard.config->state_dir, 0755) < 0 && errno != EEXIST)
		ds_log(WARN, "cannot make the state directory", "path=\"%s\" error=\"%s\"",
		    guard.config->state_dir, strerror(errno));
	r = heartbeat_open(guard.config->state_dir);
	if (r == -EBUSY)
		ds_log(ERROR, "another guard runs with this state directory", "path=\"%s\"",
		    guard.config->state_dir);
	else if (r < 0)
		ds_log(ERROR, "cannot use the state directory", "path=\"%s\" error=\"%s\"",
		    guard.config->state_dir, strerror(-r));
	return r;
}

static void
stop(void)
{
	ds_log(INFO, "stopping", "pid=%d", (int)getpid());
	ds_systemd_tell("STOPPING=1");
	(void)sensors_drain();
	modules_flush_repeats();
	report_stop();
	supervise_done();
	sensors_close();
	(void)unlink(guard.pid_file);
	heartbeat_close();
}

int
guard_run(const char *file, struct agent_config *config)
{
	int r;

	guard.file = file;
	guard.config = config;
	r = state_open();
	if (r < 0)
		return r;
	r = loop_open();
	if (r == 0)
		r = emit_init(QUEUE_BYTES_MAX);
	if (r == 0)
		r = modules_init(config);
	if (r < 0) {
		ds_log(ERROR, "cannot start", "error=\"%s\"", strerror(-r));
		heartbeat_close();
		return r;
	}
	pid_file_write();
	r = sense();
	report_start(guard.sensors, heartbeat_blind_us());
	heartbeat_mark();
	guard.beat_due = true;
	start_uplink();
	ds_systemd_tell("READY=1");
	run_loop();
	stop();
	modules_done();
	emit_done();
	(void)close(guard.epoll_fd);
	(void)close(guard.signal_fd);
	return r;
}
