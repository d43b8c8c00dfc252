/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer - entity tags are of the JSON text, so that what reads the same has the same tag.
 *
 * Nothing is kept: a GET is answered in full and then compared, which saves the way to the client
 * and nothing here.
 */
#include "server/api/answer.h"

#include "server/api/routes.h"
#include "server/api/web.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define PACK_MIN   1024u /* bytes below which compression is not worth it */
#define PACK_LEVEL 1
#define GZIP_BITS  31 /* zlib: the largest window, with the header and trailer of gzip */

static void
make_tag(const struct ds_buf *out, char ret[ANSWER_TAG_MAX])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	size_t used = 1;

	SHA256(out->len > 0 ? out->data : (const uint8_t *)"", out->len, hash);
	ret[0] = '"';
	for (size_t i = 0; i < 16; i++)
		used += (size_t)snprintf(ret + used, ANSWER_TAG_MAX - used, "%02x", hash[i]);
	snprintf(ret + used, ANSWER_TAG_MAX - used, "\"");
}

/* ---- before a change */

/* The row that reads what the path of a change is about: alerts/{id} for alerts/{id}/ack. */
static const struct route *
reader_of(const struct route *route)
{
	const char *hole = strchr(route->path, '{');
	size_t len = hole != NULL ? (size_t)(hole - route->path) + sizeof("{id}") - 1 : 0;

	for (const struct route *r = route_table; len > 0 && r->method != NULL; r++)
		if (strcmp(r->method, "GET") == 0 && strlen(r->path) == len &&
		    strncmp(r->path, route->path, len) == 0)
			return r;
	return NULL;
}

/* Reads the resource into a text of its own; the status. */
static unsigned
read_tag(const struct call *c, const struct route *route, char ret[ANSWER_TAG_MAX])
{
	struct ds_buf text;
	struct call get = *c;
	unsigned status;

	ds_buf_init(&text, CALL_ANSWER_MAX);
	get.route = route;
	get.body = NULL;
	get.out = &text;
	get.status = 200;
	ds_json_init(&get.json, &text);
	route->answer(&get);
	status = ds_json_done(&get.json) < 0 ? 500 : get.status;
	make_tag(&text, ret);
	ds_buf_done(&text);
	return status;
}

bool
answer_precondition(struct call *c)
{
	const char *wanted = c->header(c->request, "If-Match");
	const struct route *reader;
	char tag[ANSWER_TAG_MAX];
	unsigned status;

	if (wanted == NULL || strcmp(c->route->method, "GET") == 0)
		return true;
	reader = reader_of(c->route);
	status = reader != NULL ? read_tag(c, reader, tag) : 404;
	if (status == 200 && web_tag_matches(wanted, tag))
		return true;
	if (reader == NULL)
		call_problem(
		    c, 412, "precondition", "what this changes has no ETag to be compared with");
	else
		call_problem(c, 412, "precondition",
		    "it is not as If-Match says any more: read it again, then decide");
	return false;
}

/* ---- afterwards */

static bool
is_json(const struct call *c)
{
	return strncmp(c->type, "application/", 12) == 0 && strstr(c->type, "json") != NULL;
}

/* False: it stays as it is. */
static bool
pack(struct ds_buf *out)
{
	struct ds_buf packed;
	z_stream z = { .next_in = out->data, .avail_in = (uInt)out->len };
	bool done = false;
	size_t bound;

	if (deflateInit2(&z, PACK_LEVEL, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	bound = deflateBound(&z, (uLong)out->len);
	ds_buf_init(&packed, bound);
	if (ds_buf_reserve(&packed, bound) == 0) {
		z.next_out = packed.data;
		z.avail_out = (uInt)bound;
		done = deflate(&z, Z_FINISH) == Z_STREAM_END;
		packed.len = bound - z.avail_out;
	}
	(void)deflateEnd(&z); /* only what could not be finished is an error */
	if (done) {
		ds_buf_done(out);
		*out = packed;
	} else {
		ds_buf_done(&packed);
	}
	return done;
}

void
answer_finish(struct call *c, struct answer *ret)
{
	bool wants_gzip = web_accepts_gzip(c->header(c->request, "Accept-Encoding"));

	*ret = (struct answer){ 0 };
	if (c->follow != NULL || !is_json(c))
		return;
	wants_gzip &= c->out->len >= PACK_MIN;
	if (c->status == 200 && strcmp(c->route->method, "GET") == 0) {
		make_tag(c->out, ret->tag);
		if (web_tag_matches(c->header(c->request, "If-None-Match"), ret->tag)) {
			c->status = 304;
			ds_buf_clear(c->out);
			return;
		}
	}
	ret->packed = wants_gzip && pack(c->out);
}
