/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook - what GitHub and GitLab tell of a change: whether it comes from them, and what it means.
 *
 * Pure, but for hook_secret_read(); the route is hooks.c.  A section [hook.NAME] of server.conf
 * says whose deliveries are taken and which daemons they are about.
 */
#ifndef SERVER_API_HOOK_H
#define SERVER_API_HOOK_H

#include "lib/conf.h"

#include <jansson.h>
#include <stdbool.h>

#define HOOK_TYPES       "github|gitlab"
#define HOOK_EVENTS      "push tag release deployment pipeline"
#define HOOK_SECRET_MAX  256u
#define HOOK_SECRET_MIN  16u /* characters; a shorter one is guessed */
#define HOOK_WINDOWS_MAX 64u /* that one delivery may open */
#define HOOK_DIGEST_SIZE 32u
#define HOOK_TEXT_MAX    256u
#define HOOK_LATE_S      300u /* a signed time may be off by so much */

enum hook_type { HOOK_GITHUB, HOOK_GITLAB };

/* A section [hook.NAME]. */
struct hook_config {
	int64_t type; /* enum hook_type */
	char *secret_file;
	struct ds_conf_list events;       /* of HOOK_EVENTS */
	struct ds_conf_list repositories; /* "owner/name", with *; empty: any */
	struct ds_conf_list refs;         /* branches or tags, with *; empty: any */
	struct ds_conf_list environments; /* of deployments, with *; empty: any */
	struct ds_conf_list daemons;      /* that change then */
	struct ds_conf_list hosts;        /* names; with `labels` empty: all */
	struct ds_conf_list labels;
	uint64_t ttl_ms;    /* of the window */
	uint64_t settle_ms; /* what is left of it once the change is said to be done */
};

/* What a request brings to be believed. */
struct hook_headers {
	const char *event;     /* X-GitHub-Event, X-Gitlab-Event */
	const char *delivery;  /* X-GitHub-Delivery, X-Gitlab-Event-UUID or webhook-id */
	const char *signature; /* X-Hub-Signature-256 or webhook-signature */
	const char *timestamp; /* webhook-timestamp */
	const char *token;     /* X-Gitlab-Token */
};

enum hook_phase { HOOK_NOTHING, HOOK_BEGINS, HOOK_IS_DONE };

/* What a delivery says; all bounded and without control characters. */
struct hook_event {
	const char *name; /* one of HOOK_EVENTS, "ping", or "" for what we do not know */
	enum hook_phase phase;
	char repository[HOOK_TEXT_MAX], ref[HOOK_TEXT_MAX], environment[HOOK_TEXT_MAX];
	char commit[41], actor[80];
	char id[HOOK_TEXT_MAX]; /* the same for begin and end of one change */
};

/* Whether a section is whole; "" is what it lacks else.  ret_why is a sentence. */
DS_MUST_CHECK int hooks_check(const struct ds_conf_named *hooks, char *ret_why, size_t size);
/* Into ret; 0 or -errno: -EMSGSIZE too long, -ENODATA too short to be one. */
DS_MUST_CHECK int hook_secret_read(const char *path, char ret[HOOK_SECRET_MAX]);
/* Which forge's headers these are; false: of none. */
bool hook_type_of(const struct hook_headers *h, enum hook_type *ret);
/* Whether the secret's owner sent this.  The digest is of what the signature covers, so that a copy
 * is known under any other name: all of it, or for a plain token the delivery's id. */
bool hook_is_signed(enum hook_type type, const char *secret, const struct hook_headers *h,
    const void *body, size_t size, uint64_t now_s, uint8_t ret_digest[HOOK_DIGEST_SIZE]);
/* Reads a delivery. */
void hook_read(enum hook_type type, const char *event, const json_t *body, struct hook_event *ret);
/* Whether a section wants it. */
bool hook_wants(const struct hook_config *cfg, const struct hook_event *e);

#endif
