/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clean - text of other machines as JSON, which takes only UTF-8: a path or an argument is bytes.
 */
#ifndef SERVER_NOTIFY_CLEAN_H
#define SERVER_NOTIFY_CLEAN_H

#include <jansson.h>
#include <stddef.h>

/* Bytes that are not UTF-8 become U+FFFD, by the writer that all our documents share; "" for NULL.
 * NULL: no memory. */
json_t *clean_string(const char *text);
/* How many of the first `max` bytes end with a whole character; for "%.*s". */
int clean_fit(const char *text, size_t max);

#endif
