/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/held.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
copy_reaction(const struct reaction_row *row, void *ctx)
{
	struct held_reaction *h = ctx;
	const char **texts[] = { &h->row.id, &h->row.kind, &h->row.daemon, &h->row.alert_id,
		&h->row.target, &h->row.args, &h->row.mode, &h->row.status, &h->row.rule,
		&h->row.reason, &h->row.by, &h->row.approved_by, &h->row.result,
		&h->row.principal };
	size_t size = 0;
	char *at;

	h->row = *row;
	for (size_t i = 0; i < DS_LEN(texts); i++)
		size += strlen(*texts[i]) + 1;
	h->texts = at = malloc(size);
	if (at == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < DS_LEN(texts); i++) {
		size_t len = strlen(*texts[i]) + 1;

		memcpy(at, *texts[i], len);
		*texts[i] = at;
		at += len;
	}
	return 0;
}

int
held_reaction_get(const struct store_backend *backend, struct store *store, const char *id,
    struct held_reaction *ret)
{
	*ret = (struct held_reaction){ 0 };
	return backend->reactions->held(store, id, copy_reaction, ret);
}

void
held_reaction_done(struct held_reaction *h)
{
	free(h->texts);
	*h = (struct held_reaction){ 0 };
}

static int
copy_order(const struct order_row *row, void *ctx)
{
	struct held_order *h = ctx;

	h->row = *row;
	h->bytes = malloc(row->size + 1);
	if (h->bytes == NULL)
		return -ENOMEM;
	if (row->size > 0)
		memcpy(h->bytes, row->bytes, row->size);
	snprintf(h->id, sizeof(h->id), "%s", row->id);
	snprintf(h->reaction_id, sizeof(h->reaction_id), "%s", row->reaction_id);
	h->row.bytes = h->bytes;
	h->row.id = h->id;
	h->row.reaction_id = h->reaction_id;
	return 0;
}

int
held_order_get(const struct store_backend *backend, struct store *store, const char *id,
    struct held_order *ret)
{
	*ret = (struct held_order){ 0 };
	return backend->reactions->order_held(store, id, copy_order, ret);
}

void
held_order_done(struct held_order *h)
{
	free(h->bytes);
	*h = (struct held_order){ 0 };
}
