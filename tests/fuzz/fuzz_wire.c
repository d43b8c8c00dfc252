/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every message decoder over the input as it is, and over the payloads of the frames in it. */
#include "lib/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
read_messages(const uint8_t *data, size_t len)
{
	union {
		struct ds_hello hello;
		struct ds_welcome welcome;
		struct ds_batch_frame batch;
		struct ds_ack ack;
		struct ds_error error;
		struct ds_enrol enrol;
		struct ds_certificate certificate;
		struct ds_renew renew;
		struct ds_trust trust;
		struct ds_trusts trusts;
	} m;
	int n = 0;

	n += ds_hello_get(data, len, &m.hello) == 0;
	n += ds_welcome_get(data, len, &m.welcome) == 0;
	n += ds_batch_frame_get(data, len, &m.batch) == 0;
	n += ds_ack_get(data, len, &m.ack) == 0;
	n += ds_error_get(data, len, &m.error) == 0;
	n += ds_enrol_get(data, len, &m.enrol) == 0;
	n += ds_certificate_get(data, len, &m.certificate) == 0;
	n += ds_renew_get(data, len, &m.renew) == 0;
	n += ds_trust_get(data, len, &m.trust) == 0;
	n += ds_trusts_get(data, len, &m.trusts) == 0;
	(void)n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ds_frame f;
	struct ds_buf b;
	size_t need;

	read_messages(data, len);
	ds_buf_view(&b, data, len);
	while (ds_frame_get(&b, &f, &need) == 1)
		read_messages(f.payload, f.size);
	return 0;
}
