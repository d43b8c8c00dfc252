/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire - frames, and messages of tagged fields; schema/wire.md is the contract.
 *
 * Called by agent and server on whichever thread owns the connection.  Owns nothing.
 */
#include "lib/wire.h"
#include "lib/message.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* ---- frames */

int
ds_frame_put(struct ds_buf *b, uint8_t type, uint8_t flags, const void *payload, size_t size)
{
	const uint8_t header[DS_FRAME_HEADER] = { 'D', 'S', DS_WIRE_VERSION, type, flags, 0, 0, 0,
		(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };
	int r;

	if (size > DS_FRAME_PAYLOAD_MAX)
		return -EFBIG;
	r = ds_buf_reserve(b, sizeof(header) + size);
	if (r < 0)
		return r;
	r = ds_buf_put(b, header, sizeof(header));
	if (r < 0)
		return r;
	return ds_buf_put(b, payload, size);
}

/* As early as the first byte: a peer that speaks something else is not waited for. */
static int
check_start(const uint8_t *p, size_t left)
{
	if ((left > 0 && p[0] != 'D') || (left > 1 && p[1] != 'S'))
		return -EBADMSG;
	if (left > 2 && p[2] != DS_WIRE_VERSION)
		return -EPROTONOSUPPORT;
	return 0;
}

int
ds_frame_get(struct ds_buf *b, struct ds_frame *ret, size_t *ret_need)
{
	const uint8_t *p = b->data + b->pos;
	size_t left = ds_buf_left(b), size;
	int r = check_start(p, left);

	*ret_need = 0;
	if (r < 0)
		return r;
	if (left < DS_FRAME_HEADER)
		return 0;
	size = ds_u32_at(p + 8);
	if (size > DS_FRAME_PAYLOAD_MAX)
		return -EFBIG;
	if (left - DS_FRAME_HEADER < size) {
		*ret_need = DS_FRAME_HEADER + size;
		return 0;
	}
	*ret = (struct ds_frame){ p[3], p[4], p + DS_FRAME_HEADER, size };
	b->pos += DS_FRAME_HEADER + size;
	return 1;
}

/* ---- messages */

static const struct ds_message_field hello_fields[] = {
	{ DS_FIELD_NUM(1, DS_MESSAGE_U32, ds_hello, version_min) },
	{ DS_FIELD_NUM(2, DS_MESSAGE_U32, ds_hello, version_max) },
	{ DS_FIELD_NUM(3, DS_MESSAGE_U64, ds_hello, epoch) },
	{ DS_FIELD_NUM(4, DS_MESSAGE_U64, ds_hello, boot_time_us) },
	{ DS_FIELD_NUM(5, DS_MESSAGE_U64, ds_hello, now_us) },
	{ DS_FIELD_TEXT(6, ds_hello, agent_version) },
	{ DS_FIELD_TEXT(7, ds_hello, hostname) },
	{ DS_FIELD_TEXT(8, ds_hello, os) },
	{ DS_FIELD_TEXT(9, ds_hello, kernel) },
	{ DS_FIELD_TEXT(10, ds_hello, arch) },
	{ DS_FIELD_TEXT(11, ds_hello, machine_id) },
	{ DS_FIELD_TEXT(12, ds_hello, boot_id) },
	{ DS_FIELD_TEXT(13, ds_hello, sensors) },
	{ DS_FIELD_TEXT(14, ds_hello, labels) },
	{ DS_FIELD_NUM(15, DS_MESSAGE_U64, ds_hello, generation) },
	{ DS_FIELD_ARRAY(16, DS_MESSAGE_FIXED, ds_hello, before) },
	{ DS_FIELD_ARRAY(17, DS_MESSAGE_FIXED, ds_hello, trusts) },
	{ DS_FIELD_TEXT(18, ds_hello, alert_email) },
};
static const struct ds_message hello_message = { hello_fields, DS_LEN(hello_fields) };

static const struct ds_message_field welcome_fields[] = {
	{ DS_FIELD_NUM(1, DS_MESSAGE_U32, ds_welcome, version) },
	{ DS_FIELD_NUM(2, DS_MESSAGE_U64, ds_welcome, now_us) },
	{ DS_FIELD_NUM(3, DS_MESSAGE_U32, ds_welcome, ping_s) },
	{ DS_FIELD_NUM(4, DS_MESSAGE_U32, ds_welcome, batch_max) },
	{ DS_FIELD_NUM(5, DS_MESSAGE_U64, ds_welcome, cursor[DS_LANE_URGENT].epoch) },
	{ DS_FIELD_NUM(6, DS_MESSAGE_U64, ds_welcome, cursor[DS_LANE_URGENT].seq) },
	{ DS_FIELD_NUM(7, DS_MESSAGE_U64, ds_welcome, cursor[DS_LANE_BULK].epoch) },
	{ DS_FIELD_NUM(8, DS_MESSAGE_U64, ds_welcome, cursor[DS_LANE_BULK].seq) },
	{ DS_FIELD_TEXT(9, ds_welcome, server_version) },
	{ DS_FIELD_NUM(10, DS_MESSAGE_U64, ds_welcome, renew_after_us) },
};
static const struct ds_message welcome_message = { welcome_fields, DS_LEN(welcome_fields) };

static const struct ds_message_field batch_fields[] = {
	{ DS_FIELD_NUM(1, DS_MESSAGE_U8, ds_batch_frame, lane) },
	{ DS_FIELD_NUM(2, DS_MESSAGE_U64, ds_batch_frame, epoch) },
	{ DS_FIELD_NUM(3, DS_MESSAGE_U64, ds_batch_frame, seq) },
	{ DS_FIELD_BYTES(4, ds_batch_frame, packed, size) },
};
static const struct ds_message batch_message = { batch_fields, DS_LEN(batch_fields) };

static const struct ds_message_field ack_fields[] = {
	{ DS_FIELD_NUM(1, DS_MESSAGE_U8, ds_ack, lane) },
	{ DS_FIELD_NUM(2, DS_MESSAGE_U64, ds_ack, epoch) },
	{ DS_FIELD_NUM(3, DS_MESSAGE_U64, ds_ack, seq) },
};
static const struct ds_message ack_message = { ack_fields, DS_LEN(ack_fields) };

static const struct ds_message_field error_fields[] = {
	{ DS_FIELD_NUM(1, DS_MESSAGE_U32, ds_error, code) },
	{ DS_FIELD_NUM(2, DS_MESSAGE_U32, ds_error, retry_after_s) },
	{ DS_FIELD_TEXT(3, ds_error, text) },
};
static const struct ds_message error_message = { error_fields, DS_LEN(error_fields) };

static const struct ds_message_field enrol_fields[] = {
	{ DS_FIELD_TEXT(1, ds_enrol, token_id) },
	{ DS_FIELD_FIXED(2, ds_enrol, secret) },
	{ DS_FIELD_BYTES(3, ds_enrol, csr, csr_size) },
	{ DS_FIELD_MESSAGE(4, ds_enrol, facts, &hello_message) },
};
static const struct ds_message enrol_message = { enrol_fields, DS_LEN(enrol_fields) };

static const struct ds_message_field certificate_fields[] = {
	{ DS_FIELD_FIXED(1, ds_certificate, host_id) },
	{ DS_FIELD_BYTES(2, ds_certificate, cert, cert_size) },
	{ DS_FIELD_BYTES(3, ds_certificate, ca, ca_size) },
	{ DS_FIELD_NUM(4, DS_MESSAGE_U64, ds_certificate, renew_after_us) },
};
static const struct ds_message certificate_message = { certificate_fields,
	DS_LEN(certificate_fields) };

static const struct ds_message_field renew_fields[] = {
	{ DS_FIELD_BYTES(1, ds_renew, csr, csr_size) },
};
static const struct ds_message renew_message = { renew_fields, DS_LEN(renew_fields) };

static const struct ds_message_field trust_fields[] = {
	{ DS_FIELD_BYTES(1, ds_trust, authorities, size) },
	{ DS_FIELD_NUM(2, DS_MESSAGE_U64, ds_trust, renew_after_us) },
};
static const struct ds_message trust_message = { trust_fields, DS_LEN(trust_fields) };

static const struct ds_message_field trusts_fields[] = {
	{ DS_FIELD_FIXED(1, ds_trusts, pins) },
};
static const struct ds_message trusts_message = { trusts_fields, DS_LEN(trusts_fields) };

int
ds_hello_put(struct ds_buf *b, const struct ds_hello *m)
{
	return ds_message_put(b, &hello_message, m);
}

int
ds_hello_get(const void *data, size_t size, struct ds_hello *ret)
{
	*ret = (struct ds_hello){ 0 };
	return ds_message_get(&hello_message, data, size, ret, NULL);
}

int
ds_welcome_put(struct ds_buf *b, const struct ds_welcome *m)
{
	return ds_message_put(b, &welcome_message, m);
}

int
ds_welcome_get(const void *data, size_t size, struct ds_welcome *ret)
{
	*ret = (struct ds_welcome){ 0 };
	return ds_message_get(&welcome_message, data, size, ret, NULL);
}

int
ds_batch_frame_put(struct ds_buf *b, const struct ds_batch_frame *m)
{
	return m->lane < DS_LANES ? ds_message_put(b, &batch_message, m) : -EINVAL;
}

int
ds_batch_frame_get(const void *data, size_t size, struct ds_batch_frame *ret)
{
	int r;

	*ret = (struct ds_batch_frame){ 0 };
	r = ds_message_get(&batch_message, data, size, ret, NULL);
	return r == 0 && ret->lane >= DS_LANES ? -EBADMSG : r;
}

int
ds_ack_put(struct ds_buf *b, const struct ds_ack *m)
{
	return m->lane < DS_LANES ? ds_message_put(b, &ack_message, m) : -EINVAL;
}

int
ds_ack_get(const void *data, size_t size, struct ds_ack *ret)
{
	int r;

	*ret = (struct ds_ack){ 0 };
	r = ds_message_get(&ack_message, data, size, ret, NULL);
	return r == 0 && ret->lane >= DS_LANES ? -EBADMSG : r;
}

int
ds_error_put(struct ds_buf *b, const struct ds_error *m)
{
	return ds_message_put(b, &error_message, m);
}

int
ds_error_get(const void *data, size_t size, struct ds_error *ret)
{
	*ret = (struct ds_error){ 0 };
	return ds_message_get(&error_message, data, size, ret, NULL);
}

int
ds_enrol_put(struct ds_buf *b, const struct ds_enrol *m)
{
	return ds_message_put(b, &enrol_message, m);
}

int
ds_enrol_get(const void *data, size_t size, struct ds_enrol *ret)
{
	struct ds_message_item facts = { 0 };
	int r;

	*ret = (struct ds_enrol){ 0 };
	r = ds_message_get(&enrol_message, data, size, ret, &facts);
	if (r < 0)
		return r;
	return ds_message_get(&hello_message, facts.data, facts.size, &ret->facts, NULL);
}

int
ds_certificate_put(struct ds_buf *b, const struct ds_certificate *m)
{
	return ds_message_put(b, &certificate_message, m);
}

int
ds_certificate_get(const void *data, size_t size, struct ds_certificate *ret)
{
	*ret = (struct ds_certificate){ 0 };
	return ds_message_get(&certificate_message, data, size, ret, NULL);
}

int
ds_renew_put(struct ds_buf *b, const struct ds_renew *m)
{
	return ds_message_put(b, &renew_message, m);
}

int
ds_renew_get(const void *data, size_t size, struct ds_renew *ret)
{
	*ret = (struct ds_renew){ 0 };
	return ds_message_get(&renew_message, data, size, ret, NULL);
}

int
ds_trust_put(struct ds_buf *b, const struct ds_trust *m)
{
	return ds_message_put(b, &trust_message, m);
}

int
ds_trust_get(const void *data, size_t size, struct ds_trust *ret)
{
	*ret = (struct ds_trust){ 0 };
	return ds_message_get(&trust_message, data, size, ret, NULL);
}

int
ds_trusts_put(struct ds_buf *b, const struct ds_trusts *m)
{
	return ds_message_put(b, &trusts_message, m);
}

int
ds_trusts_get(const void *data, size_t size, struct ds_trusts *ret)
{
	*ret = (struct ds_trusts){ 0 };
	return ds_message_get(&trusts_message, data, size, ret, NULL);
}
