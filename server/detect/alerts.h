/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alerts - turns findings into alerts that grow, and changes alerts for people.
 *
 * Every function runs on the writer's thread, inside its transaction (write_request.run): the rows
 * are read and written there and nothing is kept in between, so a rollback needs no help.  A
 * finding joins the alert of its group that is not closed, or begins a new one.
 */
#ifndef SERVER_DETECT_ALERTS_H
#define SERVER_DETECT_ALERTS_H

#include "server/detect/detect.h"
#include "server/store/store.h"

#define ALERTS_EVENTS_MAX 16 /* events told in an alert's document; more are only counted */
#define ALERTS_LIST_MAX   64 /* of what a verdict accepts, of sources, notes, rules */

/* Stores findings of a host: idempotent by finding id (what is there already adds nothing), and
 * fills in which alert each went into.  The number that was new, or -errno. */
DS_MUST_CHECK int alerts_apply(const struct store_backend *backend, struct store *store,
    uint32_t host, struct finding *findings, size_t len, uint64_t now_us);
/* Stores one finding unless its group already has an alert that is not closed.  1 when it did, 0,
 * -errno. */
DS_MUST_CHECK int alerts_raise_once(const struct store_backend *backend, struct store *store,
    uint32_t host, struct finding *finding, uint64_t now_us);

/* What a person (or the server itself) does to an alert. */
struct alert_change {
	const char *status;   /* open, acknowledged, closed; NULL: as it is */
	const char *verdict;  /* true_positive, false_positive, benign_expected; NULL: as it is */
	const char *by;       /* who, for the record */
	const char *note;     /* or NULL */
	const char *assignee; /* who looks after it from now on; "": nobody; NULL: as it is */
	bool expires; /* what it accepts is kept as an expectation that ends: not learnt for ever */
};

/* Changes an alert.  `row` is what a reader had for its id; what grew since then is kept.  A
 * verdict of false_positive or benign_expected also closes the alert (unless `status` says
 * otherwise) and makes its behaviour part of what is normal: 1 then, and ingest_forget(host,
 * daemon) must follow the commit, so that the worker reads it.  0, or -EINVAL (no such status or
 * verdict), -errno. */
DS_MUST_CHECK int alerts_change(const struct store_backend *backend, struct store *store,
    const struct alert_row *row, const struct alert_change *change, uint64_t now_us);
/* Closes the alert of a host's group, if one is not closed.  1 when it did, 0, -errno. */
DS_MUST_CHECK int alerts_close_group(const struct store_backend *backend, struct store *store,
    uint32_t host, const char *group, const char *note, uint64_t now_us);

#endif
