/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/version.h"

#include "server/detect/allowance.h"
#include "server/detect/changed_by.h"
#include "server/detect/explain.h"
#include "server/detect/program.h"
#include "server/detect/tier.h"
#include "server/store/profile_versions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum reason {
	REASON_FIRST,
	REASON_PACKAGE,
	REASON_IMAGE,
	REASON_DEPLOYMENT,
	REASON_PEERS,
	REASON_KNOWN,
	REASON_UNEXPLAINED,
	REASON_ROLLBACK,
	REASON_SIBLING,
};

static const struct {
	const char *name;
	bool warms; /* explains what is new */
} reasons[] = {
	[REASON_FIRST] = { "first", false },
	[REASON_PACKAGE] = { "package", true },
	[REASON_IMAGE] = { "image", true },
	[REASON_DEPLOYMENT] = { "deployment", true },
	[REASON_PEERS] = { "peers", true },
	[REASON_KNOWN] = { "known", false },
	[REASON_UNEXPLAINED] = { "unexplained", false },
	[REASON_ROLLBACK] = { "rollback", false },
	[REASON_SIBLING] = { "sibling", false },
};

/* ---- identities */

struct identity {
	struct ds_str package_version, image, sha256;
};

static struct ds_str
text(const struct daemon_profile *d, enum daemon_text which)
{
	const char *s = daemon_text(d, which);

	return (struct ds_str){ s, (uint32_t)strlen(s) };
}

static struct identity
identity_of_event(const struct ds_event *ev)
{
	return (struct identity){ DS_EVENT_STR(ev, DS_STR_PACKAGE_VERSION),
		DS_EVENT_STR(ev, DS_STR_IMAGE), DS_EVENT_STR(ev, DS_STR_SHA256) };
}

static struct identity
identity_of_daemon(const struct daemon_profile *d)
{
	static const uint8_t none[sizeof(d->sha256)];
	bool known = memcmp(d->sha256, none, sizeof(none)) != 0;

	return (struct identity){ text(d, TEXT_VERSION), text(d, TEXT_IMAGE),
		{ (const char *)d->sha256, known ? sizeof(d->sha256) : 0 } };
}

static uint64_t
identity_hash(const struct identity *i)
{
	uint64_t parts[3] = { key_hash(61, i->package_version.ptr, i->package_version.len),
		key_hash(62, i->image.ptr, i->image.len),
		key_hash(63, i->sha256.ptr, i->sha256.len) };

	return key_hash(64, parts, sizeof(parts));
}

/* What was not known before, or is not known now, is no change. */
static bool
differs(struct ds_str was, struct ds_str is)
{
	return was.len > 0 && is.len > 0 && !ds_str_equal(was, is);
}

static bool
is_known(const struct version *v, uint64_t identity)
{
	for (size_t i = 0; i < DS_LEN(v->known); i++)
		if (v->known[i] == identity)
			return true;
	return false;
}

static void
remember(struct version *v, uint64_t identity)
{
	if (is_known(v, identity))
		return;
	memmove(v->known + 1, v->known, sizeof(v->known) - sizeof(v->known[0]));
	v->known[0] = identity;
}

/* ---- what explains a change */

/* The file itself, over the fleet. */
static struct key
key_of_file(const struct ds_event *ev)
{
	struct ds_str hash = DS_EVENT_STR(ev, DS_STR_SHA256);
	struct key key = { .size = DS_MIN(hash.len, 32u) };

	if (key.size > 0)
		memcpy(key.data, hash.ptr, key.size);
	return key;
}

static uint64_t
deployment_of(struct turn *t, const struct sighting *s)
{
	return allowances_deployment(
	    turn_allowances(t), s->daemon->class, t->from->host, s->time_us);
}

static enum reason
reason_of(
    struct turn *t, const struct sighting *s, const struct identity *was, const struct identity *is)
{
	struct key file = key_of_file(s->event);

	if (is_known(&s->daemon->version, identity_hash(is)))
		return REASON_KNOWN;
	if (deployment_of(t, s) != 0)
		return REASON_DEPLOYMENT;
	if (differs(was->image, is->image))
		return REASON_IMAGE;
	if (differs(was->package_version, is->package_version))
		return REASON_PACKAGE;
	if (file.size > 0 &&
	    turn_peers(t, s->daemon, DS_EVENT_DAEMON, &file, false).learnt >= TIER_HOSTS_MIN)
		return REASON_PEERS;
	return REASON_UNEXPLAINED;
}

/* ---- what is said of an explained one */

