/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siem_form - forms in which a SIEM takes records: one function and one row of siem_forms each.
 *
 * Pure.  `ecs`: the record itself; `ocsf`: Open Cybersecurity Schema Framework 1.3 (Detection
 * Finding 2004, Remediation Activity 7001, API Activity 6003, Base Event 0); `cef`: ArcSight's
 * Common Event Format, revision 0; `rfc5424`: a sentence, and the names that matter as structured
 * data.
 */
#ifndef SERVER_NOTIFY_SIEM_FORM_H
#define SERVER_NOTIFY_SIEM_FORM_H

#include "lib/buf.h"

#include <jansson.h>
#include <stdbool.h>

#define SIEM_FORMS "auto|rfc5424|cef|ecs|ocsf"

struct siem_form {
	const char *name;
	/* The MSG of a syslog message, or a line; without a line end. */
	int (*write)(struct ds_buf *out, const json_t *record);
	/* Whether the syslog header carries structured data. */
	bool has_data;
};

/* In the order of SIEM_FORMS; the first stands for "the usual one" and has no function. */
extern const struct siem_form siem_forms[];

/* A whole syslog message (RFC 5424) with the record's time, severity and MSGID. */
DS_MUST_CHECK int siem_syslog(
    struct ds_buf *out, const struct siem_form *form, const json_t *record, int process_id);

/* siem_ocsf.c: a new reference, or NULL. */
json_t *siem_ocsf(const json_t *record);

#endif
