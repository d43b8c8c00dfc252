/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect - what a verdict makes expected: which behaviours, of whom, until when; and what that
 * would have hidden.
 */
#ifndef SERVER_API_EXPECT_H
#define SERVER_API_EXPECT_H

#include "server/api/call.h"
#include "server/detect/key.h"

#define EXPECT_ITEMS_MAX 64u

struct expect {
	const char *scope; /* host, label, daemon, fleet: of the request */
	const char *label;
	uint64_t expires_us; /* 0: never */
	bool preview;
	/* of the alert */
	bool found, has_behaviours;
	uint32_t host;
	char alert_id[64], daemon[DS_DAEMON_MAX + 1], class[CLASS_MAX];
	struct {
		uint8_t kind;
		struct key key;
	} items[EXPECT_ITEMS_MAX];
	size_t len;
};

/* scope, label, expires, preview of the body; false and a problem. */
DS_MUST_CHECK bool expect_read(struct call *c, struct expect *e);
/* The alert's behaviours and daemon; false and a problem. */
DS_MUST_CHECK bool expect_load(struct call *c, struct expect *e);
/* Answers what it would have hidden. */
void expect_preview(struct call *c, const struct expect *e);
/* On the writer's thread: keeps it. */
DS_MUST_CHECK int expect_store(const struct store_backend *backend, struct store *store,
    const struct expect *e, const char *verdict, const char *by, const char *note, uint64_t now_us);

#endif
