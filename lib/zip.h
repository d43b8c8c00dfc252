/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zip - zlib-format compression of whole buffers under a ceiling; libdeflate does it where it was
 * found, zlib elsewhere.
 *
 * Each thread uses contexts of its own, made at first use and freed by ds_zip_thread_done().
 */
#ifndef LIB_ZIP_H
#define LIB_ZIP_H

#include "lib/buf.h"

/* Appends the compressed bytes; level 1..9.  -ENOBUFS, -ENOMEM. */
DS_MUST_CHECK int ds_zip(const void *data, size_t size, int level, struct ds_buf *out);
/* Inflates into exactly raw_size bytes at `out`; -EBADMSG when it is not exactly that or is
 * damaged. */
DS_MUST_CHECK int ds_unzip(const void *data, size_t size, void *out, size_t raw_size);
/* CRC-32 as zlib has it. */
uint32_t ds_crc32(const void *data, size_t size);
void ds_zip_thread_done(void);

#endif
