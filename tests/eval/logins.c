/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * logins - how many hostile sources the login model flags within a day of their first try, and how
 * often it is wrong about people.
 *
 * Hostile: every source of a Cowrie honeypot (JSON lines), or of a server's auth.log whose sshd
 * lines are all refused.  Around it stands a fleet in which people work: a month of logins made
 * here, always the same, with mistyped and forgotten passwords, new places, new people and robots.
 * Both go through the model in the order of time, as the server would see them; the people's month
 * goes through once more alone, so that the noise of attackers cannot hide a false alarm.
 */
#include "lib/map.h"
#include "server/detect/key.h"
#include "server/detect/login_say.h"
#include "tests/eval/eval.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S_US       1000000ull
#define HOUR_US    (3600 * S_US)
#define DAY_US     (24 * HOUR_US)
#define EVENTS_MAX 4000000u
#define DAYS_MAX   10000u
#define PEOPLE     24u
#define HOSTS      12u

struct one {
	uint64_t time_us;
	uint32_t host;
	uint8_t address[16];
	bool success, hostile;
	char user[32], method[12];
};

struct source {
	uint64_t first_us, flagged_us;
	enum login_finding first_by; /* what flagged it */
	bool hostile;
};

struct stream {
	struct one *at;
	size_t len, cap;
	uint64_t begin_us, end_us; /* of the hostile part */
	uint64_t last_us;          /* of this file, in a log without years */
	size_t odd;                /* lines of logins that say too little */
	struct ds_map *sources;    /* by address */
	struct login_model *model;
	/* Alerts about people, open for a day: then somebody has said that it was they. */
	struct {
		uint64_t group, until_us;
		char user[32], network[64];
	} open[64];
	size_t false_alerts, false_blocks;
};

static int
put(struct stream *s, const struct one *e)
{
	if (s->len == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 1024;
		struct one *grown = cap <= EVENTS_MAX ? realloc(s->at, cap * sizeof(*grown)) : NULL;

		if (grown == NULL)
			return -ENOMEM;
		s->at = grown;
		s->cap = cap;
	}
	s->at[s->len++] = *e;
	return 0;
}

static int
put_hostile(struct stream *s, struct one *e)
{
	e->hostile = true;
	if (s->begin_us == 0 || e->time_us < s->begin_us)
		s->begin_us = e->time_us;
	if (e->time_us > s->end_us)
		s->end_us = e->time_us;
	return put(s, e);
}

/* ---- a honeypot */

static uint64_t
parse_time(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	if (rest == NULL)
		return 0;
	return (uint64_t)timegm(&tm) * S_US +
	       (*rest == '.' ? (uint64_t)(strtod(rest, NULL) * 1e6) : 0);
}

static int
take_cowrie(struct stream *s, const char *line)
{
	json_t *doc = json_loads(line, 0, NULL);
	const char *id = json_string_value(json_object_get(doc, "eventid"));
	const char *ip = json_string_value(json_object_get(doc, "src_ip"));
	const char *user = json_string_value(json_object_get(doc, "username"));
	struct one e = { .host = 1, .method = "password" };
	int r = 0;

	if (id == NULL) {
		s->odd += doc == NULL && line[0] != '\0';
	} else if (strncmp(id, "cowrie.login.", 13) == 0) {
		e.time_us = parse_time(json_string_value(json_object_get(doc, "timestamp")));
		e.success = strcmp(id + 13, "success") == 0;
		snprintf(e.user, sizeof(e.user), "%s", user != NULL ? user : "");
		if (e.time_us != 0 && ip != NULL && inet_pton(AF_INET, ip, e.address) == 1)
			r = put_hostile(s, &e);
		else
			s->odd++;
	}
	json_decref(doc);
	return r;
}

/* ---- auth.log: "Nov 30 06:39:00 host sshd[1]: Invalid user x from 1.2.3.4" */

/* Without a year it is some year, and the next one when the log goes back by more than half of one.
 */
static uint64_t
parse_stamp(struct stream *s, const char *line)
{
	uint64_t half_us = 183 * DAY_US, time_us;
	struct tm tm = { .tm_year = 115 };

	if (line[0] >= '0' && line[0] <= '9')
		return parse_time(line);
	if (strptime(line, "%b %d %H:%M:%S", &tm) == NULL)
		return 0;
	time_us = (uint64_t)timegm(&tm) * S_US;
	while (time_us + half_us < s->last_us) {
		tm.tm_year++;
		time_us = (uint64_t)timegm(&tm) * S_US;
	}
	s->last_us = DS_MAX(s->last_us, time_us);
	return time_us;
}

