/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What models learnt, read back from the store: any bytes as any sort of row. */
#include "server/detect/attacks.h"
#include "server/detect/detect.h"
#include "server/store/model_state.h"
#include "server/store/rows.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct {
		uint32_t host;
		const char *name;
	} rows[] = { { 0, "grams" }, { 0, "class\tnginx" }, { 0, "evidence" },
		{ 0, "calibration\tllr\tnginx" }, { 0, "calibration\t" },
		{ 7, "llr\tnginx.service" } };
	const struct detect_config cfg = { .learn_min_us = 60000000, .unseen_max = 0.01 };
	const struct daemon_row daemon = { .host = 7, .name = "nginx.service", .role = "service" };
	static struct detect *d;

	if (d == NULL) {
		d = detect_new(&cfg);
		if (d == NULL || detect_restore_daemon(d, &daemon) < 0)
			abort();
	}
	if (len > 0 && data[0] == 'A') {
		struct attacks *a = attacks_new();
		struct ds_buf from;

		if (a == NULL)
			abort();
		ds_buf_view(&from, data + 1, len - 1);
		(void)(attacks_unpack(a, &from) < 0);
		attacks_free(a);
	} else if (len > 0) {
		const struct model_state_row row = {
			.host = rows[data[0] % DS_LEN(rows)].host,
			.name = rows[data[0] % DS_LEN(rows)].name,
			.data = data + 1,
			.size = len - 1,
		};

		(void)(detect_restore_state(d, &row) < 0);
	}
	return 0;
}
