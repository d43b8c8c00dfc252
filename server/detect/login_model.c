/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/login_model.h"

#include "lib/clock.h"
#include "server/detect/key.h"
#include "server/detect/login_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_US (60 * DS_US_PER_S)
#define HOUR_US   (3600 * DS_US_PER_S)
#define DAY_US    (24 * HOUR_US)

/* Of sources that nobody knows.  Somebody who mistypes three times, or looks for a password with
 * two connections of three tries, stays below. */
#define FAST_MIN     8.0  /* failures in about a minute */
#define RUSH_MIN     4.0  /* failures, each sooner after the one before than a person types */
#define SLOW_MIN     20.0 /* in about a day, of an account that somebody has */
#define NOBODY_MIN   6.0  /* in about a day, of accounts that nobody has */
#define USERS_MIN    3u   /* different accounts in a day */
#define TOGETHER_MIN 4u   /* different networks that try one account in a day */
#define PROBING_MIN  5u   /* different networks that try accounts which nobody has, in a day */
/* Of sources from networks where somebody works: a whole office behind one address. */
#define KNOWN_FAST_MIN  30.0
#define KNOWN_USERS_MIN 10u
#define LOCAL_FAST_MIN  8.0
#define DECOY_KNOWN_MIN 2.5 /* tries at decoys in about a minute */

#define RUSH_US \
	(2500 * 1000ull) /* so soon: three tries of one connection are not more than three */
#define GRACE_US (10 * MINUTE_US) /* to succeed after a try at an account that nobody has */
#define AGAIN_US LOGIN_AGAIN_US   /* a source is told anew after so long */

#define HABIT_UNSEEN  0.01         /* how often it may have come from somewhere new */
#define MATURE_LOGINS 20u          /* of the fleet, before an unknown account is strange, and ... */
#define MATURE_US     (3 * DAY_US) /* ... so long */

struct login_model *
login_model_new(const struct login_policy *policy)
{
	struct login_model *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	if (policy != NULL)
		m->policy = *policy;
	if (login_set_init(&m->sources, LOGIN_SOURCES_MAX, sizeof(struct login_source)) < 0 ||
	    login_set_init(&m->users, LOGIN_USERS_MAX, sizeof(struct login_user)) < 0 ||
	    login_set_init(&m->known, LOGIN_USERS_MAX, sizeof(struct login_known)) < 0 ||
	    login_set_init(&m->networks, LOGIN_USERS_MAX, sizeof(struct login_node)) < 0) {
		login_model_free(m);
		return NULL;
	}
	return m;
}

void
login_model_free(struct login_model *m)
{
	if (m == NULL)
		return;
	login_set_done(&m->sources);
	login_set_done(&m->users);
	login_set_done(&m->known);
	login_set_done(&m->networks);
	free(m);
}

void
login_model_set_policy(struct login_model *m, const struct login_policy *policy)
{
	m->policy = *policy;
}

/* What the functions below have looked up of an event. */
struct seen {
	struct login_model *m;
	const struct login_event *ev;
	login_tell tell;
	void *ctx;
	char user[LOGIN_NAME_MAX + 1], network[64], source_key[64], country[3];
	uint64_t network_id, user_id;
	struct login_source *source;
	struct login_known *known; /* the account has logged in; NULL: it never has */
	bool network_known, allowed, denied;
	double failures; /* that this one is */
};

static int
look(struct seen *s)
{
	const struct login_event *ev = s->ev;
	const struct login_policy *p = &s->m->policy;

	snprintf(s->user, sizeof(s->user), "%s", ev->user);
	login_network(ev->address, ev->address_size, s->network, sizeof(s->network));
	if (ev->address_size == 0)
		snprintf(
		    s->source_key, sizeof(s->source_key), "local:%u:%.40s", ev->host, ev->daemon);
	else
		inet_ntop(ev->address_size == 4 ? AF_INET : AF_INET6, ev->address, s->source_key,
		    sizeof(s->source_key));
	s->network_id = key_hash(31, s->network, strlen(s->network));
	s->user_id = key_hash(32, s->user, strlen(s->user));
	s->source = login_set_make(&s->m->sources, s->source_key);
	if (s->source == NULL)
		return -ENOMEM;
	memcpy(s->source->address, ev->address, sizeof(s->source->address));
	s->source->size = ev->address_size;
	s->known = s->user[0] != '\0' ? login_set_get(&s->m->known, s->user) : NULL;
	s->network_known = login_set_get(&s->m->networks, s->network) != NULL;
	if (p->country != NULL && ev->address_size > 0 &&
	    !p->country(p->country_ctx, ev->address, ev->address_size, s->country))
		s->country[0] = '\0';
	if (ev->address_size > 0 && p->allowed != NULL)
		s->allowed = p->allowed(p->list_ctx, ev->address, ev->address_size, s->country);
	if (ev->address_size > 0 && p->denied != NULL && !s->allowed)
		s->denied = p->denied(p->list_ctx, ev->address, ev->address_size, s->country);
	return 0;
}

