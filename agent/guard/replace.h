/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replace - makes a path what it was, in one step: whoever opens it finds the old or the new.
 *
 * Called by restore_file on the guard's only thread; contents come from the vault.
 */
#ifndef AGENT_GUARD_REPLACE_H
#define AGENT_GUARD_REPLACE_H

#include "agent/guard/vault_meta.h"

/* The state is prepared beside the path, synced, and changes places with what is there.  What was
 * there goes, but a directory, which stays beside under `aside` (its name in the same directory).
 * On failure the path is as it was, and nothing is left beside it.  0 or -errno, with a sentence.
 */
DS_MUST_CHECK int replace_file(const char *path, const struct file_meta *want, const char *aside,
    char *ret_why, size_t why_size);
/* The directory that replace_file() put aside comes back to the path.  0 or -errno. */
DS_MUST_CHECK int replace_back(const char *path, const char *aside);
/* 1: the path is in that state, 0: it is not, -errno. */
DS_MUST_CHECK int replace_is(const char *path, const struct file_meta *want);
/* The same of its contents only. */
DS_MUST_CHECK int replace_has_contents(const char *path, const struct file_meta *want);

#endif
