/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cause - what makes alerts one thing to people: the same done by the same daemon, wherever it ran.
 *
 * Pure; any thread.
 */
#ifndef SERVER_API_CAUSE_H
#define SERVER_API_CAUSE_H

#include "server/store/rows.h"

#include <stddef.h>

#define CAUSE_SIZE 1024

/* Writes the alert's cause; only its kind, daemon and title are looked at.  Its length. */
size_t cause_of(const struct alert_row *row, char ret[CAUSE_SIZE]);

#endif
