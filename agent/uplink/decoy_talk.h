/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decoy_talk - what a decoy says and hears: as much of a protocol as makes a stranger show who he
 * wants to be and what he wants.
 *
 * One object a connection.  Nothing that is heard is ever done, passwords are heard and not kept,
 * and after a few lines it is over.
 */
#ifndef AGENT_UPLINK_DECOY_TALK_H
#define AGENT_UPLINK_DECOY_TALK_H

#include "lib/buf.h"

#include <stdbool.h>

#define DECOY_IN_MAX   1024u /* bytes of one turn */
#define DECOY_TURNS    8u    /* lines or packets of a visit, but for ssh, which counts its own */
#define DECOY_PIECES   64u   /* of ssh, as they come */
#define DECOY_TEXT_MAX 200u

struct decoy_service;
struct decoy_ssh;

struct decoy_talk {
	const struct decoy_service *service;
	struct decoy_ssh *ssh; /* owned; NULL: of another service */
	uint8_t in[DECOY_IN_MAX];
	size_t len;
	unsigned turns; /* that were answered */
	bool is_over;   /* nothing more is said or heard */
	/* What is new since decoy_talk_told(): "" for none. */
	char user[65];
	char said[DECOY_TEXT_MAX + 1]; /* the last of it, printable */
	bool has_news;
};

/* NULL: there is no decoy of that name. */
const struct decoy_service *decoy_service_find(const char *name, size_t len);
const char *decoy_service_name(const struct decoy_service *s);
/* Where the real one listens, or on a port beside it that is likely free. */
unsigned decoy_service_port(const struct decoy_service *s);
/* All names, "ssh, telnet, ...". */
void decoy_service_names(char *ret, size_t size);

/* What is said first goes to `out`.  -ENOSPC, -ENOMEM: as ds_buf. */
DS_MUST_CHECK int decoy_talk_begin(
    struct decoy_talk *t, const struct decoy_service *s, struct ds_buf *out);
/* Also of one that was never begun, all zero. */
void decoy_talk_done(struct decoy_talk *t);
/* What was heard; the answer goes to `out`. */
DS_MUST_CHECK int decoy_talk_take(
    struct decoy_talk *t, const uint8_t *data, size_t len, struct ds_buf *out);
/* What is new was passed on. */
void decoy_talk_told(struct decoy_talk *t);

#endif
