/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verify - compares what a state directory's agents sent with what a server stored. */
#ifndef SIM_VERIFY_H
#define SIM_VERIFY_H

#include <stdbool.h>

/* 0: all the same; 1: it differs, told on stderr; -errno.  The summary goes to stdout. */
int verify_run(const char *state_dir, const char *store_dir, bool is_json);

#endif
