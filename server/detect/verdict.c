/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict - what comes out of detection: findings, and the rows that are to be stored. */
#include "server/detect/ready.h"
#include "server/detect/turn.h"
#include "server/detect/version.h"
#include "server/store/model_state.h"
#include "server/store/profile_versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts of rows: chunks that are freed together. */
struct chunk {
	struct chunk *next;
	size_t len, size;
	char data[];
};

#define CHUNK_SIZE (32u << 10)

static char *
keep(struct verdict *v, const void *data, size_t len)
{
	struct chunk *c = v->memory;
	char *at;

	if (c == NULL || c->size - c->len < len + 1) {
		size_t size = len + 1 > CHUNK_SIZE ? len + 1 : CHUNK_SIZE;

		c = malloc(sizeof(*c) + size);
		if (c == NULL)
			return NULL;
		*c = (struct chunk){ v->memory, 0, size };
		v->memory = c;
	}
	at = c->data + c->len;
	if (len > 0)
		memcpy(at, data, len);
	at[len] = '\0';
	c->len += len + 1;
	return at;
}

void
verdict_done(struct verdict *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < v->findings_len; i++)
		free(v->findings[i].json);
	free(v->findings);
	free(v->profiles);
	free(v->daemons);
	free(v->versions);
	free(v->states);
	for (struct chunk *c = v->memory, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	*v = (struct verdict){ 0 };
}

/* The array with room for one more, or NULL: capacities are powers of two, from 8. */
static void *
grow(void *array, size_t len, size_t size)
{
	if (len != 0 && (len < 8 || (len & (len - 1)) != 0))
		return array;
	return realloc(array, (len < 8 ? 8 : len * 2) * size);
}

int
verdict_put_state(struct verdict *v, uint32_t host, const char *name, const struct ds_buf *data)
{
	char *kept = keep(v, name, strlen(name)), *bytes = keep(v, data->data, data->len);
	struct model_state_row *row = grow(v->states, v->states_len, sizeof(*row));

	if (row != NULL)
		v->states = row;
	if (row == NULL || kept == NULL || bytes == NULL)
		return -ENOMEM;
	v->states[v->states_len++] = (struct model_state_row){
		.host = host, .name = kept, .data = bytes, .size = data->len
	};
	return 0;
}

static void
make_id(struct turn *t, const struct sighting *s, const char *what, char ret[48])
{
	struct {
		uint64_t host, lane, epoch, seq, index;
	} where = { t->from->host, t->from->lane, t->from->epoch, t->from->seq, s->index };
	uint64_t a = key_hash(3, &where, sizeof(where)), b = key_hash(4, &where, sizeof(where));

	snprintf(ret, 48, "fnd_%016llx%016llx",
	    (unsigned long long)(a ^ key_hash(5, what, strlen(what))),
	    (unsigned long long)(b ^ key_hash(6, what, strlen(what))));
}

void
verdict_group(struct turn *t, struct finding *f, const char *kind, uint64_t group)
{
	snprintf(f->group, sizeof(f->group), "%s:%u:%016llx:%016llx", kind, t->from->host,
	    (unsigned long long)key_hash(7, f->daemon, strlen(f->daemon)),
	    (unsigned long long)group);
}

struct finding *
verdict_put_finding(struct verdict *v)
{
	struct finding *f = grow(v->findings, v->findings_len, sizeof(*f));

	if (f == NULL)
		return NULL;
	v->findings = f;
	f += v->findings_len++;
	*f = (struct finding){ .severity = "low" };
	return f;
}

/* What decides alone says nothing about what is usual, and the budget is asked nothing. */
static void
join_fusion(struct turn *t, const struct sighting *s)
{
	static const struct evidence_model model = { "novelty", EVIDENCE_NOVELTY, "new_child",
		"does what it never did", 0 };
	const struct evidence e = { .model = &model,
		.host = t->from->host,
		.host_name = t->from->host_name,
		.daemon = s->daemon->name,
		.class = s->daemon->class,
		.time_us = s->time_us,
		.decisive = true,
		.told = true };
	double p;

	/* Told makes no finding, so nothing of the verdict moves; without memory it is only counted
	 * too little. */
	(void)(evidence_add(t->detect->evidence, &e, t->verdict, &p) < 0);
}

struct finding *
verdict_finding(
    struct turn *t, const struct sighting *s, const char *kind, uint64_t group, const char *what)
{
	const char *daemon = s->daemon != NULL ? s->daemon->name : "";
	struct finding *f = verdict_put_finding(t->verdict);

	if (f == NULL)
		return NULL;
	*f = (struct finding){
		.kind = kind, .severity = "low", .time_us = s->time_us, .count = s->count
	};
	make_id(t, s, what, f->id);
	snprintf(f->daemon, sizeof(f->daemon), "%s", daemon);
	verdict_group(t, f, kind, group);
	if (s->daemon != NULL)
		join_fusion(t, s);
	return f;
}

