/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learning - what people say about learning: behaviours that are expected, deployments that are
 * under way, and rules.  A topic of the store with a table of functions of its own.
 */
#ifndef SERVER_STORE_LEARNING_H
#define SERVER_STORE_LEARNING_H

#include <stddef.h>
#include <stdint.h>

struct store;
struct reader;

/* One behaviour that somebody said is in order. */
struct expectation_row {
	uint64_t number;   /* 0: new */
	const char *scope; /* host, label, daemon, fleet */
	uint32_t host;     /* of scope host; 0: any */
	const char *label; /* of scope label: what the host's labels are; "" */
	const char *class; /* of daemons; "" : any */
	uint8_t kind;
	const uint8_t *key; /* as in profile_row */
	size_t key_size;
	const char *alert_id, *verdict, *by, *note;
	uint64_t created_us, expires_us; /* 0: never */
	uint64_t undone_us;              /* 0: holds */
	const char *undone_by;
};

struct deployment_row {
	uint64_t number;
	const char *daemon; /* class; "" : every one */
	uint32_t host;      /* 0: any */
	const char *label;
	const char *by, *note;
	uint64_t begun_us, until_us, ended_us; /* ended 0: not by a person */
};

struct rule_row {
	const char *id, *title, *source, *json, *by;
	uint64_t created_us;
};

typedef int (*expectation_call)(const struct expectation_row *row, void *ctx);
typedef int (*deployment_call)(const struct deployment_row *row, void *ctx);
typedef int (*rule_call)(const struct rule_row *row, void *ctx);

struct store_learning {
	/* ---- writer's thread */
	/* Fills in the number of a new one. */
	int (*expectation_put)(struct store *s, struct expectation_row *row);
	/* 1, or 0 when there is none that holds. */
	int (*expectation_undo)(struct store *s, uint64_t number, const char *by, uint64_t now_us);
	int (*deployment_put)(struct store *s, struct deployment_row *row);
	/* 1, or 0 when there is none that goes on. */
	int (*deployment_end)(struct store *s, uint64_t number, uint64_t now_us);
	int (*rule_put)(struct store *s, const struct rule_row *row); /* by id */
	int (*rule_delete)(struct store *s, const char *id);          /* 1, 0 */

	/* ---- any thread, newest first, but rules by id */
	int (*each_expectation)(struct reader *r, expectation_call call, void *ctx);
	int (*each_deployment)(struct reader *r, deployment_call call, void *ctx);
	int (*each_rule)(struct reader *r, rule_call call, void *ctx);
};

#endif
