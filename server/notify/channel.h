/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * channel - ways of telling people: one file, one row in channel.c and one word of CHANNEL_TYPES
 * each.
 *
 * A channel turns a message (message.h) into what goes over the wire; sender.c does the sending.
 * Pure: no I/O, no clock.
 */
#ifndef SERVER_NOTIFY_CHANNEL_H
#define SERVER_NOTIFY_CHANNEL_H

#include "lib/buf.h"
#include "lib/conf.h"

#include <jansson.h>
#include <stdbool.h>

#define CHANNEL_NAME_MAX    48u
#define CHANNEL_HEADERS_MAX 8u
#define CHANNEL_TO_MAX      32u
#define CHANNEL_TEXT_MAX    (256u << 10) /* bytes of what is sent */

/* A section [notify.NAME] of server.conf. */
struct channel_config {
	int64_t type; /* index of CHANNEL_TYPES */
	bool enabled;
	int64_t min_severity; /* index of low, medium, high, critical */
	struct ds_conf_list kinds, labels, daemons;
	char *url;         /* of the service; secret where it has a key in it */
	char *secret_file; /* token, routing key, signing key or password */
	char *server;      /* email: smtp://host:port or smtps://host:port */
	char *user;        /* email: account at the server */
	char *from;
	struct ds_conf_list to; /* email: addresses; telegram: chats */
	bool starttls;          /* email: never without TLS */
	char *ca_file;
	bool allow_private; /* addresses of this machine and of private networks may be reached */
	bool closed;        /* also tell when an alert was closed */
	char *quiet;        /* "22:00-07:00": kept for a digest meanwhile, but for critical */
	int64_t per_hour;   /* messages; more are kept for a digest */
	uint64_t digest_ms;
	/* syslog and file */
	char *path; /* file: where the lines go */
	char *cert_file, *key_file;
	int64_t form;                /* index of SIEM_FORMS */
	struct ds_conf_list content; /* alerts, reactions, audit */
};

/* What goes over the wire. */
struct channel_request {
	char url[1024];
	char headers[CHANNEL_HEADERS_MAX][512];
	unsigned headers_len;
	struct ds_buf body;
	bool is_mail;
	char from[256];
	char to[CHANNEL_TO_MAX][256];
	unsigned to_len;
	bool may_refuse; /* mail: some of them, and the others are told all the same */
};

/* What a message is about, for a channel. */
struct channel_message {
	const char *channel;
	uint64_t number;
	uint64_t created_us;
	const char *event;  /* new, grown, worse, closed, digest, test */
	const json_t *body; /* see message.h */
	const char *secret; /* contents of secret_file, or "" */
	const char *link;   /* where the dashboard is, or "" */
	const char *thread; /* id that messages about the same thing share: the alert's */
};

struct channel_kind {
	const char *name;
	/* 0; 1: this channel has nothing to say about it; -errno. */
	int (*build)(const struct channel_config *cfg, const struct channel_message *m,
	    struct channel_request *ret);
	/* Seconds to wait, from the body of an answer 429; 0: it does not say. */
	unsigned (*retry_after)(const char *body, size_t len);
};

extern const struct channel_kind channel_email, channel_slack, channel_telegram, channel_webhook,
    channel_pagerduty, channel_alertmanager, channel_syslog, channel_file;

#define CHANNEL_TYPES "email|slack|telegram|webhook|pagerduty|alertmanager|syslog|file"

const struct channel_kind *channel_kind(const struct channel_config *cfg);
/* Takes records one by one instead of messages: see siem.h. */
bool channel_is_siem(const struct channel_config *cfg);
/* One mail address, and nothing beside it. */
bool channel_is_address(const char *text);
/* "22:00-07:00" in minutes of the day; false: not of this form. */
bool channel_quiet(const char *quiet, unsigned *ret_from, unsigned *ret_until);
/* A header "Name: value"; what is not printable in value is left out. */
DS_MUST_CHECK int channel_header(struct channel_request *r, const char *name, const char *value);
/* Every section is whole: 0, or -EINVAL and a sentence. */
DS_MUST_CHECK int channels_check(const struct ds_conf_named *channels, char *ret_why, size_t size);

#endif
