/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity_scan - puts into the table what belongs to daemons, and what comes into being in their
 * directories.
 *
 * Called by integrity, on the guard's only thread.
 */
#ifndef AGENT_GUARD_INTEGRITY_SCAN_H
#define AGENT_GUARD_INTEGRITY_SCAN_H

#include "agent/config.h"
#include "agent/guard/integrity_table.h"

/* All files of a daemon anew; what it does not have any more leaves the table.  pid 0: it has gone;
 * its files stay, unless they went with its file system. */
void integrity_scan_daemon(uint32_t number, pid_t pid, const char *root, const char *package);
/* What is in a tree.  was_known: it came into being while the tree was watched. */
void integrity_scan_tree(struct watched_file *tree, bool was_known, uint64_t now_ms);
/* A name in a watched directory came, went or was replaced: its entry, made when it is in a tree;
 * NULL: of no interest. */
struct watched_file *integrity_scan_name(const struct watched_dir *d, const char *name, size_t len);
/* [integrity] files, once their daemons are known. */
void integrity_scan_options(const struct agent_config *config);
void integrity_scan_forget_options(void);

#endif
