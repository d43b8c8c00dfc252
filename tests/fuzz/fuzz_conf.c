/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a configuration file, read with the agent's own table. */
#include "agent/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct ds_conf_report report;
	struct agent_config cfg = { 0 };

	/* The result is of no interest: it must not crash, hang or leak. */
	(void)!ds_conf_parse(agent_options, &cfg, "fuzz", (const char *)data, len, &report, NULL);
	ds_conf_free(agent_options, &cfg);
	return 0;
}
