/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eval DIR [PATTERN] - runs the measurements on every data set found in DIR. See eval.h.  1: one
 * that is there could not be measured; 2: wrong use; 3: none is called so.
 */
#include "tests/eval/eval.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* One more data set: a file, a row here, a prototype in eval.h, a line in module.mk. */
static const struct eval_dataset datasets[] = {
	{ "schonlau-sea", "schonlau-sea", eval_schonlau_sea },
	{ "unm-mit-syscalls", "unm-mit-syscalls", eval_unm_mit },
	{ "adfa-ld", "adfa-ld", eval_adfa_ld },
	{ "nab", "nab", eval_nab },
	{ "smd_asd", "smd-asd", eval_smd_asd },
	{ "cowrie", "cowrie-kareiva", eval_cowrie },
	{ "auth", "auth-logs", eval_authlog },
	{ "commands", "attack-commands", eval_commands },
};

void
eval_print(const char *dataset, const char *metric, double value)
{
	if (isfinite(value))
		printf("eval %s %s %.4g\n", dataset, metric, value);
	else
		printf("eval %s %s nan\n", dataset, metric);
	fflush(stdout);
}

/* 0, or what went wrong; an absent data set is only told. */
static int
run(const struct eval_dataset *d, const char *data)
{
	char dir[4096];
	struct stat st;
	int n = snprintf(dir, sizeof(dir), "%s/%s", data, d->folder), r;

	if (n < 0 || (size_t)n >= sizeof(dir))
		return -ENAMETOOLONG;
	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
		printf("# %s: not in %s, skipped\n", d->name, data);
		return 0;
	}
	r = d->run(d->name, dir);
	if (r == -ENOENT) {
		printf("# %s: nothing that can be measured in %s, skipped\n", d->name, dir);
		return 0;
	}
	if (r < 0)
		fprintf(stderr, "eval: %s: %s\n", d->name, strerror(-r));
	return r;
}

int
main(int argc, char **argv)
{
	const char *pattern = argc > 2 ? argv[2] : "";
	struct stat st;
	int failed = 0, known = 0;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: eval DIR [PATTERN]\n");
		return 2;
	}
	if (stat(argv[1], &st) < 0 || !S_ISDIR(st.st_mode)) {
		fprintf(stderr, "eval: %s is no folder\n", argv[1]);
		return 2;
	}
	for (size_t i = 0; i < DS_LEN(datasets); i++) {
		if (strstr(datasets[i].name, pattern) == NULL)
			continue;
		known++;
		failed |= run(&datasets[i], argv[1]) < 0;
	}
	return known == 0 ? 3 : failed;
}
