/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * key - the canonical bytes of a behaviour, and the name of a daemon over the fleet.
 *
 * Pure.  What is kept of a path is what stays the same from one release, run or instance to the
 * next: a component that is a version ("15", "3.11.2") or ends in one with a dot ("python3.11")
 * has it replaced by '#', and a temporary name below /tmp, /var/tmp, /dev/shm or /run by '*'.
 *
 * A key begins with one letter (enum key_sort); the rest is text, and for addresses text as well,
 * so that it can be shown as it is (key_text).
 */
#ifndef SERVER_DETECT_KEY_H
#define SERVER_DETECT_KEY_H

#include "lib/event.h"

#define KEY_MAX   512u /* bytes of a key; longer paths are cut and marked */
#define CLASS_MAX 256u

/* Families are learnt, bounded and judged apart. */
enum key_family { KEY_PROCESS, KEY_NETWORK, KEY_FILE, KEY_PRIVILEGE, KEY_FAMILIES };

enum key_sort {
	KEY_CHILD = 'c',   /* a program that the daemon started */
	KEY_SELF = 's',    /* the daemon's own program, again */
	KEY_REMOTE = 'r',  /* a shell or interpreter whose standard input is the network */
	KEY_PLACE = '!',   /* something done in a place that counts (place.h), by its full path */
	KEY_RULE = 'R',    /* an event that fits a rule (rule.h), by the rule's id */
	KEY_SHAPE = 'a',   /* how a program is started: its arguments' sorts (arguments.h) */
	KEY_KEEPER = 'k',  /* the same by a program whose work it is (keeper.h) */
	KEY_CONTROL = 'm', /* started by the service manager: ExecStartPre, ExecReload, the start */
	KEY_PLAIN = '=',   /* everything that is not the start of a program */
};

struct key {
	size_t size;
	uint8_t data[KEY_MAX];
};

/* The family of a kind, or -1: not part of a profile. */
int key_family(uint8_t kind);
/* The kind under which a behaviour is kept: what is done to a file is in its key, so that making
 * one and writing to it are the same. */
uint8_t key_kind(uint8_t kind);
/* Whether a learnt key of this kind and sort counts for coverage. */
bool key_is_counted(uint8_t kind, uint8_t sort);
/* Whether daemons of a class are alike in it on all hosts: programs, places, privileges.
 * Destinations, listeners and directories are each site's own. */
bool key_is_general(uint8_t kind, uint8_t sort);

/* The canonical path, at most `size` bytes with the final NUL; its length. */
size_t key_path(struct ds_str path, char *ret, size_t size);
/* The start of a program. */
void key_of_program(struct ds_str exe, enum key_sort sort, struct key *ret);
/* Anything else: which fields matter is a row for each kind.  The event needs only the fields that
 * key_fields() names. */
void key_of_event(const struct ds_event *ev, struct key *ret);
/* The fields that make the key of a kind: numbers as bits, and string fields as bits from
 * DS_STR_FIRST. */
void key_fields(uint8_t kind, uint64_t *ret_nums, uint64_t *ret_strs);

/* For people: "/usr/bin/dash", "/usr/sbin/nginx (by the service manager)". */
void key_text(uint8_t kind, const uint8_t *key, size_t key_size, char *ret, size_t size);

/* The class of a daemon: its name without ".service", instance, or what is random in a container's
 * name. image may be empty. */
void key_class(const char *name, const char *image, char *ret, size_t size);

/* The same on every machine and in every run, for ids: 64 bits. */
uint64_t key_hash(uint64_t seed, const void *data, size_t len);

#endif
