/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/profile.h"

#include "lib/map.h"
#include "server/detect/sequence.h"
#include "server/detect/tier.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_MAX      (1u << 20)
#define BEHAVIOURS_MAX (1u << 24)

#define NAME_SIZE (offsetof(struct behaviour, key) - offsetof(struct behaviour, serial))

_Static_assert(NAME_SIZE == 5, "what a behaviour is looked up by has no holes");

struct composed {
	uint8_t data[5 + KEY_MAX];
	size_t size;
};

static void
compose(struct composed *ret, uint32_t serial, uint8_t kind, const void *key, size_t size)
{
	memcpy(ret->data, &serial, 4);
	ret->data[4] = kind;
	memcpy(ret->data + 5, key, size);
	ret->size = 5 + size;
}

int
profiles_init(struct profiles *p, const struct detect_config *cfg)
{
	*p = (struct profiles){ 0 };
	profiles_configure(p, cfg);
	p->hosts = ds_map_new(HOSTS_MAX);
	p->behaviours = ds_map_new_borrowing(BEHAVIOURS_MAX);
	return p->hosts != NULL && p->behaviours != NULL ? 0 : -ENOMEM;
}

static void
daemon_free(struct profiles *p, struct daemon_profile *d)
{
	for (struct behaviour *b = d->behaviours, *next; b != NULL; b = next) {
		struct composed c;

		next = b->next;
		compose(&c, d->serial, b->kind, b->key, b->key_size);
		ds_map_remove(p->behaviours, c.data, c.size);
		free(b);
	}
	sequence_forget(d->models);
	free(d->lineages);
	for (int i = 0; i < DAEMON_TEXTS; i++)
		free(d->text[i]);
	free(d);
	p->daemons_len--;
}

/* Nothing that goes away may stay on a list. */
static void
unmark(struct profiles *p, const struct daemon_profile *d)
{
	struct behaviour **b = &p->dirty_behaviours;
	struct daemon_profile **at = &p->dirty_daemons;

	while (*b != NULL)
		if ((*b)->daemon == d)
			*b = (*b)->dirty;
		else
			b = &(*b)->dirty;
	while (*at != NULL)
		if (*at == d)
			*at = d->dirty;
		else
			at = &(*at)->dirty;
}

static int
host_free(const void *key, size_t len, void *value, void *ctx)
{
	struct host_profile *h = value;

	(void)key;
	(void)len;
	for (struct daemon_profile *d = h->first, *next; d != NULL; d = next) {
		next = d->next;
		daemon_free(ctx, d);
	}
	ds_map_free(h->daemons, NULL);
	free(h->ports);
	free(h->changes);
	free(h->visitors);
	free(h);
	return 0;
}

void
profiles_done(struct profiles *p)
{
	if (p->hosts != NULL)
		ds_map_each(p->hosts, host_free, p);
	ds_map_free(p->hosts, NULL);
	ds_map_free(p->behaviours, NULL);
	*p = (struct profiles){ 0 };
}

void
profiles_configure(struct profiles *p, const struct detect_config *cfg)
{
	uint64_t interval = cfg->learn_min_us / PROFILE_INTERVALS_MIN;

	p->cfg = *cfg;
	if (p->cfg.keys_max < 256)
		p->cfg.keys_max = 256;
	/* Shorter learning looks closer, so that six intervals fit in. */
	if (interval < 500000)
		interval = 500000;
	p->interval_us = interval < PROFILE_INTERVAL_MAX_US ? interval : PROFILE_INTERVAL_MAX_US;
}

struct host_profile *
profiles_host(struct profiles *p, uint32_t number)
{
	struct host_profile *h = ds_map_get(p->hosts, &number, sizeof(number));

	if (h != NULL)
		return h;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	h->number = number;
	h->daemons = ds_map_new(PROFILE_DAEMONS_MAX);
	if (h->daemons == NULL || ds_map_put(p->hosts, &number, sizeof(number), h, NULL) < 0) {
		ds_map_free(h->daemons, NULL);
		free(h);
		return NULL;
	}
	return h;
}

struct daemon_profile *
profiles_daemon(
    struct profiles *p, struct host_profile *h, const char *name, size_t len, uint64_t time_us)
{
	struct daemon_profile *d;

