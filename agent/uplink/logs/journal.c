/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal - the journal's entries of the facilities that tell of logins.
 *
 * Called by logs on the uplink's only thread.  Owns the sd_journal and the loaded library.
 */
#include "agent/uplink/logs/journal.h"

#include "agent/uplink/logs/line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_JOURNAL

#include <dlfcn.h>
#include <systemd/sd-journal.h>

#define DATA_MAX       16384u /* bytes of a field that are read */
#define FIELD_NAME_MAX 64u    /* journald takes no longer ones */
#define PERSON_MIN     1000u  /* accounts of people, by login.defs; those of services are outside */
#define PERSON_MAX     60000u

/* Just these functions, with the types that the header gives them. */
#define FUNCTIONS(F)                    \
	F(sd_journal_open)              \
	F(sd_journal_close)             \
	F(sd_journal_add_match)         \
	F(sd_journal_add_disjunction)   \
	F(sd_journal_seek_tail)         \
	F(sd_journal_seek_cursor)       \
	F(sd_journal_test_cursor)       \
	F(sd_journal_previous)          \
	F(sd_journal_next)              \
	F(sd_journal_get_data)          \
	F(sd_journal_get_realtime_usec) \
	F(sd_journal_get_cursor)        \
	F(sd_journal_get_fd)            \
	F(sd_journal_process)           \
	F(sd_journal_set_data_threshold)

struct journal {
	void *library;
	sd_journal *handle;
	char cursor[JOURNAL_CURSOR_MAX];
#define MEMBER(name) __typeof__(&name) name;
	FUNCTIONS(MEMBER)
};

bool
journal_is_here(void)
{
	return access("/run/systemd/journal/socket", F_OK) == 0 &&
	       (access("/var/log/journal", R_OK) == 0 || access("/run/log/journal", R_OK) == 0);
}

static int
load(struct journal *j, char *ret_why, size_t why_size)
{
	const char *missing = NULL;

	j->library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	if (j->library == NULL) {
		snprintf(ret_why, why_size, "%s", dlerror());
		return -ENOENT;
	}
#define RESOLVE(name)                                  \
	*(void **)&j->name = dlsym(j->library, #name); \
	missing = j->name == NULL ? #name : missing;
	FUNCTIONS(RESOLVE)
	if (missing == NULL)
		return 0;
	snprintf(ret_why, why_size, "libsystemd has no %s", missing);
	return -ENOSYS;
}

/* Of one alternative all must be so. */
static int
add_alternative(struct journal *j, const char *match)
{
	int r = j->sd_journal_add_disjunction(j->handle);

	while (r >= 0 && *(match += strspn(match, " ")) != '\0') {
		size_t len = strcspn(match, " ");

		/* What is none is left out: the others still count. */
		if (memchr(match, '=', len) != NULL)
			r = j->sd_journal_add_match(j->handle, match, len);
		match += len;
	}
	return r;
}

/* Matches of one field are alternatives. */
static int
add_matches(struct journal *j, const struct journal_matches *matches)
{
	static const char *const facilities[] = { "SYSLOG_FACILITY=4", "SYSLOG_FACILITY=10",
		"SYSLOG_FACILITY=2", "SYSLOG_FACILITY=11" }; /* auth, authpriv, mail, ftp */
	int r = 0;

	for (size_t i = 0; r >= 0 && i < DS_LEN(facilities); i++)
		r = j->sd_journal_add_match(j->handle, facilities[i], 0);
	for (size_t i = 0; r >= 0 && i < matches->len; i++)
		r = add_alternative(j, matches->at[i]);
	return r;
}

int
journal_open(
    struct journal **ret, const struct journal_matches *matches, char *ret_why, size_t why_size)
{
	struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (j == NULL)
		return -ENOMEM;
	r = load(j, ret_why, why_size);
	if (r < 0) {
		journal_close(j);
		return r;
	}
	r = j->sd_journal_open(&j->handle, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
	if (r >= 0)
		r = j->sd_journal_set_data_threshold(j->handle, DATA_MAX);
	if (r >= 0)
		r = add_matches(j, matches);
	if (r >= 0)
		r = j->sd_journal_get_fd(j->handle); /* before seeking, so that nothing is missed */
	if (r < 0) {
		snprintf(ret_why, why_size, "%s", strerror(-r));
		journal_close(j);
		return r;
	}
	*ret = j;
	return 0;
}

void
journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->handle != NULL)
		j->sd_journal_close(j->handle);
	if (j->library != NULL)
		dlclose(j->library);
	free(j);
}

static void
keep_cursor(struct journal *j)
{
	char *cursor;

	if (j->sd_journal_get_cursor(j->handle, &cursor) < 0)
		return;
	if (strlen(cursor) < sizeof(j->cursor))
		snprintf(j->cursor, sizeof(j->cursor), "%s", cursor);
	free(cursor);
}

static int
seek_end(struct journal *j)
{
	int r = j->sd_journal_seek_tail(j->handle);

	if (r < 0)
		return r;
	r = j->sd_journal_previous(j->handle);
	if (r > 0)
		keep_cursor(j);
	return r < 0 ? r : 0;
}

