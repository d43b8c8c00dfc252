/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order - orders and results to bytes and back.
 *
 * Called by the server's outbox and by the guard, on whichever thread owns the bytes.  Owns
 * nothing.
 */
#include "lib/order.h"
#include "lib/message.h"

#include <errno.h>
#include <string.h>

#define MAGIC      "DSO1" /* and no other signed thing of ours begins so */
#define MAGIC_SIZE 4u

#define OPTIONAL_FIXED(tag_, s, m) DS_FIELD_ARRAY(tag_, DS_MESSAGE_FIXED, s, m)

static const struct ds_message_field order_fields[] = {
	{ DS_FIELD_FIXED(1, ds_order, host_id) },
	{ DS_FIELD_FIXED(2, ds_order, id) },
	{ DS_FIELD_TEXT(3, ds_order, kind), .is_required = true },
	{ DS_FIELD_NUM(4, DS_MESSAGE_U64, ds_order, counter) },
	{ DS_FIELD_NUM(5, DS_MESSAGE_U64, ds_order, not_before_us) },
	{ DS_FIELD_NUM(6, DS_MESSAGE_U64, ds_order, expires_us) },
	{ DS_FIELD_NUM(7, DS_MESSAGE_U64, ds_order, lifetime_ms) },
	{ DS_FIELD_NUM(8, DS_MESSAGE_U8, ds_order, mode) },
	{ DS_FIELD_TEXT(9, ds_order, reason) },
	{ DS_FIELD_TEXT(10, ds_order, daemon) },
	{ DS_FIELD_NUM(11, DS_MESSAGE_U32, ds_order, pid) },
	{ DS_FIELD_NUM(12, DS_MESSAGE_U64, ds_order, start_us) },
	{ DS_FIELD_TEXT(13, ds_order, exe) },
	{ DS_FIELD_TEXT(14, ds_order, path) },
	{ DS_FIELD_TEXT(15, ds_order, sha256) },
	{ DS_FIELD_TEXT(16, ds_order, address) },
	{ DS_FIELD_NUM(17, DS_MESSAGE_U32, ds_order, port) },
	{ DS_FIELD_NUM(18, DS_MESSAGE_U8, ds_order, protocol) },
	{ DS_FIELD_TEXT(19, ds_order, unit) },
	{ OPTIONAL_FIXED(20, ds_order, target) },
	{ DS_FIELD_NUM(21, DS_MESSAGE_U8, ds_order, answer) },
	{ OPTIONAL_FIXED(22, ds_order, key) },
	{ DS_FIELD_TEXT(23, ds_order, data) },
	{ DS_FIELD_TEXT(24, ds_order, session_address) },
	{ DS_FIELD_NUM(25, DS_MESSAGE_U32, ds_order, session_pid) },
	{ DS_FIELD_NUM(26, DS_MESSAGE_U8, ds_order, reach) },
};
static const struct ds_message order_message = { order_fields, DS_LEN(order_fields) };

static const struct ds_message_field result_fields[] = {
	{ DS_FIELD_FIXED(1, ds_result, order) },
	{ OPTIONAL_FIXED(2, ds_result, by) },
	{ DS_FIELD_TEXT(3, ds_result, kind) },
	{ DS_FIELD_NUM(4, DS_MESSAGE_U8, ds_result, outcome) },
	{ DS_FIELD_NUM(5, DS_MESSAGE_U32, ds_result, error) },
	{ DS_FIELD_TEXT(6, ds_result, text) },
	{ DS_FIELD_NUM(7, DS_MESSAGE_U8, ds_result, is_verified) },
	{ DS_FIELD_NUM(8, DS_MESSAGE_U64, ds_result, time_us) },
	{ DS_FIELD_NUM(9, DS_MESSAGE_U64, ds_result, took_us) },
	{ DS_FIELD_NUM(10, DS_MESSAGE_U64, ds_result, until_us) },
	{ DS_FIELD_NUM(11, DS_MESSAGE_U64, ds_result, counter_floor) },
	{ DS_FIELD_NUM(12, DS_MESSAGE_BYTES, ds_result, evidence),
	    .size_offset = offsetof(struct ds_result, evidence_size) },
};
static const struct ds_message result_message = { result_fields, DS_LEN(result_fields) };

