/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hostile uplink: whatever it hands the guard as orders, nothing is done and nothing is
 * remembered. */
#include "agent/guard/emit.h"
#include "agent/guard/ledger.h"
#include "agent/guard/order.h"
#include "lib/file.h"
#include "lib/ipc.h"
#include "lib/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char dir[32];

static void
clean_up(void)
{
	static const char *const files[] = { "binding", "ledger", "known", "held" };
	char path[64];

	order_done();
	for (size_t i = 0; i < DS_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

/* A guard with the key of the seeds, whose other half nobody has. */
static void
begin(void)
{
	static char empty[] = "", word[] = "kill";
	static char *words[] = { word };
	static struct agent_config config = { .state_dir = empty,
		.guard_dir = dir,
		.token_file = empty,
		.address = empty,
		.ceiling = { words, 1 } };
	/* Fields 1 and 2 of binding: the key is all k, the host all h. */
	uint8_t binding[2 + 32 + 2 + 16] = { 3, 32 };
	char path[64];

	for (size_t i = 0; i < 32; i++)
		binding[2 + i] = 'k';
	binding[34] = 5;
	binding[35] = 16;
	for (size_t i = 0; i < 16; i++)
		binding[36 + i] = 'h';
	snprintf(dir, sizeof(dir), "/tmp/ds-uplink-XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/binding", dir);
	if (ds_file_replace(path, binding, sizeof(binding), 0600) < 0 || emit_init(1u << 20) < 0 ||
	    order_init(&config) < 0)
		abort();
	(void)atexit(clean_up);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *body;
	struct ds_buf b;
	uint8_t type;
	size_t size;
	int r = 0;

	if (dir[0] == '\0')
		begin();
	r = order_take(data, len);
	ds_buf_view(&b, data, len);
	while (ds_ipc_get(&b, &type, &body, &size) > 0)
		r += type == DS_IPC_HOST ? order_host(body, size) : order_take(body, size);
	order_run();
	if (r > 0 || ledger_len() != 0)
		abort();
	return 0;
}
