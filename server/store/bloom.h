/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bloom - a small set of hashes that a segment may contain, so that a search skips the rest.
 *
 * Built by a worker from a batch's dictionary, merged by the compactor, asked by the query engine.
 * A string is in as a whole; a path also with each of its directories ("/usr/bin/" ends in its
 * slash), a list of arguments also with each argument, an address also as its /24 and /16 (IPv6:
 * /64 and /48), so that "/usr/bin/" + "*" and CIDR can be excluded too.  Hashes are stable on disk:
 * unkeyed, the same on every host.  A peer that aims at collisions makes its own host's filter less
 * selective and nothing else.
 *
 * Format: u8 version 1, u8 number of probes, then bits, at least 8 bytes.
 */
#ifndef SERVER_STORE_BLOOM_H
#define SERVER_STORE_BLOOM_H

#include "lib/batch.h"

#define BLOOM_SIZE_MAX (64u << 10) /* bytes */

/* What a whole string (or an address of 4 or 16 bytes) is known as. */
uint64_t bloom_hash(const void *data, size_t len);
/* What a directory is known as; the prefix ends in '/'. */
uint64_t bloom_hash_prefix(const void *data, size_t len);
/* What a network is known as; bits 16, 24 (IPv4), 48 or 64 (IPv6), 0 when no shorter prefix of
 * these is kept: then nothing can be excluded. */
uint64_t bloom_hash_network(const void *address, size_t len, unsigned bits);
/* A daemon's name in the sorted set of a segment. */
uint32_t bloom_daemon_hash(const void *name, size_t len);

/* Appends the filter of an opened batch; about 1 % false positives.  -ENOMEM, -ENOBUFS. */
DS_MUST_CHECK int bloom_build(const struct ds_batch *b, struct ds_buf *out);
/* Appends the sorted set of daemon hashes of a loaded batch, 4 bytes each, little-endian. */
DS_MUST_CHECK int bloom_daemons(struct ds_batch *b, struct ds_buf *out);
/* Whether the hash may be in; a filter that is damaged or of another version may contain anything.
 */
bool bloom_may_have(const void *bloom, size_t size, uint64_t hash);

#endif
