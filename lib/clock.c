/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t
read_clock_us(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t); /* cannot fail for these clocks */
	return (uint64_t)t.tv_sec * DS_US_PER_S + (uint64_t)t.tv_nsec / 1000;
}

uint64_t
ds_clock_wall_us(void)
{
	return read_clock_us(CLOCK_REALTIME);
}

uint64_t
ds_clock_monotonic_ms(void)
{
	return read_clock_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t
ds_clock_boot_us(void)
{
	return read_clock_us(CLOCK_BOOTTIME);
}

void
ds_clock_format(uint64_t wall_us, char *ret, size_t size)
{
	time_t s = (time_t)(wall_us / DS_US_PER_S);
	struct tm tm = { 0 };
	char day[40];

	if (gmtime_r(&s, &tm) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		snprintf(ret, size, "1970-01-01T00:00:00.000000Z");
		return;
	}
	snprintf(ret, size, "%s.%06uZ", day, (unsigned)(wall_us % DS_US_PER_S));
}

/* The fraction after the dot, as microseconds; *text moves behind it. */
static unsigned
parse_fraction(const char **text)
{
	unsigned us = 0, scale = 100000;
	const char *p = *text + 1;

	for (; *p >= '0' && *p <= '9'; p++) {
		us += (unsigned)(*p - '0') * scale;
		scale /= 10;
	}
	*text = p;
	return us;
}

/* "+05:30" or "-05:30", six letters and no fewer: seconds to add; false when it is none. */
static bool
parse_offset(const char *text, int64_t *ret_s)
{
	static const char form[] = "+dd:dd";
	int64_t s;

	for (size_t i = 1; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	s = ((text[1] - '0') * 10 + text[2] - '0') * 3600 +
	    ((text[4] - '0') * 10 + text[5] - '0') * 60;
	*ret_s = text[0] == '+' ? -s : s;
	return true;
}

int
ds_clock_parse(const char *text, uint64_t *ret_us)
{
	struct tm tm = { 0 };
	const char *p = strptime(text, "%Y-%m-%d", &tm);
	int64_t s, offset_s;
	unsigned us = 0;

	if (p == NULL)
		return -EINVAL;
	if (*p == 'T' || *p == 't' || *p == ' ') {
		p = strptime(p + 1, "%H:%M:%S", &tm);
		if (p == NULL)
			return -EINVAL;
		if (*p == '.')
			us = parse_fraction(&p);
	}
	s = (int64_t)timegm(&tm);
	if ((*p == '+' || *p == '-') && parse_offset(p, &offset_s)) {
		s += offset_s;
		p += 6;
	} else if (*p == 'Z' || *p == 'z') {
		p++;
	}
	if (*p != '\0' || s < 0)
		return -EINVAL;
	*ret_us = (uint64_t)s * DS_US_PER_S + us;
	return 0;
}
