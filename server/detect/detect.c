/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * detect - the loop over a batch: whose event is it, what does it say that the daemon does, is that
 * new.
 *
 * Strings are looked at once for each different event of a batch (struct memo); what repeats costs
 * a comparison of a few integers and three additions.
 */
#include "server/detect/detect.h"

#include "lib/map.h"
#include "server/detect/arguments.h"
#include "server/detect/changed_by.h"
#include "server/detect/new_child.h"
#include "server/detect/ready.h"
#include "server/detect/rule_floor.h"
#include "server/detect/sequence.h"
#include "server/detect/sibling.h"
#include "server/detect/tier.h"
#include "server/detect/version.h"
#include "server/detect/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct detector *const detector_table[] = { &detect_new_child, &detect_blind,
	&detect_new_file, &detect_new_destination, &detect_new_listener, &detect_privilege,
	&detect_integrity, &detect_login };

#define MEMO_LEN  4096u /* a power of two */
#define NO_DAEMON (&no_daemon)

static struct daemon_profile no_daemon; /* of names that there is no room for; never written */

/* An event as far as its key goes, in dictionary indexes and numbers, and what it was found to be.
 */
struct memo {
	uint64_t turn; /* of which batch; others do not count */
	uint32_t daemon, str[3];
	uint64_t num[3];
	uint32_t kind;
	bool initial;
	struct behaviour *behaviour; /* NULL: not kept */
};

/* The columns of one kind that make its key. */
struct kind_columns {
	bool ready;
	const uint32_t *str[3];
	const uint64_t *num[2];
	const uint64_t *ppid; /* of programs: whether it is 1 matters */
	const uint64_t *pid;
	const uint64_t *input; /* whether the network is their standard input */
	const uint32_t *args;  /* matter where a program starts itself */
};

struct columns {
	const uint64_t *times, *counts;
	const uint8_t *kinds, *flags;
	const uint32_t *daemons;
	struct kind_columns kind[DS_EVENT_MAX];
};

struct detect *
detect_new(const struct detect_config *cfg)
{
	struct detect *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->memo = calloc(MEMO_LEN, sizeof(*d->memo));
	d->evidence = evidence_new(cfg->alert_budget > 0 ? cfg->alert_budget : 1);
	d->sequence = sequence_new();
	d->watch = watch_new();
	if (d->evidence != NULL)
		evidence_leave_out(d->evidence, cfg->left_out);
	if (d->memo == NULL || d->evidence == NULL || d->sequence == NULL || d->watch == NULL ||
	    profiles_init(&d->profiles, cfg) < 0) {
		detect_free(d);
		return NULL;
	}
	return d;
}

void
detect_free(struct detect *d)
{
	if (d == NULL)
		return;
	profiles_done(&d->profiles);
	sequence_free(d->sequence);
	watch_free(d->watch);
	evidence_free(d->evidence);
	free(d->memo);
	free(d);
}

void
detect_configure(struct detect *d, const struct detect_config *cfg)
{
	profiles_configure(&d->profiles, cfg);
	evidence_set_budget(d->evidence, cfg->alert_budget > 0 ? cfg->alert_budget : 1);
}

void
detect_forget(struct detect *d, uint32_t host, const char *daemon)
{
	struct host_profile *h = ds_map_get(d->profiles.hosts, &host, sizeof(host));

	if (h != NULL)
		profiles_forget(&d->profiles, h, daemon);
	evidence_forget(d->evidence, host, daemon);
	watch_forget(d->watch, host);
}

void
detect_get_state(const struct detect *d, struct detect_state *ret)
{
	evidence_state(d->evidence, ret);
}

/* ---- daemons */