static char *
document(const struct sighting *s, const struct identity *was, const struct identity *is,
    const char *why)
{
	char before[120], now[120];
	struct ds_buf buf;
	struct ds_json j;

	explain_command(was->image.len > 0 ? was->image : was->package_version, before, 120);
	explain_command(is->image.len > 0 ? is->image : is->package_version, now, 120);
	ds_buf_init(&buf, EXPLAIN_MAX);
	ds_json_init(&j, &buf);
	ds_json_object(&j);
	ds_json_key(&j, "explanation");
	ds_json_array(&j);
	explain_put_feature(&j, "version", before, now, 0.6);
	explain_put_feature(&j, "reason",
	    "a package, an image, a deployment or peers explain another file", why, 0.4);
	ds_json_end(&j);
	ds_json_key(&j, "peers");
	ds_json_object(&j);
	ds_json_put_uint(&j, "seen", 0);
	ds_json_put_uint(&j, "of", 0);
	ds_json_end(&j);
	ds_json_key(&j, "threat");
	ds_json_array(&j);
	ds_json_end(&j);
	ds_json_put_bool(&j, "notice", true);
	ds_json_key(&j, "record");
	ds_json_object(&j);
	ds_json_put_string(&j, "feature", "version");
	ds_json_put_string(&j, "observed", now);
	ds_json_put_string(&j, "model", EXPLAIN_MODEL);
	ds_json_put_string(&j, "clears", "nothing needs to be done");
	ds_json_end(&j);
	explain_put_events(&j, s);
	return explain_finish(&j, &buf);
}

/* One for the version, whichever hosts it comes to, together with its changed files
 * (integrity.c). */
static void
group(struct turn *t, const struct sighting *s, struct finding *f)
{
	const struct ds_event *ev = s->event;
	uint64_t deployment = deployment_of(t, s);
	char package[80], version[80], image[160];

	explain_command(DS_EVENT_STR(ev, DS_STR_PACKAGE), package, sizeof(package));
	explain_command(DS_EVENT_STR(ev, DS_STR_PACKAGE_VERSION), version, sizeof(version));
	explain_command(DS_EVENT_STR(ev, DS_STR_IMAGE), image, sizeof(image));
	if (deployment != 0)
		snprintf(f->group, sizeof(f->group), "deploy:%llu", (unsigned long long)deployment);
	else if (image[0] != '\0')
		snprintf(f->group, sizeof(f->group), "version:image:%.150s", image);
	else
		snprintf(f->group, sizeof(f->group), "integrity:package:%.60s:%.60s",
		    package[0] != '\0' ? package : s->daemon->class, version);
	snprintf(f->title, sizeof(f->title), "%.80s was installed in version %.80s",
	    package[0] != '\0' ? package : s->daemon->class, image[0] != '\0' ? image : version);
}

static int
tell(struct turn *t, const struct sighting *s, const struct identity *was,
    const struct identity *is, const char *why)
{
	const char *host = t->from->host_name != NULL ? t->from->host_name : "this host";
	struct sighting calm = *s;
	struct finding *f;

	calm.daemon = NULL; /* nothing unusual: the fusion is not told */
	f = verdict_finding(t, &calm, "integrity", 0, "version");
	if (f == NULL)
		return -ENOMEM;
	f->notice = true;
	f->score = 5;
	snprintf(f->daemon, sizeof(f->daemon), "%s", s->daemon->name);
	group(t, s, f);
	snprintf(f->reason, sizeof(f->reason),
	    "%.100s on %.60s is another version (%s); its profile goes on from the one before, with %u "
	    "behaviours",
	    s->daemon->class, host, why, s->daemon->version.inherited);
	f->json = document(s, was, is, why);
	return f->json != NULL ? 0 : -ENOMEM;
}

/* ---- versions */

static uint32_t
learnt_of(const struct daemon_profile *d)
{
	uint32_t n = 0;

	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next)
		n += b->learnt && b->key[0] != KEY_SHAPE;
	return n;
}

static void
begin(const struct turn *t, struct daemon_profile *d, enum reason reason, uint64_t time_us)
{
	uint64_t warm_us = DS_MAX(VERSION_WARM_US, t->detect->profiles.cfg.learn_min_us);
	struct version *v = &d->version;

	v->parent = v->number++;
	v->reason = (uint8_t)reason;
	v->begun_us = time_us;
	v->warm_until_us = reasons[reason].warms ? time_us + warm_us : 0;
	v->inherited = learnt_of(d);
	v->explained = v->told = 0;
	v->is_dirty = true;
}

void
version_adopt(const struct turn *t, struct daemon_profile *d, const struct daemon_profile *from,
    uint64_t time_us)
{
	memcpy(d->version.known, from->version.known, sizeof(d->version.known));
	d->version.number = 0;
	begin(t, d, REASON_SIBLING, time_us);
}

