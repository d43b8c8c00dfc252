/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemonsec-agent - the guard: watches daemons with root's eyes, holds no network socket and
 * parses nothing that comes from the network.
 *
 * One thread, one loop (guard.c); here only options, configuration and start.
 */
#include "agent/config.h"
#include "agent/guard/guard.h"
#include "lib/log.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONF_FILE DS_SYSCONFDIR "/daemonsec.conf"

static const char usage[] =
    "usage: daemonsec-agent [-c FILE] [--check-config | --release]\n"
    "  -c, --config FILE  configuration, default " CONF_FILE "\n"
    "      --check-config read the configuration, say what is wrong with it, and end\n"
    "      --release      end what orders have done to this host, and end: before the agent is removed\n"
    "  -h, --help         print this, and end\n"
    "  -V, --version      print the version, and end\n";

struct arguments {
	const char *conf;
	bool check, release;
};

static int
parse_arguments(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 't' }, { "release", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	int o;

	while ((o = getopt_long(argc, argv, "c:hV", options, NULL)) >= 0)
		switch (o) {
		case 'c':
			ret->conf = optarg;
			break;
		case 't':
			ret->check = true;
			break;
		case 'r':
			ret->release = true;
			break;
		case 'V':
			(void)printf("daemonsec-agent %s\n", PACKAGE_VERSION);
			exit(0);
		case 'h':
			(void)fputs(usage, stdout);
			exit(0);
		default:
			return -1;
		}
	return optind == argc ? 0 : -1;
}

int
main(int argc, char **argv)
{
	static struct agent_config config;
	static struct ds_conf_report report;
	struct arguments args = { .conf = CONF_FILE };
	int r;

	/* Many small things live long here: give back early what is free. */
	(void)mallopt(M_TRIM_THRESHOLD, 64 << 10);
	(void)mallopt(M_TOP_PAD, 16 << 10);
	if (parse_arguments(argc, argv, &args) < 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	r = agent_config_read(args.conf, &config, &report);
	ds_conf_print_report(&report, stderr);
	if (args.check)
		return r < 0 || report.len > 0 ? 1 : 0;
	/* A package is removed once: what could be read of it has to do, or what is frozen stays
	 * so. */
	if (r < 0 && !args.release)
		return 2;
	ds_log_init("daemonsec-agent", (enum ds_log_level)config.log_level);
	if (geteuid() != 0) {
		ds_log(ERROR, "the guard needs root", "uid=%u", (unsigned)geteuid());
		return 1;
	}
	r = args.release ? guard_release(&config) : guard_run(args.conf, &config);
	ds_conf_free(agent_options, &config);
	return r < 0 ? 1 : 0;
}