/* What a DAEMON event says. */
static int
declare(struct turn *t, const struct sighting *s)
{
	static const uint8_t fields[DAEMON_TEXTS] = { DS_STR_ROLE, DS_STR_UNIT, DS_STR_INSTANCE,
		DS_STR_EXE, DS_STR_PACKAGE, DS_STR_PACKAGE_VERSION, DS_STR_CONTAINER,
		DS_STR_CONTAINER_NAME, DS_STR_IMAGE };
	struct daemon_profile *d = s->daemon;
	const struct ds_event *ev = s->event;
	struct ds_str hash = DS_EVENT_STR(ev, DS_STR_SHA256);
	const struct key class = { 0 };
	char path[KEY_MAX];
	int r = sibling_adopt(t, s);

	if (r == 0)
		r = version_declare(t, s);
	if (hash.len == sizeof(d->sha256))
		memcpy(d->sha256, hash.ptr, sizeof(d->sha256));
	for (int i = 0; i < DAEMON_TEXTS; i++)
		daemon_set_text(d, (enum daemon_text)i, ev->str[fields[i] - DS_STR_FIRST]);
	version_take(d);
	daemon_add_own(d, path, key_path(DS_EVENT_STR(ev, DS_STR_EXE), path, sizeof(path)));
	key_class(d->name, daemon_text(d, TEXT_IMAGE), d->class, sizeof(d->class));
	d->pid = (uint32_t)ev->num[DS_NUM_PID];
	d->uid = (uint32_t)ev->num[DS_NUM_UID];
	d->inode = ev->num[DS_NUM_INODE];
	d->device = ev->num[DS_NUM_DEVICE];
	d->declared = true;
	stand_assign(t->detect->profiles.cfg.starters, d);
	stand_ask(t, d);
	if (d->gone)
		d->began_us = s->time_us;
	d->gone = false;
	(void)detect_send_news(t->detect, d, 0, class.data, class.size, true);
	profiles_mark_daemon(&t->detect->profiles, d);
	return r;
}

static struct daemon_profile *
daemon_of(struct turn *t, uint32_t index, uint64_t time_us)
{
	struct daemon_profile *d = t->daemons[index];
	struct ds_str name;

	if (d != NULL)
		return d != NO_DAEMON ? d : NULL;
	name = ds_batch_string(t->batch, index);
	d = profiles_daemon(&t->detect->profiles, t->host, name.ptr, name.len, time_us);
	t->daemons[index] = d != NULL ? d : NO_DAEMON;
	return d;
}

/* ---- behaviours */

static const struct detector *
detector_of(uint8_t kind)
{
	for (size_t i = 0; i < DS_LEN(detector_table); i++)
		if (detector_table[i]->kinds >> kind & 1)
			return detector_table[i];
	return NULL;
}

/* The fields of a kind's key, from its columns into the scratch event, or out of it again. */
static void
fill_scratch(struct turn *t, const struct sighting *s, const struct kind_columns *k, bool in)
{
	struct ds_event *ev = &t->detect->scratch;
	uint64_t nums, strs;
	size_t n = 0, m = 0;

	ev->kind = s->kind;
	for (key_fields(s->kind, &nums, &strs); strs != 0; strs &= strs - 1)
		ev->str[__builtin_ctzll(strs)] =
		    in ? ds_batch_string(t->batch, k->str[m++][s->index]) : (struct ds_str){ 0 };
	for (; nums != 0; nums &= nums - 1)
		ev->num[__builtin_ctzll(nums)] = in ? k->num[n++][s->index] : 0;
}

static int
load_event(struct turn *t, struct sighting *s)
{
	int r = ds_batch_event(t->batch, s->index, &t->event);

	if (r == 0)
		s->event = &t->event;
	return r;
}

static int
make_key(struct turn *t, struct sighting *s, const struct kind_columns *k)
{
	int r;

	if (key_family(s->kind) != KEY_PROCESS) {
		fill_scratch(t, s, k, true);
		key_of_event(&t->detect->scratch, &s->key);
		fill_scratch(t, s, k, false);
		return 0;
	}
	r = load_event(t, s);
	if (r < 0)
		return r;
	key_of_program(
	    DS_EVENT_STR(s->event, DS_STR_EXE), new_child_sort(s->daemon, s->event), &s->key);
	if (s->key.data[0] == KEY_CONTROL ||
	    (s->key.data[0] == KEY_SELF && s->event->num[DS_NUM_PPID] == 1))
		s->daemon->start_until_us = s->time_us + PROFILE_START_US;
	return 0;
}

/* Tells, if a detector finds the behaviour strange and nobody said that it is in order. */
static int
tell(struct turn *t, struct sighting *s)
{
	const struct detector *by = detector_of(s->kind);
	int r = 0;

	if (by == NULL || by->judge == NULL)
		return 0;
	if (s->behaviour != NULL) {
		s->key.size = s->behaviour->key_size;
		memcpy(s->key.data, s->behaviour->key, s->key.size);
	}
	if (s->event == NULL)
		r = load_event(t, s);
	if (r < 0 || turn_is_expected(t, s))
		return r;
	return turn_tell(t, s, by);
}

