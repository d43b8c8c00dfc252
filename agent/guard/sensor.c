/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sensor - the table of sensors, and which of them run here.
 *
 * Called by main on the guard's only thread.
 */
#include "agent/guard/sensor.h"
#include "agent/guard/emit.h"
#include "agent/guard/sensors/fallback.h"
#include "agent/guard/sensors/sensors.h"
#include "lib/event.h"
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define RUNNING_MAX 16u

const struct sensor *const sensor_table[] = {
	&sensor_exec,
	&sensor_file,
	&sensor_net,
	&sensor_cred,
	&sensor_module,
	&sensor_integrity,
	&sensor_exec_netlink,
	&sensor_exec_scan,
	&sensor_file_fanotify,
	&sensor_net_diag,
	NULL,
};

struct running {
	const struct sensor *sensor;
	int fd;
	uint64_t lost; /* told so far */
};

static struct running running[RUNNING_MAX];
static unsigned running_len;
static const char *failed[RUNNING_MAX]; /* names of what does not run */
static unsigned failed_len;

/* Whether a sensor that could stand in should: what it replaces was tried, or is not wanted. */
static bool
is_needed(const struct sensor *s)
{
	for (unsigned i = 0; i < failed_len; i++)
		if (strcmp(failed[i], s->replaces) == 0)
			return true;
	return false;
}

static void
fail(const struct sensor *s)
{
	if (failed_len < RUNNING_MAX)
		failed[failed_len++] = s->name;
}

static void
try_open(const struct sensor *s)
{
	int fd = running_len < RUNNING_MAX ? s->open() : -ENOSPC;

	if (fd < 0) {
		ds_log(WARN, "a sensor cannot run here", "sensor=%s error=\"%s\"", s->name,
		    strerror(-fd));
		fail(s);
		return;
	}
	running[running_len++] = (struct running){ .sensor = s, .fd = fd };
}

unsigned
sensors_open(bool fallback)
{
	failed_len = 0;
	for (unsigned i = 0; sensor_table[i] != NULL; i++) {
		if (sensor_table[i]->replaces != NULL)
			continue;
		if (fallback && !sensor_table[i]->plain)
			fail(sensor_table[i]);
		else
			try_open(sensor_table[i]);
	}
	for (unsigned i = 0; sensor_table[i] != NULL; i++)
		if (sensor_table[i]->replaces != NULL && is_needed(sensor_table[i]))
			try_open(sensor_table[i]);
	return running_len;
}

void
sensors_close(void)
{
	while (running_len > 0)
		running[--running_len].sensor->close();
}

int
sensors_watch(int epoll_fd, uint32_t tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = tag };

	/* The eBPF sensors share one ring. */
	for (unsigned i = 0; i < running_len; i++)
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, running[i].fd, &event) < 0 &&
		    errno != EEXIST)
			return -errno;
	return 0;
}

unsigned
sensors_drain(void)
{
	unsigned n = 0;
	int r;

	for (unsigned i = 0; i < running_len; i++) {
		if (i > 0 && running[i].fd == running[i - 1].fd)
			continue;
		r = running[i].sensor->drain();
		if (r > 0)
			n += (unsigned)r;
	}
	return n;
}

void
sensors_tick(uint64_t now_ms)
{
	for (unsigned i = 0; i < running_len; i++) {
		struct running *run = &running[i];
		uint64_t lost = run->sensor->lost != NULL ? run->sensor->lost() : 0;

		if (run->sensor->tick != NULL)
			run->sensor->tick(now_ms);
		if (lost > run->lost)
			emit_gap(run->sensor->name, lost - run->lost, 0,
			    "more happened than could be read in time");
		run->lost = lost;
	}
}

static size_t DS_PRINTF(4, 5) put(char *ret, size_t size, size_t n, const char *format, ...)
{
	va_list args;
	int len;

	if (n >= size)
		return n;
	va_start(args, format);
	len = vsnprintf(ret + n, size - n, format, args);
	va_end(args);
	return len < 0 ? n : n + (size_t)len;
}

/* The kinds of event that a first choice would report and nothing that runs does. */
static size_t
put_unseen(char *ret, size_t size, size_t n)
{
	uint64_t unseen = 0;
	const char *before = n > 0 ? "; nothing sees " : "nothing sees ";

	for (unsigned i = 0; sensor_table[i] != NULL; i++)
		unseen |= sensor_table[i]->replaces == NULL ? sensor_table[i]->kinds : 0;
	for (unsigned i = 0; i < running_len; i++)
		unseen &= ~running[i].sensor->kinds;
	for (unsigned k = 0; k < DS_EVENT_MAX; k++) {
		if ((unseen >> k & 1) == 0)
			continue;
		n = put(ret, size, n, "%s%s", before, ds_kind_table[k].action);
		before = ", ";
	}
	return n;
}

void
sensors_text(char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (unsigned i = 0; i < running_len; i++) {
		const struct sensor *s = running[i].sensor;
		const char *missing = s->missing != NULL ? s->missing() : "";

		n = put(ret, size, n, "%s%s", i > 0 ? "; " : "", s->name);
		if (missing[0] != '\0')
			n = put(ret, size, n, " (without %s)", missing);
		if (s->blind != NULL)
			n = put(ret, size, n, ": blind to %s", s->blind);
	}
	(void)put_unseen(ret, size, n);
}
