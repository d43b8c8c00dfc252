/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tokens - enrolment tokens: what lets a new host in.
 *
 * On the pool's threads; owns nothing.  The text of a token is in the answer that makes it and
 * nowhere else.
 */
#include "lib/cidr.h"
#include "lib/clock.h"
#include "lib/tls.h"
#include "server/api/routes.h"
#include "server/config.h"
#include "server/ingest/ingest.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LABEL_MAX   100u
#define USES_MAX    100000
#define COUNT_MAX   10000 /* tokens made at once */
#define TTL_US      (UINT64_C(3600) * 1000000)
#define ADDRESS_MAX (sizeof(((struct ds_token *)0)->address))

static void
put_token(struct ds_json *j, const struct token_row *row)
{
	uint64_t now_us = ds_clock_wall_us();
	const char *status = row->revoked                 ? "revoked"
			     : now_us >= row->expires_us  ? "expired"
			     : row->uses >= row->uses_max ? "used"
							  : "valid";

	ds_json_put_string(j, "id", row->id);
	ds_json_put_string(j, "label", row->label);
	ds_json_put_string(j, "status", status);
	ds_json_put_uint(j, "uses", row->uses);
	ds_json_put_uint(j, "uses_max", row->uses_max);
	ds_json_put_string(j, "cidr", row->cidr);
	ds_json_put_bool(j, "require_approval", row->require_approval);
	ds_json_put_bool(j, "ephemeral", row->is_ephemeral);
	ds_json_put_time(j, "created", row->created_us);
	ds_json_put_time(j, "expires", row->expires_us);
}

static int
list_token(const struct token_row *row, void *ctx)
{
	struct call *c = ctx;

	if (!call_page_has(c, row->id))
		return 0;
	ds_json_object(&c->json);
	put_token(&c->json, row);
	ds_json_end(&c->json);
	return 0;
}

void
tokens_list(struct call *c)
{
	int r;

	if (!call_begin_page(c))
		return;
	r = c->cfg->backend->each_token(c->worker->reader, list_token, c);
	if (r < 0)
		call_error(c, r, "cannot read the tokens");
	else
		call_end_page(c);
}

/* ---- making one */

static bool
is_wildcard(const char *host)
{
	return *host == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0 ||
	       strcmp(host, "*") == 0;
}

/* Where agents reach us: the configured names, or the address that is listened on, or this
 * machine's name. */
static void
name_addresses(const struct api_config *cfg, char ret[ADDRESS_MAX])
{
	const struct server_config *s = cfg->server;
	const char *colon = strrchr(s->listen, ':');
	unsigned port = cfg->ingest != NULL ? ingest_port(cfg->ingest) : 0;
	char host[200] = "";
	size_t used = 0;

	if (port == 0 && colon != NULL)
		port = (unsigned)strtoul(colon + 1, NULL, 10);
	if (colon != NULL)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - s->listen), s->listen);
	if (is_wildcard(host) && gethostname(host, sizeof(host) - 1) < 0)
		snprintf(host, sizeof(host), "localhost");
	if (s->hostnames.len == 0)
		snprintf(ret, ADDRESS_MAX, "%s:%u", host, port);
	for (size_t i = 0; i < s->hostnames.len && used < ADDRESS_MAX; i++) {
		const char *name = s->hostnames.items[i];
		bool v6 = strchr(name, ':') != NULL;

		used += (size_t)snprintf(ret + used, ADDRESS_MAX - used, "%s%s%s%s:%u",
		    i ? "," : "", v6 ? "[" : "", name, v6 ? "]" : "", port);
	}
	/* A name that did not fit is left out, not cut. */
	if (used >= ADDRESS_MAX && strrchr(ret, ',') != NULL)
		*strrchr(ret, ',') = '\0';
}

/* A token that is being made: its text is in the answer only. */
struct made {
	struct ds_token token;
	struct token_row row;
};

/* What was asked for. */
struct wish {
	struct token_row row; /* like every one of them */
	struct ds_token token;
	struct made *made;
	size_t len;
};

static int
make_token(const struct wish *wish, struct made *ret)
{
	struct ds_token *t = &ret->token;
	uint8_t id[8];
	int r = ds_random(id, sizeof(id));

	*t = wish->token;
	ret->row = wish->row;
	if (r == 0)
		r = ds_random(t->secret, sizeof(t->secret));
	if (r < 0)
		return r;
	snprintf(t->id, sizeof(t->id), "tok_%02x%02x%02x%02x%02x%02x%02x%02x", id[0], id[1], id[2],
	    id[3], id[4], id[5], id[6], id[7]);
	SHA256(t->secret, sizeof(t->secret), ret->row.secret_hash);
	ret->row.id = t->id;
	return 0;
}

static int
make_all(struct wish *wish)
{
	int r = 0;

	for (size_t i = 0; i < wish->len && r == 0; i++)
		r = make_token(wish, &wish->made[i]);
	return r;
}

/* All or none. */
static int
store_all(const struct store_backend *backend, struct store *store, void *ctx)
{
	const struct wish *wish = ctx;
	int r = 0;

	for (size_t i = 0; i < wish->len && r == 0; i++)
		r = backend->token_put(store, &wish->made[i].row);
	return r;
}

