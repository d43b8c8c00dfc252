/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/fact.h"

#include "lib/clock.h"
#include "server/detect/explain.h"
#include "server/detect/lineage.h"
#include "server/detect/ready.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct told {
	const struct fact *fact;
	struct fleet_peers peers;
	uint32_t peers_of;
	unsigned known; /* behaviours of the family that are normal */
	bool repeated;
	char age[40], host[120];
};

void
fact_text(struct ds_str s, char *ret, size_t size)
{
	explain_command(s, ret, size);
}

static void
look_around(struct turn *t, const struct sighting *s, const struct fact *fact, struct told *ret)
{
	const struct daemon_profile *d = s->daemon;

	*ret = (struct told){ .fact = fact };
	ret->repeated = s->behaviour != NULL && s->behaviour->told;
	ret->peers = turn_compared(t, d, s->kind, &s->key, ret->repeated);
	ret->peers_of = ret->peers.of;
	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next)
		ret->known += b->learnt && key_family(b->kind) == key_family(s->kind);
	explain_duration(daemon_watched_us(d, s->time_us), ret->age, sizeof(ret->age));
	snprintf(ret->host, sizeof(ret->host), "%.110s",
	    t->from->host_name != NULL ? t->from->host_name : "this host");
}

static void
say_reason(const struct sighting *s, const struct told *w, struct finding *f)
{
	char who[64], clock[32], exe[120], peers[100] = "", caveat[240];

	explain_user(s->event, who, sizeof(who));
	fact_text(DS_EVENT_STR(s->event, DS_STR_EXE), exe, sizeof(exe));
	ds_clock_format(s->time_us, clock, sizeof(clock));
	stand_caveat(s->daemon, caveat, sizeof(caveat));
	if (w->peers_of > 0 && w->peers.seen == 0)
		snprintf(peers, sizeof(peers), ", and none of %u peers has", w->peers_of);
	else if (w->peers_of > 0)
		snprintf(peers, sizeof(peers), "; %u of %u peers did so as well, also new there",
		    w->peers.seen, w->peers_of);
	if (w->fact->whoever)
		snprintf(f->reason, sizeof(f->reason),
		    "no daemon has a reason for it: at %.8s UTC on %s process %llu of %s (%s, %s) %s%s",
		    clock + 11, w->host, (unsigned long long)s->event->num[DS_NUM_PID],
		    s->daemon->class, who, exe, w->fact->did, peers);
	else
		snprintf(f->reason, sizeof(f->reason),
		    "%s has never %s in %s on %s%s%s; at %.8s UTC process %llu (%s, %s) %s",
		    s->daemon->class, w->fact->never, w->age, w->host, peers, caveat, clock + 11,
		    (unsigned long long)s->event->num[DS_NUM_PID], who, exe, w->fact->did);
}

static void
put_features(struct ds_json *j, const struct sighting *s, const struct told *w)
{
	char baseline[200], observed[100];

	ds_json_key(j, "explanation");
	ds_json_array(j);
	snprintf(baseline, sizeof(baseline), "%u known to %s on this host, watched for %s",
	    w->known, s->daemon->class, w->age);
	explain_put_feature(j, w->fact->feature, baseline, w->fact->observed, 0.6);
	explain_put_about(j, w->fact->feature, "seen before", "counted on this host",
	    w->repeated ? "not accepted before" : "never");
	if (w->peers_of > 0) {
		snprintf(baseline, sizeof(baseline), "%u of %u other hosts with %s",
		    w->peers.learnt, w->peers_of, s->daemon->class);
		snprintf(observed, sizeof(observed), "%u of %u have shown it", w->peers.seen,
		    w->peers_of);
		explain_put_about(j, w->fact->feature, "peers", baseline, observed);
	}
	explain_put_feature(j, "what it is", "judged by its name and place", w->fact->what, 0.1);
	ds_json_end(j);
}

