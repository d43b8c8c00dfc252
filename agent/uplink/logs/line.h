/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * line - one line of a log in syslog's forms: when, who, what.
 *
 * Pure: no I/O, nothing is kept.  Lines come from strangers: whoever can fail to log in writes part
 * of them.
 */
#ifndef AGENT_UPLINK_LOGS_LINE_H
#define AGENT_UPLINK_LOGS_LINE_H

#include "lib/compiler.h"
#include "lib/event.h"

#include <stdbool.h>

struct log_line {
	uint64_t time_us;      /* since the epoch; 0: the line does not say, or nothing sensible */
	struct ds_str program; /* "sshd", "postfix/smtpd"; empty: the line does not say */
	uint64_t pid;          /* 0: the line does not say */
	struct ds_str message;
	uint32_t count; /* "message repeated N times: [ ... ]", else 1 */
	bool by_person; /* the journal saw an ordinary account write it, whatever it calls itself */
};

/* Takes a line without its newline apart; all borrows from it.  now_us: for stamps without a year,
 * which are local time.  "Nov  4 01:02:03 host prog[1]: text", "2026-11-04T01:02:03.123456+00:00
 * host prog[1]: text", "Fri Nov 04 01:02:03 2026 [pid 1] text" (vsftpd), or text alone. */
void log_line_parse(const char *text, size_t len, uint64_t now_us, struct log_line *ret);

#endif
