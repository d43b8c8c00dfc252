/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * search - finds stored events: asks the index for segments that may have some, inflates their
 * dictionaries, and their columns only where the dictionary does not rule the query out.
 *
 * Used on a thread with a reader of its own; bounded in time and bytes, and says how much it read.
 */
#ifndef SERVER_API_SEARCH_H
#define SERVER_API_SEARCH_H

#include "server/api/query.h"
#include "server/store/store.h"

#define SEARCH_CURSOR_MAX 80 /* bytes of a cursor as text, with the NUL */

/* Between two events of a segment. */
struct search_cursor {
	struct segment_position at;
	uint32_t index; /* how many of its events are left; 0: the segment is done */
};

/* The hosts, for names of events' hosts; kept by each thread and renewed now and then. */
struct search_hosts;

struct search_hit {
	const struct ds_event *event;
	const char *host_id, *host_name;
	uint64_t received_us;
};

struct search {
	const struct query *query;
	uint64_t time_min_us, time_max_us;                    /* both included; 0: open */
	unsigned limit;                                       /* events */
	bool oldest_first;                                    /* for followers */
	bool skip_compacted;                                  /* what a follower was shown before */
	struct search_cursor after;                           /* zero: from the start */
	uint64_t deadline_ms;                                 /* monotonic; 0: none */
	uint64_t bytes_max;                                   /* packed bytes read; 0: any */
	bool (*is_cancelled)(void *ctx);                      /* NULL: never */
	int (*call)(void *ctx, const struct search_hit *hit); /* other than 0 ends the search */
	void *ctx;
};

struct search_result {
	struct search_cursor next; /* where to go on */
	bool complete;             /* there is nothing behind it */
	const char *stopped;       /* why not: limit, time, bytes, cancelled */
	unsigned found;
	uint64_t damaged; /* segments that could not be read */
	struct scan_stats stats;
};

struct searcher; /* what a thread needs to search, reused */
struct searcher *searcher_new(const struct store_backend *backend, struct reader *reader);
void searcher_free(struct searcher *s);
/* 0, -ENOMEM, what the reader or the callback returned. */
DS_MUST_CHECK int searcher_run(
    struct searcher *s, const struct search *what, struct search_result *ret);
/* The newest segment's position, for followers; zero when there is none. */
DS_MUST_CHECK int searcher_newest(struct searcher *s, struct segment_position *ret);
/* A host's id and name by its number; NULL when it is not known. */
const struct query_host *searcher_host(struct searcher *s, uint32_t number);
/* Its number by id or name; 0 when there is none. */
uint32_t searcher_find_host(struct searcher *s, const char *id_or_name);

void search_cursor_format(const struct search_cursor *c, char *ret, size_t size);
DS_MUST_CHECK int search_cursor_parse(const char *text, struct search_cursor *ret);

#endif
