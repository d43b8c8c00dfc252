/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blind - what the agent says it did not see, and its own comings and goings.
 *
 * Time in which something was not seen does not count as watched (profile.h).  A gap above a small
 * threshold becomes one alert a host and source that grows; an agent that was stopped is told as
 * agent_silent, calmly; one that starts again without having stopped as blind.
 */
#include "lib/clock.h"
#include "server/detect/explain.h"
#include "server/detect/explain_agent.h"
#include "server/detect/turn.h"
#include "server/store/model_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOST_TELL       100
#define LOST_MEDIUM     10000
#define DURATION_TELL   (5 * DS_US_PER_S)
#define DURATION_MEDIUM (60 * DS_US_PER_S)

static void
add_blind(struct turn *t, uint64_t us)
{
	/* No gap is longer than the host has been known; what says otherwise is clock trouble. */
	uint64_t most = 86400 * DS_US_PER_S;

	t->host->blind_us += us < most ? us : most;
}

struct told {
	const char *kind, *source, *baseline, *severity;
	double score;
	bool closes;
	char title[200], reason[600];
};

static int
say(struct turn *t, const struct sighting *s, const struct told *what)
{
	struct sighting agent = *s;
	struct finding *f;

	agent.daemon = NULL; /* it is the host's news, whatever daemon it names */
	f = verdict_finding(
	    t, &agent, what->kind, key_hash(8, what->source, strlen(what->source)), what->source);
	if (f == NULL)
		return -ENOMEM;
	/* One group with what the fleet thread says about silence. */
	if (strcmp(what->kind, "agent_silent") == 0)
		snprintf(f->group, sizeof(f->group), "agent_silent:%u", t->from->host);
	f->severity = what->severity;
	f->score = what->score;
	memcpy(f->title, what->title, sizeof(f->title));
	memcpy(f->reason, what->reason, sizeof(f->reason));
	f->closes = what->closes;
	f->json = explain_agent_text(
	    ds_kind_table[s->kind].action, s->time_us, what->source, what->baseline, what->reason);
	return f->json != NULL ? 0 : -ENOMEM;
}

static const char *
host_name(const struct turn *t)
{
	return t->from->host_name != NULL ? t->from->host_name : "this host";
}

static int
tell_gap(struct turn *t, const struct sighting *s)
{
	const struct ds_event *ev = s->event;
	uint64_t lost = ev->num[DS_NUM_LOST], us = ev->num[DS_NUM_DURATION_US];
	struct told told = {
		.kind = "blind", .baseline = "nothing is lost", .severity = "low", .score = 20
	};
	char name[64], why[200], age[40];

	add_blind(t, us);
	if (lost < LOST_TELL && us < DURATION_TELL)
		return 0;
	explain_command(DS_EVENT_STR(ev, DS_STR_SOURCE), name, sizeof(name));
	explain_command(DS_EVENT_STR(ev, DS_STR_MESSAGE), why, sizeof(why));
	explain_duration(us, age, sizeof(age));
	told.source = name;
	if (lost >= LOST_MEDIUM || us >= DURATION_MEDIUM) {
		told.severity = "medium";
		told.score = 40;
	}
	snprintf(told.title, sizeof(told.title), "the agent on %.80s missed events of %s",
	    host_name(t), name);
	snprintf(told.reason, sizeof(told.reason),
	    "%llu samples or events of %s on %.100s were lost over %s%s%s",
	    (unsigned long long)lost, name, host_name(t), age, why[0] != '\0' ? ": " : "", why);
	return say(t, s, &told);
}

/* Whatever was said about a stopped or silent agent is over. */
static int
tell_back(struct turn *t, const struct sighting *s, const char *reason)
{
	struct told told = { .kind = "agent_silent",
		.source = "agent",
		.severity = "low",
		.closes = true,
		.baseline = "an agent runs",
		.title = "the agent was heard again" };

	snprintf(told.reason, sizeof(told.reason), "%s", reason);
	return say(t, s, &told);
}

/* Also for a server that is started again meanwhile, as with a host of its own. */
static int
keep_stopped(struct turn *t, bool stopped)
{
	uint8_t data = stopped;
	struct ds_buf b;

	if (t->host->stopped == stopped)
		return 0;
	t->host->stopped = stopped;
	ds_buf_view(&b, &data, sizeof(data));
	return verdict_put_state(t->verdict, t->from->host, MODEL_STATE_STOPPED, &b);
}

static int
tell_start(struct turn *t, const struct sighting *s)
{
	bool known = t->clock_before_us != 0, stopped = t->host->stopped;
	uint64_t away = s->time_us > t->clock_before_us ? s->time_us - t->clock_before_us : 0;
	struct told told = { .kind = "blind",
		.source = "agent",
		.severity = "low",
		.score = 15,
		.baseline = "an agent says that it stops before it starts again" };
	char age[40];
	int r = keep_stopped(t, false);

	if (r < 0 || !known)
		return r;
	/* Also when its clock went back: what processes did before is cut off here. */
	add_blind(t, DS_MAX(away, 1u));
	if (stopped)
		return tell_back(t, s, "the agent started again");
	explain_duration(away, age, sizeof(age));
	snprintf(told.title, sizeof(told.title), "the agent on %.80s started again", host_name(t));
	snprintf(told.reason, sizeof(told.reason),
	    "the agent on %.100s ended without saying so and started again %s after its last event: a "
	    "crash, a kill or a reboot",
	    host_name(t), age);
	r = say(t, s, &told);
	return r < 0 ? r : tell_back(t, s, "the agent started again");
}

static int
tell_stop(struct turn *t, const struct sighting *s)
{
	struct told told = { .kind = "agent_silent",
		.source = "agent",
		.severity = "low",
		.score = 10,
		.baseline = "an agent runs" };
	bool again = t->host->stopped;
	char why[200];
	int r = keep_stopped(t, true);

	/* It was silent and stops: that is another alert, and a calm one. */
	if (r == 0 && !again)
		r = tell_back(t, s, "the agent was heard again");
	if (r < 0)
		return r;
	/* Before it was enrolled it was being set up: with its token it is started anew. */
	if (t->from->is_ephemeral || s->time_us < t->from->enrolled_us)
		return 0;
	explain_command(DS_EVENT_STR(s->event, DS_STR_MESSAGE), why, sizeof(why));
	snprintf(told.title, sizeof(told.title), "the agent on %.80s was stopped", host_name(t));
	snprintf(told.reason, sizeof(told.reason), "the agent on %.100s said that it stops%s%s",
	    host_name(t), why[0] != '\0' ? ": " : "", why);
	return say(t, s, &told);
}

static int
tell(struct turn *t, const struct sighting *s)
{
	if (s->kind == DS_EVENT_GAP)
		return tell_gap(t, s);
	return s->kind == DS_EVENT_AGENT_START ? tell_start(t, s) : tell_stop(t, s);
}

const struct detector detect_blind = {
	.name = "blind",
	.kinds = UINT64_C(1) << DS_EVENT_GAP | UINT64_C(1) << DS_EVENT_AGENT_START |
		 UINT64_C(1) << DS_EVENT_AGENT_STOP,
	.judge = NULL,
	.tell = tell,
};
