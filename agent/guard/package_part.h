/* SPDX-License-Identifier: GPL-2.0-or-later */
/* package_part - the databases behind package.c; for nobody else. */
#ifndef AGENT_GUARD_PACKAGE_PART_H
#define AGENT_GUARD_PACKAGE_PART_H

#include "agent/guard/package.h"

/* Below the root, symbolic links and ".." do not lead out of it; regular files and directories
 * only.  An fd or -errno. */
DS_MUST_CHECK int package_open(int root_fd, const char *path, int flags);
/* Diversions of dpkg that concern a question. */
void package_dpkg_divert(struct package_job *job, struct package_query *q);
/* One slice of PACKAGE_LISTS and PACKAGE_STATUS; true when the state is finished. */
DS_MUST_CHECK bool package_dpkg_lists(struct package_job *job, size_t budget);
DS_MUST_CHECK bool package_dpkg_status(struct package_job *job, size_t budget);
/* rpm's tool, where there is a database of it; else NULL. */
const char *package_rpm_program(void);
/* Whether rpm can be asked; one look at the child that was. */
bool package_rpm_exists(const struct package_job *job);
DS_MUST_CHECK bool package_rpm_step(struct package_job *job);
void package_rpm_end(struct package_job *job);

#endif
