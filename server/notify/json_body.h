/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_body - what channels that post JSON share. */
#ifndef SERVER_NOTIFY_JSON_BODY_H
#define SERVER_NOTIFY_JSON_BODY_H

#include "server/notify/channel.h"

/* The document as the body, with this Content-Type; takes doc (NULL: -ENOMEM). */
DS_MUST_CHECK int json_body(struct channel_request *r, const char *type, json_t *doc);

#endif
