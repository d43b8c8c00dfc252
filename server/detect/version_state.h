/* SPDX-License-Identifier: GPL-2.0-or-later */
/* version_state - a daemon's newest version, in its profile; version.h. */
#ifndef SERVER_DETECT_VERSION_STATE_H
#define SERVER_DETECT_VERSION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define VERSIONS_KNOWN 4u /* identities that are remembered */

struct version {
	uint32_t number, parent; /* 0: not declared yet */
	uint8_t reason;
	bool is_dirty;
	uint64_t begun_us, warm_until_us;
	uint32_t inherited, explained, told;
	uint64_t known[VERSIONS_KNOWN]; /* identities, newest first */
};

#endif
