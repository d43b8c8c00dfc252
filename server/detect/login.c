/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * login - hands every login to the fleet's thread: who tries passwords on one host tries them on
 * others, who came in there before is known here, and who comes to a decoy is a stranger
 * everywhere.
 */
#include "server/detect/login.h"

#include "server/detect/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUTCOME_SUCCESS 1

static void
copy(char *to, size_t size, struct ds_str from)
{
	size_t len = from.len < size - 1 ? from.len : size - 1;

	if (len > 0)
		memcpy(to, from.ptr, len);
	to[len] = '\0';
}

static int
tell(struct turn *t, const struct sighting *s)
{
	struct ds_mailbox *to = t->detect->profiles.cfg.fleet_mail;
	const struct ds_event *ev = s->event;
	struct ds_str address = DS_EVENT_STR(ev, DS_STR_SADDR),
		      message = DS_EVENT_STR(ev, DS_STR_MESSAGE);
	const char *host = t->from->host_name != NULL ? t->from->host_name : "this host";
	struct login_news *n;

	if (to == NULL || (s->flags & DS_FLAG_INITIAL))
		return 0;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return -ENOMEM;
	n->news.sort = NEWS_LOGIN;
	copy(n->host_name, sizeof(n->host_name), (struct ds_str){ host, (uint32_t)strlen(host) });
	copy(n->daemon, sizeof(n->daemon), ev->daemon);
	copy(n->user, sizeof(n->user), DS_EVENT_STR(ev, DS_STR_USER));
	copy(n->method, sizeof(n->method), DS_EVENT_STR(ev, DS_STR_METHOD));
	if (ev->kind == DS_EVENT_DECOY)
		copy(n->wanted, sizeof(n->wanted), message);
	n->request = attack_request(message.ptr, message.len);
	n->event = (struct login_event){ .host = t->from->host,
		.host_name = n->host_name,
		.daemon = n->daemon,
		.user = n->user,
		.method = n->method,
		.success = ev->num[DS_NUM_OUTCOME] == OUTCOME_SUCCESS,
		.decoy = ev->kind == DS_EVENT_DECOY,
		.wanted = n->wanted,
		.count = s->count,
		.port = (uint16_t)ev->num[DS_NUM_SPORT],
		.time_us = s->time_us };
	if (address.len == 4 || address.len == 16) {
		memcpy(n->event.address, address.ptr, address.len);
		n->event.address_size = (uint8_t)address.len;
	}
	if (ds_mailbox_put(to, &n->news.mail) < 0) {
		t->detect->news_refused++;
		free(n);
	}
	return 0;
}

const struct detector detect_login = {
	.name = "login",
	.kinds = UINT64_C(1) << DS_EVENT_LOGIN | UINT64_C(1) << DS_EVENT_DECOY,
	.judge = NULL,
	.tell = tell,
};
