/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor - looks for what is wrong: on this machine (kernel, disk, certificate, configuration),
 * then at the server.
 *
 * Checks are rows; each prints one line, ok, warn or FAIL, and what to do.
 */
#include "agent/config.h"
#include "ctl/client.h"
#include "ctl/config_files.h"
#include "ctl/lists.h"
#include "lib/clock.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

enum health { OK, WARN, FAIL };

struct doctor {
	struct ctl *ctl;
	struct agent_config agent;
	char agent_file[PATH_MAX], agent_dir[PATH_MAX];
	bool has_agent; /* its configuration is here and good */
	json_t *status; /* of the server, or NULL */
	json_t *results;
	enum health worst;
};

static void DS_PRINTF(5, 6) report(struct doctor *d, enum health health, const char *check,
    const char *advice, const char *format, ...)
{
	static const char *const names[] = { "ok", "warn", "FAIL" };
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	d->worst = DS_MAX(d->worst, health);
	if (d->ctl->output == OUTPUT_TABLE) {
		const char *colour = print_colour(names[health]);

		printf("%s%-4s%s  %-14s %s\n", colour, names[health], *colour ? PRINT_PLAIN : "",
		    check, text);
		if (health != OK && advice != NULL)
			printf("      %-14s -> %s\n", "", advice);
		return;
	}
	json_array_append_new(
	    d->results, json_pack("{s:s, s:s, s:s, s:s?}", "check", check, "result", names[health],
			    "detail", text, "advice", health != OK ? advice : NULL));
}

static void
check_kernel(struct doctor *d)
{
	struct utsname u;

	if (uname(&u) < 0)
		return;
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
		report(d, OK, "kernel", NULL, "%s with BTF: the eBPF sensors can run", u.release);
	else
		report(d, WARN, "kernel",
		    "a kernel with CONFIG_DEBUG_INFO_BTF lets the agent see more",
		    "%s has no BTF: the fallback sensors are used", u.release);
	if (access("/sys/kernel/tracing/events", F_OK) < 0 && geteuid() == 0)
		report(d, WARN, "tracefs", "mount -t tracefs tracefs /sys/kernel/tracing",
		    "/sys/kernel/tracing is not mounted");
}

static void
check_agent_config(struct doctor *d)
{
	static struct ds_conf_report errors;

	if (access(d->agent_file, F_OK) < 0) {
		report(d, WARN, "agent",
		    "install and configure daemonsec-agent here, if this host is to be watched",
		    "no agent's configuration here (%s)", d->agent_file);
		return;
	}
	if (ds_conf_load(
		agent_options, &d->agent, d->agent_file, d->agent_dir, false, &errors, NULL) < 0) {
		report(d, FAIL, "agent config", "daemonsec-ctl config check", "%s:%u: %s",
		    errors.errors[0].file, errors.errors[0].line, errors.errors[0].text);
		return;
	}
	d->has_agent = true;
	report(d, OK, "agent config", NULL, "%s", d->agent_file);
}

static void
check_disk(struct doctor *d)
{
	struct statvfs s;
	double free_mib;

	if (!d->has_agent || statvfs(d->agent.state_dir, &s) < 0)
		return;
	free_mib = (double)s.f_bavail * (double)s.f_frsize / (1 << 20);
	if (free_mib * (1 << 20) < (double)d->agent.spool_max_size)
		report(d, WARN, "disk", "make room, or lower [spool] max_size",
		    "%.0f MiB free in %s, less than the spool may take", free_mib,
		    d->agent.state_dir);
	else
		report(d, OK, "disk", NULL, "%.0f MiB free in %s", free_mib, d->agent.state_dir);
}

static void
check_enrolment(struct doctor *d)
{
	char path[PATH_MAX];

	if (!d->has_agent)
		return;
	snprintf(path, sizeof(path), "%s/agent.pem", d->agent.state_dir);
	if (access(path, F_OK) == 0)
		report(d, OK, "certificate", NULL, "this host is enrolled (%s)", path);
	else if (geteuid() != 0)
		report(d, WARN, "certificate", "run doctor as root",
		    "%s cannot be seen by this user", path);
	else
		report(d, FAIL, "certificate",
		    "on the server: daemonsec-ctl tokens create; here: put the token into [server] token_file",
		    "this host has no certificate yet");
}

static void
check_server(struct doctor *d)
{
	if (client_get(d->ctl, "status", &d->status) != 0) {
		report(d, FAIL, "server", "is daemonsec-server running? its log says why not",
		    "no answer from %s", client_server(d->ctl));
		return;
	}
	report(d, OK, "server", NULL, "%s answers", client_server(d->ctl));
}

static void
check_clock(struct doctor *d)
{
	char text[64];
	uint64_t server_us, now = ds_clock_wall_us();
	double off;

	if (d->status == NULL ||
	    ds_clock_parse(print_text(d->status, "time|now", text, sizeof(text)), &server_us) < 0)
		return;
	off = ((double)now - (double)server_us) / 1e6;
	if (off > 60 || off < -60)
		report(d, WARN, "clock", "run a time service (chrony, systemd-timesyncd) on both",
		    "this machine and the server are %.0f s apart", off);
	else
		report(d, OK, "clock", NULL, "within a minute of the server's");
}

