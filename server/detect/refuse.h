/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refuse - what is wrong with a document that somebody gave us. */
#ifndef SERVER_DETECT_REFUSE_H
#define SERVER_DETECT_REFUSE_H

#include "lib/compiler.h"

#include <stddef.h>

/* Says so, and is -EINVAL. */
int DS_PRINTF(3, 4) refuse(char *ret_why, size_t size, const char *format, ...);

#endif
