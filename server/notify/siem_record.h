/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siem_record - what a SIEM is told, as documents of the Elastic Common Schema: alerts, reactions,
 * the audit log, and notices of our own.  Other forms (siem_form.h) are made of these.
 *
 * Pure: no store, no clock.  Each returns a new reference, or NULL when there is no memory.  What a
 * host produced and is not UTF-8 becomes U+FFFD.
 */
#ifndef SERVER_NOTIFY_SIEM_RECORD_H
#define SERVER_NOTIFY_SIEM_RECORD_H

#include "server/store/access.h"
#include "server/store/reactions.h"
#include "server/store/rows.h"

#include <jansson.h>

/* A host by its name, and who makes the document. */
struct siem_origin {
	const char *host_id, *host_name; /* "" when there is none */
	const char *observer;            /* this server's host name */
	const char *link;                /* where the dashboard is, or "" */
};

/* event: new, grown, worse, changed, closed. */
json_t *siem_record_alert(
    const struct siem_origin *from, const char *event, const struct alert_row *row);
json_t *siem_record_reaction(const struct siem_origin *from, const struct reaction_row *row);
json_t *siem_record_audit(const struct siem_origin *from, const struct audit_row *row);
/* kind: test, gap. */
json_t *siem_record_notice(
    const struct siem_origin *from, const char *kind, const char *text, uint64_t now_us);

/* A text at a dotted path ("host.name"), or "". */
const char *siem_text(const json_t *record, const char *path);
/* A number at a dotted path, or 0. */
json_int_t siem_number(const json_t *record, const char *path);

#endif