static void
check_store(struct doctor *d)
{
	const json_t *health = print_lookup(d->status, "health.store|store");
	char text[512];

	if (health == NULL)
		return;
	print_text(d->status, "health.store.status|health.store|store.status", text, sizeof(text));
	if (strcmp(text, "ok") == 0 || strstr(text, "\"ok\"") != NULL)
		report(d, OK, "store", NULL, "the server stores what it gets");
	else
		report(d, FAIL, "store", "look at the server's log and at its disk", "%s", text);
}

/* What an agent says that it cannot do. */
static void
check_abilities(struct doctor *d, const json_t *host)
{
	static const struct {
		const char *text, *advice;
	} lacks[] = {
		{ "orders: none", "give the host a new token: daemonsec-ctl tokens create" },
		{ "blocks: none",
		    "load nf_tables there, or give the agent CAP_NET_ADMIN; nothing can be blocked there" },
	};
	char name[256], sensors[2048];
	const char *at;

	print_text(host, "sensors", sensors, sizeof(sensors));
	for (size_t i = 0; i < DS_LEN(lacks); i++) {
		at = strstr(sensors, lacks[i].text);
		if (at != NULL)
			report(d, WARN, "host", lacks[i].advice, "%s: %.*s",
			    print_text(host, "name", name, sizeof(name)), (int)strcspn(at, ";"),
			    at);
	}
}

static void
check_hosts(struct doctor *d)
{
	json_t *items, *item;
	size_t i, connected = 0, all = 0, away = 0;

	if (d->status == NULL || list_all(d->ctl, "hosts", NULL, 100000, &items) != 0)
		return;
	json_array_foreach(items, i, item)
	{
		char name[256], status[32];

		/* Who was revoked is meant to be away. */
		if (strcmp(print_text(item, "status", status, sizeof(status)), "revoked") == 0)
			continue;
		all++;
		if (json_is_true(json_object_get(item, "connected"))) {
			if (connected++ < 20)
				check_abilities(d, item);
			continue;
		}
		if (away++ < 20)
			report(d, WARN, "host",
			    strcmp(status, "pending") == 0
				? "daemonsec-ctl hosts approve lets it in"
				: "is daemonsec-agent running there, and can it reach the server?",
			    "%s is not connected", print_text(item, "name", name, sizeof(name)));
	}
	report(d, connected > 0 ? OK : WARN, "hosts", "daemonsec-ctl tokens create lets a host in",
	    "%zu of %zu connected", connected, all);
	json_decref(items);
}

static void
check_channels(struct doctor *d)
{
	json_t *items, *item;
	size_t i;

	if (d->status == NULL || list_all(d->ctl, "channels", NULL, 1000, &items) != 0)
		return;
	json_array_foreach(items, i, item)
	{
		json_int_t dead = json_integer_value(json_object_get(item, "dead"));
		char name[64], error[256];

		print_text(item, "name", name, sizeof(name));
		print_text(item, "error", error, sizeof(error));
		if (*error)
			report(d, WARN, "channel", "daemonsec-ctl notify test tries it", "%s: %s",
			    name, error);
		else if (dead == 0)
			report(d, OK, "channel", NULL, "%s", name);
		if (dead > 0)
			report(d, WARN, "channel",
			    "daemonsec-ctl notify messages --status dead shows them, notify retry CHANNEL sends them",
			    "%s: %lld never arrived", name, (long long)dead);
	}
	json_decref(items);
}

static void (*const checks[])(struct doctor *d) = { check_kernel, check_agent_config, check_disk,
	check_enrolment, check_server, check_clock, check_store, check_channels, check_hosts };

/* Takes what the checks said. */
static enum health
run_checks(struct doctor *d, const char *agent)
{
	config_find_agent(d->ctl, agent, d->agent_file, d->agent_dir);
	for (size_t i = 0; i < DS_LEN(checks); i++)
		checks[i](d);
	ds_conf_free(agent_options, &d->agent);
	json_decref(d->status);
	return d->worst;
}

json_t *
doctor_results(struct ctl *c)
{
	struct doctor d = { .ctl = c, .results = json_array() };
	enum output output = c->output;

	c->output = OUTPUT_JSON; /* nothing is printed on the way */
	(void)run_checks(&d, NULL);
	c->output = output;
	return d.results;
}

int
verb_doctor(struct ctl *c)
{
	struct doctor d = { .ctl = c, .results = json_array() };
	const char *agent = ctl_option(c, "agent");
	enum health worst;

	if (!ctl_options_known(c) || c->argc != 1) {
		json_decref(d.results);
		return ctl_usage(c);
	}
	worst = run_checks(&d, agent);
	if (c->output != OUTPUT_TABLE)
		print_document(c, d.results);
	json_decref(d.results);
	return worst == FAIL ? EXIT_FOUND : EXIT_OK;
}
