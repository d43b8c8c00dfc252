/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/config.h"

#include "lib/cidr.h"
#include "lib/log.h"
#include "server/api/hook.h"
#include "server/detect/detect.h"
#include "server/notify/channel.h"
#include "server/notify/siem_form.h"
#include "server/react/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define AT(member)      offsetof(struct server_config, member)
#define CHANNEL(member) offsetof(struct channel_config, member)
#define HOOK(member)    offsetof(struct hook_config, member)
#define RULE(member)    offsetof(struct react_rule, member)
#define DAY_MS          (24ll * 3600 * 1000)

const struct ds_conf_option server_options[] = {
	{ "server", "listen", DS_CONF_STRING, AT(listen), "0.0.0.0:7443", 0, 0, NULL, false,
	    "address and port where agents connect" },
	{ "server", "state_dir", DS_CONF_STRING, AT(state_dir), DS_STATEDIR "/server", 0, 0, NULL,
	    false, "where keys, the control database and the events are kept" },
	{ "server", "log_level", DS_CONF_ENUM, AT(log_level), "info", 0, 0,
	    "error|warning|info|debug", true, "what is logged" },
	{ "server", "workers", DS_CONF_INT, AT(workers), "0", 0, 64, NULL, false,
	    "threads that serve agents; 0: one a processor, at most 8" },
	{ "server", "hostnames", DS_CONF_LIST, AT(hostnames), "", 0, 0, NULL, false,
	    "names and addresses under which agents reach this server, for its certificate; empty: this "
	    "machine's name and loopback" },
	{ "server", "time_zone", DS_CONF_STRING, AT(time_zone), "UTC", 0, 0, NULL, false,
	    "of the quiet hours of [notify.NAME], a name of /usr/share/zoneinfo such as Europe/Berlin" },
	{ "api", "listen", DS_CONF_STRING, AT(api_listen), "127.0.0.1:7480", 0, 0, NULL, false,
	    "address and port of the HTTP API; empty: only the socket" },
	{ "api", "unix", DS_CONF_STRING, AT(api_unix), DS_RUNDIR "/api.sock", 0, 0, NULL, false,
	    "path of the API's unix socket; empty: none" },
	{ "api", "tls_cert", DS_CONF_STRING, AT(api_tls_cert), "", 0, 0, NULL, true,
	    "certificate of the HTTP API with its chain, PEM; empty: plain HTTP, for loopback only" },
	{ "api", "tls_key", DS_CONF_STRING, AT(api_tls_key), "", 0, 0, NULL, true,
	    "its private key, PEM" },
	{ "api", "requests_per_second", DS_CONF_INT, AT(api_requests_per_second), "200", 0, 100000,
	    NULL, false,
	    "requests a second that one user, token or (not signed in) address may make, over five "
	    "seconds; 0: any number" },
	{ "api", "trusted_proxies", DS_CONF_STRING, AT(api_trusted_proxies), "", 0, 0, NULL, false,
	    "networks, separated by commas, of proxies whose X-Forwarded-For tells where a request comes "
	    "from: for the waits of those who fail to sign in or ask too much; empty: nobody's" },
	{ "api", "web_root", DS_CONF_STRING, AT(api_web_root), DS_DATADIR "/web", 0, 0, NULL, false,
	    "directory of the dashboard's files, read at start; empty: no dashboard, only the API" },
	{ "api", "public_url", DS_CONF_STRING, AT(public_url), "", 0, 0, NULL, false,
	    "where people find the dashboard, such as https://ds.example.org: for links in messages" },
	{ "storage", "engine", DS_CONF_ENUM, AT(engine), "sqlite", 0, 0, "sqlite|null", false,
	    "what stores everything; null keeps it in memory until the server ends, for tests" },
	{ "storage", "retention", DS_CONF_DURATION, AT(retention_ms), "30d", DAY_MS, 3650 * DAY_MS,
	    NULL, false, "age at which a day's events are removed" },
	{ "storage", "max_size", DS_CONF_SIZE, AT(max_size), "20G", 16ll << 20, 1ll << 50, NULL,
	    false, "space for events; the oldest days are removed first" },
	{ "detect", "alert_budget", DS_CONF_STRING, AT(alert_budget), "1/host/week", 0, 0, NULL,
	    true,
	    "false alarms that you accept, as NUMBER/host/hour|day|week|month; thresholds follow from it" },
	{ "detect", "learning_min", DS_CONF_DURATION, AT(learning_min_ms), "60s", 0, 365 * DAY_MS,
	    NULL, true, "a daemon is learnt at least so long" },
	{ "detect", "learning_cycles", DS_CONF_ENUM, AT(learning_cycles), "none", 0, 0,
	    "none|day|week", true,
	    "cycles that must have been seen before a daemon is learnt: its blockers name what is missing" },
	{ "detect", "unseen_max", DS_CONF_STRING, AT(unseen_max), "0.01", 0, 0, NULL, true,
	    "a daemon is learnt when the estimated share of behaviour not seen yet is below this" },
	{ "detect", "starter_dir", DS_CONF_STRING, AT(starter_dir), DS_DATADIR "/starter", 0, 0,
	    NULL, false,
	    "directory of starter models, read at start: what daemons of a distribution are known to do, "
	    "until a host's own are learnt; empty: none" },
	{ "detect", "silent_after", DS_CONF_DURATION, AT(silent_after_ms), "90s", 1000, 30 * DAY_MS,
	    NULL, false, "an agent that says nothing for so long is reported" },
	{ "geoip", "database", DS_CONF_STRING, AT(geoip_database), "", 0, 0, NULL, false,
	    "a MaxMind .mmdb file, or the text form of tor-geoipdb; empty: no countries" },
	{ "geoip", "allow", DS_CONF_LIST, AT(geoip_allow), "", 0, 0, NULL, false,
	    "countries (two letters), addresses and networks whose failed logins are never told" },
	{ "geoip", "deny", DS_CONF_LIST, AT(geoip_deny), "", 0, 0, NULL, false,
	    "countries, addresses and networks from where every login is told" },
	{ "notify.", "", DS_CONF_NAMED, AT(channels), "", sizeof(struct channel_config), 0, NULL,
	    false, "A channel by which people are told; daemonsec-ctl notify test NAME tries it" },
	{ "notify.", "type", DS_CONF_ENUM, CHANNEL(type), "email", 0, 0, CHANNEL_TYPES, false,
	    "what it is" },
	{ "notify.", "enabled", DS_CONF_BOOL, CHANNEL(enabled), "true", 0, 0, NULL, false,
	    "whether it is in use" },
	{ "notify.", "min_severity", DS_CONF_ENUM, CHANNEL(min_severity), "medium", 0, 0,
	    "low|medium|high|critical", false, "from which severity on it is told" },
	{ "notify.", "kinds", DS_CONF_LIST, CHANNEL(kinds), "", 0, 0, NULL, false,
	    "kinds of alerts, with *; empty: all" },
	{ "notify.", "labels", DS_CONF_LIST, CHANNEL(labels), "", 0, 0, NULL, false,
	    "of hosts with one of these labels, with *; empty: of all" },
	{ "notify.", "daemons", DS_CONF_LIST, CHANNEL(daemons), "", 0, 0, NULL, false,
	    "about these daemons, with *; nginx is nginx.service, too; empty: all" },
	{ "notify.", "url", DS_CONF_STRING, CHANNEL(url), "", 0, 0, NULL, false,
	    "of slack: the incoming webhook; of webhook: the service; of alertmanager: its root; of telegram and "
	    "pagerduty: only when it is not the usual one" },
	{ "notify.", "secret_file", DS_CONF_STRING, CHANNEL(secret_file), "", 0, 0, NULL, false,
	    "file with the bot's token (telegram), routing key (pagerduty), signing key (webhook), address of the "
	    "webhook (slack) or password (email)" },
	{ "notify.", "server", DS_CONF_STRING, CHANNEL(server), "", 0, 0, NULL, false,
	    "of email: smtp://host:587 or smtps://host:465; of syslog: tls://host:6514, tcp://host:601 or "
	    "udp://host:514" },
	{ "notify.", "user", DS_CONF_STRING, CHANNEL(user), "", 0, 0, NULL, false,
	    "of email: the account at that server; empty: none" },
	{ "notify.", "from", DS_CONF_STRING, CHANNEL(from), "", 0, 0, NULL, false,
	    "of email: the sender's address" },
	{ "notify.", "to", DS_CONF_LIST, CHANNEL(to), "", 0, 0, NULL, false,
	    "of email: addresses; of telegram: the number of a chat" },
	{ "notify.", "starttls", DS_CONF_BOOL, CHANNEL(starttls), "true", 0, 0, NULL, false,
	    "of email: never without TLS" },
	{ "notify.", "ca_file", DS_CONF_STRING, CHANNEL(ca_file), "", 0, 0, NULL, false,
	    "certificates that the receiver's must be signed by; empty: the system's" },
	{ "notify.", "allow_private", DS_CONF_BOOL, CHANNEL(allow_private), "false", 0, 0, NULL,
	    false, "may reach addresses of this machine and of private networks" },
	{ "notify.", "closed", DS_CONF_BOOL, CHANNEL(closed), "false", 0, 0, NULL, false,
	    "also tell when an alert was closed; pagerduty and alertmanager want it" },
	{ "notify.", "quiet", DS_CONF_STRING, CHANNEL(quiet), "", 0, 0, NULL, false,
	    "hours like 22:00-07:00, of [server] time_zone: what is not critical waits for a digest" },
	{ "notify.", "per_hour", DS_CONF_INT, CHANNEL(per_hour), "30", 1, 3600, NULL, false,
	    "messages an hour; what is more goes into a digest, and none is lost" },
	{ "notify.", "digest", DS_CONF_DURATION, CHANNEL(digest_ms), "10m", 1000, DAY_MS, NULL,
	    false, "how often there is a digest of what was held" },
	{ "notify.", "path", DS_CONF_STRING, CHANNEL(path), "", 0, 0, NULL, false,
	    "of file: where the lines go; log rotation may move it away at any time" },
	{ "notify.", "cert_file", DS_CONF_STRING, CHANNEL(cert_file), "", 0, 0, NULL, false,
	    "of syslog over TLS: our certificate, for receivers that ask for one" },
	{ "notify.", "key_file", DS_CONF_STRING, CHANNEL(key_file), "", 0, 0, NULL, false,
	    "its key; empty: in cert_file" },
	{ "notify.", "format", DS_CONF_ENUM, CHANNEL(form), "auto", 0, 0, SIEM_FORMS, false,
	    "of syslog and file: auto is rfc5424 (structured data) for syslog and ecs (JSON lines) for file" },
	{ "notify.", "content", DS_CONF_LIST, CHANNEL(content), "alerts,reactions,audit", 0, 0,
	    NULL, false, "of syslog and file: what is sent" },
	{ "hook.", "", DS_CONF_NAMED, AT(hooks), "", sizeof(struct hook_config), 0, NULL, false,
	    "A forge that tells of changes by POST /api/v1/hooks/deploy; doc/deploys.md" },
	{ "hook.", "type", DS_CONF_ENUM, HOOK(type), "github", 0, 0, HOOK_TYPES, false,
	    "whose deliveries these are" },
	{ "hook.", "secret_file", DS_CONF_STRING, HOOK(secret_file), "", 0, 0, NULL, false,
	    "file with the webhook's secret, 16 characters or more; of gitlab: its signing token (whsec_...), or "
	    "the plain secret token of older versions; empty: the one that daemonsec-ctl hooks rotate made" },
	{ "hook.", "events", DS_CONF_LIST, HOOK(events), "deployment,release", 0, 0, NULL, false,
	    "which deliveries count: " HOOK_EVENTS },
	{ "hook.", "repositories", DS_CONF_LIST, HOOK(repositories), "", 0, 0, NULL, false,
	    "of which repositories, OWNER/NAME with *; empty: of any" },
	{ "hook.", "refs", DS_CONF_LIST, HOOK(refs), "", 0, 0, NULL, false,
	    "of which branches and tags, with *; empty: of any" },
	{ "hook.", "environments", DS_CONF_LIST, HOOK(environments), "", 0, 0, NULL, false,
	    "of deployments: to which environments, with *; empty: to any" },
	{ "hook.", "daemons", DS_CONF_LIST, HOOK(daemons), "", 0, 0, NULL, false,
	    "the daemons that change then" },
	{ "hook.", "hosts", DS_CONF_LIST, HOOK(hosts), "", 0, 0, NULL, false,
	    "on which hosts; with labels empty too: on all" },
	{ "hook.", "labels", DS_CONF_LIST, HOOK(labels), "", 0, 0, NULL, false,
	    "on hosts with one of these labels" },
	{ "hook.", "ttl", DS_CONF_DURATION, HOOK(ttl_ms), "30m", 1000, 7 * DAY_MS, NULL, false,
	    "how long the change may take" },
	{ "hook.", "settle", DS_CONF_DURATION, HOOK(settle_ms), "10m", 0, DAY_MS, NULL, false,
	    "how long it counts as under way after it was said to be done" },
	{ "plugins", "dir", DS_CONF_STRING, AT(plugin_dir), DS_SYSCONFDIR "/plugins", 0, 0, NULL,
	    true,
	    "executables that the reaction server_plugin may run; they and the directory have to be root's" },
	{ "plugins", "user", DS_CONF_STRING, AT(plugin_user), "nobody", 0, 0, NULL, true,
	    "account that they run as when the server may change it; else they run as the server" },
	{ "plugins", "timeout", DS_CONF_DURATION, AT(plugin_timeout_ms), "10s", 100, 60000, NULL,
	    true, "how long a plugin may take" },
	{ "plugins", "memory", DS_CONF_SIZE, AT(plugin_memory), "256M", 16 << 20, INT64_MAX, NULL,
	    true, "address space that a plugin may have" },
	{ "plugins", "python", DS_CONF_STRING, AT(plugin_python), DS_DATADIR "/python", 0, 0, NULL,
	    true, "where plugins in Python find the module daemonsec_plugin" },
	{ "react", "never_block", DS_CONF_LIST, AT(react_never_block), "", 0, 0, NULL, true,
	    "addresses and networks that are never blocked, on any host" },
	{ "react", "never_block_labels", DS_CONF_STRING, AT(react_never_block_labels), "", 0, 0,
	    NULL, true,
	    "labels, separated by commas: nobody blocks the address that a host with one of them connects from, such as "
	    "load-balancer, health-check" },
	{ "react", "daemon_max", DS_CONF_INT, AT(react_daemon_max), "20", 1, 100000, NULL, true,
	    "reactions a minute on one daemon of a host; more, and automation rests there and tells" },
	{ "react", "host_max", DS_CONF_INT, AT(react_host_max), "60", 1, 100000, NULL, true,
	    "reactions a minute on one host" },
	{ "react", "share_max", DS_CONF_INT, AT(react_share_max), "25", 1, 100, NULL, true,
	    "per cent of the hosts with a daemon on which automation may act on it within ten minutes; "
	    "three hosts are always allowed" },
	{ "react", "rest", DS_CONF_DURATION, AT(react_rest_ms), "10m", 1000, DAY_MS, NULL, true,
	    "how long automation rests after such a limit; reactions resume ends it" },
	{ "react", "bulk_max", DS_CONF_INT, AT(react_bulk_max), "5", 1, 1000000, NULL, true,
	    "hosts that one operator may reach with one order; for more, and to isolate, a second one "
	    "approves" },
	{ "react", "order_ttl", DS_CONF_DURATION, AT(react_order_ttl_ms), "5m", 1000,
	    24ll * 3600 * 1000, NULL, true,
	    "an order that could not be delivered for so long is dead" },
	{ "react", "approval_ttl", DS_CONF_DURATION, AT(react_approval_ttl_ms), "1h", 1000,
	    7ll * DAY_MS, NULL, true, "what no second operator approved for so long is dead" },
	{ "react", "held", DS_CONF_ENUM, AT(react_held), "kill", 0, 0, "kill|allow", true,
	    "what becomes of a program that is held, in mode prevent, when neither profile nor peers know "
	    "it" },
	{ "react.", "", DS_CONF_NAMED, AT(react_rules), react_builtin_rules,
	    sizeof(struct react_rule), 0, NULL, true,
	    "A rule: what leads to which reaction; these are built in, a section of the same name changes "
	    "single values of one, and enabled = false ends it" },
	{ "react.", "enabled", DS_CONF_BOOL, RULE(enabled), "true", 0, 0, NULL, true,
	    "whether the rule is in use" },
	{ "react.", "kinds", DS_CONF_LIST, RULE(kinds), "", 0, 0, NULL, true,
	    "kinds of alerts, such as new_child, login, integrity; with *" },
	{ "react.", "min_severity", DS_CONF_ENUM, RULE(min_severity), "high", 0, 0,
	    "low|medium|high|critical", true, "from which severity on" },
	{ "react.", "daemons", DS_CONF_LIST, RULE(daemons), "*", 0, 0, NULL, true,
	    "names of daemons, with *; nginx is nginx.service, too" },
	{ "react.", "labels", DS_CONF_LIST, RULE(labels), "", 0, 0, NULL, true,
	    "on hosts with one of these labels; empty: on all" },
	{ "react.", "reactions", DS_CONF_LIST, RULE(reactions), "", 0, 0, NULL, true,
	    "what is done: kill, freeze, block_ip, block_port, cut, restore_file, restart, isolate, plugin, server_plugin" },
	{ "react.", "ttl", DS_CONF_DURATION, RULE(ttl_ms), "10m", 0, 365 * DAY_MS, NULL, true,
	    "lifetime of the effect; then it is taken back" },
	{ "react.", "ttl_factor", DS_CONF_INT, RULE(ttl_factor), "4", 1, 100, NULL, true,
	    "for who did it before within thirty days, the lifetime is multiplied by this, each time" },
	{ "react.", "ttl_max", DS_CONF_DURATION, RULE(ttl_max_ms), "7d", 0, 365 * DAY_MS, NULL,
	    true, "and never longer than this" },
	{ "react.", "plugin", DS_CONF_STRING, RULE(plugin), "", 0, 0, NULL, true,
	    "of the reactions plugin and server_plugin: the program's name, and after a space its argument" },
	{ "react.", "scope", DS_CONF_ENUM, RULE(scope), "host", 0, 0, "host|group|fleet", true,
	    "where an address is blocked: on the host, on all hosts that share a label with it, on all" },
	{ "react.", "reach", DS_CONF_ENUM, RULE(reach), "host", 0, 0, "host|daemon|daemon_only",
	    true,
	    "for whom an address or a port is blocked there: for everything, for the alert's daemon only "
	    "where the host can tell whose a connection is and else for everything, or for the daemon "
	    "only or not at all" },
	{ 0 },
};