void
ds_order_id_format(const uint8_t id[DS_ORDER_ID_SIZE], char ret[33])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DS_ORDER_ID_SIZE; i++) {
		ret[2 * i] = digits[id[i] >> 4];
		ret[2 * i + 1] = digits[id[i] & 15];
	}
	ret[32] = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -EINVAL;
}

int
ds_order_id_parse(const char *text, uint8_t ret[DS_ORDER_ID_SIZE])
{
	uint8_t id[DS_ORDER_ID_SIZE];

	if (strlen(text) != 2 * DS_ORDER_ID_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < DS_ORDER_ID_SIZE; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		id[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, id, sizeof(id));
	return 0;
}

int
ds_order_put(struct ds_buf *b, const uint8_t key_id[DS_SIGN_ID_SIZE], const struct ds_order *order)
{
	size_t start = b->len;
	int r = ds_buf_put(b, MAGIC, MAGIC_SIZE);

	if (r == 0)
		r = ds_buf_put(b, key_id, DS_SIGN_ID_SIZE);
	if (r == 0)
		r = ds_message_put(b, &order_message, order);
	if (r == 0 && b->len - start > DS_ORDER_MAX - DS_SIGN_SIZE)
		r = -EFBIG;
	if (r < 0)
		b->len = start;
	return r;
}

int
ds_envelope_get(const void *data, size_t size, struct ds_envelope *ret)
{
	const uint8_t *p = data;

	if (size > DS_ORDER_MAX)
		return -EFBIG;
	if (size < MAGIC_SIZE + DS_SIGN_ID_SIZE + DS_SIGN_SIZE || memcmp(p, MAGIC, MAGIC_SIZE) != 0)
		return -EBADMSG;
	*ret = (struct ds_envelope){ .key_id = p + MAGIC_SIZE,
		.signed_data = p,
		.signed_size = size - DS_SIGN_SIZE,
		.message = p + MAGIC_SIZE + DS_SIGN_ID_SIZE,
		.message_size = size - MAGIC_SIZE - DS_SIGN_ID_SIZE - DS_SIGN_SIZE,
		.signature = p + size - DS_SIGN_SIZE };
	return 0;
}

int
ds_order_get(const struct ds_envelope *e, struct ds_order *ret)
{
	int r;

	*ret = (struct ds_order){ 0 };
	r = ds_message_get(&order_message, e->message, e->message_size, ret, NULL);
	if (r == 0 &&
	    (ret->kind[0] == '\0' || ret->mode < DS_ORDER_OPERATOR ||
		ret->mode > DS_ORDER_DRY_RUN || ret->port > UINT16_MAX ||
		ret->reach > DS_REACH_DAEMON_ONLY || ret->expires_us <= ret->not_before_us))
		r = -EBADMSG;
	return r;
}

int
ds_result_put(struct ds_buf *b, const struct ds_result *m)
{
	if (m->evidence_size > DS_EVIDENCE_MAX || m->outcome == 0 || m->outcome > DS_OUTCOME_LOST)
		return -EINVAL;
	return ds_message_put(b, &result_message, m);
}

int
ds_result_get(const void *data, size_t size, struct ds_result *ret)
{
	int r;

	*ret = (struct ds_result){ 0 };
	if (size > DS_RESULT_MAX)
		return -EBADMSG;
	r = ds_message_get(&result_message, data, size, ret, NULL);
	if (r == 0 && (ret->outcome == 0 || ret->outcome > DS_OUTCOME_LOST ||
			  ret->evidence_size > DS_EVIDENCE_MAX))
		r = -EBADMSG;
	return r;
}

const char *
ds_outcome_name(unsigned outcome)
{
	static const char *const names[] = { "", "done", "refused", "failed", "undone", "nothing",
		"would", "lost" };

	return outcome < DS_LEN(names) ? names[outcome] : "";
}
