/* SPDX-License-Identifier: GPL-2.0-or-later */
/* order_sign KEYFILE - signs for tests: writes the public key, then for each u32 size and bytes on
 * stdin a signature. */
#include "lib/sign.h"

#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	static uint8_t data[1u << 20];
	uint8_t head[4], out[DS_SIGN_SIZE];
	struct ds_sign_key *key;
	char why[256];

	if (argc != 2)
		return 2;
	key = ds_sign_key_open(argv[1], true, why, sizeof(why));
	if (key == NULL)
		return 1;
	ds_sign_key_public(key, out);
	fwrite(out, 1, DS_SIGN_PUBLIC_SIZE, stdout);
	fflush(stdout);
	while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		size_t size =
		    (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];

		if (size > sizeof(data) || fread(data, 1, size, stdin) != size ||
		    ds_sign(key, data, size, out) < 0)
			return 1;
		fwrite(out, 1, DS_SIGN_SIZE, stdout);
		fflush(stdout);
	}
	ds_sign_key_free(key);
	return 0;
}
