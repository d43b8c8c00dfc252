/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * messages - what people are told, on its way and afterwards: the store's functions for it, a part
 * of struct store_backend.
 */
#ifndef SERVER_STORE_MESSAGES_H
#define SERVER_STORE_MESSAGES_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

struct store;
struct reader;

struct message_row {
	uint64_t number;      /* 0: a new one */
	const char *channel;  /* NAME of [notify.NAME] */
	const char *event;    /* new, grown, worse, closed, digest, test */
	const char *alert_id; /* "": none */
	const char *status;   /* waiting, held, told, sent, dead */
	const char *severity; /* of the alert as it is told */
	uint64_t count;
	const char *body; /* a JSON object */
	uint64_t created_us, due_us, sent_us;
	uint32_t tries;
	const char *error; /* of the last try, or "" */
};

struct message_filter {
	const char *channel, *status, *alert_id; /* NULL: any */
	uint64_t due_us;                         /* due until then; 0: any */
	uint64_t before; /* newest first, numbers before this; 0: oldest first */
	unsigned limit;
};

struct message_counts {
	uint64_t waiting, held, sent, dead;
};

struct message_store {
	/* ---- writer's thread */
	int (*put)(struct store *s, const struct message_row *row); /* by number */
	/* All that a channel holds for its digest are told up to a number. */
	int (*told)(struct store *s, const char *channel, uint64_t number);
	/* Forgets what was sent or told before. */
	int (*prune)(struct store *s, uint64_t before_us);

	/* ---- readers */
	int (*each)(struct reader *r, const struct message_filter *f,
	    int (*call)(const struct message_row *row, void *ctx), void *ctx);
	int (*count)(struct reader *r, const char *channel, struct message_counts *ret);
};

extern const struct message_store messages_null, messages_sqlite;

#endif
