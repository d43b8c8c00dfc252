/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * authority - the agents' certificate authority, and the hand-over to another one.
 *
 * On the pool's threads; owns nothing.
 */
#include "server/api/routes.h"
#include "server/ingest/ingest.h"
#include "server/ingest/pki.h"

#include <errno.h>
#include <stdio.h>

static void
put_pin(struct ds_json *j, const char *key, const uint8_t pin[32])
{
	char text[65];

	for (unsigned i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", pin[i]);
	ds_json_put_string(j, key, text);
}

static void
put_state(struct call *c)
{
	static const char *const phases[] = { "stable", "spreading", "switched" };
	struct authority_state a = { 0 };
	struct ds_json *j = &c->json;
	int r = c->cfg->ingest != NULL ? ingest_authority(c->cfg->ingest, c->worker->reader, &a)
				       : -ENOENT;

	if (r < 0) {
		call_error(c, r, "the authority cannot be read");
		return;
	}
	ds_json_object(j);
	ds_json_put_string(j, "phase", phases[a.phase]);
	put_pin(j, "current", a.current);
	ds_json_put_time(j, "expires", a.expires_us);
	if (a.phase != PKI_STABLE)
		put_pin(j, a.phase == PKI_SPREADING ? "next" : "old", a.other);
	ds_json_put_uint(j, "hosts", a.hosts);
	ds_json_put_uint(j, "trusting", a.trusting);
	ds_json_put_uint(j, "issued", a.issued);
	ds_json_end(j);
}

void
authority_show(struct call *c)
{
	put_state(c);
}

/* For the audit log only: the files are those of another thread. */
static int
write_nothing(const struct store_backend *backend, struct store *store, void *ctx)
{
	(void)backend;
	(void)store;
	(void)ctx;
	return 0;
}

void
authority_rotate(struct call *c)
{
	bool is_forced;
	int r;

	if (!call_flag(c, "force", false, &is_forced))
		return;
	r = c->cfg->ingest != NULL ? call_write(c, write_nothing, NULL) : -ENOENT;
	if (r == 0)
		r = ingest_rotate(c->cfg->ingest, is_forced);
	if (r < 0) {
		call_error(c, r, "the authority was not changed");
		return;
	}
	c->status = 202;
	put_state(c);
}
