/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe - the kernel side: loads the eBPF programs, attaches them to their tracepoints, reads the
 * ring.
 *
 * Called by the sensors on the guard's only thread.  Owns the loaded object, its links and the
 * ring.
 */
#include "agent/guard/probe.h"
#include "agent/guard/probe_object.h"
#include "agent/guard/probe_point.h"
#include "lib/log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define LINKS_MAX    96u
#define REFUSED_MAX  8u
#define MISSING_SIZE 512u
#define NAME_SIZE    64u

struct topic_state {
	const struct probe_topic *topic; /* NULL: closed */
	struct bpf_link *links[LINKS_MAX];
	size_t links_len;
	char missing[MISSING_SIZE];
};

static struct sensors_bpf *object;
static struct ring_buffer *ring;
static struct topic_state topics[SENSOR_COUNT];
static void (*sample_handler)(const struct probe_sample *sample);
static bool machine_scope;
static char refused[REFUSED_MAX][NAME_SIZE]; /* programs that did not load */
static size_t refused_len;
static char last_failed[NAME_SIZE]; /* what libbpf complained of last */

/* libbpf names the program that the kernel refused only in its messages. */
DS_PRINTF(2, 0)
static int
print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[512], *end;

	(void)vsnprintf(line, sizeof(line), format, args);
	if (level == LIBBPF_WARN && strncmp(line, "libbpf: prog '", 14) == 0) {
		end = strchr(line + 14, '\'');
		if (end != NULL && strstr(end, "failed") != NULL)
			(void)snprintf(last_failed, sizeof(last_failed), "%.*s",
			    (int)(end - line - 14), line + 14);
	}
	if (level == LIBBPF_WARN && ds_log_enabled(DS_LOG_DEBUG)) {
		line[strcspn(line, "\n")] = '\0';
		ds_log(DEBUG, "libbpf says", "text=\"%s\"", line);
	}
	return 0;
}

void
probe_set_handler(void (*handler)(const struct probe_sample *sample))
{
	sample_handler = handler;
}

void
probe_set_scope(bool all)
{
	machine_scope = all;
}

struct sensors_bpf *
probe_object(void)
{
	return object;
}

static int
settings_fill(struct sensors_bpf *o)
{
	if (getrandom(&o->rodata->hash_seed, sizeof(uint64_t), 0) != sizeof(uint64_t))
		return -EIO;
	o->rodata->self_pid = (uint32_t)getpid();
	o->rodata->scope_all = machine_scope;
	o->bss->epoch = 1;
	return 0;
}

static void
leave_out_refused(struct sensors_bpf *o)
{
	for (size_t i = 0; i < refused_len; i++) {
		struct bpf_program *p = bpf_object__find_program_by_name(o->obj, refused[i]);

		if (p != NULL)
			(void)bpf_program__set_autoload(p, false);
	}
}

/* Both take a state along before an exec: newer kernels have a point of their own for it, and where
 * the beginning of one system call is traced, all of them take a detour. */
static void
choose(struct sensors_bpf *o)
{
	bool is_newer = probe_point_exists("sched", "sched_prepare_exec");

	(void)bpf_program__set_autoload(o->progs.task_prepare, is_newer);
	(void)bpf_program__set_autoload(o->progs.task_prepare_call, !is_newer);
}

/* One try; -EAGAIN when a program was refused that can be left out. */
static int
load_once(void)
{
	struct sensors_bpf *o = sensors_bpf__open();
	int r;

	if (o == NULL)
		return -errno;
	r = settings_fill(o);
	choose(o);
	leave_out_refused(o);
	last_failed[0] = '\0';
	if (r == 0)
		r = sensors_bpf__load(o);
	if (r == 0) {
		object = o;
		return 0;
	}
	sensors_bpf__destroy(o);
	if (last_failed[0] == '\0' || refused_len == REFUSED_MAX)
		return r;
	ds_log(WARN, "a program was refused by the kernel, going on without it",
	    "program=%s error=\"%s\"", last_failed, strerror(-r));
	(void)snprintf(refused[refused_len++], NAME_SIZE, "%s", last_failed);
	return -EAGAIN;
}