static void
put_made(struct ds_json *j, const struct made *m)
{
	char text[DS_TOKEN_TEXT_MAX];

	ds_json_object(j);
	put_token(j, &m->row);
	ds_json_put_string(j, "address", m->token.address);
	if (ds_token_format(&m->token, text, sizeof(text)) == 0)
		ds_json_put_string(j, "token", text);
	ds_json_end(j);
	explicit_bzero(text, sizeof(text));
}

static bool
can_be_told(const struct ds_token *t)
{
	char text[DS_TOKEN_TEXT_MAX];

	return ds_token_format(t, text, sizeof(text)) == 0;
}

/* False and a problem when it cannot be had. */
static bool
read_wish(struct call *c, struct wish *ret)
{
	struct ds_cert_info ca;
	const char *address;
	uint64_t ttl_us;
	int64_t uses;

	ret->row.created_us = ds_clock_wall_us();
	if (!call_text(c, "label", "", LABEL_MAX, &ret->row.label) ||
	    !call_text(c, "cidr", "", DS_CIDR_LIST_MAX, &ret->row.cidr) ||
	    !call_text(c, "address", NULL, ADDRESS_MAX - 1, &address) ||
	    !call_integer(c, "uses", 1, 1, USES_MAX, &uses) ||
	    !call_ttl(c, "ttl", TTL_US, &ttl_us) ||
	    !call_flag(c, "require_approval", false, &ret->row.require_approval) ||
	    !call_flag(c, "ephemeral", false, &ret->row.is_ephemeral))
		return false;
	if (ds_cidr_check(ret->row.cidr) < 0) {
		call_problem(c, 400, "body",
		    "cidr is a list of networks such as 192.0.2.0/24,2001:db8::/32");
		return false;
	}
	ret->row.uses_max = (uint32_t)uses;
	ret->row.expires_us = ret->row.created_us + ttl_us;
	if (c->cfg->ca_file == NULL || ds_tls_file_info(c->cfg->ca_file, &ca) < 0) {
		call_problem(c, 500, "internal", "no token can be made: there is no authority");
		return false;
	}
	memcpy(ret->token.pin, ca.pin, sizeof(ret->token.pin));
	if (c->cfg->order_key != NULL)
		memcpy(ret->token.order_key, c->cfg->order_key, sizeof(ret->token.order_key));
	if (address != NULL)
		snprintf(ret->token.address, sizeof(ret->token.address), "%s", address);
	else
		name_addresses(c->cfg, ret->token.address);
	return true;
}

static int
grant(struct call *c, struct wish *wish)
{
	int r;

	wish->made = calloc(wish->len, sizeof(*wish->made));
	if (wish->made == NULL)
		return -ENOMEM;
	r = make_all(wish);
	if (r == 0 && !can_be_told(&wish->made[0].token))
		r = -EINVAL;
	return r < 0 ? r : call_write(c, store_all, wish);
}

static void
wish_done(struct wish *wish)
{
	if (wish->made != NULL)
		explicit_bzero(wish->made, wish->len * sizeof(*wish->made));
	free(wish->made);
}

void
tokens_create(struct call *c)
{
	struct wish wish = { .len = 1 };
	int r;

	if (!read_wish(c, &wish))
		return;
	r = grant(c, &wish);
	if (r == 0) {
		c->status = 201;
		put_made(&c->json, &wish.made[0]);
	} else {
		call_error(c, r, "no token was made");
	}
	wish_done(&wish);
}

void
tokens_create_many(struct call *c)
{
	struct wish wish = { 0 };
	int64_t count;
	int r;

	if (!read_wish(c, &wish) || !call_integer(c, "count", 1, 1, COUNT_MAX, &count))
		return;
	wish.len = (size_t)count;
	r = grant(c, &wish);
	if (r == 0) {
		c->status = 201;
		call_begin_items(c);
		for (size_t i = 0; i < wish.len; i++)
			put_made(&c->json, &wish.made[i]);
		call_end_items(c, NULL);
	} else {
		call_error(c, r, "no token was made");
	}
	wish_done(&wish);
}

/* ---- revoking */

static int
store_token(const struct store_backend *backend, struct store *store, void *ctx)
{
	return backend->token_put(store, ctx);
}

struct revoked {
	struct token_row row;
	const char *id;
	char id_copy[80], label[LABEL_MAX * 4 + 1], cidr[DS_CIDR_LIST_MAX + 1];
	bool found;
};

static int
copy_token(const struct token_row *row, void *ctx)
{
	struct revoked *t = ctx;

	if (strcmp(row->id, t->id) != 0)
		return 0;
	t->row = *row;
	snprintf(t->id_copy, sizeof(t->id_copy), "%s", row->id);
	snprintf(t->label, sizeof(t->label), "%s", row->label ? row->label : "");
	t->row.id = t->id_copy;
	snprintf(t->cidr, sizeof(t->cidr), "%s", row->cidr);
	t->row.label = t->label;
	t->row.cidr = t->cidr;
	t->row.revoked = true;
	t->found = true;
	return 1;
}

void
tokens_revoke(struct call *c)
{
	struct revoked t = { .id = c->id };
	int r = c->cfg->backend->each_token(c->worker->reader, copy_token, &t);

	if (r >= 0 && !t.found) {
		call_problem(c, 404, "not-found", "there is no token \"%s\"", c->id);
		return;
	}
	if (r >= 0)
		r = call_write(c, store_token, &t.row);
	if (r < 0) {
		call_error(c, r, "the token was not revoked");
		return;
	}
	ds_json_object(&c->json);
	put_token(&c->json, &t.row);
	ds_json_end(&c->json);
}
