/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_train - how long models take to make: K-Means over 10 M vectors of 32 features (streamed:
 * they need no memory), DBSCAN over 100 k of 8. SCALE=N measures an N-th of the vectors.
 */
#include "server/model/dbscan.h"
#include "server/model/kmeans.h"
#include "server/model/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define KMEANS_ROWS 10000000u
#define KMEANS_DIM  32u
#define DBSCAN_ROWS 100000u
#define DBSCAN_DIM  8u

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Eight clouds; the same row for the same number. */
static void
make_row(uint64_t number, uint32_t dim, double *ret)
{
	uint64_t x = (number + 1) * 0x9e3779b97f4a7c15ull;

	for (uint32_t f = 0; f < dim; f++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		ret[f] = (double)(number % 8 * (1 + f % 3)) + (double)(x >> 40) * 0x1p-24;
	}
}

static void
read_rows(const void *ctx, size_t from, size_t count, double *ret)
{
	(void)ctx;
	for (size_t i = 0; i < count; i++)
		make_row(from + i, KMEANS_DIM, ret + i * KMEANS_DIM);
}

static int
bench_kmeans(size_t len)
{
	const struct kmeans_config cfg = { .k = 8, .seed = 1, .iterations_max = 20 };
	const struct rows rows = { .len = len, .dim = KMEANS_DIM, .read = read_rows };
	struct kmeans m;
	double begun = now_s();

	if (kmeans_fit(&m, &cfg, &rows) < 0)
		return -1;
	printf("bench train_kmeans %.2f s\n", now_s() - begun);
	printf("# %zu vectors, %u iterations\n", len, m.iterations);
	return 0;
}

static int
bench_dbscan(size_t len)
{
	const struct dbscan_config cfg = { .eps = 0 };
	double *rows = malloc(len * DBSCAN_DIM * sizeof(*rows)), begun;
	struct dbscan m;
	int r;

	if (rows == NULL)
		return -1;
	for (size_t i = 0; i < len; i++)
		make_row(i, DBSCAN_DIM, rows + i * DBSCAN_DIM);
	begun = now_s();
	r = dbscan_fit(&m, &cfg, rows, len, DBSCAN_DIM);
	if (r == 0) {
		printf("bench train_dbscan %.2f s\n", now_s() - begun);
		printf("# %zu vectors, %u clusters, %u core points\n", len, m.clusters, m.len);
		dbscan_done(&m);
	}
	free(rows);
	return r;
}

int
main(void)
{
	const char *text = getenv("SCALE");
	unsigned long scale = text != NULL ? strtoul(text, NULL, 10) : 1;
	struct rusage use;

	if (scale == 0)
		scale = 1;
	if (bench_kmeans(KMEANS_ROWS / scale) < 0 || bench_dbscan(DBSCAN_ROWS / scale) < 0)
		return 1;
	getrusage(RUSAGE_SELF, &use);
	printf("bench train_peak %ld MiB\n", use.ru_maxrss / 1024);
	return 0;
}
