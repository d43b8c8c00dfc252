/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * integrity - a program, library or configuration file is not what it was.
 *
 * Explained: the package database agrees (outcome 1), a deployment was declared, a person or an
 * installation changed it (changed_by.h; for configuration only), or two other hosts had the same
 * change explained.  Explained changes are one quiet notice for each package version over the whole
 * fleet, or for each reason and host.  The others are alerts: a program or library high, a
 * configuration file that a daemon changed high, by nobody knows whom medium.
 */
#include "lib/clock.h"
#include "server/detect/allowance.h"
#include "server/detect/changed_by.h"
#include "server/detect/explain.h"
#include "server/detect/turn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MANY_US   (600 * DS_US_PER_S) /* files changed so close together are one incident */
#define PEERS_MIN 2u

enum reason {
	REASON_NONE,
	REASON_PACKAGE,
	REASON_DEPLOYMENT,
	REASON_DAEMON,
	REASON_PEOPLE,
	REASON_PEERS,
	REASON_UNSEEN
};

struct change_found {
	enum reason reason;
	const struct change *by; /* or NULL */
	uint64_t deployment;     /* 0: none */
	struct prevalence peers;
	bool is_code;
	char path[200], package[80], version[80], why[200];
};

static struct ds_str
text_of(const struct sighting *s, enum ds_str_field field)
{
	return DS_EVENT_STR(s->event, field);
}

/* A program or a library, as the agent says; of an older agent by mode and name. */
static bool
is_code(const struct sighting *s)
{
	struct ds_str path = text_of(s, DS_STR_PATH), class = text_of(s, DS_STR_FILE_CLASS);
	bool in_etc = path.len > 5 && memcmp(path.ptr, "/etc/", 5) == 0;

	if (class.len > 0)
		return (class.len == 10 && memcmp(class.ptr, "executable", 10) == 0) ||
		       (class.len == 7 && memcmp(class.ptr, "library", 7) == 0);
	if (path.len > 0 && memmem(path.ptr, path.len, ".so", 3) != NULL)
		return true;
	return !in_etc && (s->event->num[DS_NUM_MODE] & 0111) != 0;
}

/* The change over the fleet: the file and what it became. */
static void
key_of_change(const struct sighting *s, struct key *ret)
{
	struct ds_str path = text_of(s, DS_STR_PATH), hash = text_of(s, DS_STR_SHA256);
	size_t len = key_path(path, (char *)ret->data, KEY_MAX - 40);

	ret->size = len;
	if (hash.len > 0 && hash.len <= 32) {
		memcpy(ret->data + len, hash.ptr, hash.len);
		ret->size += hash.len;
	}
}

/* By the agent's word, which knows who changed the file at once. */
static bool
is_explained_by(const struct sighting *s, const char *who)
{
	struct ds_str word = text_of(s, DS_STR_EXPLANATION);

	return word.len == strlen(who) && memcmp(word.ptr, who, word.len) == 0;
}

static void
find_reason(struct turn *t, const struct sighting *s, struct change_found *c)
{
	if (s->event->num[DS_NUM_OUTCOME] == 1) {
		c->reason = REASON_PACKAGE;
		snprintf(c->why, sizeof(c->why), "it is what package %s %s contains", c->package,
		    c->version);
	} else if (is_explained_by(s, "daemon") && !c->is_code) {
		c->reason = REASON_DAEMON;
		snprintf(c->why, sizeof(c->why), "the daemon changed it itself");
	} else if (c->deployment != 0) {
		c->reason = REASON_DEPLOYMENT;
		snprintf(c->why, sizeof(c->why), "deployment %llu was declared",
		    (unsigned long long)c->deployment);
	} else if (c->peers.learnt >= PEERS_MIN) {
		c->reason = REASON_PEERS;
		snprintf(c->why, sizeof(c->why), "the same change was explained on %u other hosts",
		    c->peers.learnt);
	} else if (!c->is_code && c->by != NULL && (c->by->by_people || c->by->usual)) {
		c->reason = REASON_PEOPLE;
		snprintf(c->why, sizeof(c->why), "%s changed it (%s)", c->by->class, c->by->exe);
	} else if (!c->is_code && is_explained_by(s, "person")) {
		char exe[64];

		c->reason = REASON_PEOPLE;
		explain_command(text_of(s, DS_STR_EXE), exe, sizeof(exe));
		snprintf(c->why, sizeof(c->why), "somebody who was logged in changed it (%s)", exe);
	} else if (!c->is_code && c->by == NULL && !changed_sees_people(t->host)) {
		c->reason = REASON_UNSEEN;
		snprintf(c->why, sizeof(c->why),
		    "what people do on this host is not watched, so it may have been one of them");
	}
}

