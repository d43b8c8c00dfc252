/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold_profile - what the server said in advance of programs that a daemon may start, for when it
 * is away; for hold.
 *
 * Comes as a signed order of kind `profile`, is kept in guard_dir/profiles, root's own.  A version
 * that is not newer than the one that is kept is refused.
 */
#ifndef AGENT_GUARD_HOLD_PROFILE_H
#define AGENT_GUARD_HOLD_PROFILE_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define HOLD_PROFILES_MAX 64u
#define HOLD_PROFILE_SIZE 4096u /* of its text, with NUL */

enum hold_word { HOLD_WORD_NONE, HOLD_WORD_ALLOW, HOLD_WORD_KILL };

DS_MUST_CHECK int hold_profile_open(const char *guard_dir);
void hold_profile_close(void);
/* Text: lines "+PATTERN" (may start) and "-PATTERN" (must not); in a pattern '#' is a number with
 * dots, as in "python#".  0, -ESTALE, -EINVAL, -ENOSPC, -errno of the disk: then it is not taken.
 */
DS_MUST_CHECK int hold_profile_set(const char *daemon, uint64_t version, const char *text);
/* Whether this version of a daemon's profile is the one that is kept. */
bool hold_profile_is(const char *daemon, uint64_t version);
enum hold_word hold_profile_get(const char *daemon, const char *exe);
/* Whether a path fits a pattern. */
bool hold_profile_fits(const char *pattern, const char *path);

#endif
