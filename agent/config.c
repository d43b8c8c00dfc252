/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/config.h"

#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct agent_config, member)

const struct ds_conf_option agent_options[] = {
	{ "general", "monitor_daemons", DS_CONF_LIST, AT(monitor_daemons), "auto", 0, 0, NULL, true,
	    "daemons to watch: names, unit globs, executable paths, container:NAME, or auto for all found here" },
	{ "general", "alert_email", DS_CONF_STRING, AT(alert_email), "", 0, 0, NULL, true,
	    "this host's alerts also go to this address" },
	{ "general", "labels", DS_CONF_STRING, AT(labels), "", 0, 0, NULL, true,
	    "labels of this host, separated by commas; the server takes them while it knows none of this host" },
	{ "general", "scope", DS_CONF_ENUM, AT(scope), "auto", 0, 0, "auto|machine|namespace",
	    false,
	    "what belongs to this host: the machine, or the agent's pid namespace and those below it; auto: machine "
	    "in the initial pid namespace, else namespace" },
	{ "general", "sensors", DS_CONF_ENUM, AT(sensors), "auto", 0, 0, "auto|fallback", false,
	    "fallback: do not use eBPF even where the kernel has it" },
	{ "general", "log_level", DS_CONF_ENUM, AT(log_level), "info", 0, 0,
	    "error|warning|info|debug", true, "what is logged" },
	{ "general", "state_dir", DS_CONF_STRING, AT(state_dir), DS_STATEDIR "/agent", 0, 0, NULL,
	    false, "where key, certificate and spool are kept" },
	{ "general", "guard_dir", DS_CONF_STRING, AT(guard_dir), "", 0, 0, NULL, false,
	    "root's own directory: the key that orders are signed with, and the ledger of their effects; empty: "
	    "guard beside state_dir" },
	{ "general", "run_dir", DS_CONF_STRING, AT(run_dir), DS_RUNDIR "-agent", 0, 0, NULL, false,
	    "where the pid file is" },
	{ "general", "user", DS_CONF_STRING, AT(user), "daemonsec", 0, 0, NULL, false,
	    "account of the uplink, the part that touches the network" },
	{ "general", "uplink", DS_CONF_STRING, AT(uplink), "", 0, 0, NULL, false,
	    "path of daemonsec-uplink; empty: the installed one" },
	{ "server", "address", DS_CONF_STRING, AT(address), "", 0, 0, NULL, true,
	    "host:port of the server, or several separated by commas; empty: as the enrolment token says" },
	{ "server", "token_file", DS_CONF_STRING, AT(token_file), "", 0, 0, NULL, false,
	    "file with an enrolment token, used and wiped when this host has no certificate yet" },
	{ "server", "ca_file", DS_CONF_STRING, AT(ca_file), "", 0, 0, NULL, false,
	    "certificate that the server's must be signed by; empty: ca.crt in state_dir, written at enrolment" },
	{ "ml", "enabled", DS_CONF_BOOL, AT(ml_enabled), "true", 0, 0, NULL, true,
	    "accepted, and of no effect: the server judges, and while it is away events wait in the spool" },
	{ "ml", "model_path", DS_CONF_STRING, AT(model_path), DS_STATEDIR "/models/default.ml", 0,
	    0, NULL, true, "accepted, and of no effect: the server keeps the models" },
	{ "reaction", "ceiling", DS_CONF_LIST, AT(ceiling),
	    "freeze,kill,block_ip,block_port,restore_file,restart", 0, 0, NULL, true,
	    "what the server may ever order on this host; empty: nothing" },
	{ "reaction", "never_block", DS_CONF_LIST, AT(never_block), "", 0, 0, NULL, true,
	    "addresses and networks that are never blocked" },
	{ "reaction", "never_touch", DS_CONF_LIST, AT(never_touch), "", 0, 0, NULL, true,
	    "programs, by path or name, and units that are never killed, frozen, restarted or replaced" },
	{ "reaction", "hold", DS_CONF_BOOL, AT(hold), "false", 0, 0, NULL, true,
	    "mode prevent: hold what a watched daemon starts for the first time until the server answers" },
	{ "reaction", "hold_timeout", DS_CONF_DURATION, AT(hold_timeout_ms), "2s", 10, 60000, NULL,
	    true, "how long it is held at most" },
	{ "reaction", "hold_default", DS_CONF_ENUM, AT(hold_default), "allow", 0, 0, "allow|kill",
	    true, "what is done with it when no answer came in time" },
	{ "reaction", "hold_by", DS_CONF_ENUM, AT(hold_by), "auto", 0, 0, "auto|signal|fanotify",
	    true,
	    "how a program is held: signal, by BPF; fanotify, which asks at every start on the host; auto: signal "
	    "where the kernel can" },
	{ "reaction", "breaker_max", DS_CONF_INT, AT(breaker_max), "0", 0, 1000000, NULL, true,
	    "how often a minute automation may do one kind of reaction for one daemon, four times as often on the "
	    "host; 0: as the kind says, mostly 30" },
	{ "reaction", "hold_connections", DS_CONF_BOOL, AT(hold_connections), "false", 0, 0, NULL,
	    true,
	    "of daemons whose new programs are held, refuse connections to destinations that they never had, too, until "
	    "the server answers" },
	{ "exporters", "prometheus", DS_CONF_BOOL, AT(prometheus), "false", 0, 0, NULL, false,
	    "serve metrics of this agent" },
	{ "exporters", "prometheus_port", DS_CONF_INT, AT(prometheus_port), "9101", 1, 65535, NULL,
	    false, "port of the metrics" },
	{ "exporters", "prometheus_listen", DS_CONF_STRING, AT(prometheus_listen), "127.0.0.1", 0,
	    0, NULL, false, "address the metrics are bound to" },
	{ "honeypot", "listen", DS_CONF_LIST, AT(decoys), "", 0, 0, NULL, false,
	    "decoys, as SERVICE or SERVICE:PORT: ssh, telnet, ftp, smtp, http, redis, mysql, postgresql; who comes "
	    "there is told and counts as hostile in the whole fleet" },
	{ "honeypot", "address", DS_CONF_STRING, AT(decoys_address), "0.0.0.0", 0, 0, NULL, false,
	    "address that decoys listen on" },
	{ "spool", "max_size", DS_CONF_SIZE, AT(spool_max_size), "256M", 1 << 20, INT64_MAX, NULL,
	    true,
	    "disk for events that the server has not confirmed; the oldest bulk telemetry goes first" },
	{ "spool", "bulk_interval", DS_CONF_DURATION, AT(bulk_interval_ms), "30s", 100, 600000,
	    NULL, true,
	    "how long telemetry that is not urgent is collected before it is sent; longer is smaller" },
	{ "spool", "dir", DS_CONF_STRING, AT(spool_dir), "", 0, 0, NULL, false,
	    "where the spool is; empty: spool in state_dir" },
	{ "sensors", "resource_interval", DS_CONF_DURATION, AT(resource_interval_ms), "10s", 1000,
	    3600000, NULL, true,
	    "how often a daemon's use of CPU, memory and descriptors is sampled" },
	{ "sensors", "repeat_interval", DS_CONF_DURATION, AT(repeat_interval_ms), "10s", 100,
	    600000, NULL, true, "how often counted repeats are sent" },
	{ "sensors", "journal", DS_CONF_BOOL, AT(journal), "true", 0, 0, NULL, false,
	    "read logins from the journal where there is one" },
	{ "sensors", "log_files", DS_CONF_LIST, AT(log_files), "auto", 0, 0, NULL, false,
	    "logs to read logins from; auto: the usual ones that are here" },
	{ "sensors", "filters", DS_CONF_STRING, AT(log_filters), "", 0, 0, NULL, false,
	    "file of filters by which failures of any daemon are found in its log, made by daemonsec-ctl import "
	    "fail2ban; empty: none" },
	{ "plugins", "dir", DS_CONF_STRING, AT(plugin_dir), DS_SYSCONFDIR "/plugins", 0, 0, NULL,
	    true,
	    "executables that the reaction plugin may run; they and the directory have to be root's" },
	{ "plugins", "user", DS_CONF_STRING, AT(plugin_user), "nobody", 0, 0, NULL, true,
	    "account that plugins run as; give them one of their own" },
	{ "plugins", "timeout", DS_CONF_DURATION, AT(plugin_timeout_ms), "3s", 100, 10000, NULL,
	    true, "how long a plugin may take" },
	{ "plugins", "memory", DS_CONF_SIZE, AT(plugin_memory), "256M", 16 << 20, INT64_MAX, NULL,
	    true, "address space that a plugin may have" },
	{ "plugins", "python", DS_CONF_STRING, AT(plugin_python), DS_DATADIR "/python", 0, 0, NULL,
	    true, "where plugins in Python find the module daemonsec_plugin" },
	{ "containers", "sockets", DS_CONF_LIST, AT(engine_sockets), "", 0, 0, NULL, true,
	    "sockets of container engines that speak Docker's API, asked (GET only) for the name and image of a "
	    "container of which no file tells; empty: none is asked" },
	{ "integrity", "enabled", DS_CONF_BOOL, AT(integrity), "true", 0, 0, NULL, false,
	    "tell when a program, library, unit or configuration file of a watched daemon changes" },
	{ "integrity", "vault_max", DS_CONF_SIZE, AT(vault_max), "256M", 0, INT64_MAX, NULL, false,
	    "disk for copies of these files, in guard_dir/vault; a quarter of it is for evidence; 0: none are kept, and "
	    "restore_file can put nothing back" },
	{ "integrity", "files", DS_CONF_LIST, AT(integrity_files), "", 0, 0, NULL, true,
	    "more files of daemons, DAEMON=/PATH; a directory with all that is in it ends with a slash" },
	{ NULL, NULL, DS_CONF_STRING, 0, NULL, 0, 0, NULL, false, NULL },
};

int
agent_config_read(const char *file, struct agent_config *ret, struct ds_conf_report *report)
{
	char dir[4096];
	const char *slash = strrchr(file, '/');
	int r;

	(void)snprintf(dir, sizeof(dir), "%.*s/conf.d", slash != NULL ? (int)(slash - file) : 1,
	    slash != NULL ? file : ".");
	r = ds_conf_load(agent_options, ret, file, dir, false, report, NULL);
	return ds_conf_is_usable(r, report) ? 0 : r;
}
