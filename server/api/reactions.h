/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reactions - what the API's files about reactions share, and alerts show of them. */
#ifndef SERVER_API_REACTIONS_H
#define SERVER_API_REACTIONS_H

#include "server/api/routes.h"
#include "server/react/issue.h"

/* "reactions":[...] of an alert, the newest first. */
void reactions_put_of_alert(struct call *c, const char *alert_id);
/* The reaction's document: of a row, or as it is in the store. */
void reactions_put(struct call *c, const struct reaction_row *row);
void reactions_show_id(struct call *c, const char *id);

/* Whether there is somebody who reacts; false and a problem. */
bool reactions_possible(struct call *c);
/* Whether there is the alert; false and a problem. */
bool reactions_alert(struct call *c, const char *id);

#define REACTIONS_UNDO_MAX 10000u

/* Ids of reactions to take back, the newest first, and what became of each. */
struct undo_list {
	const char *who;
	struct issuer by;
	struct undo_item {
		char id[REACTION_ID_SIZE];
		uint32_t host;
		int result; /* of issue_undo() */
	} * items;
	size_t len;
	struct issue_plan restart; /* of an alert's daemon that was killed; kind NULL: none */
};

/* Those of the filter that can be taken back; 0 or -errno. */
DS_MUST_CHECK int undo_collect(
    struct call *c, const struct reaction_filter *f, struct undo_list *ret);
/* Those of an alert that was wrong, and the restart of the daemon that was killed. */
DS_MUST_CHECK int undo_collect_alert(struct call *c, const char *alert_id, struct undo_list *ret);
void undo_list_done(struct undo_list *list);
/* In a transaction: takes them back, one after the other; what cannot be is noted. 0 or -errno. */
DS_MUST_CHECK int undo_run(
    const struct store_backend *backend, struct store *store, struct undo_list *list);
/* In the same transaction, after undo_run(): what was killed on the hosts of the list is started
 * again, where its daemon is a unit. */
DS_MUST_CHECK int undo_restarts(
    const struct store_backend *backend, struct store *store, struct undo_list *list);
/* After the commit. */
void undo_kick(struct call *c, const struct undo_list *list);

#endif
