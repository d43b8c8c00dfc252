/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status - the verb status: how the server is, and what it may do. */
#include "ctl/client.h"
#include "ctl/print.h"

#include <stdio.h>
#include <string.h>

static long long
number(const json_t *doc, const char *path)
{
	return (long long)json_number_value(print_lookup(doc, path));
}

/* What the sensors of each host are and cannot see, but for hosts that are as they should be. */
static void
list_sensors(const json_t *doc)
{
	const json_t *hosts = json_object_get(doc, "hosts");
	char name[256], sensors[1024];
	json_t *host;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)hosts, i, host)
	{
		print_text(host, "sensors", sensors, sizeof(sensors));
		if (i < 3 && *sensors != '\0')
			printf("sensors   %s: %s\n", print_text(host, "name", name, sizeof(name)),
			    sensors);
	}
}

/* The false alarms that are accepted, and what those so far allow to say about them. */
static void
show_budget(const json_t *doc)
{
	const json_t *upper = print_lookup(doc, "detection.achieved_upper_95");
	char budget[64];

	if (print_lookup(doc, "detection") == NULL)
		return;
	printf("budget    %s; %lld alarms (called right: %lld, wrong: %lld) in %.2f host-weeks",
	    print_text(doc, "detection.alert_budget", budget, sizeof(budget)),
	    number(doc, "detection.alarms"), number(doc, "detection.alarms_true"),
	    number(doc, "detection.alarms_false"),
	    json_number_value(print_lookup(doc, "detection.host_weeks")));
	/* A bound from a few hours is a large number that says nothing. */
	if (json_number_value(print_lookup(doc, "detection.host_weeks")) < 1)
		printf(": too early to say how many a host and week that is");
	else if (json_is_number(upper))
		printf(
		    ": at most %.3g false ones a host and week (95 %%)", json_number_value(upper));
	printf("\n");
}

/* Where it acts although the fleet's mode does not say so, and where it does not although that
 * does. */
static void
show_automation(const json_t *doc)
{
	char a[64], b[64];
	long long beside = number(doc, "modes_beside"), rests = number(doc, "breakers_resting");

	if (beside > 0)
		printf("modes     %lld beside the fleet's, up to %s: daemonsec-ctl protect\n",
		    beside, print_text(doc, "mode_most", a, sizeof(a)));
	if (json_is_true(print_lookup(doc, "paused"))) {
		format_time(print_lookup(doc, "paused_since"), doc, b, sizeof(b));
		printf(
		    "paused    all automation is stopped, by %s since %s: daemonsec-ctl reactions "
		    "resume\n",
		    print_text(doc, "paused_by", a, sizeof(a)), b);
	}
	if (rests > 0)
		printf(
		    "resting   automation stopped itself in %lld place%s, see alerts: daemonsec-ctl "
		    "reactions resume\n",
		    rests, rests == 1 ? "" : "s");
}

/* A sentence a line: what somebody wants to know who has just been woken up. */
static void
show_status(const json_t *doc)
{
	char a[256], b[256];

	printf("server    version %s, mode %s, %s\n", print_text(doc, "version", a, sizeof(a)),
	    print_text(doc, "mode", b, sizeof(b)),
	    strcmp(print_text(doc, "health.status", a + 128, 128), "ok") == 0 ? "healthy"
									      : a + 128);
	show_automation(doc);
	printf("hosts     %lld connected of %lld", number(doc, "counts.hosts.connected"),
	    number(doc, "counts.hosts.total") - number(doc, "counts.hosts.pending") -
		number(doc, "counts.hosts.revoked"));
	if (number(doc, "counts.hosts.pending") > 0)
		printf(", %lld waiting for approval", number(doc, "counts.hosts.pending"));
	if (number(doc, "counts.hosts.revoked") > 0)
		printf(", %lld revoked", number(doc, "counts.hosts.revoked"));
	printf("\ndaemons   %lld, of which %lld are learnt and %lld still learning\n",
	    number(doc, "counts.daemons.total"), number(doc, "counts.daemons.ready"),
	    number(doc, "counts.daemons.learning"));
	printf("alerts    %lld open, %lld acknowledged\n", number(doc, "counts.alerts.open"),
	    number(doc, "counts.alerts.acknowledged"));
	show_budget(doc);
	format_count(print_lookup(doc, "health.store.events"), doc, a, sizeof(a));
	printf("events    %s stored in %.1f MiB, %.0f a second now", a,
	    (double)number(doc, "health.store.bytes") / (1 << 20),
	    json_number_value(print_lookup(doc, "ingest.events_per_second")));
	if (number(doc, "ingest.lost") > 0)
		printf(
		    ", %lld lost on hosts (events 'event.action:gap')", number(doc, "ingest.lost"));
	printf("\nstore     %s, %.1f GiB of disk free\n",
	    print_text(doc, "health.store.status", a, sizeof(a)),
	    (double)number(doc, "health.store.disk_free_bytes") / (1 << 30));
	printf("API       %s\n", print_text(doc, "api_url", a, sizeof(a)));
	list_sensors(doc);
}

int
verb_status(struct ctl *c)
{
	json_t *doc;
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc != 1)
		return ctl_usage(c);
	r = client_get(c, "status", &doc);
	if (r != 0)
		return r;
	if (c->output == OUTPUT_TABLE)
		show_status(doc);
	else
		print_document(c, doc);
	json_decref(doc);
	return EXIT_OK;
}
