/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * groups - which hosts are alike: peers are counted among these.
 *
 * Pure; the fleet's thread owns it.  Hosts with the same labels whose daemons and versions overlap
 * by half (Jaccard over classes, and over classes with their versions) with those of the group's
 * first host are a group.  One pass with leaders and not K-Medoids: a group stays what it is when
 * another host comes, so "0 of 312 peers" means the same tomorrow, and it costs one comparison a
 * host and group.
 */
#ifndef SERVER_DETECT_GROUPS_H
#define SERVER_DETECT_GROUPS_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUPS_TRAITS_MAX 256u /* of a host; more are left out */
#define GROUPS_MAX        512u
#define GROUPS_HOSTS_MAX  (1u << 20)
#define GROUPS_PEERS_MIN  3u /* others with the daemon; below, the whole fleet is compared */

struct groups;

struct groups *groups_new(void); /* NULL: no memory */
void groups_free(struct groups *g);

/* A look at the fleet: groups_begin(), every host with its daemons by ascending number,
 * groups_end(). */
void groups_begin(struct groups *g);
DS_MUST_CHECK int groups_host(struct groups *g, uint32_t host, const char *labels); /* -ENOMEM */
void groups_daemon(struct groups *g, const char *class, const char *version); /* of that host */
/* True when a host came to a group or left one.  A group that one left begins anew. */
bool groups_end(struct groups *g);

/* The group's identity; 0: none yet. */
uint64_t groups_of(const struct groups *g, uint32_t host);
/* Hosts by ascending number with their groups. */
struct grouped {
	uint32_t host;
	uint64_t group;
};
/* malloc; NULL: no memory. */
struct grouped *groups_copy(const struct groups *g, size_t *ret_len);
/* The host's group in such a list; 0: none. */
uint64_t grouped_find(const struct grouped *at, size_t len, uint32_t host);

#endif
