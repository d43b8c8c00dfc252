/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * containerd - what a container of containerd's is called and made of: of Kubernetes, nerdctl, ctr.
 *
 * From the bundle of its task, and from containerd's database; containerd is not asked.
 */
#ifndef AGENT_GUARD_CONTAINERD_H
#define AGENT_GUARD_CONTAINERD_H

#include "agent/guard/container.h"

/* cgroup: that of the container when its id was chosen by somebody, who has to be believed by what
 * its bundle says; else NULL.  0 or -ENOENT; what is not known is left empty. */
DS_MUST_CHECK int containerd_find(
    const char *root, const char *id, const char *cgroup, struct container_info *ret);

#endif
