/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook - CloudEvents 1.0 (structured JSON) to any HTTP service, signed.
 *
 * With secret_file: X-DaemonSec-Signature-256: t=SECONDS,v1=HEX, where HEX is HMAC-SHA256 with the
 * secret over "SECONDS." and the body: a receiver refuses what is old, and what it had already by
 * its id.
 */
#include "server/notify/json_body.h"
#include "server/notify/message.h"

#include "lib/clock.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

static int
sign(struct channel_request *r, const char *secret, uint64_t now_s)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char text[160];
	struct ds_buf data;
	unsigned len = 0;
	int n, result;

	ds_buf_init(&data, CHANNEL_TEXT_MAX + 64);
	n = snprintf(text, sizeof(text), "%llu.", (unsigned long long)now_s);
	result = ds_buf_put(&data, text, (size_t)n);
	if (result == 0)
		result = ds_buf_put(&data, r->body.data, r->body.len);
	if (result == 0 &&
	    HMAC(EVP_sha256(), secret, (int)strlen(secret), data.data, data.len, mac, &len) == NULL)
		result = -ENOMEM;
	ds_buf_done(&data);
	if (result < 0)
		return result;
	n = snprintf(text, sizeof(text), "t=%llu,v1=", (unsigned long long)now_s);
	for (unsigned i = 0; i < len && (size_t)n + 3 < sizeof(text); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", mac[i]);
	return channel_header(r, "X-DaemonSec-Signature-256", text);
}

static int
build(
    const struct channel_config *cfg, const struct channel_message *m, struct channel_request *ret)
{
	const char *alert = message_text(json_object_get(m->body, "alert"), "id");
	char time[32], type[64], id[64];
	int r;

	snprintf(ret->url, sizeof(ret->url), "%s", cfg->url);
	snprintf(type, sizeof(type), "org.daemonsec.alert.%.30s", m->event);
	snprintf(id, sizeof(id), "%.20s-%llu", m->channel, (unsigned long long)m->number);
	ds_clock_format(m->created_us, time, sizeof(time));
	r = json_body(ret, "application/cloudevents+json; charset=utf-8",
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "specversion", "1.0", "id", id,
		"source", *m->link ? m->link : "daemonsec", "type", type, "subject",
		*alert ? alert : m->event, "time", time, "datacontenttype", "application/json",
		"data", m->body));
	if (r == 0 && *m->secret)
		r = sign(ret, m->secret, ds_clock_wall_us() / 1000000);
	return r;
}

const struct channel_kind channel_webhook = { "webhook", build, NULL };
