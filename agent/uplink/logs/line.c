/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * line - one line of a log in syslog's forms.
 *
 * Called by logs, on the uplink's only thread, and by the fuzzer.  Owns nothing.
 */
#include "agent/uplink/logs/line.h"

#include "lib/clock.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#define DAY_US        (86400ull * DS_US_PER_S)
#define COUNT_MAX     100000u
#define PROGRAM_MAX   64u
#define COARSE_US     (2 * DS_US_PER_S)
#define STAMP_CLASSIC 15u /* "Nov  4 01:02:03" */

/* What is left to read; never past end. */
struct cursor {
	const char *p, *end;
};

static size_t
left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

static bool
take(struct cursor *c, char ch)
{
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

/* Exactly `digits` of them, or with leading blanks instead of zeros. */
static bool
take_number(struct cursor *c, unsigned digits, unsigned max, int *ret)
{
	unsigned v = 0;

	if (left(c) < digits)
		return false;
	for (unsigned i = 0; i < digits; i++) {
		char ch = c->p[i];

		if (ch == ' ' && v == 0 && i + 1 < digits)
			continue;
		if (ch < '0' || ch > '9')
			return false;
		v = v * 10 + (unsigned)(ch - '0');
	}
	if (v > max)
		return false;
	c->p += digits;
	*ret = (int)v;
	return true;
}

static bool
take_month(struct cursor *c, int *ret)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (left(c) < 3)
		return false;
	for (int i = 0; i < 12; i++)
		if (memcmp(c->p, months + i * 3, 3) == 0) {
			c->p += 3;
			*ret = i;
			return true;
		}
	return false;
}

static bool
take_clock(struct cursor *c, struct tm *tm)
{
	return take_number(c, 2, 23, &tm->tm_hour) && take(c, ':') &&
	       take_number(c, 2, 59, &tm->tm_min) && take(c, ':') &&
	       take_number(c, 2, 60, &tm->tm_sec);
}

static uint64_t
from_local(struct tm *tm)
{
	time_t t;

	tm->tm_isdst = -1;
	t = mktime(tm);
	return t > 0 ? (uint64_t)t * DS_US_PER_S : 0;
}

/* The year is the one that makes it past, by at most a year less a day. */
static uint64_t
with_year(const struct tm *stamp, uint64_t now_us)
{
	time_t now = (time_t)(now_us / DS_US_PER_S);
	struct tm local, tm = *stamp;
	uint64_t t;

	if (localtime_r(&now, &local) == NULL)
		return 0;
	tm.tm_year = local.tm_year;
	t = from_local(&tm);
	if (t > now_us + DAY_US) {
		tm = *stamp;
		tm.tm_year = local.tm_year - 1;
		t = from_local(&tm);
	}
	/* Seconds only: what is read as it is written happened now. */
	if (t <= now_us && now_us - t < COARSE_US)
		t = now_us;
	return t;
}

static bool
take_classic(struct cursor *c, uint64_t now_us, uint64_t *ret_us)
{
	struct cursor try = *c;
	struct tm tm = { 0 };

	if (!take_month(&try, &tm.tm_mon) || !take(&try, ' ') ||
	    !take_number(&try, left(&try) > 1 && try.p[1] == ' ' ? 1 : 2, 31, &tm.tm_mday) ||
	    !take(&try, ' ') || !take_clock(&try, &tm) || !take(&try, ' '))
		return false;
	*ret_us = with_year(&tm, now_us);
	*c = try;
	return true;
}

/* "Fri Jan 19 12:20:33 2007 " of vsftpd's own log. */
static bool
take_ctime(struct cursor *c, uint64_t *ret_us)
{
	struct cursor try = *c;
	struct tm tm = { 0 };
	int year;

	if (left(&try) < 4 || try.p[3] != ' ')
		return false;
	try.p += 4;
	if (!take_month(&try, &tm.tm_mon) || !take(&try, ' ') ||
	    !take_number(&try, 2, 31, &tm.tm_mday) || !take(&try, ' ') || !take_clock(&try, &tm) ||
	    !take(&try, ' ') || !take_number(&try, 4, 9999, &year) || !take(&try, ' '))
		return false;
	tm.tm_year = year - 1900;
	*ret_us = from_local(&tm);
	*c = try;
	return true;
}

static bool
take_fraction(struct cursor *c, uint64_t *ret_us)
{
	uint64_t unit = 100000, us = 0;

	if (!take(c, '.') && !take(c, ','))
		return true;
	if (left(c) == 0 || !isdigit((unsigned char)*c->p))
		return false;
	for (; left(c) > 0 && isdigit((unsigned char)*c->p); c->p++) {
		us += unit * (uint64_t)(*c->p - '0');
		unit /= 10;
	}
	*ret_us = us;
	return true;
}

