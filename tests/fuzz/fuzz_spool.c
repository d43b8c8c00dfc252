/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a file that a former run left behind. */
#include "agent/uplink/spool_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	(void)spool_file_check(data, len);
	return 0;
}
