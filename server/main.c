/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemonsec-server - collects what agents see, scores it, keeps it and answers questions about it.
 *
 * The main thread reads the configuration, starts the parts (parts.c), then only waits for signals.
 */
#include "lib/log.h"
#include "server/api/api.h"
#include "server/ingest/ingest.h"
#include "server/parts.h"
#include "server/reacting.h"
#include "server/service.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_FILE DS_SYSCONFDIR "/server.conf"
#define WHY_SIZE     512

static int
usage(FILE *out, int code)
{
	fprintf(out,
	    "usage: daemonsec-server [-c FILE] [--check-config]\n"
	    "  -c, --config FILE  configuration, default " DEFAULT_FILE "\n"
	    "      --check-config read the configuration, say what is wrong with it, and end\n"
	    "  -h, --help         print this, and end\n"
	    "  -V, --version      print the version, and end\n");
	return code;
}

/* The file, then FILE.d/ (server.conf.d/). */
static int
load_config(const char *file, struct server_config *ret, struct ds_conf_report *report)
{
	char dir[4096];
	bool is_default = strcmp(file, DEFAULT_FILE) == 0;
	int n = snprintf(dir, sizeof(dir), "%s.d", file);

	*ret = (struct server_config){ 0 };
	*report = (struct ds_conf_report){ 0 };
	if (n < 0 || (size_t)n >= sizeof(dir))
		return -ENAMETOOLONG;
	return ds_conf_load(server_options, ret, file, dir, is_default, report, NULL);
}

/* strict: unknown keys are errors too. 0 or -EINVAL, with everything wrong on stderr. */
static int
read_config(const char *file, struct server_config *ret, bool strict)
{
	static struct ds_conf_report report;
	char why[WHY_SIZE];
	int r = load_config(file, ret, &report);

	if (report.len > 0)
		ds_conf_print_report(&report, stderr);
	if (r < 0 && (strict || !ds_conf_is_usable(r, &report))) {
		if (report.len == 0)
			fprintf(stderr, "%s: %s\n", file, strerror(-r));
		return -EINVAL;
	}
	if (server_config_check(ret, why, sizeof(why)) < 0) {
		fprintf(stderr, "%s: %s\n", file, why);
		return -EINVAL;
	}
	return strict && report.unknown > 0 ? -EINVAL : 0;
}

/* What can change while running does; the rest waits for a restart. */
static void
reload(struct server *s)
{
	struct server_config cfg;
	struct react_settings settings;
	struct detect_config detect;
	char why[WHY_SIZE];
	bool failed;

	ds_systemd_reloading();
	failed = read_config(s->file, &cfg, false) < 0;
	if (failed) {
		ds_log(ERROR, "the new configuration is refused, the old one stays", "file=\"%s\"",
		    s->file);
	} else {
		ds_log_set_level((enum ds_log_level)cfg.log_level);
		detect = parts_detect_config(s, &cfg);
		ingest_reconfigure(s->ingest, &detect);
		settings = reacting_settings(&cfg);
		react_configure(s->react, &settings);
		server_config_read_again(&s->cfg, &cfg, s->file);
		failed = api_reload(s->api, &cfg, why, sizeof(why)) < 0;
		if (failed)
			ds_log(ERROR, "the API's certificate is refused, the old one stays",
			    "why=\"%s\"", why);
	}
	ds_conf_free(server_options, &cfg);
	api_set_reload_failed(s->api, failed);
	ds_systemd_tell("READY=1");
}

static int
run(struct server *s)
{
	int signal_number;

	if (parts_start(s) < 0)
		return 1;
	ds_log(INFO, "ready", "version=%s state=\"%s\"", PACKAGE_VERSION, s->cfg.state_dir);
	ds_systemd_tell("READY=1");
	while ((signal_number = service_wait()) == SIGHUP)
		reload(s);
	ds_log(INFO, "stopping", "signal=%d", signal_number);
	ds_systemd_tell("STOPPING=1");
	parts_stop(s);
	return 0;
}

static int
lock_and_run(struct server *s)
{
	char why[WHY_SIZE];
	int code;

	s->lock_fd = service_lock(s->cfg.state_dir, why, sizeof(why));
	if (s->lock_fd < 0) {
		ds_log(ERROR, "cannot start", "why=\"%s\"", why);
		return s->lock_fd == -EWOULDBLOCK ? 6 : 1;
	}
	code = run(s);
	close(s->lock_fd);
	return code;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	struct server s = { .file = DEFAULT_FILE };
	bool check = false;
	int code, opt, r;

	while ((opt = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		if (opt == 'c')
			s.file = optarg;
		else if (opt == 'k')
			check = true;
		else if (opt == 'V')
			return printf("daemonsec-server %s\n", PACKAGE_VERSION) < 0;
		else
			return opt == 'h' ? usage(stdout, 0) : usage(stderr, 2);
	}
	if (optind < argc)
		return usage(stderr, 2);
	umask(077);
	r = read_config(s.file, &s.cfg, check);
	if (r < 0 || check) {
		ds_conf_free(server_options, &s.cfg);
		return r < 0;
	}
	ds_log_init("daemonsec-server", (enum ds_log_level)s.cfg.log_level);
	service_set_zone(s.cfg.time_zone);
	service_block_signals();
	service_raise_limits();
	code = lock_and_run(&s);
	ds_conf_free(server_options, &s.cfg);
	return code;
}