static void
tell_fleet(struct turn *t, const struct sighting *s, const struct key *key, bool explained)
{
	struct daemon_profile anybody = { .host = t->host };

	(void)s;
	snprintf(anybody.class, sizeof(anybody.class), "integrity");
	(void)detect_send_news(
	    t->detect, &anybody, DS_EVENT_INTEGRITY, key->data, key->size, explained);
}

static void
look(struct turn *t, const struct sighting *s, struct change_found *c)
{
	struct daemon_profile anybody = { .host = t->host };
	struct key key;

	*c = (struct change_found){ .is_code = is_code(s) };
	snprintf(anybody.class, sizeof(anybody.class), "integrity");
	explain_command(text_of(s, DS_STR_PATH), c->path, sizeof(c->path));
	explain_command(text_of(s, DS_STR_PACKAGE), c->package, sizeof(c->package));
	explain_command(text_of(s, DS_STR_PACKAGE_VERSION), c->version, sizeof(c->version));
	key_of_change(s, &key);
	c->peers = turn_peers(t, &anybody, DS_EVENT_INTEGRITY, &key, false);
	c->by = changed_find(t->host, text_of(s, DS_STR_PATH), s->time_us);
	c->deployment = allowances_deployment(turn_allowances(t),
	    s->daemon != NULL ? s->daemon->class : "", t->from->host, s->time_us);
	find_reason(t, s, c);
	tell_fleet(t, s, &key, c->reason == REASON_PACKAGE || c->reason == REASON_DEPLOYMENT);
}

static char *
document(const struct sighting *s, const struct change_found *c)
{
	char hex[2][65] = { "", "" };
	const enum ds_str_field which[2] = { DS_STR_SHA256_BEFORE, DS_STR_SHA256 };
	struct ds_buf buf;
	struct ds_json j;

	for (int i = 0; i < 2; i++) {
		struct ds_str h = text_of(s, which[i]);

		for (uint32_t k = 0; k < h.len && k < 32; k++)
			snprintf(hex[i] + 2 * k, 3, "%02x", (unsigned char)h.ptr[k]);
	}
	ds_buf_init(&buf, EXPLAIN_MAX);
	ds_json_init(&j, &buf);
	ds_json_object(&j);
	ds_json_key(&j, "explanation");
	ds_json_array(&j);
	explain_put_feature(&j, "contents", hex[0][0] != '\0' ? hex[0] : "not there before",
	    hex[1][0] != '\0' ? hex[1] : "not there any more", 0.6);
	explain_put_feature(&j, "reason", "a package, a deployment, a person or peers explain it",
	    c->reason != REASON_NONE ? c->why : "nothing does", 0.4);
	ds_json_end(&j);
	ds_json_key(&j, "peers");
	ds_json_object(&j);
	ds_json_put_uint(&j, "seen", c->peers.seen);
	ds_json_put_uint(&j, "of", c->peers.seen);
	ds_json_end(&j);
	ds_json_key(&j, "threat");
	ds_json_array(&j);
	if (c->reason == REASON_NONE)
		explain_put_technique(&j, c->is_code ? "T1554" : "T1565.001");
	ds_json_end(&j);
	ds_json_put_string(&j, "path", c->path);
	ds_json_key(&j, "file"); /* what a reaction puts back */
	ds_json_object(&j);
	ds_json_put_string(&j, "path", c->path);
	ds_json_put_string(&j, "sha256_before", hex[0]);
	ds_json_put_string(&j, "sha256", hex[1]);
	ds_json_end(&j);
	ds_json_put_bool(&j, "notice", c->reason != REASON_NONE);
	ds_json_key(&j, "record");
	ds_json_object(&j);
	ds_json_put_string(&j, "feature", "contents");
	ds_json_put_string(&j, "observed", c->path);
	ds_json_put_string(&j, "model", EXPLAIN_MODEL);
	ds_json_put_string(&j, "clears",
	    "an installation from a package, a declared deployment (deploy begin), or a verdict");
	ds_json_end(&j);
	explain_put_events(&j, s);
	return explain_finish(&j, &buf);
}

