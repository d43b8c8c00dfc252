/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample - what the kernel side hands to the guard: the record in the ring and the values of the
 * maps.
 *
 * Shared by *.bpf.c and the guard; its layout is asserted in tests/unit/test_layout.c.
 */
#ifndef AGENT_GUARD_SENSORS_SAMPLE_H
#define AGENT_GUARD_SENSORS_SAMPLE_H

#include <linux/types.h>

#ifdef __bpf__
enum {
#define DS_KIND(id, symbol, category, action, nums, strs, help) DS_EVENT_##symbol = (id),
#include "schema/events.def"
};
#endif

#define SAMPLE_PATH_MAX  4096u
#define SAMPLE_ANCESTORS 8u
#define SAMPLE_STRINGS   4u
/* Room for four strings of a path's size and what a name may stick out. */
#define SAMPLE_DATA_MAX 20480u
#define SAMPLE_RING     (512u << 10) /* counts twice in the guard's resident memory */
#define SAMPLE_RESERVE \
	(64u << 10) /* of it, for what names and addresses without end must not hide */
#define SAMPLE_DAEMONS 4096u

/* Kinds of a sample that are not events. */
#define SAMPLE_CGROUP \
	100 /* a process changed its cgroup: string 0 is the path, arg[0] the decision's key */
#define SAMPLE_HOLD                                                                            \
	101 /* a process is stopped at an exec: string 0 the arguments, 1 the program's names; \
	     * daemon: who started it, arg[0] the program's key in `known` */

#define SAMPLE_HOLD_CONNECT                                                                       \
	102 /* a connection to a strange destination was refused: daddr, dport, proto; arg[0] its \
	       key */

enum sample_sensor {
	SENSOR_EXEC,
	SENSOR_FILE,
	SENSOR_NET,
	SENSOR_CRED,
	SENSOR_MODULE,
	SENSOR_COUNT
};

/* sample.flags */
#define SAMPLE_FIRST 0x01u /* this key was not in the map of repeats */
#define SAMPLE_WAITS \
	0x02u /* the task waits for a decision: `wait` is its key, `key` is without the daemon */
#define SAMPLE_TRUNCATED 0x04u
#define SAMPLE_PARTIAL   0x08u
#define SAMPLE_UNFOLDED  0x10u /* the map of repeats is full: nobody counts the next ones */
#define SAMPLE_MEMORY    0x20u /* exec of a memfd */
#define SAMPLE_DELETED   0x40u /* exec of a file without a name */
#define SAMPLE_SEED      0x80u /* `wait` is a decision about this one process */

/* How a string of a sample is written. */
enum sample_form {
	FORM_NONE,
	FORM_TEXT,  /* as it is */
	FORM_NAMES, /* names from the leaf to the root, each with a NUL; empty: the root */
	FORM_BELOW, /* as it is, below the FORM_NAMES before it */
};

struct sample {
	__u64 time_ns; /* boot clock */
	__u64 key;     /* of the behaviour */
	__u64 wait;    /* SAMPLE_WAITS: key of the decision */
	__u64 exe;     /* id of the program */
	__u64 parent_exe;
	__u64 start_ns; /* of the process, boot clock */
	__u64 count;    /* how many this stands for */
	__u64 inode;
	__u64 arg[3]; /* by kind */
	__u32 device;
	__u32 daemon; /* 0: none, or undecided */
	__u32 pid, ppid;
	__u32 uid, gid;
	__u32 flags;
	__u8 kind; /* enum ds_event_kind, or SAMPLE_* */
	__u8 sensor;
	__u8 family; /* AF_* or 0 */
	__u8 proto;
	__u16 sport, dport;
	__u8 form[SAMPLE_STRINGS];
	__u16 len[SAMPLE_STRINGS]; /* bytes of each string, in data, one behind the other */
	__u8 saddr[16], daddr[16];
	char data[];
};

/* What a task carries: in task storage, at the leader of the thread group. */
struct task_state {
	__u64 key; /* of the decision about it */
	__u64 exe;
	__u64 ancestors[SAMPLE_ANCESTORS]; /* programs of the processes above, nearest first */
	__u64 start_ns;
	__u32 daemon; /* carried; valid when it does not wait, else the one before */
	__u32 epoch;  /* of the decision */
	__u32 pid, ppid;
	__u32 flags;
	__u32 before; /* daemon before the last exec, 0 for none */
};

/* task_state.flags */
#define TASK_WAITS   0x01u /* for a decision about `key` */
#define TASK_WATCHED 0x02u
#define TASK_SELF    0x04u /* the guard and what it started */
#define TASK_SEED    0x08u /* `key` is about this process alone */
#define TASK_LISTENS 0x10u /* `key` is about a process that began to listen */
#define TASK_HELD    0x20u /* it was stopped at an exec: look into `held` */

/* A decision of the guard, by key. */
struct verdict {
	__u32 epoch;
	__u32 daemon;
	__u32 watched;
	__u32 reserved;
};

/* How often a behaviour was repeated. */
struct repeat {
	__u64 count;
	__u64 last_ns; /* when it was sent in full; of EXEC only */
};

/* What the iteration over all tasks writes for each process in scope. */
struct seed {
	__u64 key;
	__u64 exe;
	__u32 pid;
	__u32 reserved;
};

/* A process that was stopped at its exec. */
struct held_task {
	__u64 start_ns; /* boot clock */
	__u64 since_ns;
	__u64 escaped; /* it went on all the same, and was killed */
};

#define HOLD_MAX 1024u

/* What becomes of a daemon's connections to one destination. */
struct net_verdict {
	__u64 until_ns; /* boot clock; 0: for ever */
	__u32 allow;    /* 0: refused, without asking (again) */
	__u32 reserved;
};

/* A task within connect(2). */
struct connecting {
	__u64 address[2]; /* network byte order, version 4 in the first four bytes */
	__u64 key;        /* of the destination, in `net_verdicts` */
	__u32 daemon;
	__u16 port;
	__u8 family, proto;
	__u32 refused; /* because it is strange: somebody has to be asked */
	__u32 reserved;
};

#define NET_ALIVE_NS 5000000000ull /* a guard that was silent for longer has no say */

/* One file, for the set of credential files. */
struct file_id {
	__u64 inode;
	__u32 device;
	__u32 reserved;
};

/* What a system call's tracepoint has to know about it, packed into the cookie of its attachment.
 * 15: no such argument. */
#define CALL_NONE 15u
#define CALL(kind, dir, path, value, dir2, path2)                                         \
	((__u64)(kind) | (__u64)(dir) << 8 | (__u64)(path) << 12 | (__u64)(value) << 16 | \
	    (__u64)(dir2) << 20 | (__u64)(path2) << 24)
#define CALL_KIND(c)  ((__u32)((c)&0xff))
#define CALL_DIR(c)   ((__u32)((c) >> 8 & 15))
#define CALL_PATH(c)  ((__u32)((c) >> 12 & 15))
#define CALL_VALUE(c) ((__u32)((c) >> 16 & 15))
#define CALL_DIR2(c)  ((__u32)((c) >> 20 & 15))
#define CALL_PATH2(c) ((__u32)((c) >> 24 & 15))

#define SECRET_NAME_SIZE 32u /* of a credential file's name, with its NUL */

static inline __u64
sample_mix(__u64 h, __u64 v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

#endif
