/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lists - what verbs do with collections of the API; each returns an exit code after its messages.
 */
#ifndef CTL_LISTS_H
#define CTL_LISTS_H

#include "ctl/print.h"

#define LIMIT_MAX 1000000 /* of --limit */

/* Up to `limit` items, page by page; *ret is the caller's.  A path may have a query of its own. */
int list_all(struct ctl *c, const char *path, const char *query, unsigned limit, json_t **ret);
int list_print(struct ctl *c, const char *path, const char *query, unsigned limit,
    const struct column *columns, const char *empty);
/* collection/id as it is. */
int list_show(struct ctl *c, const char *collection, const char *id);
/* METHOD collection/id[/action]; takes body (may be NULL); "ID said" in a table. */
int list_post(struct ctl *c, const char *method, const char *collection, const char *id,
    const char *action, json_t *body, const char *said);

/* profile_versions.c: of daemons D, by name or id; host may be NULL. */
int versions_list(struct ctl *c, const char *daemon, const char *host);
int versions_rollback(struct ctl *c, const char *daemon, const char *number, const char *host);

#endif
