/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zip - zlib-format compression of whole buffers.
 *
 * Called from any thread; each owns its contexts until ds_zip_thread_done().  Both engines write
 * and read the same format (RFC 1950), so that peers built differently understand each other.
 */
#include "lib/zip.h"

#include <errno.h>

#define LEVEL_MAX 9

/* Room for `bound` bytes, or for as many as the buffer may still take. */
static int
reserve(struct ds_buf *out, size_t bound)
{
	return ds_buf_reserve(out, DS_MIN(bound, out->max - out->len));
}

#if defined(HAVE_LIBDEFLATE) && !defined(DS_ZIP_ZLIB)

#include <libdeflate.h>

static _Thread_local struct libdeflate_compressor *compressors[LEVEL_MAX + 1];
static _Thread_local struct libdeflate_decompressor *decompressor;

int
ds_zip(const void *data, size_t size, int level, struct ds_buf *out)
{
	struct libdeflate_compressor *c;
	size_t n;
	int r;

	if (level < 1 || level > LEVEL_MAX)
		return -EINVAL;
	if (compressors[level] == NULL)
		compressors[level] = libdeflate_alloc_compressor(level);
	c = compressors[level];
	if (c == NULL)
		return -ENOMEM;
	r = reserve(out, libdeflate_zlib_compress_bound(c, size));
	if (r < 0)
		return r;
	n = libdeflate_zlib_compress(c, data, size, out->data + out->len, out->cap - out->len);
	if (n == 0)
		return -ENOBUFS;
	out->len += n;
	return 0;
}

int
ds_unzip(const void *data, size_t size, void *out, size_t raw_size)
{
	size_t in_size, out_size;

	if (decompressor == NULL)
		decompressor = libdeflate_alloc_decompressor();
	if (decompressor == NULL)
		return -ENOMEM;
	if (libdeflate_zlib_decompress_ex(
		decompressor, data, size, out, raw_size, &in_size, &out_size) != LIBDEFLATE_SUCCESS)
		return -EBADMSG;
	return in_size == size && out_size == raw_size ? 0 : -EBADMSG;
}

uint32_t
ds_crc32(const void *data, size_t size)
{
	return libdeflate_crc32(0, data, size);
}

void
ds_zip_thread_done(void)
{
	for (int level = 1; level <= LEVEL_MAX; level++) {
		if (compressors[level] != NULL)
			libdeflate_free_compressor(compressors[level]);
		compressors[level] = NULL;
	}
	if (decompressor != NULL)
		libdeflate_free_decompressor(decompressor);
	decompressor = NULL;
}

#else

#include <stdbool.h>
#include <zlib.h>

static _Thread_local z_stream deflaters[LEVEL_MAX + 1], inflater;
static _Thread_local bool has_deflater[LEVEL_MAX + 1], has_inflater;

static int
deflater_get(int level, z_stream **ret)
{
	z_stream *z = &deflaters[level];

	if (has_deflater[level]) {
		(void)deflateReset(z); /* fails only for a stream that is not one */
	} else {
		*z = (z_stream){ 0 };
		if (deflateInit(z, level) != Z_OK)
			return -ENOMEM;
		has_deflater[level] = true;
	}
	*ret = z;
	return 0;
}

int
ds_zip(const void *data, size_t size, int level, struct ds_buf *out)
{
	z_stream *z;
	int r;

	if (level < 1 || level > LEVEL_MAX || size > UINT32_MAX)
		return -EINVAL;
	r = deflater_get(level, &z);
	if (r < 0)
		return r;
	r = reserve(out, deflateBound(z, size));
	if (r < 0)
		return r;
	z->next_in = (Bytef *)(uintptr_t)data;
	z->avail_in = (uInt)size;
	z->next_out = out->data + out->len;
	z->avail_out = (uInt)(out->cap - out->len);
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return -ENOBUFS;
	out->len += z->total_out;
	return 0;
}

int
ds_unzip(const void *data, size_t size, void *out, size_t raw_size)
{
	z_stream *z = &inflater;
	uint8_t nothing;

	if (size > UINT32_MAX || raw_size > UINT32_MAX)
		return -EBADMSG;
	if (has_inflater) {
		(void)inflateReset(z);
	} else {
		*z = (z_stream){ 0 };
		if (inflateInit(z) != Z_OK)
			return -ENOMEM;
		has_inflater = true;
	}
	z->next_in = (Bytef *)(uintptr_t)data;
	z->avail_in = (uInt)size;
	z->next_out = raw_size > 0 ? out : &nothing;
	z->avail_out = (uInt)raw_size;
	if (inflate(z, Z_FINISH) != Z_STREAM_END)
		return -EBADMSG;
	return z->avail_in == 0 && z->avail_out == 0 ? 0 : -EBADMSG;
}

uint32_t
ds_crc32(const void *data, size_t size)
{
	return (uint32_t)crc32_z(0, data, size);
}

void
ds_zip_thread_done(void)
{
	for (int level = 1; level <= LEVEL_MAX; level++) {
		if (has_deflater[level])
			(void)deflateEnd(&deflaters[level]);
		has_deflater[level] = false;
	}
	if (has_inflater)
		(void)inflateEnd(&inflater);
	has_inflater = false;
}

#endif