/* Also says whether the daemon is learnt. */
static int
judge(struct turn *t, struct sighting *s, enum novelty *ret)
{
	const struct detector *by = detector_of(s->kind);
	bool ready, stands_in;
	int r = 0;

	*ret = NOVEL_LEARN;
	if (by == NULL || by->judge == NULL || (s->flags & DS_FLAG_INITIAL))
		return 0;
	if (s->event == NULL)
		r = load_event(t, s);
	if (r < 0)
		return r;
	ready = daemon_refresh(&t->detect->profiles, s->daemon, s->time_us);
	if (!ready)
		stand_ask(t, s->daemon);
	stands_in = !ready && stand_protects(s->daemon, s->kind);
	*ret = by->judge(t, s, ready || stands_in);
	if (ready)
		*ret = version_weigh(t, s, *ret);
	/* What is merely new is what learning is for. */
	if (stands_in && *ret == NOVEL_WAIT)
		*ret = NOVEL_LEARN;
	*ret = tier_of(t, s, *ret);
	return 0;
}

/* Who changes a file is remembered for those who find it changed. */
static int
note_change(struct turn *t, struct sighting *s)
{
	const uint64_t kinds =
	    UINT64_C(1) << DS_EVENT_FILE_WRITE | UINT64_C(1) << DS_EVENT_FILE_CREATE |
	    UINT64_C(1) << DS_EVENT_FILE_RENAME | UINT64_C(1) << DS_EVENT_FILE_UNLINK;
	const char *path = (const char *)s->key.data + 1;
	int r = 0;

	if (!(kinds >> s->kind & 1) || s->key.size < 5 || memcmp(path, "/var", 4) == 0 ||
	    memcmp(path, "/tmp", 4) == 0 || memcmp(path, "/run", 4) == 0)
		return 0;
	if (s->event == NULL)
		r = load_event(t, s);
	if (r == 0)
		changed_note(
		    s->daemon, s->event, s->time_us, s->behaviour != NULL && s->behaviour->learnt);
	return r;
}

/* A behaviour that is not in the memo: known to the profile, or new. */
static int
look_up(struct turn *t, struct sighting *s, const struct kind_columns *k)
{
	struct profiles *p = &t->detect->profiles;
	enum novelty is;
	int r = make_key(t, s, k);

	if (r < 0)
		return r;
	s->behaviour = profiles_find(p, s->daemon, key_kind(s->kind), &s->key);
	r = note_change(t, s);
	if (r < 0 || s->behaviour != NULL)
		return r;
	r = judge(t, s, &is);
	if (r < 0)
		return r;
	s->behaviour =
	    profiles_add(p, s->daemon, key_kind(s->kind), &s->key, s->time_us, is == NOVEL_LEARN);
	if (s->behaviour == NULL) /* no room: not known, so said each time */
		return is == NOVEL_TELL ? tell(t, s) : 0;
	s->behaviour->waits = is == NOVEL_WAIT;
	if (s->behaviour->learnt)
		stand_learn(t, s->behaviour);
	turn_news(t, s->behaviour);
	return 0;
}

static int
load_columns(struct ds_batch *b, uint8_t kind, struct kind_columns *ret)
{
	uint64_t nums, strs;
	size_t n = 0, s = 0;

	key_fields(kind, &nums, &strs);
	if (key_family(kind) == KEY_PROCESS) {
		strs |= UINT64_C(1) << (DS_STR_PARENT_EXE - DS_STR_FIRST);
		strs |= UINT64_C(1) << (DS_STR_ANCESTORS - DS_STR_FIRST);
		ret->ppid = ds_batch_nums(b, DS_NUM_PPID);
		ret->pid = ds_batch_nums(b, DS_NUM_PID);
		ret->input = ds_batch_nums(b, DS_NUM_INPUT);
		ret->args = ds_batch_strs(b, DS_STR_ARGS);
		if (!ret->ppid || !ret->pid || !ret->input || !ret->args)
			return -ENOMEM;
	}
	for (unsigned f = 0; f < 64; f++) {
		if ((strs >> f & 1) && s < DS_LEN(ret->str)) {
			ret->str[s] = ds_batch_strs(b, (enum ds_str_field)(DS_STR_FIRST + f));
			if (ret->str[s++] == NULL)
				return -ENOMEM;
		}
		if ((nums >> f & 1) && n < DS_LEN(ret->num)) {
			ret->num[n] = ds_batch_nums(b, (enum ds_num_field)f);
			if (ret->num[n++] == NULL)
				return -ENOMEM;
		}
	}
	ret->ready = true;
	return 0;
}

