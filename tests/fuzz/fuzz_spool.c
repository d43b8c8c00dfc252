/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A spool file of any bytes: walked to its end, every body read; half of the inputs get a header
 * that is right, so that what lies behind the checksum is reached. */
#include "agent/uplink/spool_file.h"

#include "lib/zip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
walk(int fd, size_t len)
{
	struct spool_walk w = { .fd = fd, .end = len };
	struct spool_header h;
	struct ds_buf body;
	uint64_t before = 0;

	ds_buf_init(&body, DS_BATCH_PACKED_MAX + SPOOL_NOTES_MAX);
	while (spool_walk_header(&w, &h) == 1) {
		if (w.next <= before || w.next > len || w.offset < before)
			abort(); /* every step goes forward */
		before = w.next;
		if (spool_walk_body(&w, &h, &body) == 0 &&
		    body.len != (size_t)h.size + h.notes_size)
			abort();
	}
	ds_buf_done(&body);
}

static size_t
make_right(uint8_t *data, size_t len)
{
	struct spool_header h = { .size = (uint32_t)(data[1] + 1u),
		.notes_size = data[2],
		.events = 1,
		.epoch = 1,
		.seq = data[3] + 1u };
	size_t size = (size_t)h.size + h.notes_size;

	if (len < spool_header_whole(&h))
		return 0;
	h.crc = ds_crc32(data + SPOOL_HEADER, size);
	spool_header_put(&h, data);
	return spool_header_whole(&h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int fd = -1;
	uint8_t *copy;

	if (fd < 0)
		fd = memfd_create("spool", 0);
	copy = malloc(len + 1);
	if (fd < 0 || copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	if (len > SPOOL_HEADER && data[0] % 2 == 1) {
		size_t first = make_right(copy, len);

		if (first > 0 && len - first > SPOOL_HEADER)
			(void)make_right(copy + first, len - first);
	}
	if (ftruncate(fd, 0) < 0 || pwrite(fd, copy, len, 0) != (ssize_t)len)
		abort();
	walk(fd, len);
	free(copy);
	return 0;
}