static int
put_behaviour(struct verdict *v, struct behaviour *b, uint64_t server_us)
{
	char *daemon = keep(v, b->daemon->name, strlen(b->daemon->name));
	char *key = keep(v, b->key, b->key_size);

	struct profile_row *row = grow(v->profiles, v->profiles_len, sizeof(*row));

	if (row != NULL)
		v->profiles = row;
	if (row == NULL || daemon == NULL || key == NULL)
		return -ENOMEM;
	v->profiles[v->profiles_len++] = (struct profile_row){
		.host = b->daemon->host->number,
		.daemon = daemon,
		.kind = b->kind,
		.key = (const uint8_t *)key,
		.key_size = b->key_size,
		.count = b->count,
		.first_us = b->first_us,
		.last_us = b->last_us,
		.learnt = b->learnt,
		.waits = b->waits,
		.days = b->days,
		.version = b->version,
	};
	b->stored_count = b->count;
	b->stored_us = server_us;
	return 0;
}

/* Texts and hash are those of the daemon's row. */
static int
put_version(struct verdict *v, struct daemon_profile *d, const struct daemon_row *of)
{
	struct profile_version_row *row = grow(v->versions, v->versions_len, sizeof(*row));

	if (row == NULL)
		return -ENOMEM;
	v->versions = row;
	row += v->versions_len++;
	*row = (struct profile_version_row){ .host = of->host,
		.daemon = of->name,
		.exe = of->exe,
		.package = of->package,
		.package_version = of->package_version,
		.image = of->image };
	memcpy(row->sha256, of->sha256, sizeof(row->sha256));
	version_fill(d, row);
	d->version.is_dirty = false;
	return 0;
}

static int
put_daemon(
    const struct profiles *p, struct verdict *v, struct daemon_profile *d, uint64_t server_us)
{
	uint64_t host_us = host_now(d->host, server_us);
	const char *text[DAEMON_TEXTS], *name = keep(v, d->name, strlen(d->name)), *why, *starter;
	char blockers[1024], stands[200];
	struct daemon_row *row = grow(v->daemons, v->daemons_len, sizeof(*row));

	if (row == NULL)
		return -ENOMEM;
	v->daemons = row;
	daemon_blockers(p, d, host_us, blockers, sizeof(blockers));
	why = keep(v, blockers, strlen(blockers));
	stand_name(d, stands, sizeof(stands));
	starter = keep(v, stands, strlen(stands));
	for (int i = 0; i < DAEMON_TEXTS; i++) {
		const char *s = daemon_text(d, (enum daemon_text)i);

		text[i] = keep(v, s, strlen(s));
		if (text[i] == NULL)
			return -ENOMEM;
	}
	if (name == NULL || why == NULL || starter == NULL)
		return -ENOMEM;
	row += v->daemons_len++;
	*row = (struct daemon_row){
		.host = d->host->number,
		.name = name,
		.role = text[TEXT_ROLE],
		.unit = text[TEXT_UNIT],
		.instance = text[TEXT_INSTANCE],
		.exe = text[TEXT_EXE],
		.package = text[TEXT_PACKAGE],
		.package_version = text[TEXT_VERSION],
		.container = text[TEXT_CONTAINER],
		.container_name = text[TEXT_CONTAINER_NAME],
		.image = text[TEXT_IMAGE],
		.inode = d->inode,
		.device = d->device,
		.first_seen_us = d->first_us,
		.last_seen_us = d->last_us,
		.events = d->events,
		.gone = d->gone,
		.pid = d->pid,
		.state = d->ready ? "ready" : "learning",
		.coverage = daemon_coverage(p, d, host_us),
		.blockers = why,
		.starter = starter,
		.starter_confidence = stand_confidence(d),
	};
	memcpy(row->sha256, d->sha256, sizeof(row->sha256));
	d->stored_us = server_us;
	d->stored_events = d->events;
	return d->version.is_dirty ? put_version(v, d, row) : 0;
}

int
verdict_retire(struct verdict *v, const struct daemon_profile *d)
{
	const char *name = keep(v, d->name, strlen(d->name));
	struct daemon_row *row = grow(v->daemons, v->daemons_len, sizeof(*row));

	if (row != NULL)
		v->daemons = row;
	if (row == NULL || name == NULL)
		return -ENOMEM;
	v->daemons[v->daemons_len++] =
	    (struct daemon_row){ .host = d->host->number, .name = name, .is_retired = true };
	return 0;
}

int
verdict_rows(struct profiles *p, struct verdict *v, uint64_t server_us)
{
	while (p->dirty_daemons != NULL) {
		struct daemon_profile *d = p->dirty_daemons;

		if (put_daemon(p, v, d, server_us) < 0)
			return -ENOMEM;
		p->dirty_daemons = d->dirty;
		d->is_dirty = false;
	}
	while (p->dirty_behaviours != NULL) {
		struct behaviour *b = p->dirty_behaviours;

		if (put_behaviour(v, b, server_us) < 0)
			return -ENOMEM;
		p->dirty_behaviours = b->dirty;
		b->is_dirty = false;
	}
	return 0;
}
