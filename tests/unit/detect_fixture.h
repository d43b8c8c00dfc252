/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detect_fixture - real batches for the detector, built an event at a time. */
#ifndef TESTS_UNIT_DETECT_FIXTURE_H
#define TESTS_UNIT_DETECT_FIXTURE_H

#include "server/detect/detect.h"
#include "server/detect/knowledge.h"
#include "server/store/rows.h"

#define S       1000000ull
#define BASE_US (1700000000ull * S)

struct fixture {
	struct detect_config cfg;
	struct detect *detect;
	struct ds_batch_builder *builder;
	struct ds_batch *batch;
	struct ds_buf packed;
	struct batch_origin from;
	struct verdict verdict; /* of the newest batch */
	uint64_t now_us;        /* time of the next event */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* An event of a daemon, now. */
struct ds_event fixture_event(const struct fixture *f, uint8_t kind, const char *daemon);
/* Adds it to the batch that send will score. */
void fixture_add(struct fixture *f, const struct ds_event *ev);
/* Scores what was added: f->verdict; how many findings. */
size_t fixture_send(struct fixture *f);
/* Findings but for what only joins an alert. */
size_t fixture_told(const struct verdict *v);
/* A DAEMON event. */
void fixture_declare(struct fixture *f, const char *daemon, const char *role, const char *exe,
    const char *version, uint8_t hash);
/* parent and args may be NULL; args with spaces between. */
struct ds_event fixture_exec(const struct fixture *f, const char *daemon, const char *exe,
    const char *parent, const char *args);
/* A resource sample every 10 s, a batch each. */
void fixture_watch(struct fixture *f, const char *daemon, unsigned seconds);
/* nginx.service, declared and watched until it is ready; it starts no programs. */
void fixture_ready_nginx(struct fixture *f);
/* The newest row of a daemon in f->verdict, or NULL. */
const struct daemon_row *fixture_row(const struct fixture *f, const char *daemon);

#endif
