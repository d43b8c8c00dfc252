/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps - maps and settings of all sensors' kernel side; defined once, in exec.bpf.c.
 *
 * The five objects are linked into one before they are loaded, so that they share these.  A sample is built in a scratch
 * buffer of the CPU and copied into the ring with its real size.  All programs run with preemption off and none of them
 * in an interrupt, so nobody else writes to the scratch buffer meanwhile.
 */
#ifndef AGENT_GUARD_SENSORS_MAPS_BPF_H
#define AGENT_GUARD_SENSORS_MAPS_BPF_H

#include "agent/guard/sensors/kernel.bpf.h"
#include "agent/guard/sensors/sample.h"

#ifndef LINKAGE
#define LINKAGE extern
#endif

/* State of a walk from a directory entry to its root. */
struct walk {
	struct dentry *dentry;
	struct mount *mount;
	__u32 start, off;
	__u32 done;
};

#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
struct scratch {
	struct sample s;
	char data[SAMPLE_DATA_MAX];
	struct walk walk;
	__u64 hash;
	__u32 hash_off;
};

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SAMPLE_RING);
} ring SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct verdict);
} verdicts SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct repeat);
} repeats SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct file_id);
	__type(value, __u8);
} secrets SEC(".maps");

LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, char[SECRET_NAME_SIZE]);
	__type(value, __u8);
} secret_names SEC(".maps");

/* Daemons whose new programs are held. */
LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SAMPLE_DAEMONS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} holding SEC(".maps");

/* Programs, by daemon, that are not held. */
LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
} known SEC(".maps");

/* Who is stopped now, by pid: who finds the guard dead lets them go on. */
LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HOLD_MAX);
	__type(key, __u32);
	__type(value, struct held_task);
} held SEC(".maps");

/* Daemons whose connections to strange destinations are held. */
LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SAMPLE_DAEMONS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u8);
} net_holding SEC(".maps");

/* Destinations, by daemon. */
LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct net_verdict);
} net_verdicts SEC(".maps");

/* Tasks of these daemons that are in connect(2), by their address. */
LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct connecting);
} connecting SEC(".maps");

/* Settings, written before the load. */
LINKAGE const volatile __u64 hash_seed; /* so that nobody can aim at a key */
LINKAGE const volatile __u32 self_pid;  /* of the guard, in its own pid namespace */
LINKAGE const volatile __u32 scope_all; /* the whole machine, whatever namespace */

LINKAGE __u32 scope_level, scope_inum; /* the agent's pid namespace; inum 0: not known yet, nobody is in scope */

LINKAGE __u32 epoch;                   /* decisions of another one are void */
LINKAGE __u64 lost[8];                 /* by enum sample_sensor */
LINKAGE __u64 woken_ns;
LINKAGE __u32 hold_unwatched;           /* what is held and goes on would not be seen at its next system call */
LINKAGE __u64 net_alive_ns, net_ask_ns; /* when the guard was there last; how long it may take to answer */

#endif