/* Explained changes of one package version are one notice, whichever hosts they are on. */
static void
fold(struct turn *t, struct finding *f, const struct change_found *c)
{
	f->notice = true;
	f->severity = "low";
	f->score = 5;
	if (c->reason == REASON_PACKAGE)
		snprintf(f->group, sizeof(f->group), "integrity:package:%.60s:%.60s", c->package,
		    c->version);
	else if (c->reason == REASON_DEPLOYMENT)
		snprintf(
		    f->group, sizeof(f->group), "deploy:%llu", (unsigned long long)c->deployment);
	else
		snprintf(f->group, sizeof(f->group), "integrity:reason:%u:%d", t->from->host,
		    (int)c->reason);
}

static void
say(struct turn *t, const struct sighting *s, const struct change_found *c, struct finding *f)
{
	const char *host = t->from->host_name != NULL ? t->from->host_name : "this host";
	char clock[32], message[200];

	ds_clock_format(s->time_us, clock, sizeof(clock));
	explain_command(text_of(s, DS_STR_MESSAGE), message, sizeof(message));
	if (c->reason == REASON_PACKAGE)
		snprintf(f->title, sizeof(f->title), "%.80s was installed in version %.80s",
		    c->package, c->version);
	else
		snprintf(f->title, sizeof(f->title), "%.160s was changed", c->path);
	if (c->reason != REASON_NONE)
		snprintf(f->reason, sizeof(f->reason), "%s on %.60s changed at %.8s UTC: %s",
		    c->path, host, clock + 11, c->why);
	else
		snprintf(f->reason, sizeof(f->reason),
		    "%s on %.60s changed at %.8s UTC, and no package or declared deployment explains it%s%s%s; %s",
		    c->path, host, clock + 11, c->by != NULL ? "; it was written by " : "",
		    c->by != NULL ? c->by->class : "",
		    c->is_code && c->by != NULL && c->by->by_people
			? ", and that a person did it is no reason for code that a daemon runs"
			: "",
		    message);
}

/* An alert a file, until there are many: then what changes next is told in one. */
static bool
is_one_of_many(struct turn *t, const struct sighting *s, uint64_t path)
{
	struct host_profile *h = t->host;

	if (s->time_us > h->changed_from_us + MANY_US || s->time_us < h->changed_from_us) {
		h->changed_from_us = s->time_us;
		h->changed_len = 0;
	}
	for (uint32_t i = 0; i < h->changed_len; i++)
		if (h->changed_paths[i] == path)
			return false;
	if (h->changed_len == DS_LEN(h->changed_paths))
		return true;
	h->changed_paths[h->changed_len++] = path;
	return false;
}

static void
group(struct turn *t, const struct sighting *s, const struct change_found *c, struct finding *f)
{
	uint64_t path = key_hash(22, c->path, strlen(c->path));

	if (!is_one_of_many(t, s, path)) {
		/* Once a host, however many daemons use it. */
		snprintf(f->group, sizeof(f->group), "integrity:file:%u:%016llx", t->from->host,
		    (unsigned long long)path);
		return;
	}
	snprintf(f->group, sizeof(f->group), "integrity:many:%u:%llu", t->from->host,
	    (unsigned long long)t->host->changed_from_us);
	snprintf(f->title, sizeof(f->title), "many files of daemons were changed on %.60s",
	    t->from->host_name != NULL ? t->from->host_name : "this host");
}

static int
tell(struct turn *t, const struct sighting *s)
{
	struct change_found c;
	struct finding *f;

	look(t, s, &c);
	f = verdict_finding(t, s, "integrity", key_hash(22, c.path, strlen(c.path)), "integrity");
	if (f == NULL)
		return -ENOMEM;
	if (c.reason != REASON_NONE) {
		fold(t, f, &c);
	} else {
		bool grave = c.is_code || c.by != NULL;

		f->severity = grave ? "high" : "medium";
		f->score = c.is_code ? 90 : grave ? 84 : 66;
	}
	say(t, s, &c, f);
	if (c.reason == REASON_NONE)
		group(t, s, &c, f);
	f->json = document(s, &c);
	return f->json != NULL ? 0 : -ENOMEM;
}

const struct detector detect_integrity = {
	.name = "integrity",
	.kinds = UINT64_C(1) << DS_EVENT_INTEGRITY,
	.judge = NULL,
	.tell = tell,
};
