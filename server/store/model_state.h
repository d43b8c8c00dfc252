/* SPDX-License-Identifier: GPL-2.0-or-later */
/* model_state - what streaming models learnt, as named bytes. */
#ifndef SERVER_STORE_MODEL_STATE_H
#define SERVER_STORE_MODEL_STATE_H

#include <stddef.h>
#include <stdint.h>

struct store;
struct reader;

#define MODEL_STATE_FLEET                                                      \
	UINT32_MAX /* the shard of what the fleet's thread learnt, with host 0 \
		    */

#define MODEL_STATE_STOPPED "stopped" /* of a host: whether its agent said that it stops, a byte \
				       */

struct model_state_row {
	uint32_t host;    /* 0: of a worker */
	uint32_t shard;   /* the worker's number; 0 with a host */
	const char *name; /* what it is, of which daemon or class */
	const void *data;
	size_t size;
};

struct store_model_state {
	/* ---- writer's thread */
	int (*put)(struct store *s, const struct model_state_row *row); /* by host, shard, name */
	/* Calls with the one of that name, if there is one. */
	int (*get)(struct store *s, uint32_t host, uint32_t shard, const char *name,
	    int (*call)(const struct model_state_row *row, void *ctx), void *ctx);
	/* ---- any thread, one reader each */
	int (*each)(struct reader *r, uint32_t host, uint32_t shard,
	    int (*call)(const struct model_state_row *row, void *ctx), void *ctx);
};

#endif
