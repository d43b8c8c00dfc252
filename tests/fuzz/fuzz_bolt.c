/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_bolt - pages of a bolt database behind two states that are whole: what is looked for is
 * found in the file or not at all, and the search ends.
 */
#include "agent/guard/bolt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char path[] = "/tmp/fuzz_bolt.XXXXXX";
static int fd = -1;

static void
clean(void)
{
	(void)unlink(path);
}

static void
put_state(uint64_t number)
{
	const uint64_t root = 2;
	unsigned char page[PAGE] = { 0 }, *m = page + 16;
	uint64_t h = 0xcbf29ce484222325ull;

	memcpy(m, (const uint32_t[]){ 0xed0cdaedu, 2, PAGE, 0 }, 16);
	memcpy(m + 16, &root, sizeof(root));
	memcpy(m + 48, &number, sizeof(number));
	for (size_t i = 0; i < 56; i++)
		h = (h ^ m[i]) * 0x100000001b3ull;
	memcpy(m + 56, &h, sizeof(h));
	if (pwrite(fd, page, sizeof(page), (off_t)number * PAGE) != PAGE)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const keys[] = { "v1", "default", "containers", "web", "image" };
	char value[64];
	struct bolt b;
	int n;

	if (fd < 0) {
		fd = mkstemp(path);
		if (fd < 0 || atexit(clean) != 0)
			abort();
		put_state(0);
		put_state(1);
	}
	if (ftruncate(fd, 2 * PAGE) < 0 || pwrite(fd, data, len, 2 * PAGE) != (ssize_t)len ||
	    bolt_open(path, &b) < 0)
		abort();
	for (size_t i = 0; i <= sizeof(keys) / sizeof(keys[0]); i++) {
		n = bolt_get(&b, keys, i, value, sizeof(value));
		if (n > (int)sizeof(value) || (n > (int)len))
			abort();
	}
	if (!bolt_is_current(&b))
		abort();
	bolt_close(&b);
	return 0;
}
