/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alerts - an alert in the shape of the contract. */
#ifndef SERVER_API_ALERTS_H
#define SERVER_API_ALERTS_H

#include "server/api/call.h"

void alerts_put(struct call *c, const struct alert_row *row);

#endif
