/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manifest - reads and writes sent.tsv of a state directory; before and after a run. */
#include "sim/manifest.h"

#include "lib/file.h"
#include "lib/tls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX   (512u << 20)
#define DAEMON_FMT "%255[^\t]"

void
manifest_done(struct manifest *m)
{
	for (size_t i = 0; i < m->len; i++)
		tally_done(&m->hosts[i].acked);
	free(m->hosts);
	*m = (struct manifest){ 0 };
}

/* Hosts are few or come in order: the last one is nearly always the one. */
struct manifest_host *
manifest_host_get(struct manifest *m, uint32_t number)
{
	struct manifest_host *hosts;

	for (size_t i = m->len; i > 0; i--)
		if (m->hosts[i - 1].number == number)
			return &m->hosts[i - 1];
	hosts = realloc(m->hosts, (m->len + 1) * sizeof(*hosts));
	if (hosts == NULL)
		return NULL;
	m->hosts = hosts;
	m->hosts[m->len] = (struct manifest_host){ .number = number };
	return &m->hosts[m->len++];
}

static int
host_parse(const char *line, struct manifest *m)
{
	struct manifest_host h = { 0 }, *at;
	char uuid[37];

	if (sscanf(line, "host\t%" SCNu32 "\t%36s\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64,
		&h.number, uuid, &h.epoch, &h.last_seq[0], &h.last_seq[1], &h.unacked) != 6 ||
	    ds_host_id_parse(uuid, h.id) < 0)
		return -EBADMSG;
	at = manifest_host_get(m, h.number);
	if (at == NULL)
		return -ENOMEM;
	*at = h;
	return 0;
}

static int
row_parse(const char *line, struct manifest *m)
{
	struct tally_row row = { 0 };
	struct manifest_host *h;
	uint32_t number;
	unsigned kind;

	/* A daemon without a name is written as "-". */
	if (sscanf(line, "row\t%" SCNu32 "\t" DAEMON_FMT "\t%u\t%" SCNu64 "\t%" SCNu64 "\t%" SCNx64,
		&number, row.daemon, &kind, &row.events, &row.count, &row.checksum) != 6 ||
	    kind >= DS_EVENT_MAX)
		return -EBADMSG;
	row.kind = (uint8_t)kind;
	if (strcmp(row.daemon, "-") == 0)
		row.daemon[0] = '\0';
	h = manifest_host_get(m, number);
	return h == NULL ? -ENOMEM : tally_add_row(&h->acked, &row);
}

static void
path_make(const char *state_dir, char ret[600])
{
	snprintf(ret, 600, "%s/sent.tsv", state_dir);
}

int
manifest_load(const char *state_dir, struct manifest *ret)
{
	char path[600], *text, *line, *next;
	size_t size;
	int r;

	*ret = (struct manifest){ 0 };
	path_make(state_dir, path);
	r = ds_file_read(path, FILE_MAX, &text, &size);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (line = text; r == 0 && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next == NULL)
			break;
		*next++ = '\0';
		r = strncmp(line, "host\t", 5) == 0 ? host_parse(line, ret) : row_parse(line, ret);
	}
	free(text);
	if (r < 0)
		manifest_done(ret);
	return r;
}

static int DS_PRINTF(2, 3) line_put(struct ds_buf *b, const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	return n < 0 || (size_t)n >= sizeof(line) ? -EINVAL : ds_buf_put(b, line, (size_t)n);
}

static int
host_put(struct ds_buf *b, const struct manifest_host *h)
{
	char uuid[37];
	int r;

	ds_host_id_format(h->id, uuid);
	r = line_put(b,
	    "host\t%" PRIu32 "\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
	    h->number, uuid, h->epoch, h->last_seq[0], h->last_seq[1], h->unacked);
	for (size_t i = 0; i < h->acked.len && r == 0; i++) {
		const struct tally_row *row = &h->acked.rows[i];

		r = line_put(b, "row\t%" PRIu32 "\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\t%" PRIx64 "\n",
		    h->number, row->daemon[0] ? row->daemon : "-", row->kind, row->events,
		    row->count, row->checksum);
	}
	return r;
}

int
manifest_save(const char *state_dir, const struct manifest *m)
{
	struct ds_buf b;
	char path[600];
	int r = 0;

	ds_buf_init(&b, FILE_MAX);
	for (size_t i = 0; i < m->len && r == 0; i++)
		r = host_put(&b, &m->hosts[i]);
	path_make(state_dir, path);
	if (r == 0)
		r = ds_file_replace(path, b.data, b.len, 0600);
	ds_buf_done(&b);
	return r;
}
