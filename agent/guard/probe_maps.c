/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_maps - what the guard reads from and writes to the maps of the kernel side.
 *
 * Called by attribute, repeat and the sensors on the guard's only thread.
 */
#include "agent/guard/probe.h"
#include "agent/guard/probe_object.h"
#include "lib/clock.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH     1024u
#define SEED_READ 64u

int
probe_iterate(void (*call)(const struct seed *seed))
{
	struct sensors_bpf *o = probe_object();
	struct seed seeds[SEED_READ];
	struct bpf_link *link;
	ssize_t n;
	int fd;

	if (o == NULL)
		return -ENODEV;
	link = bpf_program__attach_iter(o->progs.task_iterate, NULL);
	if (link == NULL)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		(void)bpf_link__destroy(link);
		return fd;
	}
	while ((n = read(fd, seeds, sizeof(seeds))) > 0 || (n < 0 && errno == EAGAIN))
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(seeds[0]); i++)
			call(&seeds[i]);
	n = n < 0 ? -errno : 0;
	(void)close(fd);
	(void)bpf_link__destroy(link);
	return (int)n;
}

void
probe_new_epoch(void)
{
	if (probe_object() != NULL)
		probe_object()->bss->epoch++;
}

void
probe_decide(uint64_t key, uint32_t daemon, bool watched)
{
	struct sensors_bpf *o = probe_object();
	struct verdict v = { .daemon = daemon, .watched = watched };

	if (o == NULL)
		return;
	v.epoch = o->bss->epoch;
	/* Cannot fail in a map that forgets its oldest; if it does, the task asks again. */
	(void)bpf_map_update_elem(bpf_map__fd(o->maps.verdicts), &key, &v, BPF_ANY);
}

int
probe_decision(uint64_t key, uint32_t *ret_daemon, bool *ret_watched)
{
	struct sensors_bpf *o = probe_object();
	struct verdict v;

	if (o == NULL || bpf_map_lookup_elem(bpf_map__fd(o->maps.verdicts), &key, &v) < 0 ||
	    v.epoch != o->bss->epoch)
		return 0;
	*ret_daemon = v.daemon;
	*ret_watched = v.watched != 0;
	return 1;
}

static int
repeats_fd(void)
{
	return probe_object() != NULL ? bpf_map__fd(probe_object()->maps.repeats) : -1;
}

int
probe_repeat_get(uint64_t key, uint64_t *ret_count)
{
	struct repeat value;

	if (bpf_map_lookup_elem(repeats_fd(), &key, &value) < 0)
		return -errno;
	*ret_count = value.count;
	return 0;
}

int
probe_repeat_add(uint64_t key)
{
	struct repeat value = { .last_ns = ds_clock_boot_us() * 1000 };

	return bpf_map_update_elem(repeats_fd(), &key, &value, BPF_NOEXIST) < 0 ? -errno : 0;
}

void
probe_repeat_remove(uint64_t key, uint64_t *ret_count)
{
	struct repeat value = { 0 };
	int fd = repeats_fd();

	/* One call where the kernel has it (5.14); else what comes between the two is not counted.
	 */
	if (bpf_map_lookup_and_delete_elem(fd, &key, &value) < 0 && errno != ENOENT) {
		(void)bpf_map_lookup_elem(fd, &key, &value);
		(void)bpf_map_delete_elem(fd, &key);
	}
	*ret_count = value.count;
}

int
probe_repeat_each(void (*call)(uint64_t key, uint64_t count))
{
	static uint64_t keys[BATCH];
	static struct repeat values[BATCH];
	uint32_t position, len;
	bool first = true;
	int r = 0, fd = repeats_fd();

	while (r == 0) {
		len = BATCH;
		r = bpf_map_lookup_batch(
		    fd, first ? NULL : &position, &position, keys, values, &len, NULL);
		if (r < 0 && errno != ENOENT)
			return -errno;
		for (uint32_t i = 0; i < len; i++)
			if (values[i].count > 0)
				call(keys[i], values[i].count);
		first = false;
	}
	return 0;
}

void
probe_secret_add(const struct file_id *id)
{
	uint8_t yes = 1;

	if (probe_object() != NULL)
		(void)bpf_map_update_elem(
		    bpf_map__fd(probe_object()->maps.secrets), id, &yes, BPF_ANY);
}

void
probe_secret_name(const char *name)
{
	char key[SECRET_NAME_SIZE] = { 0 };
	uint8_t yes = 1;

	if (probe_object() == NULL)
		return;
	memcpy(key, name, DS_MIN(strlen(name), sizeof(key) - 1));
	(void)bpf_map_update_elem(
	    bpf_map__fd(probe_object()->maps.secret_names), key, &yes, BPF_ANY);
}