	if (len == 0 || len > DS_DAEMON_MAX || memchr(name, '\0', len) != NULL)
		return NULL;
	d = ds_map_get(h->daemons, name, len);
	if (d != NULL)
		return d;
	d = calloc(1, sizeof(*d));
	if (d == NULL || ds_map_put(h->daemons, name, len, d, NULL) < 0) {
		h->refused++;
		free(d);
		return NULL;
	}
	d->host = h;
	d->serial = ++p->serial;
	memcpy(d->name, name, len);
	key_class(d->name, "", d->class, sizeof(d->class));
	d->first_us = d->last_us = time_us;
	d->blind_at_first_us = h->blind_us;
	d->next = h->first;
	h->first = d;
	p->daemons_len++;
	return d;
}

void
profiles_forget(struct profiles *p, struct host_profile *h, const char *name)
{
	struct daemon_profile **at = &h->first;

	while (*at != NULL) {
		struct daemon_profile *d = *at;

		if (name != NULL && strcmp(d->name, name) != 0) {
			at = &d->next;
			continue;
		}
		*at = d->next;
		ds_map_remove(h->daemons, d->name, strlen(d->name));
		unmark(p, d);
		daemon_free(p, d);
		if (name != NULL)
			return; /* there is one of a name, which may have been its own */
	}
}

struct behaviour *
profiles_find(
    const struct profiles *p, const struct daemon_profile *d, uint8_t kind, const struct key *key)
{
	DS_UNINITIALIZED struct composed c;

	compose(&c, d->serial, kind, key->data, key->size);
	return ds_map_get(p->behaviours, c.data, c.size);
}

/* "=tcp port 8080" */
static void
note_port(struct host_profile *h, const struct key *key)
{
	static const char word[] = " port ";
	char text[40];
	const char *at;
	unsigned long port;
	size_t len = key->size - 1;

	if (key->size < 2 || len >= sizeof(text))
		return;
	memcpy(text, key->data + 1, len);
	text[len] = '\0';
	at = strstr(text, word);
	port = at != NULL ? strtoul(at + sizeof(word) - 1, NULL, 10) : 0;
	if (port == 0 || port > 65535)
		return;
	if (h->ports == NULL)
		h->ports = calloc(65536 / 64, sizeof(*h->ports));
	if (h->ports != NULL)
		h->ports[port / 64] |= UINT64_C(1) << (port % 64);
}

static struct family_counts *
counts_of(struct daemon_profile *d, uint8_t kind, uint8_t sort)
{
	return sort == KEY_SHAPE ? &d->shapes : &d->family[key_family(kind)];
}

struct behaviour *
profiles_add(struct profiles *p, struct daemon_profile *d, uint8_t kind, const struct key *key,
    uint64_t time_us, bool learnt)
{
	struct family_counts *f;
	struct behaviour *b;

	if (key_family(kind) < 0)
		return NULL;
	f = counts_of(d, kind, key->data[0]);
	/* Each family has its share, so that a flood of paths cannot crowd out programs. */
	if (f->keys >= p->cfg.keys_max / KEY_FAMILIES) {
		f->refused++;
		return NULL;
	}
	b = calloc(1, sizeof(*b) + key->size);
	if (b == NULL)
		return NULL;
	b->daemon = d;
	b->serial = d->serial;
	b->kind = kind;
	b->learnt = learnt;
	b->version = (uint16_t)d->version.number;
	b->first_us = b->last_us = time_us;
	b->interval = (uint32_t)(time_us / p->interval_us);
	b->key_size = (uint16_t)key->size;
	memcpy(b->key, key->data, key->size);
	if (ds_map_put(p->behaviours, &b->serial, NAME_SIZE + key->size, b, NULL) < 0) {
		free(b);
		return NULL;
	}
	if (kind == DS_EVENT_LISTEN && learnt)
		note_port(d->host, key);
	b->next = d->behaviours;
	d->behaviours = b;
	f->keys++;
	stand_count(d, b);
	return b;
}

bool
host_listens(const struct host_profile *h, uint64_t port)
{
	return h->ports != NULL && port < 65536 && (h->ports[port / 64] >> (port % 64) & 1);
}

/* n, n1 and q1 without this key, or with it again. */
static void
weigh(struct behaviour *b, bool in)
{
	struct family_counts *f = counts_of(b->daemon, b->kind, b->key[0]);

	if (!b->learnt || !(b->key[0] == KEY_SHAPE || key_is_counted(b->kind, b->key[0])))
		return;
	f->n += in ? b->count : -b->count;
	f->n1 += in ? b->count == 1 : -(uint64_t)(b->count == 1);
	f->q1 += in ? b->once : -(uint64_t)b->once;
}

void
profiles_count(
    struct profiles *p, struct behaviour *b, uint64_t time_us, uint64_t count, bool initial)
{
	bool fresh = b->count == 0;