static void
put_record(struct turn *t, struct ds_json *j, const struct sighting *s, const struct told *w)
{
	char text[600];

	ds_json_key(j, "record");
	ds_json_object(j);
	ds_json_put_string(j, "feature", w->fact->feature);
	ds_json_put_string(j, "observed", w->fact->observed);
	snprintf(text, sizeof(text), "%s on this host, watched for %s; %s on %u other hosts",
	    s->daemon->name, w->age, s->daemon->class, w->peers_of);
	ds_json_put_string(j, "scope", text);
	snprintf(text, sizeof(text), "%u of %u hosts%s, 0 of %s", w->peers.learnt, w->peers_of,
	    w->peers.is_group ? " of its group (labels, daemons, versions)" : "", w->age);
	ds_json_put_string(j, "prevalence", text);
	ds_json_put_double(
	    j, "coverage", daemon_coverage(&t->detect->profiles, s->daemon, s->time_us));
	ds_json_put_uint(j, "observations", s->daemon->family[key_family(s->kind)].n);
	ds_json_put_uint(j, "watched_s", daemon_watched_us(s->daemon, s->time_us) / DS_US_PER_S);
	explain_put_starter(j, s);
	ds_json_put_string(j, "model", EXPLAIN_MODEL);
	ds_json_put_string(j, "clears",
	    "a verdict of benign_expected or false_positive makes it part of what is normal for this "
	    "daemon on this host");
	ds_json_end(j);
}

static char *
document(struct turn *t, const struct sighting *s, const struct told *w)
{
	struct ds_buf buf;
	struct ds_json j;

	ds_buf_init(&buf, EXPLAIN_MAX);
	ds_json_init(&j, &buf);
	ds_json_object(&j);
	put_features(&j, s, w);
	ds_json_key(&j, "peers");
	ds_json_object(&j);
	ds_json_put_uint(&j, "seen", w->peers.seen);
	ds_json_put_uint(&j, "of", w->peers_of);
	ds_json_end(&j);
	ds_json_key(&j, "threat");
	ds_json_array(&j);
	for (size_t i = 0; i < DS_LEN(w->fact->technique); i++)
		if (w->fact->technique[i] != NULL)
			explain_put_technique(&j, w->fact->technique[i]);
	ds_json_end(&j);
	if (w->fact->rule != NULL) {
		ds_json_key(&j, "rules");
		ds_json_array(&j);
		ds_json_string(&j, w->fact->rule);
		ds_json_end(&j);
	}
	ds_json_key(&j, "process");
	ds_json_object(&j);
	explain_process(&j, s->event);
	ds_json_end(&j);
	put_record(t, &j, s, w);
	explain_put_behaviours(&j, s);
	if (!w->repeated)
		explain_put_events(&j, s);
	return explain_finish(&j, &buf);
}

/* Below a strange program: in its alert.  Else in that of the root. */
static struct finding *
make_finding(struct turn *t, const struct sighting *s, const struct fact *fact)
{
	const struct ds_event *ev = s->event;
	uint64_t root =
	    lineage_find(s->daemon, ev->num[DS_NUM_PID], ev->num[DS_NUM_PPID], s->time_us);
	struct finding *f;

	if (root != 0) {
		f = verdict_finding(t, s, fact->kind, root, fact->feature);
		if (f != NULL)
			verdict_group(t, f, "new_child", root);
		return f;
	}
	root = fact->root != 0 ? fact->root : key_hash(13, s->key.data, s->key.size);
	root = s->behaviour != NULL ? lineage_bounded(s->daemon, root, s->time_us) : LINEAGE_FLOOD;
	return verdict_finding(t, s, fact->kind, root, fact->feature);
}

int
fact_tell(struct turn *t, const struct sighting *s, const struct fact *fact)
{
	bool young = daemon_watched_us(s->daemon, s->time_us) < 86400 * DS_US_PER_S;
	struct finding *f;
	struct told w;

	if (lineage_joins(t, s))
		return 0;
	look_around(t, s, fact, &w);
	f = make_finding(t, s, fact);
	if (f == NULL)
		return -ENOMEM;
	lineage_told(t, s);
	f->severity = fact->severity;
	f->score = (fact->score + (w.peers_of > 0 && w.peers.seen == 0 ? 3 : 0)) *
		   (young && !fact->whoever ? 0.95 : 1);
	if (!s->daemon->ready && !fact->whoever && stand_confidence(s->daemon) > 0)
		f->score *= stand_confidence(s->daemon);
	if (f->score > 100)
		f->score = 100;
	snprintf(f->title, sizeof(f->title), "%s", fact->title);
	say_reason(s, &w, f);
	f->json = document(t, s, &w);
	return f->json != NULL ? 0 : -ENOMEM;
}