static void
decay(struct login_source *s, uint64_t time_us)
{
	double dt = time_us > s->decayed_us ? (double)(time_us - s->decayed_us) : 0;

	s->minute *= exp(-dt / (double)MINUTE_US);
	s->hour *= exp(-dt / (double)HOUR_US);
	s->day *= exp(-dt / (double)DAY_US);
	if (time_us > s->decayed_us)
		s->decayed_us = time_us;
}

static uint64_t
since(uint64_t time_us, uint64_t span_us)
{
	return time_us > span_us ? time_us - span_us : 1;
}

static struct login_found
begin(const struct seen *s, enum login_finding what, const char *severity, double score)
{
	struct login_found f = { .what = what,
		.severity = severity,
		.score = score,
		.host = s->ev->host,
		.host_name = s->ev->host_name,
		.daemon = s->ev->daemon,
		.user = s->user,
		.method = s->ev->method,
		.wanted = s->ev->wanted,
		.time_us = s->ev->time_us };

	if (s->ev->address_size > 0)
		snprintf(f.source, sizeof(f.source), "%.45s", s->source_key);
	memcpy(f.network, s->network, sizeof(f.network));
	memcpy(f.country, s->country, sizeof(f.country));
	f.failures = (uint64_t)(s->source->day + 0.5);
	f.users = login_recent_count(&s->source->users, since(s->ev->time_us, DAY_US));
	f.logins = s->known != NULL ? s->known->logins : 0;
	return f;
}

/* A hostile source, for a day after what it did last.  Who goes on, because a ban is over or on
 * another host, is told again, or nothing would be done about it. */
static void
flag(struct seen *s, enum login_finding what, const char *severity, double score, unsigned sources)
{
	struct login_source *src = s->source;
	struct login_found f = begin(s, what, severity, score);

	src->hostile_until_us = s->ev->time_us + LOGIN_HOSTILE_US;
	if (src->pending_us != 0)
		s->m->pending--;
	src->pending_us = 0;
	if (!login_source_is_due(src, s->ev->host, s->ev->time_us))
		return;
	f.sources = sources;
	f.of_source = true;
	f.expires_us = s->ev->address_size > 0 ? src->hostile_until_us : 0;
	s->tell(&f, s->ctx);
}

/* ---- failures */

/* Everybody who tries the account while it is tried by many. */
static bool
judge_together(struct seen *s)
{
	uint64_t day = since(s->ev->time_us, DAY_US);
	struct login_user *u = login_set_make(&s->m->users, s->user);
	unsigned n, slot;

	if (u == NULL || s->network_known)
		return false;
	n = login_recent_add(&u->sources, s->network_id, s->ev->time_us, day, &slot);
	u->address[slot][0] = s->ev->address_size;
	memcpy(u->address[slot] + 1, s->ev->address, 16);
	if (n < TOGETHER_MIN && s->ev->time_us >= u->attacked_until_us)
		return false;
	if (n >= TOGETHER_MIN && s->ev->time_us >= u->attacked_until_us) {
		/* Those who came before as well. */
		for (unsigned i = 0; i < LOGIN_TARGETS; i++) {
			struct login_event earlier = *s->ev;
			struct seen other = { s->m, &earlier, s->tell, s->ctx, .known = NULL };

			if (i == slot || u->sources.time_us[i] < day)
				continue;
			earlier.address_size = u->address[i][0];
			memcpy(earlier.address, u->address[i] + 1, 16);
			if (look(&other) == 0 && !other.network_known && !other.allowed)
				flag(&other, LOGIN_TOGETHER, "medium", 62, n);
		}
	}
	if (n >= TOGETHER_MIN)
		u->attacked_until_us = s->ev->time_us + DAY_US;
	flag(s, LOGIN_TOGETHER, "medium", 62, n);
	return true;
}

