/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate - fails a pipeline when a candidate daemon does what the fleet's never does.
 *
 * The candidate is watched by an agent: one of a staging host (--host, --label), or one that
 * belongs to this run only (--run).  What it did is compared by the server, which has the fleet's
 * profiles.
 */
#include "ctl/gate.h"

#include "ctl/client.h"
#include "lib/clock.h"
#include "lib/conf.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS    1000
#define QUIET      3 /* seconds without news */
#define FOR_MS     30000u
#define FOR_MAX_MS (3600u * 1000)

const char *const gate_severities[4] = { "low", "medium", "high", "critical" };

static volatile sig_atomic_t cancelled;

static void
on_cancel(int signal)
{
	cancelled = signal;
}

bool
gate_is_cancelled(void)
{
	return cancelled != 0;
}

/* What a cancelled pipeline sends; the agent and the host of this run would stay otherwise. */
static void
catch_cancel(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction action = { .sa_handler = on_cancel };

	for (size_t i = 0; i < DS_LEN(signals); i++)
		(void)sigaction(signals[i], &action, NULL); /* which cannot fail */
}

uint64_t
gate_now_ms(void)
{
	return ds_clock_monotonic_ms();
}

void
gate_rest(unsigned ms)
{
	(void)poll(NULL, 0, (int)ms); /* a signal ends it early, and who waits looks again */
}

static int
ask(const struct gate *g, const char *host, json_t **ret)
{
	char *path = client_path_of("daemons", g->daemon, "departures"),
	     *full = client_path(
		 path, "host", host, "label", g->label, "as", g->as, "since", g->since, NULL);
	int r = client_get(g->ctl, full, ret);

	free(path);
	free(full);
	return r;
}

/* Looks again and again until there is something, or the time is over. */
static int
watch(const struct gate *g, json_t **ret)
{
	uint64_t end_ms = gate_now_ms() + g->for_ms;
	int r;

	*ret = NULL;
	do {
		json_decref(*ret);
		*ret = NULL;
		gate_rest(POLL_MS);
		r = ask(g, g->host, ret);
	} while (r == EXIT_OK && gate_count(g, *ret) == 0 && gate_now_ms() < end_ms);
	return r;
}

/* An agent that goes on has no last word: until nothing new has come for a while. */
static int
settle(const struct gate *g, const char *host, json_t **ret)
{
	json_int_t before = -1, now;
	unsigned quiet = 0;
	int r;

	do {
		r = ask(g, host, ret);
		now = json_integer_value(json_object_get(*ret, "behaviours"));
		quiet = now == before ? quiet + 1 : 0;
		before = now;
		if (r != EXIT_OK || quiet >= QUIET || gate_is_cancelled())
			return r;
		json_decref(*ret);
		*ret = NULL;
		gate_rest(POLL_MS);
	} while (true);
}

static int
try_out(const struct gate *g, json_t **ret)
{
	struct gate_agent agent = { .pid = -1 };
	const char *host = g->host;
	int r = EXIT_OK;

	catch_cancel();
	if (host == NULL) {
		r = gate_agent_start(&agent, g);
		host = agent.host;
	}
	if (r == EXIT_OK)
		r = gate_candidate_run(g, host, agent.pid);
	if (r == EXIT_OK && g->host == NULL)
		r = gate_agent_end(&agent, g);
	if (r == EXIT_OK)
		r = g->host == NULL ? ask(g, host, ret) : settle(g, host, ret);
	gate_agent_stop(&agent, g);
	return r == EXIT_OK && gate_is_cancelled() ? EXIT_CONFLICT : r;
}

/* What a verdict says 0 of, so that nothing was compared; an older server does not say all. */
static bool
has_none(const json_t *verdict, const char *member)
{
	const json_t *n = json_object_get(verdict, member);

	return n != NULL && json_integer_value(n) == 0;
}

