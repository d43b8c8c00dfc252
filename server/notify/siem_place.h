/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * siem_place - where a receiver of records is, as a setting in the store that others may read.
 *
 * Pure.
 */
#ifndef SERVER_NOTIFY_SIEM_PLACE_H
#define SERVER_NOTIFY_SIEM_PLACE_H

#include "lib/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define SIEM_PLACE_MAX 512u

struct siem_place {
	uint64_t change;  /* changes up to here are with the receiver */
	uint64_t audit;   /* likewise of the audit log */
	uint64_t time_us; /* what is older than this is with the receiver */
	uint64_t sent;    /* records, ever */
	uint64_t sent_us; /* the last of them; 0: not known */
	char error[200];  /* why there is no connection, or "" */
};

/* The setting's key: "siem.NAME". */
void siem_place_key(const char *channel, char *ret, size_t size);
void siem_place_format(const struct siem_place *p, char ret[SIEM_PLACE_MAX]);
/* 0 or -EINVAL. */
DS_MUST_CHECK int siem_place_parse(const char *text, struct siem_place *ret);

#endif
