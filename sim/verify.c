/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify - is what was sent and acknowledged what the server has?
 *
 * Called by main.c.  Reads the server's store, host by host in the order of its segments; counts
 * and checksums are compared for each host, daemon and kind.
 */
#include "sim/verify.h"

#include "lib/json.h"
#include "lib/log.h"
#include "lib/tls.h"
#include "lib/zip.h"
#include "sim/manifest.h"
#include "sim/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIFFERENCES_SHOWN 20u
#define HOSTS_MAX         1000000u

struct stored_host {
	uint8_t id[DS_HOST_ID_SIZE];
	bool is_known;
	struct tally tally;
};

struct verify {
	struct manifest sent;
	struct stored_host *hosts; /* by the store's number */
	size_t hosts_len;
	uint64_t hosts_compared, events_sent, events_stored, segments, differences, unacked;
};

static int
on_host(uint32_t number, const uint8_t *id, const char *name, void *ctx)
{
	struct verify *v = ctx;
	struct stored_host *hosts;

	(void)name;
	if (number >= HOSTS_MAX)
		return -EFBIG;
	if (number >= v->hosts_len) {
		hosts = realloc(v->hosts, (number + 1) * sizeof(*hosts));
		if (hosts == NULL)
			return -ENOMEM;
		for (size_t i = v->hosts_len; i <= number; i++)
			hosts[i] = (struct stored_host){ 0 };
		v->hosts = hosts;
		v->hosts_len = number + 1;
	}
	memcpy(v->hosts[number].id, id, DS_HOST_ID_SIZE);
	v->hosts[number].is_known = true;
	return 0;
}

static int
store_read(struct verify *v, struct recording *rec)
{
	struct ds_batch *scratch = ds_batch_new();
	struct recorded one;
	int r = scratch != NULL ? recording_each_host(rec, on_host, v) : -ENOMEM;

	while (r == 0 && (r = recording_next(rec, &one)) == 1) {
		v->segments++;
		r = one.host < v->hosts_len
			? tally_add_batch(&v->hosts[one.host].tally, scratch, one.packed, one.size)
			: -EBADMSG;
	}
	ds_batch_free(scratch);
	return r;
}

static void
differ(
    struct verify *v, uint32_t number, const struct tally_row *row, const struct tally_row *stored)
{
	if (++v->differences > DIFFERENCES_SHOWN)
		return;
	ds_log(ERROR, "not what was sent",
	    "host=%" PRIu32 " daemon=\"%s\" kind=%s sent=%" PRIu64 " stored=%" PRIu64
	    " checksum=%s",
	    number, row->daemon, ds_kind_table[row->kind].symbol, row->events,
	    stored != NULL ? stored->events : 0,
	    stored != NULL && stored->checksum == row->checksum ? "same" : "differs");
}

static void
host_compare(struct verify *v, const struct manifest_host *sent, const struct tally *stored)
{
	static const struct tally_row none;

	v->hosts_compared++;
	v->events_sent += tally_events(&sent->acked);
	v->events_stored += tally_events(stored);
	v->unacked += sent->unacked;
	for (size_t i = 0; i < sent->acked.len; i++) {
		const struct tally_row *row = &sent->acked.rows[i];
		const struct tally_row *other = tally_find(stored, row->daemon, row->kind);

		if (other == NULL || other->events != row->events || other->count != row->count ||
		    other->checksum != row->checksum)
			differ(v, sent->number, row, other);
	}
	for (size_t i = 0; i < stored->len; i++) {
		struct tally_row row = none;

		if (tally_find(&sent->acked, stored->rows[i].daemon, stored->rows[i].kind) != NULL)
			continue;
		memcpy(row.daemon, stored->rows[i].daemon, sizeof(row.daemon));
		row.kind = stored->rows[i].kind;
		differ(v, sent->number, &row, &stored->rows[i]);
	}
}

static void
compare(struct verify *v)
{
	static const struct tally nothing;

	for (size_t i = 0; i < v->sent.len; i++) {
		const struct tally *stored = &nothing;

		for (size_t k = 0; k < v->hosts_len; k++)
			if (v->hosts[k].is_known &&
			    memcmp(v->hosts[k].id, v->sent.hosts[i].id, DS_HOST_ID_SIZE) == 0)
				stored = &v->hosts[k].tally;
		host_compare(v, &v->sent.hosts[i], stored);
	}
}

static int
summary_print(const struct verify *v, bool is_json)
{
	struct ds_json j;
	struct ds_buf b;
	int r;

	if (!is_json) {
		printf("%s: %" PRIu64 " hosts, %" PRIu64 " events sent and acknowledged, %" PRIu64
		       " stored, %" PRIu64 " differences\n",
		    v->differences == 0 ? "the same" : "NOT the same", v->hosts_compared,
		    v->events_sent, v->events_stored, v->differences);
		return 0;
	}
	ds_buf_init(&b, 4096);
	ds_json_init(&j, &b);
	ds_json_object(&j);
	ds_json_put_bool(&j, "same", v->differences == 0);
	ds_json_put_uint(&j, "hosts", v->hosts_compared);
	ds_json_put_uint(&j, "events_sent", v->events_sent);
	ds_json_put_uint(&j, "events_stored", v->events_stored);
	ds_json_put_uint(&j, "events_unacked", v->unacked);
	ds_json_put_uint(&j, "segments", v->segments);
	ds_json_put_uint(&j, "differences", v->differences);
	ds_json_end(&j);
	r = ds_json_done(&j);
	if (r == 0)
		printf("%.*s\n", (int)b.len, (const char *)b.data);
	ds_buf_done(&b);
	return r;
}

int
verify_run(const char *state_dir, const char *store_dir, bool is_json)
{
	struct verify v = { 0 };
	struct recording *rec = NULL;
	int r = manifest_load(state_dir, &v.sent);

	if (r == 0 && v.sent.len == 0)
		r = -ENODATA;
	if (r < 0)
		ds_log(ERROR, "no record of what was sent", "dir=\"%s\" error=\"%s\"", state_dir,
		    strerror(-r));
	if (r == 0) {
		rec = recording_open(store_dir);
		r = rec != NULL ? store_read(&v, rec) : -ENOENT;
		if (r < 0)
			ds_log(ERROR, "cannot read the store", "dir=\"%s\" error=\"%s\"", store_dir,
			    strerror(-r));
	}
	if (r == 0) {
		compare(&v);
		r = summary_print(&v, is_json);
	}
	recording_close(rec);
	manifest_done(&v.sent);
	for (size_t i = 0; i < v.hosts_len; i++)
		tally_done(&v.hosts[i].tally);
	free(v.hosts);
	ds_zip_thread_done();
	return r < 0 ? r : v.differences > 0;
}
