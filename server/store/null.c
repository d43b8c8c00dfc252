/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * null - the backend that discards: it takes everything and answers that there is nothing.
 *
 * For measuring what storage costs, and as the smallest reading of the contract.  Only what the
 * writer itself must be told (numbers of hosts, cursors) is remembered, on the writer's thread,
 * until it is closed; readers see an empty store.
 */
#include "lib/map.h"
#include "server/store/backends.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HOSTS_MAX (1u << 20)

struct store {
	struct ds_map *hosts;   /* id -> number as a pointer */
	struct ds_map *cursors; /* host and lane -> struct ds_cursor */
};

struct reader {
	int unused;
};

static void
null_close(struct store *s)
{
	if (!s)
		return;
	ds_map_free(s->hosts, NULL);
	ds_map_free(s->cursors, free);
	free(s);
}

static int
null_open(const struct store_config *cfg, struct store **ret, char *ret_why, size_t why_size)
{
	struct store *s = calloc(1, sizeof(*s));

	(void)cfg;
	snprintf(ret_why, why_size, "no memory");
	if (!s)
		return -ENOMEM;
	s->hosts = ds_map_new(HOSTS_MAX);
	s->cursors = ds_map_new(HOSTS_MAX * DS_LANES);
	if (!s->hosts || !s->cursors) {
		null_close(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

static int
null_begin(struct store *s)
{
	(void)s;
	return 0;
}

static void
null_rollback(struct store *s)
{
	(void)s;
}

static int
null_unmark(struct store *s, bool keep)
{
	(void)s;
	(void)keep;
	return 0;
}

static int
null_host_put(struct store *s, struct host_row *row)
{
	void *known = ds_map_get(s->hosts, row->id, sizeof(row->id));
	int r;

	if (!known) {
		known = (void *)(uintptr_t)(ds_map_len(s->hosts) + 1);
		r = ds_map_put(s->hosts, row->id, sizeof(row->id), known, NULL);
		if (r < 0)
			return r;
	}
	row->number = (uint32_t)(uintptr_t)known;
	return 0;
}

static int
null_host_update(struct store *s, const struct host_row *row)
{
	(void)s;
	(void)row;
	return 0;
}

static int
null_host_decide(struct store *s, const uint8_t id[DS_HOST_ID_SIZE], int status, const char *labels)
{
	(void)s;
	(void)id;
	(void)status;
	(void)labels;
	return 0;
}

static int
null_host_email(struct store *s, const uint8_t id[DS_HOST_ID_SIZE], const char *email)
{
	(void)s;
	(void)id;
	(void)email;
	return 0;
}

static int
null_token_put(struct store *s, const struct token_row *row)
{
	(void)s;
	(void)row;
	return 0;
}

static int
null_token_use(struct store *s, const char *id, const uint8_t secret_hash[32], const char *peer,
    uint64_t now_us, struct token_row *ret)
{
	(void)s;
	(void)id;
	(void)secret_hash;
	(void)peer;
	(void)now_us;
	(void)ret;
	return -ENOENT;
}

static int
null_daemon_put(struct store *s, const struct daemon_row *row)
{
	(void)s;
	(void)row;
	return 0;
}

static int
null_daemon_delete(struct store *s, uint32_t host, const char *name)
{
	(void)s;
	(void)host;
	(void)name;
	return 0;
}

static int
null_profile_put(struct store *s, const struct profile_row *row)
{
	(void)s;
	(void)row;
	return 0;
}

static int
null_profile_delete(struct store *s, uint32_t host, const char *daemon)
{
	(void)s;
	(void)host;
	(void)daemon;
	return 0;
}

static int
null_finding_put(struct store *s, const struct finding_row *row)
{
	(void)s;
	(void)row;
	return 1;
}

static int
null_alert_put(struct store *s, const struct alert_row *row)
{
	(void)s;
	(void)row;
	return 0;
}

static int
null_alert_by_key(struct store *s, const char *key,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	(void)s;
	(void)key;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_setting_put(struct store *s, const struct setting_row *row)
{
	(void)s;
	(void)row;
	return 0;
}

static uint64_t
cursor_key(uint32_t host, uint8_t lane)
{
	return (uint64_t)host << 8 | lane;
}

static int
null_cursor_get(struct store *s, uint32_t host, uint8_t lane, struct ds_cursor *ret)
{
	uint64_t key = cursor_key(host, lane);
	const struct ds_cursor *c = ds_map_get(s->cursors, &key, sizeof(key));

	*ret = c ? *c : (struct ds_cursor){ 0 };
	return 0;
}

static int
null_segment_put(struct store *s, const struct segment_row *row)
{
	uint64_t key = cursor_key(row->host, row->lane);
	struct ds_cursor *c = ds_map_get(s->cursors, &key, sizeof(key));
	int r;

	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		r = ds_map_put(s->cursors, &key, sizeof(key), c, NULL);
		if (r < 0) {
			free(c);
			return r;
		}
	}
	if (c->epoch == row->epoch && c->seq >= row->seq)
		return 0;
	*c = (struct ds_cursor){ row->epoch, row->seq };
	return 1;
}

static int
null_maintain(struct store *s, uint64_t now_us, unsigned budget_ms)
{
	(void)s;
	(void)now_us;
	(void)budget_ms;
	return 0;
}

static int
null_reader_open(const struct store_config *cfg, struct reader **ret)
{
	struct reader *r = calloc(1, sizeof(*r));

	(void)cfg;
	if (!r)
		return -ENOMEM;
	*ret = r;
	return 0;
}

static void
null_reader_close(struct reader *r)
{
	free(r);
}

static int
null_host_get(struct reader *r, const uint8_t id[DS_HOST_ID_SIZE],
    int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)id;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_host_like(struct reader *r, const uint8_t pin[32], const char *machine_id,
    int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)pin;
	(void)machine_id;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_host(struct reader *r, int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_token(struct reader *r, int (*call)(const struct token_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_daemon(struct reader *r, uint32_t host,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)host;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_profile(struct reader *r, uint32_t host, const char *daemon,
    int (*call)(const struct profile_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)host;
	(void)daemon;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_alert(struct reader *r, const char *status, const char *before_id, unsigned limit,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)status;
	(void)before_id;
	(void)limit;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_host_after(
    struct reader *r, uint32_t after, int (*call)(const struct host_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)after;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_daemon_after(struct reader *r, uint64_t after,
    int (*call)(const struct daemon_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)after;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_has_change(struct reader *r, const char *topic, uint64_t after, uint64_t *ret_newest)
{
	(void)r;
	(void)topic;
	(void)after;
	*ret_newest = 0;
	return 1;
}

static int
null_fleet_counts(struct reader *r, struct fleet_counts *ret)
{
	(void)r;
	*ret = (struct fleet_counts){ 0 };
	return 0;
}

static int
null_each_alert_brief(struct reader *r, uint64_t since_us,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)since_us;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_alert_get(struct reader *r, const char *id,
    int (*call)(const struct alert_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)id;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_each_finding(struct reader *r, const char *alert_id,
    int (*call)(const struct finding_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)alert_id;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_setting_get(struct reader *r, const char *key, char *ret, size_t size)
{
	(void)r;
	(void)key;
	(void)ret;
	(void)size;
	return -ENOENT;
}

static int
null_reader_cursor(struct reader *r, uint32_t host, uint8_t lane, struct ds_cursor *ret)
{
	(void)r;
	(void)host;
	(void)lane;
	*ret = (struct ds_cursor){ 0 };
	return 0;
}

static int
null_each_segment(struct reader *r, const struct segment_filter *f,
    int (*call)(const struct segment_row *row, const struct segment_position *at, void *ctx),
    void *ctx, struct scan_stats *stats)
{
	(void)r;
	(void)f;
	(void)call;
	(void)ctx;
	(void)stats;
	return 0;
}

static int
null_totals(struct reader *r, struct store_totals *ret)
{
	(void)r;
	*ret = (struct store_totals){ 0 };
	return 0;
}

static int
null_each_change(struct reader *r, uint64_t after, unsigned limit,
    int (*call)(const struct change_row *row, void *ctx), void *ctx)
{
	(void)r;
	(void)after;
	(void)limit;
	(void)call;
	(void)ctx;
	return 0;
}

static int
null_change_span(struct reader *r, uint64_t *ret_oldest, uint64_t *ret_newest)
{
	(void)r;
	*ret_oldest = *ret_newest = 0;
	return 0;
}

const struct store_backend store_null = {
	.name = "null",
	.access = &access_null,
	.messages = &messages_null,
	.open = null_open,
	.close = null_close,
	.begin = null_begin,
	.commit_control = null_begin,
	.commit = null_begin,
	.rollback = null_rollback,
	.mark = null_begin,
	.unmark = null_unmark,
	.host_put = null_host_put,
	.host_update = null_host_update,
	.host_decide = null_host_decide,
	.host_email = null_host_email,
	.token_put = null_token_put,
	.token_use = null_token_use,
	.daemon_put = null_daemon_put,
	.daemon_delete = null_daemon_delete,
	.profile_put = null_profile_put,
	.profile_delete = null_profile_delete,
	.finding_put = null_finding_put,
	.alert_put = null_alert_put,
	.alert_by_key = null_alert_by_key,
	.setting_put = null_setting_put,
	.segment_put = null_segment_put,
	.cursor_get = null_cursor_get,
	.maintain = null_maintain,
	.reader_open = null_reader_open,
	.reader_close = null_reader_close,
	.host_get = null_host_get,
	.each_host_like = null_each_host_like,
	.each_host = null_each_host,
	.each_token = null_each_token,
	.each_daemon = null_each_daemon,
	.each_profile = null_each_profile,
	.each_alert = null_each_alert,
	.each_alert_brief = null_each_alert_brief,
	.each_host_after = null_each_host_after,
	.each_daemon_after = null_each_daemon_after,
	.fleet_counts = null_fleet_counts,
	.has_change = null_has_change,
	.alert_get = null_alert_get,
	.each_finding = null_each_finding,
	.setting_get = null_setting_get,
	.each_change = null_each_change,
	.change_span = null_change_span,
	.reader_cursor = null_reader_cursor,
	.each_segment = null_each_segment,
	.totals = null_totals,
	.reactions = &store_null_reactions,
	.model_state = &store_null_model_state,
	.identity = &store_null_identity,
	.learning = &store_null_learning,
	.hooks = &store_null_hooks,
	.models = &store_null_models,
	.versions = &store_null_profile_versions,
	.lists = &store_null_lists,
};