int
journal_seek(struct journal *j, const char *cursor)
{
	int r;

	if (cursor[0] == '\0')
		return seek_end(j);
	r = j->sd_journal_seek_cursor(j->handle, cursor);
	if (r >= 0)
		r = j->sd_journal_next(j->handle);
	if (r < 0) {
		r = seek_end(j);
		return r < 0 ? r : 1;
	}
	snprintf(j->cursor, sizeof(j->cursor), "%s", cursor);
	/* The entry itself was given; where it has been rotated away, this is the one after it. */
	if (r > 0 && j->sd_journal_test_cursor(j->handle, cursor) <= 0) {
		r = j->sd_journal_previous(j->handle);
		return r < 0 ? r : 1;
	}
	return 0;
}

int
journal_fd(const struct journal *j)
{
	return j->sd_journal_get_fd(j->handle);
}

static struct ds_str
field(struct journal *j, const char *name)
{
	size_t size, skip = strlen(name) + 1;
	const void *data;

	if (j->sd_journal_get_data(j->handle, name, &data, &size) < 0 || size < skip)
		return (struct ds_str){ NULL, 0 };
	return (struct ds_str){ (const char *)data + skip, (uint32_t)(size - skip) };
}

/* libsystemd may reuse the bytes of one field for the next: each is copied. */
static struct ds_str
copy(struct ds_str s, char *room, size_t size)
{
	size_t n = DS_MIN((size_t)s.len, size);

	if (n > 0)
		memcpy(room, s.ptr, n);
	return (struct ds_str){ room, (uint32_t)n };
}

/* A field with a number; 0: it is not there. */
static uint64_t
number(struct journal *j, const char *name)
{
	char text[24] = "";

	(void)copy(field(j, name), text, sizeof(text) - 1);
	return strtoull(text, NULL, 10);
}

static void
give(struct journal *j, void (*line)(const struct log_line *line, void *ctx), void *ctx)
{
	static char message[DATA_MAX];
	char program[64];
	uint64_t uid = number(j, "_UID");
	struct log_line l = { .count = 1, .pid = number(j, "_PID") };

	l.message = copy(field(j, "MESSAGE"), message, sizeof(message));
	l.program = copy(field(j, "SYSLOG_IDENTIFIER"), program, sizeof(program));
	l.by_person = uid >= PERSON_MIN && uid <= PERSON_MAX;
	if (j->sd_journal_get_realtime_usec(j->handle, &l.time_us) < 0)
		l.time_us = 0;
	if (l.program.len > 0 && l.message.len > 0)
		line(&l, ctx);
}

int
journal_read(struct journal *j, size_t budget, void (*line)(const struct log_line *line, void *ctx),
    void *ctx)
{
	int r = j->sd_journal_process(j->handle);

	if (r < 0)
		return r;
	for (size_t i = 0; i < budget; i++) {
		r = j->sd_journal_next(j->handle);
		if (r <= 0)
			return r;
		give(j, line, ctx);
		keep_cursor(j);
	}
	return 1;
}

bool
journal_has(struct journal *j, const char *match, size_t len)
{
	const char *value = memchr(match, '=', len);
	char name[FIELD_NAME_MAX + 1];
	struct ds_str is;

	if (value == NULL || (size_t)(value - match) > FIELD_NAME_MAX)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(value - match), match);
	value++;
	is = field(j, name);
	return is.ptr != NULL && is.len == len - (size_t)(value - match) &&
	       memcmp(is.ptr, value, is.len) == 0;
}

void
journal_unit(struct journal *j, char *ret, size_t size)
{
	struct ds_str unit = field(j, "_SYSTEMD_UNIT");

	snprintf(ret, size, "%.*s", (int)unit.len, unit.ptr != NULL ? unit.ptr : "");
}

const char *
journal_cursor(const struct journal *j)
{
	return j->cursor;
}

#else /* HAVE_JOURNAL */

struct journal {
	char nothing;
};

bool
journal_is_here(void)
{
	return false;
}

int
journal_open(
    struct journal **ret, const struct journal_matches *matches, char *ret_why, size_t why_size)
{
	(void)ret;
	(void)matches;
	snprintf(ret_why, why_size, "built without libsystemd");
	return -ENOSYS;
}

void
journal_close(struct journal *j)
{
	(void)j;
}

int
journal_seek(struct journal *j, const char *cursor)
{
	(void)j;
	(void)cursor;
	return -ENOSYS;
}

int
journal_fd(const struct journal *j)
{
	(void)j;
	return -1;
}

int
journal_read(struct journal *j, size_t budget, void (*line)(const struct log_line *line, void *ctx),
    void *ctx)
{
	(void)j;
	(void)budget;
	(void)line;
	(void)ctx;
	return -ENOSYS;
}

bool
journal_has(struct journal *j, const char *match, size_t len)
{
	(void)j;
	(void)match;
	(void)len;
	return false;
}

void
journal_unit(struct journal *j, char *ret, size_t size)
{
	(void)j;
	snprintf(ret, size, "%s", "");
}

const char *
journal_cursor(const struct journal *j)
{
	(void)j;
	return "";
}

#endif
