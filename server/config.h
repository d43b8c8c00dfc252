/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config - the options of the server's file, read by the server (and by ctl for check and show).
 *
 * The rows are server/config.c; the file is /etc/daemonsec/server.conf and server.conf.d/ beside
 * it.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "lib/conf.h"

enum server_engine { SERVER_ENGINE_SQLITE, SERVER_ENGINE_NULL };

struct server_config {
	char *listen;                  /* [server] address:port for agents */
	char *state_dir;               /* keys, control.db, events/ */
	int64_t log_level;             /* enum ds_log_level */
	int64_t workers;               /* 0: one a processor, at most 8 */
	char *time_zone;               /* of quiet hours */
	struct ds_conf_list hostnames; /* SANs of the server's certificate, names and addresses */
	char *api_listen;              /* [api] address:port; empty: no HTTP */
	char *api_unix;                /* socket path; empty: none */
	char *api_tls_cert, *api_tls_key;
	char *api_trusted_proxies;       /* networks of those whose X-Forwarded-For counts */
	int64_t api_requests_per_second; /* of a caller; 0: any number */
	char *api_web_root;              /* the dashboard's files; empty: none */
	int64_t engine;                  /* [storage] enum server_engine */
	uint64_t retention_ms;           /* age at which a day's events go */
	uint64_t max_size;               /* bytes of the event plane */
	char *alert_budget;              /* [detect] "1/host/week" */
	uint64_t learning_min_ms;
	int64_t learning_cycles; /* 0: none, 1: a day, 2: a week */
	char *starter_dir;       /* empty: none */
	char *unseen_max;        /* a fraction, as text: see server_config_unseen_max() */
	uint64_t silent_after_ms;
	char *geoip_database; /* [geoip] */
	struct ds_conf_list geoip_allow, geoip_deny;
	struct ds_conf_named channels; /* [notify.NAME]: struct channel_config */
	struct ds_conf_named hooks;    /* [hook.NAME]: struct hook_config */
	char *public_url;              /* [api] where people find the dashboard; empty: no links */
	/* [react]: what is done about findings, and what never is */
	struct ds_conf_named react_rules; /* [react.NAME]: struct react_rule */
	struct ds_conf_list react_never_block;
	char *react_never_block_labels;
	int64_t react_daemon_max, react_host_max; /* reactions a minute */
	int64_t react_share_max;                  /* per cent of the hosts of a daemon */
	uint64_t react_rest_ms;                   /* a breaker that tripped rests so long */
	int64_t react_bulk_max; /* hosts that one operator may reach with one order */
	uint64_t react_order_ttl_ms, react_approval_ttl_ms;
	int64_t react_held; /* enum react_held: a question nobody can judge */
	/* [plugins] */
	char *plugin_dir, *plugin_user, *plugin_python;
	uint64_t plugin_timeout_ms, plugin_memory;
};

extern const struct ds_conf_option server_options[];

/* What single rows cannot say: every value is usable.  0, or -EINVAL and a sentence. */
DS_MUST_CHECK int server_config_check(const struct server_config *cfg, char *ret_why, size_t size);
/* [detect] unseen_max as a number in (0, 1). */
double server_config_unseen_max(const struct server_config *cfg);
/* [detect] alert_budget as false alarms a host and week. */
double server_config_alert_budget(const struct server_config *cfg);
struct detect_config;
/* What of it detection takes. */
void server_config_detect(const struct server_config *cfg, struct detect_config *ret);
/* The store backend's name. */
const char *server_config_engine(const struct server_config *cfg);

/* Logs that it was read again, and what of it waits for the next start. */
void server_config_read_again(
    const struct server_config *running, const struct server_config *read, const char *file);

#endif