static const struct {
	const char *name;
	double weeks; /* how many of them are a week */
} periods[] = { { "hour", 168 }, { "day", 7 }, { "week", 1 }, { "month", 7 / 30.4 } };

/* "1/host/week" -> 1; a negative number when it is not of this form. */
static double
parse_budget(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || !(v > 0) || v > 1e6 || strncmp(end, "/host/", 6) != 0)
		return -1;
	for (size_t i = 0; i < DS_LEN(periods); i++)
		if (strcmp(end + 6, periods[i].name) == 0)
			return v * periods[i].weeks;
	return -1;
}

static double
parse_fraction(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	return end == text || *end || !(v > 0 && v < 1) ? -1 : v;
}

double
server_config_unseen_max(const struct server_config *cfg)
{
	double v = parse_fraction(cfg->unseen_max);

	return v > 0 ? v : 0.01;
}

double
server_config_alert_budget(const struct server_config *cfg)
{
	double v = parse_budget(cfg->alert_budget);

	return v > 0 ? v : 1;
}

void
server_config_detect(const struct server_config *cfg, struct detect_config *ret)
{
	ret->learn_min_us = cfg->learning_min_ms * 1000;
	ret->days_min = cfg->learning_cycles == 2 ? 7 : cfg->learning_cycles == 1;
	ret->unseen_max = server_config_unseen_max(cfg);
	ret->alert_budget = server_config_alert_budget(cfg);
	snprintf(ret->plugin_dir, sizeof(ret->plugin_dir), "%s", cfg->plugin_dir);
}