/* Z, +hh:mm, +hhmm; nothing: local time. */
static bool
take_zone(struct cursor *c, struct tm *tm, uint64_t *ret_us)
{
	int hours, minutes, sign;
	time_t t;

	if (left(c) == 0 || *c->p == ' ') {
		*ret_us = from_local(tm);
		return true;
	}
	t = timegm(tm);
	if (!take(c, 'Z')) {
		sign = *c->p == '-' ? 1 : -1;
		if ((!take(c, '+') && !take(c, '-')) || !take_number(c, 2, 23, &hours))
			return false;
		(void)take(c, ':'); /* may be missing */
		if (!take_number(c, 2, 59, &minutes))
			return false;
		t += sign * (hours * 3600 + minutes * 60);
	}
	*ret_us = t > 0 ? (uint64_t)t * DS_US_PER_S : 0;
	return true;
}

static bool
take_iso(struct cursor *c, uint64_t *ret_us)
{
	struct cursor try = *c;
	struct tm tm = { 0 };
	uint64_t fraction = 0, t;
	int year;

	if (!take_number(&try, 4, 9999, &year) || !take(&try, '-') ||
	    !take_number(&try, 2, 12, &tm.tm_mon) || !take(&try, '-') ||
	    !take_number(&try, 2, 31, &tm.tm_mday) || (!take(&try, 'T') && !take(&try, ' ')) ||
	    !take_clock(&try, &tm) || !take_fraction(&try, &fraction))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon--;
	if (!take_zone(&try, &tm, &t) || !take(&try, ' '))
		return false;
	*ret_us = t > 0 ? t + fraction : 0;
	*c = try;
	return true;
}

static uint64_t
read_number(const char *p, const char *end)
{
	uint64_t v = 0;

	for (; p < end && isdigit((unsigned char)*p) && v < 1000000000; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return v;
}

/* "sshd[123]: ", "su: ", "vsftpd(pam_unix)[1]: " at c; a word that ends otherwise is no tag. */
static bool
take_tag(struct cursor *c, struct log_line *ret)
{
	const char *p = c->p, *open;
	size_t len;

	while (p < c->end && *p != ' ')
		p++;
	len = (size_t)(p - c->p);
	if (len < 2 || p[-1] != ':')
		return false;
	open = memchr(c->p, '[', len);
	ret->pid = open != NULL ? read_number(open + 1, p) : 0;
	len = open != NULL ? (size_t)(open - c->p) : len - 1;
	if (memchr(c->p, '(', len) != NULL)
		len = (size_t)((const char *)memchr(c->p, '(', len) - c->p);
	if (len == 0 || len > PROGRAM_MAX)
		return false;
	ret->program = (struct ds_str){ c->p, (uint32_t)len };
	c->p = p;
	(void)take(c, ' '); /* nothing may follow */
	return true;
}

/* The tag is the first word, or the second where the first is a host. */
static bool
take_program(struct cursor *c, struct log_line *ret)
{
	struct cursor try = *c;
	const char *space;

	if (take_tag(c, ret))
		return true;
	space = memchr(try.p, ' ', left(&try));
	if (space == NULL)
		return false;
	try.p = space + 1;
	if (!take_tag(&try, ret))
		return false;
	*c = try;
	return true;
}

static void
take_repeats(struct log_line *ret)
{
	static const char head[] = "message repeated ";
	const char *p = ret->message.ptr, *end = p + ret->message.len, *open;
	uint64_t n;

	if (ret->message.len < sizeof(head) || memcmp(p, head, sizeof(head) - 1) != 0)
		return;
	n = read_number(p + sizeof(head) - 1, end);
	open = memmem(p, (size_t)(end - p), " times: [", 9);
	if (n == 0 || n > COUNT_MAX || open == NULL || end[-1] != ']')
		return;
	p = open + 9;
	end--;
	while (p < end && *p == ' ')
		p++;
	ret->count = (uint32_t)n;
	ret->message = (struct ds_str){ p, (uint32_t)(end - p) };
}

/* "<38>" of the protocol and journald's kernel lines; what a bad stamp says is worth nothing. */
static void
take_priority(struct cursor *c)
{
	const char *close;

	if (left(c) < 3 || *c->p != '<')
		return;
	close = memchr(c->p, '>', DS_MIN(left(c), 5u));
	if (close != NULL)
		c->p = close + 1;
}

void
log_line_parse(const char *text, size_t len, uint64_t now_us, struct log_line *ret)
{
	struct cursor c = { text, text + len };
	bool has_stamp;

	*ret = (struct log_line){ .count = 1 };
	take_priority(&c);
	has_stamp = take_iso(&c, &ret->time_us) || take_classic(&c, now_us, &ret->time_us);
	if (has_stamp) {
		(void)take_program(&c, ret); /* without one the whole rest is the message */
	} else if (take_ctime(&c, &ret->time_us)) {
		static const char pid[] = "[pid ";

		ret->program = (struct ds_str){ "vsftpd", 6 };
		if (left(&c) > sizeof(pid) && memcmp(c.p, pid, sizeof(pid) - 1) == 0) {
			const char *close = memchr(c.p, ']', left(&c));

			ret->pid = read_number(c.p + sizeof(pid) - 1, c.end);
			c.p = close != NULL ? close + 1 : c.p;
			(void)take(&c, ' '); /* nothing may follow */
		}
	}
	if (ret->time_us > now_us + DAY_US)
		ret->time_us = 0;
	ret->message = (struct ds_str){ c.p, (uint32_t)left(&c) };
	take_repeats(ret);
}