static int
conclude(const struct gate *g, const char *form, const json_t *verdict)
{
	const char *candidate = g->as != NULL ? g->as : g->daemon, *why = NULL, *of = g->daemon;
	size_t found = gate_count(g, verdict);
	char said[400];

	if (has_none(verdict, "candidates")) {
		of = candidate;
		why = "was not seen there since then: there is nothing to judge";
	} else if (has_none(verdict, "peers")) {
		why = "is learnt on no other host: there is nothing to compare with";
	} else if (has_none(verdict, "normal")) {
		why = "has nothing that was normal before: it is too early to compare with it";
	} else if (found == 0 && has_none(verdict, "behaviours")) {
		of = candidate;
		why = "did nothing there since then: nothing was compared";
	}
	if (why != NULL) {
		snprintf(said, sizeof(said), "%s %s", of, why);
		fprintf(stderr, "daemonsec-ctl: %s\n", said);
		gate_print_nothing(g, form, said);
		return EXIT_CONFLICT;
	}
	gate_print(g, form, verdict);
	return found > 0 ? EXIT_FOUND : EXIT_OK;
}

static bool
read_time(const char *name, const char *text, unsigned *ret_ms)
{
	uint64_t ms;

	if (text == NULL)
		return true;
	if (ds_conf_duration(text, &ms) == 0 && ms > 0 && ms <= FOR_MAX_MS) {
		*ret_ms = (unsigned)ms;
		return true;
	}
	fprintf(stderr, "daemonsec-ctl: --%s is a duration up to 1h, such as 30s, not \"%s\"\n",
	    name, text);
	return false;
}

static bool
read_severity(const char *text, int *ret)
{
	for (int i = 0; text != NULL && i < 4; i++) {
		if (strcmp(text, gate_severities[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	if (text != NULL)
		fprintf(stderr, "daemonsec-ctl: --fail-on is low, medium, high or critical\n");
	return text == NULL;
}

/* What a candidate did before it was tried is not judged. */
static void
begin_now(struct gate *g, char buf[CTL_TIME_SIZE])
{
	ds_clock_format(ds_clock_wall_us(), buf, CTL_TIME_SIZE);
	g->since = buf;
}

int
verb_gate(struct ctl *c)
{
	const char *form = ctl_option(c, "format"), *time = ctl_option(c, "for"),
		   *grave = ctl_option(c, "fail-on");
	struct gate g = { .ctl = c,
		.daemon = ctl_option(c, "daemon"),
		.as = ctl_option(c, "as"),
		.host = ctl_option(c, "host"),
		.label = ctl_option(c, "label"),
		.run = ctl_option(c, "run"),
		.exercise = ctl_option(c, "exercise"),
		.agent = ctl_option(c, "agent"),
		.address = ctl_option(c, "address"),
		.location = ctl_option(c, "location") };
	char since[CTL_TIME_SIZE];
	json_t *verdict = NULL;
	int r;

	if (!ctl_time(c, "since", since, &g.since) || !ctl_options_known(c))
		return EXIT_USAGE;
	if (form == NULL)
		form = c->output == OUTPUT_TABLE ? "text" : "json";
	if (c->argc != 1 || g.daemon == NULL || strchr(g.daemon, '/') != NULL ||
	    !gate_has_form(form) || (g.exercise != NULL && g.run == NULL) ||
	    (g.label != NULL && (g.host != NULL || g.run != NULL)))
		return ctl_usage(c);
	if (!read_time("for", time, &g.for_ms) || !read_severity(grave, &g.fail_on))
		return EXIT_USAGE;
	if (g.run != NULL || (g.since == NULL && g.for_ms > 0))
		begin_now(&g, since);
	if (g.run != NULL && g.for_ms == 0)
		g.for_ms = FOR_MS;
	r = g.run != NULL  ? try_out(&g, &verdict)
	    : g.for_ms > 0 ? watch(&g, &verdict)
			   : ask(&g, g.host, &verdict);
	if (r == EXIT_OK)
		r = conclude(&g, form, verdict);
	else if (r == EXIT_CONFLICT && *gate_failure())
		gate_print_nothing(&g, form, gate_failure());
	json_decref(verdict);
	return r;
}
