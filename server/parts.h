/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parts - what the server consists of. */
#ifndef SERVER_PARTS_H
#define SERVER_PARTS_H

#include "lib/order.h"
#include "lib/sign.h"
#include "server/config.h"
#include "server/detect/detect.h"
#include "server/store/store.h"

struct server {
	const char *file;
	struct server_config cfg;
	const struct store_backend *backend;
	struct store_config store;
	struct writer *writer;
	struct ds_sign_key *order_key; /* of all orders; its public half is in tokens */
	uint8_t order_public[DS_SIGN_PUBLIC_SIZE];
	struct fleet *fleet;
	struct geo *geo;
	struct starters *starters;
	struct react *react;
	struct train *train;
	struct ingest *ingest;
	struct notify *notify;
	struct api *api;
	int lock_fd;
};

/* In the order of their table.  0, or -EIO after a message; then none runs. */
DS_MUST_CHECK int parts_start(struct server *s);
/* In reverse. */
void parts_stop(struct server *s);
/* What detection takes of a configuration, and of the other parts. */
struct detect_config parts_detect_config(const struct server *s, const struct server_config *cfg);

#endif