const char *
server_config_engine(const struct server_config *cfg)
{
	return cfg->engine == SERVER_ENGINE_NULL ? "null" : "sqlite";
}

/* The C library takes any name, and reads the hours of one that it does not know as UTC. */
static bool
is_zone(const char *name)
{
	char path[300];
	struct stat st;

	if (strcmp(name, "UTC") == 0)
		return true;
	return *name != '\0' && *name != '.' && *name != '/' && strstr(name, "/.") == NULL &&
	       snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name) < (int)sizeof(path) &&
	       stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int
server_config_check(const struct server_config *cfg, char *ret_why, size_t size)
{
	if (!is_zone(cfg->time_zone)) {
		snprintf(ret_why, size,
		    "[server] time_zone: expected a name like Europe/Berlin that "
		    "/usr/share/zoneinfo has, not \"%s\"",
		    cfg->time_zone);
		return -EINVAL;
	}
	if (parse_budget(cfg->alert_budget) < 0) {
		snprintf(ret_why, size,
		    "[detect] alert_budget: expected like 1/host/week, not \"%s\"",
		    cfg->alert_budget);
		return -EINVAL;
	}
	if (parse_fraction(cfg->unseen_max) < 0) {
		snprintf(ret_why, size,
		    "[detect] unseen_max: expected a number between 0 and 1, not \"%s\"",
		    cfg->unseen_max);
		return -EINVAL;
	}
	if (!cfg->api_tls_cert[0] != !cfg->api_tls_key[0]) {
		snprintf(ret_why, size, "[api] tls_cert and tls_key are needed both, or neither");
		return -EINVAL;
	}
	if (ds_cidr_check(cfg->api_trusted_proxies) < 0) {
		snprintf(ret_why, size,
		    "[api] trusted_proxies: expected networks like 192.0.2.0/24, not \"%s\"",
		    cfg->api_trusted_proxies);
		return -EINVAL;
	}
	if (channels_check(&cfg->channels, ret_why, size) < 0)
		return -EINVAL;
	if (hooks_check(&cfg->hooks, ret_why, size) < 0)
		return -EINVAL;
	if (react_rules_check(&cfg->react_rules, ret_why, size) < 0)
		return -EINVAL;
	if (!cfg->listen[0] || !cfg->state_dir[0]) {
		snprintf(ret_why, size, "[server] listen and state_dir cannot be empty");
		return -EINVAL;
	}
	return 0;
}

static void
say_waits(const char *name, void *ctx)
{
	(void)ctx;
	ds_log(
	    WARN, "this option was changed, it is taken over at the next start", "option=%s", name);
}

void
server_config_read_again(
    const struct server_config *running, const struct server_config *read, const char *file)
{
	ds_log(INFO, "configuration read again", "file=\"%s\"", file);
	ds_conf_waits(server_options, running, read, say_waits, NULL);
}