static int
take_authlog(struct stream *s, const char *line)
{
	static const char *const words[] = { "Invalid user ", "Failed password for ",
		"Failed none for " };
	const char *at = strstr(line, "sshd["), *from, *user = NULL;
	struct one e = { .host = 1, .method = "password" };
	char ip[64];
	size_t len;

	e.time_us = at != NULL ? parse_stamp(s, line) : 0;
	if (e.time_us == 0)
		return 0;
	for (size_t i = 0; i < DS_LEN(words) && user == NULL; i++) {
		user = strstr(at, words[i]);
		user = user != NULL ? user + strlen(words[i]) : NULL;
	}
	from = user != NULL ? strstr(user, "from ") : NULL;
	if (from == NULL)
		return 0;
	len = strcspn(from + 5, " \n");
	if (len >= sizeof(ip))
		return 0;
	memcpy(ip, from + 5, len);
	ip[len] = '\0';
	if (strncmp(user, "invalid user ", 13) == 0)
		user += 13;
	len = from > user ? (size_t)(from - user) - (from[-1] == ' ') : 0;
	snprintf(e.user, sizeof(e.user), "%.*s", (int)DS_MIN(len, 31u), user);
	if (inet_pton(AF_INET, ip, e.address) == 1)
		return put_hostile(s, &e);
	s->odd++;
	return 0;
}

/* ---- people */

static uint64_t
dice(uint64_t *seed, uint64_t sides)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (*seed >> 33) % sides;
}

static int
come_in(struct stream *s, uint64_t *seed, struct one *e, unsigned mistakes)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < mistakes; i++) {
		e->success = false;
		snprintf(e->method, sizeof(e->method), "password");
		r = put(s, e);
		e->time_us += (3 + dice(seed, 15)) * S_US;
	}
	e->success = true;
	return r < 0 ? r : put(s, e);
}

/* One person's day: office or home, sometimes elsewhere; sometimes a slip. */
static int
person_day(struct stream *s, uint64_t *seed, unsigned who, uint64_t day_us)
{
	unsigned logins = 1 + (unsigned)dice(seed, 5);
	int r = 0;

	for (unsigned i = 0; r == 0 && i < logins; i++) {
		uint64_t luck = dice(seed, 1000);
		struct one e = { .host = (uint32_t)(2 + dice(seed, HOSTS)),
			.time_us = day_us + 8 * HOUR_US + dice(seed, 10 * 3600) * S_US };
		unsigned mistakes = 0;

		snprintf(e.user, sizeof(e.user), "user%02u", who);
		snprintf(e.method, sizeof(e.method), who % 3 ? "publickey" : "password");
		/* office, home, a hotel once in two months or so */
		memcpy(
		    e.address, (uint8_t[4]){ 10, 20, (uint8_t)(who % 3), (uint8_t)(10 + who) }, 4);
		if (luck < 300)
			memcpy(e.address, (uint8_t[4]){ (uint8_t)(80 + who), 7, 3, 9 }, 4);
		if (who % 6 == 5 && luck >= 300 && luck < 330)
			memcpy(e.address,
			    (uint8_t[4]){
				(uint8_t)(31 + dice(seed, 150)), (uint8_t)dice(seed, 250), 1, 1 },
			    4);
		if (dice(seed, 100) < 8)
			mistakes = 1 + (unsigned)dice(seed, 3);
		if (dice(seed, 1000) < 3)
			mistakes = 8 + (unsigned)dice(seed, 12); /* forgotten */
		r = come_in(s, seed, &e, mistakes);
	}
	return r;
}

/* A name mistyped, then the right one; a robot each hour; somebody new now and then. */
static int
odd_day(struct stream *s, uint64_t *seed, unsigned day, uint64_t day_us)
{
	struct one e = { .host = 4, .time_us = day_us + 9 * HOUR_US, .method = "password" };
	unsigned who = (unsigned)dice(seed, PEOPLE);
	int r;

	memcpy(e.address, (uint8_t[4]){ 10, 20, (uint8_t)(who % 3), (uint8_t)(10 + who) }, 4);
	snprintf(e.user, sizeof(e.user), "usre%02u", who);
	for (int i = 0; i < 3; i++)
		if (put(s, &e) < 0)
			return -ENOMEM;
	snprintf(e.user, sizeof(e.user), "user%02u", who);
	r = come_in(s, seed, &e, 0);
	for (unsigned hour = 0; r == 0 && hour < 24; hour++) {
		struct one robot = { .host = (uint32_t)(2 + hour % HOSTS),
			.time_us = day_us + hour * HOUR_US,
			.address = { 10, 9, 9, 9 },
			.success = true,
			.user = "deploy",
			.method = "publickey" };

		r = put(s, &robot);
	}
	if (r == 0 && day % 10 == 7) {
		struct one fresh = { .host = 5,
			.time_us = day_us + 10 * HOUR_US,
			.address = { 10, 20, 1, 77 },
			.method = "password" };

		snprintf(fresh.user, sizeof(fresh.user), "fresh%u", day);
		r = come_in(s, seed, &fresh, 2);
	}
	return r;
}