static void
fill_memo(struct memo *m, const struct kind_columns *k, const struct sighting *s, uint32_t daemon)
{
	*m = (struct memo){ .daemon = daemon, .kind = s->kind };
	for (size_t i = 0; i < DS_LEN(k->str); i++)
		m->str[i] = k->str[i] != NULL ? k->str[i][s->index] : 0;
	for (size_t i = 0; i < DS_LEN(k->num); i++)
		m->num[i] = k->num[i] != NULL ? k->num[i][s->index] : 0;
	if (k->ppid != NULL) {
		m->num[0] = k->ppid[s->index] == 1;
		m->num[1] = s->daemon->pid != 0 && k->pid[s->index] == s->daemon->pid;
		if (m->str[0] == m->str[1]) /* program and parent */
			m->num[1] |= (uint64_t)k->args[s->index] << 1;
		m->num[2] = k->input[s->index];
	}
	m->initial = (s->flags & DS_FLAG_INITIAL) != 0;
}

static bool
memo_equal(const struct memo *a, const struct memo *b)
{
	return a->daemon == b->daemon && a->kind == b->kind && a->str[0] == b->str[0] &&
	       a->str[1] == b->str[1] && a->str[2] == b->str[2] && a->num[0] == b->num[0] &&
	       a->num[1] == b->num[1] && a->num[2] == b->num[2] && a->initial == b->initial;
}

static size_t
memo_slot(const struct memo *m)
{
	uint64_t h = m->daemon | (uint64_t)m->kind << 32;

	h = (h ^ m->str[0] ^ (uint64_t)m->str[1] << 32) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 29 ^ m->str[2] ^ m->num[0] << 20 ^ m->num[1]) * 0xbf58476d1ce4e5b9ull;
	return (h >> 40) & (MEMO_LEN - 1);
}

static int
learn_or_tell(
    struct turn *t, struct sighting *s, struct kind_columns *k, uint32_t daemon, bool *ret_fresh)
{
	struct detect *d = t->detect;
	bool initial = (s->flags & DS_FLAG_INITIAL) != 0;
	DS_UNINITIALIZED struct memo now;
	struct memo *m;
	int r = 0;

	if (!k->ready)
		r = load_columns(t->batch, s->kind, k);
	if (r < 0)
		return r;
	fill_memo(&now, k, s, daemon);
	m = &d->memo[memo_slot(&now)];
	if (m->turn == d->turn && memo_equal(m, &now)) {
		s->behaviour = m->behaviour;
	} else {
		r = look_up(t, s, k);
		if (r < 0)
			return r;
		now.turn = d->turn;
		now.behaviour = s->behaviour;
		*m = now;
		*ret_fresh = true;
	}
	if (s->behaviour == NULL)
		return 0;
	profiles_count(&d->profiles, s->behaviour, s->time_us, s->count, initial);
	if (!initial && daemon_is_judged(s->daemon))
		r = sequence_see(t, s, t->pids[s->index]);
	if (r < 0 || s->behaviour->learnt)
		return r;
	if (!s->behaviour->waits)
		return tell(t, s);
	tier_wait(t, s);
	return 0;
}

/* Rules are asked about each start of a program that was sent in full, and about each different
 * event of a batch; of known programs the arguments are looked at. */
static int
behave(struct turn *t, struct sighting *s, struct kind_columns *k, uint32_t daemon)
{
	bool fresh = false;
	bool starts = key_family(s->kind) == KEY_PROCESS;
	int r = learn_or_tell(t, s, k, daemon, &fresh);

	if (r == 0 && s->kind == DS_EVENT_ACCEPT)
		r = turn_visit(t, s);
	if (r < 0 || (s->flags & DS_FLAG_REPEAT) || (!fresh && !starts) ||
	    !(starts || rule_floor_has(t, s->kind)))
		return r;
	if (s->event == NULL)
		r = load_event(t, s);
	if (r == 0 && starts)
		turn_note_plugin(t, s);
	if (r == 0 && starts && s->behaviour != NULL && s->behaviour->learnt)
		r = arguments_see(t, s);
	if (r < 0 || (s->flags & DS_FLAG_INITIAL) || !rule_floor_has(t, s->kind))
		return r;
	return rule_floor_see(t, s);
}

/* ---- a batch */

