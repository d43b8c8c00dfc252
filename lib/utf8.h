/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * utf8 - text of other machines, which may be any bytes, as people may see it.
 *
 * Pure.
 */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the valid character at p, or 0; *ret_bad (may be NULL): how many bytes one U+FFFD stands
 * for.  left is not 0. */
size_t ds_utf8_len(const uint8_t *p, size_t left, size_t *ret_bad);
/* A valid character of that many bytes steers a terminal or turns the direction of text: C0 and
 * DEL, C1, and the marks, embeddings and isolates of UAX 9. */
bool ds_utf8_is_control(const uint8_t *p, size_t len);
/* As a terminal or a log may have it: what steers it, turns the direction of text, or is no UTF-8
 * as \xHH.  Ends with a NUL, cut between characters; returns the length.  size is not 0. */
size_t ds_utf8_escape(const char *s, size_t len, char *buf, size_t size);

#endif
