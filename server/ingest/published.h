/* SPDX-License-Identifier: GPL-2.0-or-later */
/* published - what others may know of a worker, as of at most a second ago. */
#ifndef SERVER_INGEST_PUBLISHED_H
#define SERVER_INGEST_PUBLISHED_H

#include "server/ingest/ingest.h"

struct session_list {
	struct detect_state detection;
	size_t len;
	struct session_info items[]; /* by host */
};

#endif
