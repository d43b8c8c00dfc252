/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * board - all open alerts, and those that came lately, as groups: read once, then kept up to date
 * by what changed, so that nobody waits for a walk over all of them.
 *
 * Each pool thread has one, made when it is first asked for; owns copies of what it needs.
 */
#ifndef SERVER_API_BOARD_H
#define SERVER_API_BOARD_H

#include "server/store/store.h"

#define BOARD_RANKS     4
#define BOARD_HOURS_MAX 720u /* how far back it knows what came */
#define BOARD_ID_SIZE   40u

/* Of severities, from the least. */
extern const char *const board_ranks[BOARD_RANKS];

struct board_alert {
	char id[BOARD_ID_SIZE];
	uint64_t first_us, last_us;
	uint32_t host;
	int score;
	uint8_t rank;
	bool is_open;
	struct board_group *groups[3]; /* by enum board_sort; NULL: of none, or not open */
};

/* Open alerts that belong together; the worst of them stands for all. */
struct board_group {
	const struct board_alert *worst;
	int score; /* the highest */
	uint64_t alerts, hosts, last_us;
	/* the board's own */
	uint64_t turn; /* of the last count it was in */
	size_t members;
	unsigned sort;
	size_t key_len;
	uint8_t key[];
};

enum board_sort { BOARD_CAUSES, BOARD_DAEMONS, BOARD_HOSTS };

/* The worst first. */
struct board_list {
	struct board_group **groups; /* free() */
	size_t len;
};

struct board;
struct board *board_new(const struct store_backend *backend, struct reader *reader);
void board_free(struct board *b);
/* Takes over what changed since the last time, or reads all.  0 or -errno. */
DS_MUST_CHECK int board_refresh(struct board *b, uint64_t now_us);
/* Sums up what refresh left, calls `each` (may be NULL) for every alert that is known. */
void board_count(struct board *b, void (*each)(const struct board_alert *a, void *ctx), void *ctx);
/* After board_count(): valid until the next refresh. */
DS_MUST_CHECK int board_arrange(struct board *b, enum board_sort sort, struct board_list *ret);

#endif
