/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * starter - what daemons of a distribution are known to do before any host of ours was watched.
 *
 * Models come as JSON files (schema/starter/, made by scripts/starter.py; installed below
 * $datadir/daemonsec), are read once at start and never change: any thread may ask.  They are the
 * lowest layer of what is compared: host, fleet, starter.  One counts as at most STARTER_HOSTS
 * hosts, however many runs it was made from.
 *
 *	{"format": 1, "name": "nginx", "source": "Debian 12", "package": "nginx",
 *	 "version": "1.22.1", "executables": ["/usr/sbin/nginx"], "classes": ["nginx"],
 *	 "runs": 3, "seconds": 600, "events": 1042, "incidences": 96, "behaviours": [
 *		{"action": "exec", "key": "m/usr/sbin/nginx", "runs": 3, "from": "recorded"}]}
 *
 * A daemon is known by its program; by its class only while that is a script that starts it.
 * `key` is that of a profile (key.h).  `from` is recorded, unit or package: the latter two were
 * never seen and count as STARTER_WORD hosts.  `incidences` counts (run, behaviour) of all sorts.
 */
#ifndef SERVER_DETECT_STARTER_H
#define SERVER_DETECT_STARTER_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STARTER_FORMAT         1
#define STARTER_HOSTS          20u  /* pseudo-hosts that a model is worth */
#define STARTER_WORD           2u   /* a unit's or package's word for a behaviour */
#define STARTERS_MAX           256u /* files */
#define STARTER_SIZE_MAX       (1u << 20)
#define STARTER_NAMES_MAX      16u /* programs, and classes, of one */
#define STARTER_BEHAVIOURS_MAX 4096u

struct starters; /* a set */
struct starter;

struct starters *starters_new(void);
void starters_free(struct starters *s);
/* One model's text.  0, or -EINVAL (what is wrong), -EPROTONOSUPPORT (of a newer version), -ENOSPC,
 * -ENOMEM and a sentence: nothing was added. */
DS_MUST_CHECK int starters_add(
    struct starters *s, const char *json, size_t size, char *ret_why, size_t why_size);
/* Every *.json of a directory, in the order of their names; one that is refused is left out.  The
 * first thing that is wrong is said, else *ret_why is "".  NULL only without memory. */
struct starters *starters_open(const char *dir, char *ret_why, size_t why_size);
size_t starters_len(const struct starters *s);

/* Of a program's canonical path (key_path), or of a class (key_class); NULL: none, or no set. */
const struct starter *starters_find(const struct starters *s, const void *name, size_t len);
/* "nginx from Debian 12 (nginx 1.22.1-9)" */
const char *starter_name(const struct starter *s);
/* How many pseudo-hosts show it: 0 to STARTER_HOSTS. */
uint32_t starter_hosts(const struct starter *s, uint8_t kind, const void *key, size_t key_size);
/* 1 - the unseen mass of its runs, by Good and Turing. */
double starter_coverage(const struct starter *s);

#endif
