/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/log.h"
#include "lib/clock.h"
#include "lib/utf8.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_SIZE 2048

static const char *program_name = "daemonsec";
static atomic_int threshold = DS_LOG_INFO;
static bool to_journal;

void
ds_log_init(const char *program, enum ds_log_level level)
{
	program_name = program;
	threshold = level;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void
ds_log_set_level(enum ds_log_level level)
{
	threshold = level;
}

bool
ds_log_enabled(enum ds_log_level level)
{
	return (int)level <= threshold;
}

static int
write_prefix(char *line, size_t size, enum ds_log_level level)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	static const int priorities[] = { 3, 4, 6, 7 };
	char stamp[32];

	if (to_journal)
		return snprintf(line, size, "<%d>", priorities[level]);
	ds_clock_format(ds_clock_wall_us(), stamp, sizeof(stamp));
	return snprintf(
	    line, size, "%s %s[%d] %s: ", stamp, program_name, (int)getpid(), names[level]);
}

void
ds_log_write(enum ds_log_level level, const char *sentence, const char *details, ...)
{
	char line[LINE_MAX_SIZE], text[LINE_MAX_SIZE / 2];
	size_t n;
	va_list args;
	int len;

	if (!ds_log_enabled(level))
		return;
	n = (size_t)write_prefix(line, sizeof(line), level);
	len = snprintf(text, sizeof(text), "%s%s", sentence, details[0] ? " " : "");
	if (len > 0)
		n += ds_utf8_escape(
		    text, DS_MIN((size_t)len, sizeof(text) - 1), line + n, sizeof(line) - n);
	va_start(args, details);
	len = vsnprintf(text, sizeof(text), details, args);
	va_end(args);
	if (len > 0)
		n += ds_utf8_escape(
		    text, DS_MIN((size_t)len, sizeof(text) - 1), line + n, sizeof(line) - n);
	line[n++] = '\n';
	/* One write a line: threads and processes that share stderr do not mix lines. */
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nowhere left to say so */
}

/* Call sites are shared by threads.  Around the turn of a minute a line more or less may pass. */
bool
ds_log_pass(struct ds_log_rate *rate, unsigned burst)
{
	uint64_t window = ds_clock_monotonic_ms() / 60000 + 1;
	uint64_t old = __atomic_load_n(&rate->window, __ATOMIC_RELAXED);

	if (old != window && __atomic_compare_exchange_n(&rate->window, &old, window, false,
				 __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		unsigned left_out = __atomic_exchange_n(&rate->left_out, 0, __ATOMIC_RELAXED);

		__atomic_store_n(&rate->passed, 0, __ATOMIC_RELAXED);
		if (left_out > 0)
			ds_log(WARN, "similar lines left out in the last minute", "count=%u",
			    left_out);
	}
	if (__atomic_fetch_add(&rate->passed, 1, __ATOMIC_RELAXED) < burst)
		return true;
	__atomic_fetch_add(&rate->left_out, 1, __ATOMIC_RELAXED);
	return false;
}
