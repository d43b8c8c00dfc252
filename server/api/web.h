/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * web - the dashboard's files, read once at start into answers that all connections share.
 *
 * A request is answered by looking its path up in a table of what was read: no request reaches the
 * file system, so no path can leave the directory.  Files below assets/ carry a hash of their
 * content in their names and may be kept for ever; the rest is asked for again each time.
 */
#ifndef SERVER_API_WEB_H
#define SERVER_API_WEB_H

#include "lib/compiler.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#define WEB_ETAG_MAX 48 /* bytes of an entity tag with its quotes and the NUL */

struct web;
struct web_file;

/* Reads everything below root, bounded; links and dot files are passed over.  -ENOENT: there is no
 * index.html, so there is no dashboard; other failures with a sentence. */
DS_MUST_CHECK int web_load(const char *root, struct web **ret, char *ret_why, size_t why_size);
void web_free(struct web *w);
/* Files and bytes kept. */
size_t web_count(const struct web *w, size_t *ret_bytes);
/* The file that a path names; where there is none and the client wants a page (accept is the Accept
 * header or NULL), the index: the dashboard knows its own paths.  NULL: none. */
const struct web_file *web_find(const struct web *w, const char *url, const char *accept);
/* The answer to a request with these headers (NULL where absent), shared: do not destroy. */
struct MHD_Response *web_response(const struct web_file *f, const char *accept_encoding,
    const char *if_none_match, unsigned *ret_status);
/* Whether an Accept-Encoding header takes gzip. */
bool web_accepts_gzip(const char *header);
/* Whether an If-None-Match header names the tag. */
bool web_tag_matches(const char *header, const char *tag);

#endif