/* One of many that try accounts which nobody has: it gets a while to be somebody after all. */
static void
judge_probing(struct seen *s)
{
	uint64_t day = since(s->ev->time_us, DAY_US);

	if (s->known != NULL || s->network_known || s->ev->address_size == 0)
		return;
	(void)login_recent_add(&s->m->probing, s->network_id, s->ev->time_us, day, NULL);
	if (s->source->pending_us != 0 || s->source->hostile_until_us > s->ev->time_us)
		return;
	s->source->pending_us = s->ev->time_us;
	s->source->pending_host = s->ev->host;
	snprintf(s->source->pending_host_name, sizeof(s->source->pending_host_name), "%s",
	    s->ev->host_name);
	snprintf(s->source->pending_daemon, sizeof(s->source->pending_daemon), "%s", s->ev->daemon);
	snprintf(s->source->pending_user, sizeof(s->source->pending_user), "%s", s->user);
	s->m->pending++;
}

static void
judge_source(struct seen *s, unsigned users, unsigned unknown)
{
	struct login_source *src = s->source;

	if (s->denied) {
		flag(s, LOGIN_REFUSED_AT, "medium", 60, 0);
	} else if (s->ev->address_size == 0) {
		if (src->minute >= LOCAL_FAST_MIN)
			flag(s, LOGIN_GUESSING, "medium", 66, 0);
	} else if (s->network_known) {
		if (src->minute >= KNOWN_FAST_MIN)
			flag(s, LOGIN_GUESSING, "high", 82, 0);
		else if (users >= KNOWN_USERS_MIN && unknown * 2 > users)
			flag(s, LOGIN_SPRAYING, "high", 82, 0);
	} else if (src->minute >= FAST_MIN || src->rush >= RUSH_MIN) {
		flag(s, LOGIN_GUESSING, "medium", 68, 0);
	} else if (users >= USERS_MIN) {
		flag(s, LOGIN_SPRAYING, "medium", 66, 0);
	} else if (unknown >= 2 || (s->known == NULL && src->day >= NOBODY_MIN) ||
		   src->day >= SLOW_MIN) {
		flag(s, LOGIN_GUESSING, "medium", 64, 0);
	} else if (!judge_together(s)) {
		judge_probing(s);
	}
}

/* Keys are tried one after the other by honest clients too. */
static void
count_rush(struct login_source *src, const struct login_event *ev, double n)
{
	if (strstr(ev->method, "key") != NULL)
		return;
	if (ev->time_us > src->failed_us + RUSH_US)
		src->rush = 0;
	src->rush += n;
	if (ev->time_us > src->failed_us)
		src->failed_us = ev->time_us;
}

static void
take_failure(struct seen *s)
{
	struct login_source *src = s->source;
	uint64_t day = since(s->ev->time_us, DAY_US);
	unsigned users, unknown = 0;
	double n = s->failures;

	decay(src, s->ev->time_us);
	count_rush(src, s->ev, n);
	src->minute += n;
	src->hour += n;
	src->day += n;
	users = login_recent_add(&src->users, s->user_id, s->ev->time_us, day, NULL);
	if (s->known == NULL)
		unknown =
		    login_recent_add(&src->unknown_users, s->user_id, s->ev->time_us, day, NULL);
	if (!s->allowed)
		judge_source(s, users, unknown);
}

/* ---- successes */

/* How often the account was there by now. */
static uint64_t
learn(struct login_model *m, const char *user, const char *network, uint64_t count,
    uint64_t first_us, uint64_t last_us)
{
	uint64_t id = key_hash(31, network, strlen(network));
	struct login_known *k = login_set_make(&m->known, user);
	unsigned at = 0;

	(void)login_set_make(&m->networks, network);
	if (k == NULL)
		return 0;
	if (k->first_us == 0 || first_us < k->first_us)
		k->first_us = first_us;
	k->logins += count;
	for (unsigned i = 0; i < LOGIN_NETWORKS; i++) {
		if (k->network[i].count > 0 && k->network[i].id == id) {
			k->network[i].count += count;
			k->network[i].last_us = last_us;
			return k->network[i].count;
		}
		if (k->network[i].last_us < k->network[at].last_us)
			at = i;
	}
	k->networks++;
	k->network[at].id = id;
	k->network[at].count = count;
	k->network[at].last_us = last_us;
	return count;
}