static int
put_people(struct stream *s, uint64_t begin_us, unsigned days)
{
	uint64_t seed = 4711;

	for (unsigned day = 0; day < days; day++) {
		uint64_t day_us = begin_us + day * DAY_US;

		for (unsigned who = 0; who < PEOPLE; who++)
			if (person_day(s, &seed, who, day_us) < 0)
				return -ENOMEM;
		if (odd_day(s, &seed, day, day_us) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- through the model */

static int
by_time(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	return x->time_us < y->time_us ? -1 : x->time_us > y->time_us;
}

static struct source *
source_of(struct stream *s, const char *address)
{
	struct source *src = ds_map_get(s->sources, address, strlen(address));

	if (src != NULL)
		return src;
	src = calloc(1, sizeof(*src));
	if (src == NULL || ds_map_put(s->sources, address, strlen(address), src, NULL) < 0) {
		free(src);
		return NULL;
	}
	return src;
}

/* An alert that is open grows; one that is a day old has been looked at. */
static void
count_false(struct stream *s, const struct login_found *found)
{
	struct finding finding;
	uint64_t group;
	size_t slot = 0;

	if (login_say(found, &finding) < 0)
		return;
	group = key_hash(1, finding.group, strlen(finding.group));
	free(finding.json);
	for (size_t i = 0; i < DS_LEN(s->open); i++) {
		if (s->open[i].group == group && s->open[i].until_us > found->time_us)
			return;
		if (s->open[i].until_us < s->open[slot].until_us)
			slot = i;
	}
	s->open[slot].group = group;
	s->open[slot].until_us = found->time_us + DAY_US;
	snprintf(s->open[slot].user, sizeof(s->open[slot].user), "%.31s", found->user);
	snprintf(s->open[slot].network, sizeof(s->open[slot].network), "%s", found->network);
	s->false_alerts++;
}

static void
accept_old(struct stream *s, uint64_t now_us)
{
	for (size_t i = 0; i < DS_LEN(s->open); i++)
		if (s->open[i].until_us != 0 && s->open[i].until_us <= now_us &&
		    s->open[i].user[0] != '\0') {
			login_model_known(
			    s->model, s->open[i].user, s->open[i].network, 1, now_us, now_us);
			s->open[i].user[0] = '\0';
		}
}

/* A source counts when an alert names it; a reaction needs more (expires). */
static void
tell(const struct login_found *found, void *ctx)
{
	struct stream *s = ctx;
	struct source *src = found->source[0] != '\0' ? source_of(s, found->source) : NULL;

	if (src != NULL && src->hostile) {
		if (src->flagged_us == 0) {
			src->flagged_us = found->time_us;
			src->first_by = found->what;
		}
		return;
	}
	if (found->what == LOGIN_BURST && s->begin_us != 0)
		return; /* there was one */
	count_false(s, found);
	s->false_blocks += found->expires_us != 0;
}

static int
run_stream(struct stream *s)
{
	struct login_model *m = login_model_new(NULL);
	uint64_t tick_us = 0;

	s->model = m;
	s->sources = ds_map_new(EVENTS_MAX);
	if (m == NULL || s->sources == NULL)
		return -ENOMEM;
	qsort(s->at, s->len, sizeof(*s->at), by_time);
	for (size_t i = 0; i < s->len; i++) {
		const struct one *e = &s->at[i];
		struct login_event ev = { .host = e->host,
			.host_name = "host",
			.daemon = "ssh.service",
			.user = e->user,
			.method = e->method,
			.address_size = 4,
			.success = e->success,
			.count = 1,
			.time_us = e->time_us };
		char text[46];
		struct source *src;

		memcpy(ev.address, e->address, 4);
		inet_ntop(AF_INET, e->address, text, sizeof(text));
		src = source_of(s, text);
		if (src == NULL)
			return -ENOMEM;
		if (src->first_us == 0)
			src->first_us = e->time_us;
		src->hostile |= e->hostile;
		if (login_model_take(m, &ev, tell, s) < 0)
			return -ENOMEM;
		if (e->time_us >= tick_us + 60 * S_US) {
			tick_us = e->time_us;
			accept_old(s, tick_us);
			login_model_tick(m, tick_us, tell, s);
		}
	}
	login_model_tick(m, s->at[s->len - 1].time_us + HOUR_US, tell, s);
	login_model_free(m);
	return 0;
}

struct tally {
	double hostile, flagged, in_a_minute;
	double first_by[LOGIN_FINDINGS];
};

static int
count_source(const void *key, size_t len, void *value, void *ctx)
{
	const struct source *src = value;
	struct tally *t = ctx;

	(void)key;
	(void)len;
	if (!src->hostile)
		return 0;
	t->hostile++;
	if (src->flagged_us != 0 && src->flagged_us <= src->first_us + DAY_US) {
		t->flagged++;
		t->first_by[src->first_by]++;
	}
	t->in_a_minute += src->flagged_us != 0 && src->flagged_us <= src->first_us + 60 * S_US;
	return 0;
}

static void
stream_done(struct stream *s)
{
	ds_map_free(s->sources, free);
	free(s->at);
	*s = (struct stream){ 0 };
}

/* What flags sources that try: which of them comes first. */
static const struct {
	enum login_finding what;
	const char *name;
} rules[] = { { LOGIN_GUESSING, "guessing" }, { LOGIN_SPRAYING, "spraying" },
	{ LOGIN_TOGETHER, "together" }, { LOGIN_PROBING, "probing" },
	{ LOGIN_AFTER, "after_guessing" }, { LOGIN_FROM, "new_network" },
	{ LOGIN_FIRST, "first_ever_user" } };

static int
measure(const char *name, struct stream *s)
{
	unsigned before = 14, days;
	struct tally t = { 0 };
	char metric[64];
	double months;
	struct stream alone = { 0 };
	int r;

	if (s->end_us - s->begin_us > DAYS_MAX * DAY_US) {
		printf(
		    "# %s: more than %u days between the first try and the last\n", name, DAYS_MAX);
		return -EBADMSG;
	}
	days = before + (unsigned)((s->end_us - s->begin_us) / DAY_US) + 1;
	r = put_people(s, s->begin_us - before * DAY_US, days);
	if (r == 0)
		r = run_stream(s);
	if (r < 0)
		return r;
	ds_map_each(s->sources, count_source, &t);
	eval_print(name, "hostile_sources", t.hostile);
	eval_print(name, "flagged_24h", t.flagged / t.hostile);
	eval_print(name, "flagged_60s", t.in_a_minute / t.hostile);
	for (size_t i = 0; i < DS_LEN(rules); i++) {
		snprintf(metric, sizeof(metric), "flagged_24h_first_by_%s", rules[i].name);
		eval_print(name, metric, t.first_by[rules[i].what] / t.hostile);
	}
	months = (double)days * HOSTS / 30.4;
	eval_print(name, "host_months", months);
	eval_print(name, "false_per_host_month", (double)s->false_alerts / months);
	eval_print(name, "people_blocked", (double)s->false_blocks);
	r = put_people(&alone, 1700000000ull * S_US, 90);
	if (r == 0)
		r = run_stream(&alone);
	if (r == 0)
		eval_print(name, "false_per_host_month_alone",
		    (double)alone.false_alerts / (90.0 * HOSTS / 30.4));
	stream_done(&alone);
	return r;
}

static int
read_all(struct stream *s, const char *dir, const char *suffix,
    int (*take)(struct stream *s, const char *line))
{
	struct eval_files files = { 0 };
	int r = eval_files_find(dir, suffix, &files);

	for (size_t i = 0; r == 0 && i < files.len; i++) {
		struct eval_reader *reader = eval_reader_open(files.paths[i]);
		const char *line;

		if (reader == NULL) {
			r = -errno;
			break;
		}
		s->last_us = 0;
		while (r == 0 && (line = eval_reader_line(reader)) != NULL)
			r = take(s, line);
		eval_reader_close(reader);
	}
	eval_files_free(&files);
	return r;
}

static int
run(const char *name, const char *dir, const char *suffix,
    int (*take)(struct stream *s, const char *line))
{
	struct stream s = { 0 };
	int r = read_all(&s, dir, suffix, take);

	if (s.odd > 0)
		printf(
		    "# %s: %zu lines without a time and an IPv4 source, left out\n", name, s.odd);
	if (r == 0)
		r = s.len > 0 ? measure(name, &s) : -ENOENT;
	stream_done(&s);
	return r;
}

int
eval_cowrie(const char *name, const char *dir)
{
	return run(name, dir, ".jsonl", take_cowrie);
}

int
eval_authlog(const char *name, const char *dir)
{
	return run(name, dir, ".log", take_authlog);
}
