/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_net - the kernel side of holding connections: hooks of the cgroup tree, and their maps.
 *
 * Called by hold_net on the guard's only thread.  Attached to the root of the tree, for daemons
 * without a unit have no cgroup of their own; who connects is looked up by task.
 */
#include "agent/guard/probe.h"
#include "agent/guard/probe_object.h"
#include "agent/guard/probe_point.h"
#include "lib/clock.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

static struct bpf_link *links[4];

/* The root of version 2 as we see it: everything, or a container's own part. */
static int
open_root(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	for (size_t i = 0; i < DS_LEN(places); i++)
		if (statfs(places[i], &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC)
			return open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return -EOPNOTSUPP;
}

static void
detach(void)
{
	for (size_t i = 0; i < DS_LEN(links); i++) {
		(void)bpf_link__destroy(links[i]); /* NULL is nothing */
		links[i] = NULL;
	}
}

/* What asks comes before what refuses: nothing is refused that nobody asks about. */
int
probe_net(bool on)
{
	struct sensors_bpf *o = probe_object();
	int root;

	if (!on) {
		detach();
		return 0;
	}
	if (links[0] != NULL)
		return 0;
	if (o == NULL || bpf_program__fd(o->progs.hold_enter) < 0 ||
	    bpf_program__fd(o->progs.hold_exit) < 0 ||
	    bpf_program__fd(o->progs.hold_connect4) < 0 ||
	    bpf_program__fd(o->progs.hold_connect6) < 0)
		return -EOPNOTSUPP;
	root = open_root();
	if (root < 0)
		return -EOPNOTSUPP;
	links[0] = probe_point_attach(o->progs.hold_exit, "sys_exit_connect", 0);
	links[1] = probe_point_attach(o->progs.hold_enter, "sys_enter_connect", 0);
	links[2] = bpf_program__attach_cgroup(o->progs.hold_connect4, root);
	links[3] = bpf_program__attach_cgroup(o->progs.hold_connect6, root);
	(void)close(root);
	for (size_t i = 0; i < DS_LEN(links); i++)
		if (links[i] == NULL) {
			detach();
			return -EOPNOTSUPP;
		}
	return 0;
}

int
probe_net_daemon(uint32_t daemon, bool on)
{
	struct sensors_bpf *o = probe_object();
	uint8_t yes = 1;
	int fd;

	if (o == NULL)
		return on ? -EOPNOTSUPP : 0;
	fd = bpf_map__fd(o->maps.net_holding);
	if (on)
		return bpf_map_update_elem(fd, &daemon, &yes, BPF_ANY) < 0 ? -errno : 0;
	return bpf_map_delete_elem(fd, &daemon) < 0 && errno != ENOENT ? -errno : 0;
}

uint64_t
probe_net_key(uint32_t daemon, const uint8_t address[16], uint16_t port, uint8_t protocol)
{
	struct sensors_bpf *o = probe_object();
	uint64_t words[2], h;

	if (o == NULL)
		return 0;
	memcpy(words, address, sizeof(words));
	h = sample_mix(sample_mix(o->rodata->hash_seed, daemon), words[0]);
	return sample_mix(sample_mix(h, words[1]), port | (uint64_t)protocol << 16);
}

void
probe_net_verdict(uint64_t key, bool allow, uint64_t for_ms)
{
	struct sensors_bpf *o = probe_object();
	struct net_verdict v = { .allow = allow };

	if (for_ms > 0)
		v.until_ns = (ds_clock_boot_us() + for_ms * 1000) * 1000;
	if (o != NULL) /* a full map: it is asked for again */
		(void)bpf_map_update_elem(bpf_map__fd(o->maps.net_verdicts), &key, &v, BPF_ANY);
}

void
probe_net_alive(uint64_t answer_ms)
{
	struct sensors_bpf *o = probe_object();

	if (o == NULL)
		return;
	o->bss->net_ask_ns = answer_ms * 1000000;
	o->bss->net_alive_ns = ds_clock_boot_us() * 1000;
}