void
login_model_known(struct login_model *m, const char *user, const char *network, uint64_t count,
    uint64_t first_us, uint64_t last_us)
{
	(void)learn(m, user, network, count > 0 ? count : 1, first_us, last_us);
	if (m->first_us == 0 || first_us < m->first_us)
		m->first_us = first_us;
}

static bool
is_mature(const struct login_model *m, uint64_t time_us)
{
	uint64_t all = 0;

	if (time_us < m->first_us + MATURE_US)
		return false;
	for (const struct login_node *n = m->known.newest; n != NULL && all < MATURE_LOGINS;
	     n = n->older)
		all += ((const struct login_known *)(const void *)n)->logins;
	return all >= MATURE_LOGINS;
}

static bool
is_attacked(struct seen *s)
{
	struct login_user *u = login_set_get(&s->m->users, s->user);

	return u != NULL && s->ev->time_us < u->attacked_until_us;
}

/* What a success is: NULL severity: normal. */
static struct login_found
judge_success(struct seen *s)
{
	struct login_source *src = s->source;
	bool hostile = src->hostile_until_us > s->ev->time_us;
	bool by_key = strstr(s->ev->method, "key") != NULL;
	unsigned users = login_recent_count(&src->users, since(s->ev->time_us, DAY_US));
	bool at_home = login_known_has(s->known, s->network_id);

	if (s->allowed || s->ev->address_size == 0)
		return (struct login_found){ 0 };
	if (s->denied)
		return begin(s, LOGIN_REFUSED_AT, "high", 88);
	if (at_home && !hostile)
		return (struct login_found){ 0 };
	if (hostile && !at_home)
		return begin(s, LOGIN_AFTER, "critical", 95);
	if (hostile)
		return src->minute >= FAST_MIN || users >= USERS_MIN
			   ? begin(s, LOGIN_AFTER, "high", 86)
			   : (struct login_found){ 0 };
	if (!s->network_known && (src->day >= FAST_MIN || users >= USERS_MIN))
		return begin(s, LOGIN_AFTER, "high", 88);
	if (!s->network_known && !by_key && is_attacked(s))
		return begin(s, LOGIN_AFTER, "high", 84);
	if (s->network_known)
		return (struct login_found){ 0 };
	if (s->known == NULL && is_mature(s->m, s->ev->time_us))
		return begin(s, LOGIN_FIRST, "medium", 70);
	if (s->known == NULL)
		return (struct login_found){ 0 };
	if (login_known_unseen(s->known) <= HABIT_UNSEEN)
		return begin(s, LOGIN_FROM, "medium", 72);
	return (struct login_found){ 0 };
}

/* How often a normal success was seen, when that is worth keeping; 0. */
static int
take_success(struct seen *s)
{
	struct login_source *src = s->source;
	struct login_found f;
	uint64_t times = 0;
	bool normal;

	decay(src, s->ev->time_us);
	f = judge_success(s);
	normal = f.severity == NULL;
	if (!normal) {
		if (f.what == LOGIN_AFTER || f.what == LOGIN_REFUSED_AT)
			src->hostile_until_us = f.expires_us = s->ev->time_us + LOGIN_HOSTILE_US;
		(void)login_source_is_due(src, s->ev->host, s->ev->time_us); /* it is told */
		src->told_us = s->ev->time_us;
		s->tell(&f, s->ctx);
	}
	if (normal && s->user[0] != '\0') {
		times =
		    learn(s->m, s->user, s->network, s->ev->count, s->ev->time_us, s->ev->time_us);
		/* Somebody after all: what failed before was a slip. */
		if (src->pending_us != 0)
			s->m->pending--;
		src->pending_us = 0;
		src->minute = src->hour = src->day = src->rush = 0;
		src->users = src->unknown_users = (struct login_recent){ { 0 }, { 0 } };
	}
	/* Kept at each doubling, and each 64 after that. */
	if (times == 0 || (times > 64 ? times % 64 : times & (times - 1)) != 0)
		return 0;
	return (int)DS_MIN(times, 1u << 30);
}

/* ---- decoys */

static void
tell_slip(struct seen *s)
{
	struct login_found f = begin(s, LOGIN_DECOY, "low", 45);

	if (s->source->told_us != 0 && s->ev->time_us < s->source->told_us + AGAIN_US)
		return;
	f.of_source = true;
	s->source->told_us = s->ev->time_us;
	s->tell(&f, s->ctx);
}