/* Events that are no behaviour: identities, gaps, the agent's own. */
static int
take_other(struct turn *t, struct sighting *s)
{
	const struct detector *by = detector_of(s->kind);
	int r;

	if (by == NULL && s->kind != DS_EVENT_DAEMON && s->kind != DS_EVENT_DAEMON_GONE)
		return 0;
	r = ds_batch_event(t->batch, s->index, &t->event);
	if (r < 0)
		return r;
	s->event = &t->event;
	if (s->kind == DS_EVENT_DAEMON && s->daemon != NULL)
		r = declare(t, s);
	if (s->kind == DS_EVENT_DAEMON_GONE && s->daemon != NULL) {
		daemon_ended(s->daemon, s->time_us);
		profiles_mark_daemon(&t->detect->profiles, s->daemon);
	}
	return r == 0 && by != NULL ? by->tell(t, s) : r;
}

static int
take_event(struct turn *t, struct columns *c, size_t i)
{
	DS_UNINITIALIZED struct sighting s;
	uint32_t daemon = c->daemons[i];

	s.index = i;
	s.kind = c->kinds[i];
	s.flags = c->flags[i];
	s.count = c->counts[i];
	s.time_us = c->times[i] < t->from->received_us ? c->times[i] : t->from->received_us;
	s.behaviour = NULL;
	s.event = NULL;
	s.key.size = 0;
	/* What was there before the agent looked says nothing about how long it was watched. */
	if ((s.flags & DS_FLAG_INITIAL) && s.time_us < t->initial_us)
		s.time_us = t->initial_us;
	s.daemon = NULL;
	if (daemon != 0 && !ds_event_is_of_agent(s.kind))
		s.daemon = daemon_of(t, daemon, s.time_us);
	if (s.time_us > t->host->clock_us)
		t->host->clock_us = s.time_us;
	if (s.daemon != NULL) {
		s.daemon->events += s.count;
		if (s.time_us > s.daemon->last_us)
			s.daemon->last_us = s.time_us;
		if (key_family(s.kind) >= 0)
			return behave(t, &s, &c->kind[s.kind], daemon);
	}
	return take_other(t, &s);
}

static int
take_events(struct turn *t)
{
	struct ds_batch *b = t->batch;
	struct columns c = { .times = ds_batch_times(b),
		.counts = ds_batch_counts(b),
		.kinds = ds_batch_kinds(b),
		.flags = ds_batch_flags(b),
		.daemons = ds_batch_daemons(b) };

	t->pids = ds_batch_nums(b, DS_NUM_PID);
	if (c.times == NULL || c.counts == NULL || c.kinds == NULL || c.flags == NULL ||
	    c.daemons == NULL || t->pids == NULL)
		return -ENOMEM;
	t->initial_us = ds_batch_header(b)->time_max_us;
	if (t->initial_us > t->from->received_us)
		t->initial_us = t->from->received_us;
	for (size_t i = 0; i < ds_batch_len(b); i++) {
		int r = take_event(t, &c, i);

		if (r < 0)
			return r;
	}
	return 0;
}

/* New daemons are published at once, also those that were never declared. */
static void
mark_new_daemons(struct turn *t)
{
	size_t len = ds_batch_strings(t->batch);

	for (size_t i = 0; i < len; i++) {
		struct daemon_profile *d = t->daemons[i];

		if (d != NULL && d != NO_DAEMON && d->stored_us == 0)
			profiles_mark_daemon(&t->detect->profiles, d);
	}
}

int
detect_batch(
    struct detect *d, const struct batch_origin *from, struct ds_batch *b, struct verdict *ret)
{
	struct turn t = { .detect = d, .from = from, .batch = b, .verdict = ret };
	int r = -ENOMEM;

	*ret = (struct verdict){ 0 };
	d->turn++;
	t.host = profiles_host(&d->profiles, from->host);
	t.daemons = calloc(ds_batch_strings(b), sizeof(struct daemon_profile *));
	if (t.host != NULL && t.daemons != NULL) {
		t.clock_before_us = t.host->clock_us;
		if (t.host->counted_us == 0)
			t.host->counted_us =
			    t.clock_before_us > 0
				? t.clock_before_us
				: DS_MIN(ds_batch_header(b)->time_min_us, from->received_us);
		r = sibling_make_room(&t);
		if (r == 0)
			r = take_events(&t);
		t.host->received_us = from->received_us;
		mark_new_daemons(&t);
		if (r == 0)
			r = watch_batch(&t);
	}
	if (r == 0)
		r = verdict_rows(&d->profiles, ret, from->received_us);
	free(t.daemons);
	ds_version_release(t.fleet);
	ds_version_release(t.allowed);
	ds_version_release(t.rules);
	ds_version_release(t.attacks);
	if (r < 0)
		verdict_done(ret);
	return r;
}
