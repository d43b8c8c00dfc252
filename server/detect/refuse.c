/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/refuse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int
refuse(char *ret_why, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_why, size, format, args);
	va_end(args);
	return -EINVAL;
}
