/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/fleet/allow.h"

#include "lib/array.h"
#include "lib/label.h"

#include "server/detect/allowance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPLOYMENT_LATE_US (600 * 1000000ull) /* what a deployment did may be seen so late */

struct labelled {
	uint32_t number;
	char *labels;
};

struct making {
	struct allowances *made;
	struct labelled *hosts;
	size_t len, cap;
	uint64_t now_us;
};

static int
take_host(const struct host_row *row, void *ctx)
{
	struct making *m = ctx;
	struct labelled *grown;

	if (row->labels == NULL || row->labels[0] == '\0')
		return 0;
	grown = ds_array_grow(m->hosts, m->len, &m->cap, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	m->hosts = grown;
	m->hosts[m->len].number = row->number;
	m->hosts[m->len].labels = strdup(row->labels);
	return m->hosts[m->len].labels != NULL ? (m->len++, 0) : -ENOMEM;
}

static int
take_expectation(const struct expectation_row *row, void *ctx)
{
	struct making *m = ctx;
	int r = 0;

	if (row->undone_us != 0 || (row->expires_us != 0 && row->expires_us <= m->now_us) ||
	    strcmp(row->verdict, "true_positive") == 0)
		return 0;
	if (strcmp(row->scope, "label") != 0)
		r = allowances_expect(m->made, row->class, row->host, row->kind, row->key,
		    row->key_size, row->expires_us);
	for (size_t i = 0; strcmp(row->scope, "label") == 0 && r == 0 && i < m->len; i++)
		if (ds_label_has(m->hosts[i].labels, row->label))
			r = allowances_expect(m->made, row->class, m->hosts[i].number, row->kind,
			    row->key, row->key_size, row->expires_us);
	return r == -ENOSPC ? 0 : r;
}

static int
take_deployment(const struct deployment_row *row, void *ctx)
{
	struct making *m = ctx;
	uint64_t until_us =
	    row->ended_us != 0 && row->ended_us < row->until_us ? row->ended_us : row->until_us;
	int r = 0;

	if (until_us + DEPLOYMENT_LATE_US < m->now_us)
		return 0;
	if (row->label[0] == '\0')
		r = allowances_deploy(
		    m->made, row->number, row->daemon, row->host, row->begun_us, until_us);
	for (size_t i = 0; row->label[0] != '\0' && r == 0 && i < m->len; i++)
		if (ds_label_has(m->hosts[i].labels, row->label))
			r = allowances_deploy(m->made, row->number, row->daemon, m->hosts[i].number,
			    row->begun_us, until_us);
	return r == -ENOSPC ? 0 : r;
}

/* What nobody has looked at yet, and is about a daemon. */
static int
take_open(const struct alert_row *row, void *ctx)
{
	struct making *m = ctx;
	int r = 0;

	if (row->daemon != NULL && row->daemon[0] != '\0')
		r = allowances_taint(m->made, row->host, row->daemon);
	return r == -ENOSPC ? 0 : r;
}

int
allow_refresh(const struct fleet_config *cfg, struct ds_snapshot *to, uint64_t now_us)
{
	struct making m = { .made = allowances_new(), .now_us = now_us };
	const struct store_learning *learning = cfg->backend->learning;
	struct reader *reader = NULL;
	int r = m.made != NULL ? cfg->backend->reader_open(cfg->store, &reader) : -ENOMEM;

	if (r == 0)
		r = cfg->backend->each_host(reader, take_host, &m);
	if (r == 0)
		r = learning->each_expectation(reader, take_expectation, &m);
	if (r == 0)
		r = learning->each_deployment(reader, take_deployment, &m);
	if (r == 0)
		r = cfg->backend->each_alert_brief(reader, INT64_MAX, take_open, &m);
	if (reader != NULL)
		cfg->backend->reader_close(reader);
	for (size_t i = 0; i < m.len; i++)
		free(m.hosts[i].labels);
	free(m.hosts);
	if (r == 0) {
		allowances_sort(m.made);
		r = ds_snapshot_publish(to, m.made);
	}
	if (r < 0)
		allowances_free(m.made);
	return r;
}

struct ds_snapshot *
allow_snapshot(void)
{
	return ds_snapshot_new(allowances_free);
}

void
allow_len(struct ds_snapshot *from, size_t *ret_expected, size_t *ret_deployed)
{
	struct ds_version *v = ds_snapshot_acquire(from);

	allowances_len(v != NULL ? ds_version_value(v) : NULL, ret_expected, ret_deployed);
	ds_version_release(v);
}