int
version_declare(struct turn *t, const struct sighting *s)
{
	struct daemon_profile *d = s->daemon;
	const struct identity was = identity_of_daemon(d), is = identity_of_event(s->event);
	struct key file = key_of_file(s->event);
	enum reason reason;

	if (!daemon_is_judged(d))
		return 0;
	/* Also of a store from before there were versions. */
	if (d->version.number == 0)
		begin(t, d, REASON_FIRST, d->declared ? d->first_us : s->time_us);
	if (!d->declared || !(differs(was.package_version, is.package_version) ||
				differs(was.image, is.image) || differs(was.sha256, is.sha256)))
		return 0;
	remember(&d->version, identity_hash(&was));
	reason = reason_of(t, s, &was, &is);
	begin(t, d, reason, s->time_us);
	if (!reasons[reason].warms)
		return 0;
	if (file.size > 0)
		(void)detect_send_news(
		    t->detect, d, DS_EVENT_DAEMON, file.data, file.size, reason != REASON_PEERS);
	return tell(t, s, &was, &is, reasons[reason].name);
}

void
version_take(struct daemon_profile *d)
{
	const struct identity is = identity_of_daemon(d);

	if (d->version.number != 0)
		remember(&d->version, identity_hash(&is));
}

bool
version_is_warm(const struct daemon_profile *d, uint64_t time_us)
{
	const struct version *v = &d->version;

	return time_us < v->warm_until_us && time_us >= v->begun_us && d->told_us < v->begun_us;
}

/* A helper that is named like the daemon, or that the package brought just now.  Shells,
 * interpreters and what reaches out are nobody's helpers. */
static bool
is_of_package(const struct sighting *s)
{
	struct ds_str exe = DS_EVENT_STR(s->event, DS_STR_EXE);
	const struct change *c = changed_find(s->daemon->host, exe, s->time_us);
	size_t len = strcspn(s->daemon->class, "@");
	char path[KEY_MAX];
	const char *slash;

	(void)key_path(exe, path, sizeof(path));
	if (program_info(path).sort != PROGRAM_OTHER || program_is_anybodys(path))
		return false;
	slash = strrchr(path, '/');
	return (c != NULL && c->by_package) ||
	       (slash != NULL && len >= 3 && strncmp(slash + 1, s->daemon->class, len) == 0);
}

enum novelty
version_weigh(struct turn *t, const struct sighting *s, enum novelty is)
{
	struct daemon_profile *d = s->daemon;

	if (!version_is_warm(d, s->time_us) || !daemon_is_judged(d))
		return is;
	if (is == NOVEL_TELL &&
	    !(s->kind == DS_EVENT_EXEC && s->key.data[0] == KEY_CHILD && is_of_package(s)))
		return is;
	d->version.explained++;
	d->version.is_dirty = true;
	profiles_mark_daemon(&t->detect->profiles, d);
	return NOVEL_LEARN;
}

void
version_told(struct turn *t, const struct sighting *s)
{
	struct daemon_profile *d = s->daemon;

	if (s->time_us >= d->version.warm_until_us || s->time_us < d->version.begun_us)
		return;
	d->version.told++;
	d->version.is_dirty = true;
	profiles_mark_daemon(&t->detect->profiles, d);
}

void
version_fill(const struct daemon_profile *d, struct profile_version_row *ret)
{
	const struct version *v = &d->version;

	ret->number = v->number;
	ret->parent = v->parent;
	ret->reason = reasons[v->reason].name;
	ret->begun_us = v->begun_us;
	ret->warm_until_us = v->warm_until_us;
	ret->inherited = v->inherited;
	ret->explained = v->explained;
	ret->told = v->told;
}

void
version_restore(struct daemon_profile *d, const struct profile_version_row *row)
{
	static const uint8_t none[sizeof(row->sha256)];
	bool known = memcmp(row->sha256, none, sizeof(none)) != 0;
	const struct identity is = {
		{ row->package_version, (uint32_t)strlen(row->package_version) },
		{ row->image, (uint32_t)strlen(row->image) },
		{ (const char *)row->sha256, known ? sizeof(row->sha256) : 0 },
	};
	struct version *v = &d->version;

	v->number = row->number;
	v->parent = row->parent;
	v->reason = REASON_UNEXPLAINED;
	for (size_t i = 0; i < DS_LEN(reasons); i++)
		if (strcmp(reasons[i].name, row->reason) == 0)
			v->reason = (uint8_t)i;
	v->begun_us = row->begun_us;
	v->warm_until_us = row->warm_until_us;
	v->inherited = (uint32_t)row->inherited;
	v->explained = (uint32_t)row->explained;
	v->told = (uint32_t)row->told;
	remember(v, identity_hash(&is));
}
