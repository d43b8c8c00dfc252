/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siem_told - whether an alert that changed is worth a record: new, worse, ten times as often,
 * another status, a verdict; an alert that only counts up is not, or a flood of events would be one
 * of records.
 *
 * Memory of one thread; bounded: what it forgot is told once more at its next change.
 */
#ifndef SERVER_NOTIFY_SIEM_TOLD_H
#define SERVER_NOTIFY_SIEM_TOLD_H

#include "server/store/rows.h"

struct siem_told;

struct siem_told *siem_told_new(void);
void siem_told_free(struct siem_told *t);
/* new, worse, grown, changed, closed, or NULL: nothing worth a record.  since_us: what was created
 * before that was told once. */
const char *siem_told_event(struct siem_told *t, const struct alert_row *row, uint64_t since_us);
/* Everything is forgotten: records that were on their way are sent again. */
void siem_told_clear(struct siem_told *t);

#endif
