/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evidence_keep - the fusion's calibrations go to the store, and come back. */
#include "lib/map.h"
#include "server/detect/evidence_pool.h"
#include "server/detect/turn.h"
#include "server/model/pack.h"

#include <stdio.h>
#include <string.h>

#define ROW_MAX  (1u << 20)
#define NAME     "evidence"
#define NAME_CAL "calibration\t"

/* The key of a calibrator has a zero between model and class; a name has a tab. */
static int
save_calibrator(const void *key, size_t len, void *value, void *ctx)
{
	char name[64 + CLASS_MAX + 32];
	struct ds_buf data;
	size_t word = strlen(NAME_CAL);
	int r;

	memcpy(name, NAME_CAL, word);
	memcpy(name + word, key, len);
	name[word + strlen(key)] = '\t';
	name[word + len] = '\0';
	ds_buf_init(&data, ROW_MAX);
	r = pack_version(&data);
	if (r == 0)
		r = pack_conformal(&data, value);
	if (r == 0)
		r = verdict_put_state(ctx, 0, name, &data);
	ds_buf_done(&data);
	return r;
}

int
evidence_save(const struct evidence_pool *pool, struct verdict *v)
{
	const uint64_t counts[] = { pool->tests, pool->alarms, pool->decisive, pool->censored };
	struct ds_buf data;
	int r;

	ds_buf_init(&data, ROW_MAX);
	r = pack_version(&data);
	if (r == 0)
		r = pack_double(&data, pool->host_us);
	for (size_t i = 0; r == 0 && i < DS_LEN(counts); i++)
		r = ds_buf_put_varint(&data, counts[i]);
	for (size_t i = 0; r == 0 && i < DS_LEN(pool->layer); i++)
		r = pack_conformal(&data, &pool->layer[i]);
	if (r == 0)
		r = verdict_put_state(v, 0, NAME, &data);
	ds_buf_done(&data);
	return r < 0 ? r : ds_map_each(pool->calibrators, save_calibrator, v);
}

static int
restore_calibrator(struct evidence_pool *pool, const char *name, struct ds_buf *data)
{
	const char *tab = strchr(name, '\t');
	struct conformal c, *to;
	char model[64];
	int r = unpack_conformal(data, &c);

	if (r < 0 || tab == NULL || (size_t)(tab - name) >= sizeof(model))
		return r;
	memcpy(model, name, (size_t)(tab - name));
	model[tab - name] = '\0';
	to = evidence_calibrator(pool, model, tab + 1, true);
	if (to != NULL)
		*to = c;
	return 0;
}

int
evidence_restore(struct evidence_pool *pool, const char *name, const void *bytes, size_t size)
{
	uint64_t counts[4];
	struct conformal layer[2];
	struct ds_buf data;
	double host_us;
	int r;

	ds_buf_view(&data, bytes, size);
	r = unpack_version(&data);
	if (r == 0 && strncmp(name, NAME_CAL, strlen(NAME_CAL)) == 0)
		return restore_calibrator(pool, name + strlen(NAME_CAL), &data);
	if (r < 0 || strcmp(name, NAME) != 0)
		return r;
	r = unpack_double(&data, &host_us);
	for (size_t i = 0; r == 0 && i < DS_LEN(counts); i++)
		r = ds_buf_get_varint(&data, &counts[i]);
	for (size_t i = 0; r == 0 && i < DS_LEN(layer); i++)
		r = unpack_conformal(&data, &layer[i]);
	if (r < 0)
		return r;
	pool->host_us = host_us > 0 ? host_us : 0;
	pool->tests = counts[0];
	pool->alarms = counts[1];
	pool->decisive = counts[2];
	pool->censored = counts[3];
	memcpy(pool->layer, layer, sizeof(layer));
	return 0;
}
