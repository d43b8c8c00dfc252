/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one more block costs in the kernel, from the first to the ten thousandth, in a network
 * namespace of its own; and the check of a signature. */
#include "agent/guard/reactions/nft.h"
#include "lib/sign.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANS 10000u
#define PART 1000u

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct nft_element
element(unsigned i)
{
	struct nft_element e = { .network = { .bits = 32, .prefix = 32 } };

	e.network.address[0] = 198;
	e.network.address[1] = 18;
	e.network.address[2] = (uint8_t)(i >> 8);
	e.network.address[3] = (uint8_t)i;
	return e;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print(const char *name, double *took, unsigned len)
{
	qsort(took, len, sizeof(*took), compare);
	printf("bench %s %.1f us  # p99 %.1f\n", name, took[len / 2], took[len * 99 / 100]);
}

int
main(void)
{
	static double took[BANS];
	static const uint8_t key[DS_SIGN_PUBLIC_SIZE], signature[DS_SIGN_SIZE];
	int r = 0;

	for (unsigned i = 0; i < PART; i++) {
		double begun = now_us();

		r += ds_verify(key, took, 300, signature);
		took[i] = now_us() - begun;
	}
	print("order_verify", took, PART);
	if (unshare(CLONE_NEWNET) < 0 || nft_setup() < 0) {
		printf("# no nftables here, or not root\n");
		return 0;
	}
	for (unsigned i = 0; i < BANS && r >= 0; i++) {
		struct nft_element e = element(i);
		double begun = now_us();

		r = nft_add(NFT_SET_BAN4, &e, 3600000);
		took[i] = now_us() - begun;
	}
	if (r < 0) {
		printf("# nftables: %s\n", strerror(-r));
		return 1;
	}
	print("ban_add_first", took, PART);
	print("ban_add_at_10000", took + BANS - PART, PART);
	for (unsigned i = 0; i < PART && r >= 0; i++) {
		struct nft_element e = element(i);
		double begun = now_us();

		r = nft_remove(NFT_SET_BAN4, &e);
		took[i] = now_us() - begun;
	}
	print("ban_remove", took, PART);
	return 0;
}
