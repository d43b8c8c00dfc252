/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message - what is told, as a document, and the texts that channels make of it.
 *
 * A document has "title", "reason", "severity", "lines" (an array of [name, value]) and, for an
 * alert, "alert": its API document without what is long; for a digest "items".  Everything in it
 * comes from other machines: a channel escapes it for its own form.
 */
#ifndef SERVER_NOTIFY_MESSAGE_H
#define SERVER_NOTIFY_MESSAGE_H

#include "lib/buf.h"
#include "server/store/reactions.h"
#include "server/store/rows.h"

#include <jansson.h>

#define MESSAGE_ITEMS_MAX 20u /* groups of alerts that a digest names */

/* The document of an alert; NULL: no memory. */
json_t *message_of_alert(const char *event, const struct alert_row *row, const char *host_name);
/* One more of its lines; nothing when the value is empty. */
void message_add_line(json_t *lines, const char *name, const char *value);
/* Says in the document of an alert what was done about it. */
void message_add_reaction(json_t *doc, const struct reaction_row *row);
/* A digest grows by documents of alerts; what is alike is one item. */
json_t *message_digest(void);
void message_digest_add(json_t *digest, const json_t *alert_document);
/* Title and lines, when it is whole. */
DS_MUST_CHECK int message_digest_end(json_t *digest, const char *why);
json_t *message_test(const char *channel);

const char *message_text(const json_t *doc, const char *key); /* or "" */
/* "[HIGH] nginx started /bin/sh on web1", without control characters; of what was told before
 * "[HIGH x12]", "[NOW CRITICAL]", "[CLOSED]". */
void message_subject(const char *event, const json_t *doc, char *ret, size_t size);
/* Plain text: title, reason, lines, link. */
DS_MUST_CHECK int message_plain(
    struct ds_buf *out, const char *event, const json_t *doc, const char *link);
/* Escapes & < > " for HTML and for what resembles it, as one line: what steers a terminal or turns
 * text around becomes a blank. */
DS_MUST_CHECK int message_escape(struct ds_buf *out, const char *text, size_t max);
/* The dashboard's page of the alert, or "". */
void message_link(const json_t *doc, const char *base, char *ret, size_t size);

#endif
