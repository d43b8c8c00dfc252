/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_hold - the kernel side of holding: the program that stops, and its maps.
 *
 * Called by hold on the guard's only thread.
 */
#include "agent/guard/probe.h"
#include "agent/guard/probe_object.h"
#include "lib/log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

static struct bpf_link *link_;

int
probe_hold(bool on)
{
	struct sensors_bpf *o = probe_object();

	if (!on) {
		(void)bpf_link__destroy(link_); /* NULL is nothing */
		link_ = NULL;
		probe_escape_close();
		return 0;
	}
	if (link_ != NULL)
		return 0;
	if (o == NULL || bpf_program__fd(o->progs.task_hold) < 0)
		return -EOPNOTSUPP;
	/* Before the first is held. */
	if (probe_escape_open() < 0)
		ds_log(WARN, "what is held others can let go on, holding all the same",
		    "error=\"%s\"", strerror(EOPNOTSUPP));
	link_ = bpf_program__attach(o->progs.task_hold);
	return link_ == NULL ? -errno : 0;
}

int
probe_hold_daemon(uint32_t daemon, bool on)
{
	struct sensors_bpf *o = probe_object();
	uint8_t yes = 1;
	int fd;

	if (o == NULL)
		return on ? -EOPNOTSUPP : 0;
	fd = bpf_map__fd(o->maps.holding);
	if (on)
		return bpf_map_update_elem(fd, &daemon, &yes, BPF_ANY) < 0 ? -errno : 0;
	return bpf_map_delete_elem(fd, &daemon) < 0 && errno != ENOENT ? -errno : 0;
}

uint64_t
probe_hold_key(uint32_t daemon, uint64_t device, uint64_t inode)
{
	struct sensors_bpf *o = probe_object();

	if (o == NULL)
		return 0;
	return sample_mix(sample_mix(sample_mix(o->rodata->hash_seed, daemon), device), inode);
}

void
probe_hold_know(uint64_t key, bool known)
{
	struct sensors_bpf *o = probe_object();
	uint8_t yes = 1;

	if (o == NULL)
		return;
	if (known)
		(void)bpf_map_update_elem(bpf_map__fd(o->maps.known), &key, &yes, BPF_ANY);
	else
		(void)bpf_map_delete_elem(bpf_map__fd(o->maps.known), &key);
}

bool
probe_hold_forget(uint32_t pid)
{
	struct sensors_bpf *o = probe_object();
	struct held_task h = { 0 };
	int fd = o != NULL ? bpf_map__fd(o->maps.held) : -1;

	if (fd < 0 || bpf_map_lookup_elem(fd, &pid, &h) < 0)
		return false;
	(void)bpf_map_delete_elem(fd, &pid);
	return h.escaped != 0;
}

int
probe_hold_fd(void)
{
	struct sensors_bpf *o = probe_object();

	return o != NULL ? bpf_map__fd(o->maps.held) : -1;
}
