/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redact - takes secrets out of command lines before anything leaves the guard.
 *
 * By pattern: options and assignments whose name says so, passwords in URLs, Authorization headers,
 * what looks like a token wherever it stands.  Pure text; the table is in redact.c.
 */
#ifndef AGENT_GUARD_REDACT_H
#define AGENT_GUARD_REDACT_H

#include <stddef.h>

#define REDACTED "[redacted]"

/* Arguments with a NUL between them (and perhaps behind the last), as the kernel has them; written
 * to ret without the last NUL.  Returns the length, at most size. */
size_t redact_args(const char *args, size_t len, char *ret, size_t size);

#endif