	weigh(b, false);
	if (initial)
		b->count = b->count < 2 ? 2 : b->count;
	else
		b->count += count;
	if (fresh)
		b->once = !initial;
	else if (initial || (uint32_t)(time_us / p->interval_us) != b->interval)
		b->once = false;
	weigh(b, true);
	if (time_us > b->last_us)
		b->last_us = time_us;
	if (b->waits)
		tier_count(b, time_us);
	if (b->count >= b->stored_count * 2)
		profiles_mark_behaviour(p, b);
}

void
profiles_accept(struct profiles *p, struct behaviour *b)
{
	weigh(b, false);
	b->learnt = true;
	b->waits = false;
	/* Seen on other days or hosts: no singleton. */
	if (b->count < 2)
		b->count = 2;
	b->once = false;
	weigh(b, true);
	stand_count(b->daemon, b);
	profiles_mark_behaviour(p, b);
}

void
profiles_mark_daemon(struct profiles *p, struct daemon_profile *d)
{
	if (d->is_dirty)
		return;
	d->is_dirty = true;
	d->dirty = p->dirty_daemons;
	p->dirty_daemons = d;
}

void
profiles_mark_behaviour(struct profiles *p, struct behaviour *b)
{
	if (b->is_dirty)
		return;
	b->is_dirty = true;
	b->dirty = p->dirty_behaviours;
	p->dirty_behaviours = b;
}

const char *
daemon_text(const struct daemon_profile *d, enum daemon_text which)
{
	return d->text[which] != NULL ? d->text[which] : "";
}

void
daemon_set_text(struct daemon_profile *d, enum daemon_text which, struct ds_str value)
{
	char *copy;

	if (value.len == strlen(daemon_text(d, which)) &&
	    (value.len == 0 || memcmp(value.ptr, daemon_text(d, which), value.len) == 0))
		return;
	copy = value.len > 0 ? strndup(value.ptr, value.len) : NULL;
	if (copy == NULL && value.len > 0)
		return;
	free(d->text[which]);
	d->text[which] = copy;
}

bool
daemon_is_own(const struct daemon_profile *d, const void *path, size_t len)
{
	uint64_t h = key_hash(1, path, len);

	for (size_t i = 0; i < PROFILE_OWN_MAX; i++)
		if (d->own[i] == h && len > 0)
			return true;
	return false;
}

void
daemon_add_own(struct daemon_profile *d, const void *path, size_t len)
{
	if (len == 0 || daemon_is_own(d, path, len))
		return;
	memmove(d->own + 1, d->own, sizeof(d->own) - sizeof(d->own[0]));
	d->own[0] = key_hash(1, path, len);
}

/* Before a daemon has declared its role, its name tells: sshd/session, cron/job, dpkg/script. */
static bool
is_called(const struct daemon_profile *d, const char *role, const char *end)
{
	const char *declared = daemon_text(d, TEXT_ROLE), *slash = strrchr(d->name, '/');

	if (declared[0] != '\0')
		return strcmp(declared, role) == 0;
	return slash != NULL && strcmp(slash, end) == 0;
}

void
daemon_ended(struct daemon_profile *d, uint64_t time_us)
{
	uint64_t began_us = d->began_us != 0 ? d->began_us : d->first_us;

	if (!d->gone && time_us > began_us)
		d->up_us += time_us - began_us;
	d->ends += !d->gone;
	d->gone = true;
}

bool
daemon_is_episodic(const struct daemon_profile *d, uint64_t time_us)
{
	uint64_t age_us = time_us > d->first_us ? time_us - d->first_us : 0;
	uint64_t began_us = d->began_us != 0 ? d->began_us : d->first_us;
	uint64_t up_us = d->up_us + (!d->gone && time_us > began_us ? time_us - began_us : 0);

	return d->ends > 0 && up_us < age_us / 5;
}

bool
daemon_is_job(const struct daemon_profile *d)
{
	return is_called(d, "job", "/job");
}

bool
daemon_is_package(const struct daemon_profile *d)
{
	return is_called(d, "package", "/script");
}

bool
daemon_is_judged(const struct daemon_profile *d)
{
	static const char *const roles[] = { "service", "container", "process" };
	const char *role = daemon_text(d, TEXT_ROLE);

	for (size_t i = 0; i < DS_LEN(roles); i++)
		if (strcmp(role, roles[i]) == 0)
			return true;
	return role[0] == '\0' && !is_called(d, "session", "/session") && !daemon_is_job(d) &&
	       !daemon_is_package(d);
}
