/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal - the journal's entries of the facilities that tell of logins, and of the daemons that
 * filters are for, each once.
 *
 * libsystemd is loaded when there is a journal to read: where there is none, it costs nothing.
 */
#ifndef AGENT_UPLINK_LOGS_JOURNAL_H
#define AGENT_UPLINK_LOGS_JOURNAL_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_CURSOR_MAX  512u
#define JOURNAL_MATCHES_MAX 64u

struct journal;
struct log_line;

/* Whether journald runs here and keeps files. */
bool journal_is_here(void);
/* What else is read beside logins: "_SYSTEMD_UNIT=nginx.service _COMM=nginx", any of them. */
struct journal_matches {
	const char *at[JOURNAL_MATCHES_MAX]; /* borrowed */
	size_t len;
};

/* 0, -ENOSYS (built without), -errno; *ret_why says it. */
DS_MUST_CHECK int journal_open(
    struct journal **ret, const struct journal_matches *matches, char *ret_why, size_t why_size);
void journal_close(struct journal *j);
/* Behind this entry, or at the end when it is "" or has gone (then 1 is returned: lines may have
 * been lost). */
DS_MUST_CHECK int journal_seek(struct journal *j, const char *cursor);
/* To wait on. */
int journal_fd(const struct journal *j);
/* Gives what is new: 1 when there is more than `budget` entries, 0, -errno. */
DS_MUST_CHECK int journal_read(struct journal *j, size_t budget,
    void (*line)(const struct log_line *line, void *ctx), void *ctx);
/* Of the entry that is being given: whether it has "_COMM=nginx", and the unit that wrote it (""
 * when none did). */
bool journal_has(struct journal *j, const char *match, size_t len);
void journal_unit(struct journal *j, char *ret, size_t size);
/* Of the last entry given; "" before the first. */
const char *journal_cursor(const struct journal *j);

#endif
