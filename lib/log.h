/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log - what programs tell people who run them.  lib/ itself never logs.
 *
 * One line on stderr: a lower-case sentence, then key=value.  With $JOURNAL_STREAM the line begins
 * with <priority> for journald, else with a time stamp.  Control characters in texts are escaped.
 * Safe from any thread.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum ds_log_level { DS_LOG_ERROR, DS_LOG_WARN, DS_LOG_INFO, DS_LOG_DEBUG };

/* program borrows. */
void ds_log_init(const char *program, enum ds_log_level level);
void ds_log_set_level(enum ds_log_level level);
bool ds_log_enabled(enum ds_log_level level);
/* ds_log(WARN, "frame too large, closing", "agent=%s size=%zu", id, size); the details format may
 * be "". */
#define ds_log(level, sentence, ...) ds_log_write(DS_LOG_##level, sentence, __VA_ARGS__)
void ds_log_write(enum ds_log_level level, const char *sentence, const char *details, ...)
    DS_PRINTF(3, 4);

/* For what a peer can repeat: at most `burst` lines a minute from one call site; the next line that
 * passes says how many were left out.  `static struct ds_log_rate rate; if (ds_log_pass(&rate, 5))
 * ds_log(...)`. */
struct ds_log_rate {
	uint64_t window; /* minutes since boot, plus one */
	unsigned passed;
	unsigned left_out;
};
bool ds_log_pass(struct ds_log_rate *rate, unsigned burst);

#endif
