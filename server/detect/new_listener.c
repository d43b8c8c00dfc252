/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * new_listener - a daemon waits for connections where it never did.
 *
 * While the service manager starts it, a daemon may listen where its configuration says: the first
 * start that the agent sees is often long after the daemon was learnt.  A web server takes up the
 * ports of new sites at a reload; who listens on some port that the kernel chose may do so again.
 */
#include "server/detect/fact.h"
#include "server/detect/program.h"
#include "server/detect/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPHEMERAL_MIN 32768u

static bool
is_ephemeral(uint64_t port)
{
	return port >= EPHEMERAL_MIN && port < 61000;
}

static bool
has_ephemeral(const struct daemon_profile *d)
{
	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next) {
		const char *at;
		char text[40];

		if (!b->learnt || b->kind != DS_EVENT_LISTEN || b->key_size >= sizeof(text))
			continue;
		snprintf(text, sizeof(text), "%.*s", b->key_size, (const char *)b->key);
		at = strstr(text, " port ");
		if (at != NULL && is_ephemeral(strtoul(at + 6, NULL, 10)))
			return true;
	}
	return false;
}

static bool
is_own(const struct sighting *s)
{
	struct ds_str exe = DS_EVENT_STR(s->event, DS_STR_EXE);
	char path[KEY_MAX];

	return daemon_is_own(s->daemon, path, key_path(exe, path, sizeof(path)));
}

static enum novelty
judge(struct turn *t, const struct sighting *s, bool ready)
{
	uint64_t port = s->event->num[DS_NUM_DPORT];
	bool own;

	if (!ready || !daemon_is_judged(s->daemon) || s->kind == DS_EVENT_ACCEPT)
		return NOVEL_LEARN;
	if (DS_EVENT_STR(s->event, DS_STR_PATH).len > 0)
		return NOVEL_LEARN;
	own = is_own(s);
	if (own && (s->time_us < s->daemon->start_until_us ||
		       version_is_warm(s->daemon, s->time_us) || program_is_web(s->daemon->class)))
		return NOVEL_LEARN;
	if (own && is_ephemeral(port) && has_ephemeral(s->daemon))
		return NOVEL_LEARN;
	return turn_is_common(t, s) ? NOVEL_LEARN : NOVEL_TELL;
}

static int
tell(struct turn *t, const struct sighting *s)
{
	bool own = is_own(s);
	struct fact f = { .kind = "new_listener",
		.severity = own ? "medium" : "high",
		.score = own ? 68 : 88,
		.feature = "listening port",
		.what = own ? "a port on which the daemon never waited"
			    : "a port on which a program below the daemon waits",
		.technique = { "T1571", NULL, NULL } };
	const char *proto = s->event->num[DS_NUM_PROTO] == 17 ? "udp" : "tcp";
	unsigned long long port = s->event->num[DS_NUM_DPORT];

	f.root = key_hash(16, f.what, strlen(f.what));
	snprintf(
	    f.title, sizeof(f.title), "%s listens on %s port %llu", s->daemon->class, proto, port);
	snprintf(f.never, sizeof(f.never), "listened on %s port %llu", proto, port);
	snprintf(f.did, sizeof(f.did), "began to listen there");
	snprintf(f.observed, sizeof(f.observed), "%s port %llu", proto, port);
	return fact_tell(t, s, &f);
}

const struct detector detect_new_listener = {
	.name = "new_listener",
	.kinds = UINT64_C(1) << DS_EVENT_LISTEN | UINT64_C(1) << DS_EVENT_ACCEPT,
	.judge = judge,
	.tell = tell,
};