/* Who comes from where people work may have mistyped a port, and is hostile when he goes on.  Told
 * again when he shows what he wants. */
static void
take_decoy(struct seen *s)
{
	struct login_source *src = s->source;
	bool wants = s->user[0] != '\0' || s->ev->wanted[0] != '\0';
	uint8_t rank = wants ? 2 : 1;

	if (s->allowed || s->ev->address_size == 0 || (s->ev->success && s->network_known))
		return;
	decay(src, s->ev->time_us);
	src->minute += wants;
	src->day += wants;
	if (s->user[0] != '\0')
		(void)login_recent_add(
		    &src->users, s->user_id, s->ev->time_us, since(s->ev->time_us, DAY_US), NULL);
	if (s->ev->time_us >= src->told_us + AGAIN_US)
		src->decoy_rank = 0;
	if (s->network_known && src->minute < DECOY_KNOWN_MIN) {
		tell_slip(s);
		return;
	}
	if (rank > src->decoy_rank)
		src->told_us = 0;
	src->decoy_rank = DS_MAX(src->decoy_rank, rank);
	flag(s, LOGIN_DECOY, wants ? "medium" : "low", wants ? 68 : 45, 0);
}

/* ---- the fleet by the hour */

static void
end_hour(struct login_model *m, const struct seen *s)
{
	uint64_t failures = (uint64_t)m->hours.count, usual = 0;
	struct login_found f;

	if (!login_hours_end(&m->hours, &usual))
		return;
	f = begin(s, LOGIN_BURST, "medium", 60);
	f.source[0] = '\0';
	f.failures = failures;
	f.logins = usual;
	s->tell(&f, s->ctx);
}

static void
count_hour(struct login_model *m, const struct seen *s)
{
	uint64_t hour = s->ev->time_us / HOUR_US;

	if (m->hours.hour == 0)
		m->hours.hour = hour;
	for (unsigned n = 0; m->hours.hour < hour && n < 48; n++) {
		end_hour(m, s);
		m->hours.hour++;
	}
	if (m->hours.hour < hour)
		m->hours.hour = hour;
	if (!s->ev->success && !s->network_known && s->source->hostile_until_us <= s->ev->time_us)
		m->hours.count += s->failures;
}

int
login_model_take(struct login_model *m, const struct login_event *ev, login_tell tell, void *ctx)
{
	struct seen s = { .m = m, .ev = ev, .tell = tell, .ctx = ctx };
	int r = look(&s);

	if (r < 0)
		return r;
	if (m->first_us == 0)
		m->first_us = ev->time_us;
	if (ev->decoy) {
		take_decoy(&s);
		return 0;
	}
	if (!ev->success)
		s.failures = login_failures(s.source, ev);
	if (!ev->success && !(s.failures > 0))
		return 0;
	count_hour(m, &s);
	if (ev->success)
		return take_success(&s);
	take_failure(&s);
	return 0;
}

void
login_model_renew(struct login_model *m)
{
	for (struct login_node *n = m->sources.newest; n != NULL; n = n->older)
		((struct login_source *)(void *)n)->told_us = 0;
}

void
login_model_tick(struct login_model *m, uint64_t now_us, login_tell tell, void *ctx)
{
	unsigned around = login_recent_count(&m->probing, since(now_us, DAY_US));

	if (m->pending == 0)
		return;
	for (struct login_node *n = m->sources.newest; n != NULL; n = n->older) {
		struct login_source *src = (struct login_source *)(void *)n;
		struct login_event ev = { .host = src->pending_host,
			.host_name = src->pending_host_name,
			.daemon = src->pending_daemon,
			.user = src->pending_user,
			.method = "",
			.wanted = "",
			.address_size = src->size,
			.count = 1,
			.time_us = now_us };
		struct seen s = { .m = m, .ev = &ev, .tell = tell, .ctx = ctx, .source = src };

		if (src->pending_us == 0 || now_us < src->pending_us + GRACE_US)
			continue;
		if (now_us > src->pending_us + DAY_US) {
			src->pending_us = 0;
			m->pending--;
			continue;
		}
		if (around < PROBING_MIN)
			continue;
		snprintf(s.user, sizeof(s.user), "%s", src->pending_user);
		snprintf(s.source_key, sizeof(s.source_key), "%s", src->node.key);
		login_network(src->address, src->size, s.network, sizeof(s.network));
		flag(&s, LOGIN_PROBING, "low", 45, around);
	}
}