static bool
sample_check(const void *data, size_t size, struct probe_sample *ret)
{
	const struct sample *s = data;
	size_t off = 0;

	if (size < sizeof(*s))
		return false;
	*ret = (struct probe_sample){ .s = s };
	for (unsigned i = 0; i < SAMPLE_STRINGS; i++) {
		if (off + s->len[i] > size - sizeof(*s))
			return false;
		ret->str[i] = (struct ds_str){ s->data + off, s->len[i] };
		off += s->len[i];
	}
	return true;
}

static int
on_sample(void *ctx, void *data, size_t size)
{
	struct probe_sample sample;

	(void)ctx;
	if (sample_check(data, size, &sample) && sample_handler != NULL)
		sample_handler(&sample);
	return 0;
}

static int
object_open(void)
{
	int r;

	if (object != NULL)
		return 0;
	(void)libbpf_set_print(print_libbpf);
	refused_len = 0;
	do {
		r = load_once();
	} while (r == -EAGAIN);
	if (r < 0)
		return r;
	ring = ring_buffer__new(bpf_map__fd(object->maps.ring), on_sample, NULL, NULL);
	if (ring == NULL) {
		r = -errno;
		sensors_bpf__destroy(object);
		object = NULL;
		return r;
	}
	(void)malloc_trim(0); /* the kernel's types took some MiB */
	return 0;
}

static void
object_close(void)
{
	for (unsigned i = 0; i < SENSOR_COUNT; i++)
		if (topics[i].topic != NULL)
			return;
	ring_buffer__free(ring);
	ring = NULL;
	sensors_bpf__destroy(object);
	object = NULL;
}

static void
missing_add(struct topic_state *t, const struct probe_point *p)
{
	const char *name = p->point != NULL ? p->point : p->program;
	size_t len = strlen(t->missing);

	if (p->optional)
		return;
	if (strncmp(name, "sys_exit_", 9) == 0)
		name += 9;
	(void)snprintf(
	    t->missing + len, sizeof(t->missing) - len, "%s%s", len > 0 ? ", " : "", name);
}

static int
point_attach(struct topic_state *t, const struct probe_point *p)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object->obj, p->program);
	struct bpf_link *link;

	if (program == NULL || bpf_program__fd(program) < 0)
		return -ENOENT;
	if (p->point == NULL)
		link = bpf_program__attach(program);
	else
		link = probe_point_attach(program, p->point, p->cookie);
	if (link == NULL)
		return -errno;
	t->links[t->links_len++] = link;
	return 0;
}

static void
topic_close(struct topic_state *t)
{
	while (t->links_len > 0)
		(void)bpf_link__destroy(t->links[--t->links_len]);
	t->topic = NULL;
}

int
probe_open(const struct probe_topic *topic)
{
	struct topic_state *t = &topics[topic->sensor];
	int r = object_open(), last = -ENOENT;
	bool needed_missing = false;

	if (r < 0)
		return r;
	t->topic = topic;
	t->missing[0] = '\0';
	for (const struct probe_point *p = topic->points;
	     p->program != NULL && t->links_len < LINKS_MAX; p++) {
		r = point_attach(t, p);
		if (r == 0)
			continue;
		last = r;
		needed_missing = needed_missing || p->needed;
		missing_add(t, p);
		if (!p->optional)
			ds_log(INFO, "a tracepoint is not here", "sensor=%s point=%s error=\"%s\"",
			    topic->name, p->point != NULL ? p->point : p->program, strerror(-r));
	}
	if (t->links_len > 0 && !needed_missing)
		return ring_buffer__epoll_fd(ring);
	topic_close(t);
	object_close();
	return last;
}

void
probe_close(const struct probe_topic *topic)
{
	topic_close(&topics[topic->sensor]);
	object_close();
}

int
probe_drain(void)
{
	return ring != NULL ? ring_buffer__consume(ring) : 0;
}

uint64_t
probe_lost(const struct probe_topic *topic)
{
	return object != NULL ? object->bss->lost[topic->sensor] : 0;
}

const char *
probe_missing(const struct probe_topic *topic)
{
	return topics[topic->sensor].missing;
}

const struct probe_topic *
probe_topic_of(uint8_t sensor)
{
	return sensor < SENSOR_COUNT ? topics[sensor].topic : NULL;
}
