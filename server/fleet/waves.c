/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/waves.h"

#include "lib/clock.h"
#include "server/detect/explain.h"
#include "server/detect/key.h"
#include "server/fleet/raise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAVES_MAX  4096u
#define WAVE_HOSTS 64u /* remembered of one; more are only counted */
#define WAVE_US    (600 * DS_US_PER_S)
#define WAVE_MIN   3u
#define WAVE_SHARE 20u /* one host in so many */

struct wave {
	uint64_t fact; /* 0: free */
	uint64_t first_us, last_us;
	uint32_t host[WAVE_HOSTS];
	uint64_t time_us[WAVE_HOSTS];
	char names[WAVE_HOSTS][32];
	unsigned len;
	bool told;
};

struct waves {
	const struct fleet_config *cfg;
	struct wave table[WAVES_MAX];
};

struct waves *
waves_new(const struct fleet_config *cfg)
{
	struct waves *w = calloc(1, sizeof(*w));

	if (w != NULL)
		w->cfg = cfg;
	return w;
}

void
waves_free(struct waves *w)
{
	free(w);
}

/* The fact's own, or that of the longest unheard of among eight neighbours. */
static struct wave *
wave_of(struct waves *w, uint64_t fact)
{
	struct wave *oldest = NULL;

	for (unsigned i = 0; i < 8; i++) {
		struct wave *at = &w->table[(fact + i) % WAVES_MAX];

		if (at->fact == fact)
			return at;
		if (oldest == NULL || at->last_us < oldest->last_us)
			oldest = at;
	}
	*oldest = (struct wave){ .fact = fact };
	return oldest;
}

static unsigned
hosts_since(const struct wave *v, uint64_t since_us)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->len; i++)
		n += v->time_us[i] >= since_us;
	return n;
}

static void
note_host(struct wave *v, const struct told_news *news)
{
	unsigned at = 0;

	for (; at < v->len; at++)
		if (v->host[at] == news->host)
			break;
	if (at == v->len && v->len == WAVE_HOSTS) {
		at = 0;
		for (unsigned i = 1; i < v->len; i++)
			if (v->time_us[i] < v->time_us[at])
				at = i;
	} else if (at == v->len) {
		v->len++;
	}
	v->host[at] = news->host;
	v->time_us[at] = news->time_us;
	snprintf(v->names[at], sizeof(v->names[at]), "%.31s", news->host_name);
	if (v->first_us == 0)
		v->first_us = news->time_us;
	v->last_us = news->time_us;
}

static char *
document(const struct wave *v, const struct told_news *news, unsigned hosts, uint32_t group)
{
	char observed[80], baseline[80];
	struct ds_buf buf;
	struct ds_json j;

	snprintf(observed, sizeof(observed), "%u of %u hosts within ten minutes", hosts, group);
	snprintf(baseline, sizeof(baseline), "fewer than %u of the hosts with %.40s",
	    DS_MAX(WAVE_MIN, group / WAVE_SHARE), news->class);
	ds_buf_init(&buf, EXPLAIN_MAX);
	ds_json_init(&j, &buf);
	ds_json_object(&j);
	ds_json_key(&j, "explanation");
	ds_json_array(&j);
	explain_put_feature(
	    &j, "hosts that show the same for the first time", baseline, observed, 0.8);
	explain_put_feature(
	    &j, "reason", "a package, a declared deployment, a verdict", "none of them", 0.2);
	ds_json_end(&j);
	ds_json_key(&j, "peers");
	ds_json_object(&j);
	ds_json_put_uint(&j, "seen", hosts);
	ds_json_put_uint(&j, "of", group);
	ds_json_end(&j);
	ds_json_key(&j, "threat");
	ds_json_array(&j);
	explain_put_technique(&j, "T1072");
	ds_json_end(&j);
	ds_json_key(&j, "hosts");
	ds_json_array(&j);
	for (unsigned i = 0; i < v->len; i++)
		ds_json_string(&j, v->names[i]);
	ds_json_end(&j);
	ds_json_key(&j, "record");
	ds_json_object(&j);
	ds_json_put_string(&j, "feature", "hosts at once");
	ds_json_put_string(&j, "observed", news->title);
	ds_json_put_string(&j, "model", EXPLAIN_MODEL);
	ds_json_put_string(&j, "clears",
	    "a declared deployment (deploy begin) before the next time, or a verdict on the alerts of "
	    "the hosts");
	ds_json_end(&j);
	return explain_finish(&j, &buf);
}

static void
tell(struct waves *w, const struct wave *v, const struct told_news *news, unsigned hosts,
    uint32_t group)
{
	struct finding f = { .kind = "fleet_wave",
		.severity = strcmp(news->severity, "critical") == 0 ? "critical" : "high",
		.time_us = news->time_us,
		.count = 1,
		.score = 94 };
	uint64_t where[3] = { v->fact, news->host, news->time_us };

	snprintf(f.id, sizeof(f.id), "fnd_%016llx%016llx",
	    (unsigned long long)key_hash(51, where, sizeof(where)),
	    (unsigned long long)key_hash(52, where, sizeof(where)));
	snprintf(f.group, sizeof(f.group), "fleet_wave:%016llx",
	    (unsigned long long)key_hash(53, news->title, strlen(news->title)));
	snprintf(f.daemon, sizeof(f.daemon), "%s", news->daemon);
	snprintf(f.title, sizeof(f.title), "on %u hosts at once: %.150s", hosts, news->title);
	snprintf(f.reason, sizeof(f.reason),
	    "%u of %u hosts with %s did the same for the first time within ten minutes, last %.60s, and "
	    "no package, deployment or verdict explains it: %.200s",
	    hosts, group, news->class, news->host_name, news->title);
	f.json = document(v, news, hosts, group);
	if (f.json != NULL)
		raise_finding(w->cfg, news->host, news->host_name, &f);
}

void
waves_take(struct waves *w, const struct told_news *news, uint32_t group)
{
	struct wave *v = wave_of(w, news->fact);
	uint64_t since_us = news->time_us > WAVE_US ? news->time_us - WAVE_US : 0;
	unsigned need, before = hosts_since(v, since_us), now;

	note_host(v, news);
	now = hosts_since(v, since_us);
	if (group < now)
		group = now;
	need = DS_MAX(WAVE_MIN, (group + WAVE_SHARE - 1) / WAVE_SHARE);
	if (now < need || (v->told && now == before))
		return;
	v->told = true;
	tell(w, v, news, now, group);
}
