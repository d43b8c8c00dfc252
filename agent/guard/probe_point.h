/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_point - opens a tracepoint by name, also where no tracefs is mounted.
 */
#ifndef AGENT_GUARD_PROBE_POINT_H
#define AGENT_GUARD_PROBE_POINT_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct bpf_link;
struct bpf_program;

/* Whether this kernel has the tracepoint. */
bool probe_point_exists(const char *category, const char *name);
/* A perf event of the tracepoint, or -errno: -ENOENT when this kernel does not have it. */
DS_MUST_CHECK int probe_point_open(const char *category, const char *name);
/* A program to a tracepoint of a system call, "sys_exit_openat"; NULL: errno says why. */
struct bpf_link *probe_point_attach(struct bpf_program *program, const char *name, uint64_t cookie);

#endif
