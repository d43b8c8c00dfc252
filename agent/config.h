/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config - the options of the agent's file, read by guard and uplink alike (and by ctl for check
 * and show).
 *
 * The rows are agent/config.c; /etc/daemonsec/daemonsec.conf and conf.d/ beside it.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "lib/conf.h"

enum agent_scope { AGENT_SCOPE_AUTO, AGENT_SCOPE_MACHINE, AGENT_SCOPE_NAMESPACE };
enum agent_hold { AGENT_HOLD_ALLOW, AGENT_HOLD_KILL };
enum agent_hold_by { AGENT_HOLD_BY_AUTO, AGENT_HOLD_BY_SIGNAL, AGENT_HOLD_BY_FANOTIFY };
enum agent_sensors { AGENT_SENSORS_AUTO, AGENT_SENSORS_FALLBACK };

struct agent_config {
	struct ds_conf_list
	    monitor_daemons; /* [general] names, unit globs, paths, container:NAME, or auto */
	char *alert_email;
	char *labels;
	int64_t scope;     /* enum agent_scope */
	int64_t sensors;   /* enum agent_sensors */
	int64_t log_level; /* enum ds_log_level */
	char *state_dir;   /* key, certificate, spool, cursors of the log readers */
	char *guard_dir;   /* order key and ledger; default: guard beside state_dir */
	char *run_dir;     /* pid file */
	char *user;        /* of the uplink */
	char *address;     /* [server] host:port[,host:port] */
	char *token_file;  /* read once and wiped when there is no certificate */
	char *ca_file;     /* default: state_dir/ca.crt, written at enrolment */
	bool ml_enabled;   /* [ml] */
	char *model_path;
	struct ds_conf_list ceiling; /* [reaction] */
	int64_t breaker_max;         /* a minute; 0: as the reaction says */
	struct ds_conf_list never_block;
	struct ds_conf_list never_touch;
	bool hold;
	uint64_t hold_timeout_ms;
	int64_t hold_default; /* enum agent_hold */
	int64_t hold_by;      /* enum agent_hold_by */
	bool hold_connections;
	bool prometheus; /* [exporters] */
	int64_t prometheus_port;
	char *prometheus_listen;
	struct ds_conf_list decoys; /* [honeypot] SERVICE[:PORT] */
	char *decoys_address;
	uint64_t spool_max_size;       /* [spool] bytes */
	uint64_t bulk_interval_ms;     /* how long bulk telemetry is collected at most */
	char *spool_dir;               /* default: state_dir/spool */
	uint64_t resource_interval_ms; /* [sensors] */
	uint64_t repeat_interval_ms;   /* how often counted repeats are flushed */
	bool journal;                  /* read logins from the journal where there is one */
	char *log_filters;             /* file of filters; empty: none */
	struct ds_conf_list log_files; /* auth logs to follow; auto: the usual ones that exist */
	char *plugin_dir;              /* [plugins] root's executables */
	char *plugin_user;
	uint64_t plugin_timeout_ms;
	uint64_t plugin_memory;              /* bytes */
	char *plugin_python;                 /* directory of daemonsec_plugin.py */
	struct ds_conf_list engine_sockets;  /* [containers] */
	bool integrity;                      /* [integrity] watch files of daemons */
	uint64_t vault_max;                  /* bytes of copies of them */
	struct ds_conf_list integrity_files; /* NAME=/PATH */
	char *uplink;                        /* program; default: beside the guard's ../libexec */
};

extern const struct ds_conf_option agent_options[];

/* The file and conf.d beside it.  0 also with unknown keys in the report, which a program that runs
 * goes on without; -errno otherwise.  ret is to be freed in any case. */
DS_MUST_CHECK int agent_config_read(
    const char *file, struct agent_config *ret, struct ds_conf_report *report);

#endif
