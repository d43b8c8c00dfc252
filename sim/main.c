/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main - daemonsec-sim: options, and the verb they are for.
 */
#include "lib/conf.h"
#include "lib/log.h"
#include "sim/attack.h"
#include "sim/feed.h"
#include "sim/report.h"
#include "sim/verify.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

struct options {
	struct fleet_config fleet;
	struct feed_live_config live;
	struct feed_max_config max;
	struct feed_replay_config replay;
	const char *store;
	char state_dir[64]; /* a temporary one, when none was given */
	bool is_max, is_json;
	bool is_told_attacks; /* --attacks was given */
};

enum {
	OPT_SERVER = 256,
	OPT_TOKEN,
	OPT_STATE,
	OPT_AGENTS,
	OPT_FIRST,
	OPT_EPS,
	OPT_DURATION,
	OPT_DRAIN,
	OPT_SEED,
	OPT_RAMP,
	OPT_BATCH,
	OPT_WINDOW,
	OPT_STREAMS,
	OPT_FLUSH,
	OPT_HISTORY,
	OPT_ATTACKS,
	OPT_FROM,
	OPT_SPEED,
	OPT_REPEAT,
	OPT_EVERY,
	OPT_AGO,
	OPT_STORE,
	OPT_QUIET,
};

static const struct option long_options[] = {
	{ "server", required_argument, NULL, OPT_SERVER },
	{ "token-file", required_argument, NULL, OPT_TOKEN },
	{ "state-dir", required_argument, NULL, OPT_STATE },
	{ "agents", required_argument, NULL, OPT_AGENTS },
	{ "first", required_argument, NULL, OPT_FIRST },
	{ "eps", required_argument, NULL, OPT_EPS },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "drain", required_argument, NULL, OPT_DRAIN },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "ramp", required_argument, NULL, OPT_RAMP },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "window", required_argument, NULL, OPT_WINDOW },
	{ "streams", required_argument, NULL, OPT_STREAMS },
	{ "flush", required_argument, NULL, OPT_FLUSH },
	{ "history", required_argument, NULL, OPT_HISTORY },
	{ "attacks", required_argument, NULL, OPT_ATTACKS },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "speed", required_argument, NULL, OPT_SPEED },
	{ "repeat", required_argument, NULL, OPT_REPEAT },
	{ "every", required_argument, NULL, OPT_EVERY },
	{ "ago", required_argument, NULL, OPT_AGO },
	{ "store", required_argument, NULL, OPT_STORE },
	{ "output", required_argument, NULL, 'o' },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const char usage_text[] =
    "usage: daemonsec-sim VERB [OPTION...]\n"
    "\n"
    "load     many agents send what their daemons do\n"
    "demo     a small fleet with attacks, until it is stopped\n"
    "replay   sends a recording again, with its clocks moved\n"
    "verify   compares what was sent with what the server stored\n"
    "\n"
    "  --server ADDRESS:PORT  where agents connect (default: as the token says)\n"
    "  --token-file FILE      enrolment token for hosts that have no certificate yet\n"
    "  --state-dir DIR        certificates and a record of what was sent (default: a temporary one)\n"
    "  --agents N             how many (load: 100, demo: 40, replay: 1)\n"
    "  --first N              number of the first one (0)\n"
    "  --ramp N/s             new connections a second (200/s)\n"
    "  --seed N               same seed, same events (1)\n"
    "  --duration TIME        after all are online (load: 60s, else until stopped or done)\n"
    "  --drain TIME           how long to wait for the last acks (30s)\n"
    "  --eps N|max            load: events a second of all agents; 0: silent; max: prepared\n"
    "                         batches, as fast as the server takes them (1000; demo: 100)\n"
    "  --batch N, --window N  max: events in a batch (1024), batches in flight an agent (4)\n"
    "  --streams N            max: different hosts the batches are made of (16)\n"
    "  --flush TIME           how often an agent sends (1s)\n"
    "  --history TIME         begin so long ago, and catch up (0s)\n"
    "  --attacks TIME|no      mean time between attacks (load: no, demo: 60s)\n"
    "  --from PATH            replay: a server's state directory, or a file with batches in it\n"
    "  --speed N              replay: how many times as fast; 0: all at once (1)\n"
    "  --repeat N             replay: at once, so many times (1)\n"
    "  --every TIME           replay: from one time to the next, by its clocks (as long as it is)\n"
    "  --ago TIME             replay: at once, the newest event happened so long ago (0s)\n"
    "  --store DIR            verify: the server's state directory\n"
    "  -o, --output text|json the summary\n"
    "  --quiet                no progress\n"
    "  -h, --help, -V, --version\n";

/* ---- values */

static int
number_parse(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' || text[0] == '-' || *ret > max ? -EINVAL
											 : 0;
}

static int
number32_parse(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t v;

	if (number_parse(text, max, &v) < 0 || v < min)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

/* A rate may end in "/s". */
static int
real_parse(const char *text, const char *suffix, double *ret)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || !(v >= 0) || v > 1e9 || (*end != '\0' && strcmp(end, suffix) != 0))
		return -EINVAL;
	*ret = v;
	return 0;
}

static int
eps_parse(struct options *o, const char *text)
{
	o->is_max = strcmp(text, "max") == 0;
	return o->is_max ? 0 : real_parse(text, "/s", &o->live.events_per_s);
}

static int
attacks_parse(struct options *o, const char *text)
{
	o->is_told_attacks = true;
	o->live.has_attacks = strcmp(text, "no") != 0;
	if (!o->live.has_attacks)
		return 0;
	return ds_conf_duration(text, &o->live.attack_ms) < 0 || o->live.attack_ms == 0 ||
		       o->live.attack_ms > UINT32_MAX
		   ? -EINVAL
		   : 0;
}

static int
history_parse(struct options *o, const char *text)
{
	uint64_t ms;
	int r = ds_conf_duration(text, &ms);

	if (r == 0)
		o->live.history_us = ms * 1000;
	return r;
}

static int
output_parse(struct options *o, const char *text)
{
	o->is_json = strcmp(text, "json") == 0;
	return o->is_json || strcmp(text, "text") == 0 ? 0 : -EINVAL;
}

static int
text_take(const char **at, const char *text)
{
	*at = text;
	return 0;
}

static int
option_take(struct options *o, int option, const char *arg)
{
	switch (option) {
	case OPT_SERVER:
		return text_take(&o->fleet.server, arg);
	case OPT_TOKEN:
		return text_take(&o->fleet.token_file, arg);
	case OPT_STATE:
		return text_take(&o->fleet.state_dir, arg);
	case OPT_FROM:
		return text_take(&o->replay.from, arg);
	case OPT_STORE:
		return text_take(&o->store, arg);
	case OPT_AGENTS:
		return number32_parse(arg, 1, 100000, &o->fleet.agents);
	case OPT_FIRST:
		return number32_parse(arg, 0, 99999, &o->fleet.first);
	case OPT_SEED:
		return number_parse(arg, UINT64_MAX, &o->fleet.seed);
	case OPT_BATCH:
		return number32_parse(arg, 1, DS_BATCH_EVENTS_MAX, &o->max.batch);
	case OPT_WINDOW:
		return number32_parse(arg, 1, 1024, &o->max.window);
	case OPT_STREAMS:
		return number32_parse(arg, 1, 1024, &o->max.streams);
	case OPT_EPS:
		return eps_parse(o, arg);
	case OPT_RAMP:
		return real_parse(arg, "/s", &o->fleet.ramp_per_s);
	case OPT_SPEED:
		return real_parse(arg, "x", &o->replay.speed);
	case OPT_REPEAT:
		return number32_parse(arg, 1, 1000000, &o->replay.repeat);
	case OPT_EVERY:
		return ds_conf_duration(arg, &o->replay.every_ms);
	case OPT_AGO:
		return ds_conf_duration(arg, &o->replay.ago_ms);
	case OPT_DURATION:
		return ds_conf_duration(arg, &o->fleet.duration_ms);
	case OPT_DRAIN:
		return ds_conf_duration(arg, &o->fleet.drain_ms);
	case OPT_FLUSH:
		return ds_conf_duration(arg, &o->live.flush_ms);
	case OPT_HISTORY:
		return history_parse(o, arg);
	case OPT_ATTACKS:
		return attacks_parse(o, arg);
	case 'o':
		return output_parse(o, arg);
	default:
		return -EINVAL;
	}
}

/* 0, or an exit code plus 1. */
static int
options_read(struct options *o, int argc, char **argv)
{
	int option, index = 0;

	while ((option = getopt_long(argc, argv, "o:hV", long_options, &index)) != -1) {
		if (option == OPT_QUIET) {
			o->fleet.is_quiet = true;
		} else if (option == 'h') {
			fputs(usage_text, stdout);
			return 1;
		} else if (option == 'V') {
			puts("daemonsec-sim " PACKAGE_VERSION);
			return 1;
		} else if (option == '?') {
			fprintf(stderr, "  daemonsec-sim --help lists the options\n");
			return EXIT_USAGE + 1;
		} else if (option_take(o, option, optarg) < 0) {
			fprintf(stderr, "daemonsec-sim: not a value for this option: %s\n", optarg);
			return EXIT_USAGE + 1;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "daemonsec-sim: what is \"%s\"? (see --help)\n", argv[optind]);
	return EXIT_USAGE + 1;
}

static int
usage_fail(const char *sentence)
{
	fprintf(stderr, "daemonsec-sim: %s (see --help)\n", sentence);
	return EXIT_USAGE;
}

/* ---- verbs */

/* Keys and certificates that nobody will need again. */
static void
directory_remove(const struct options *o)
{
	char path[128];

	for (uint32_t i = 0; i < o->fleet.agents; i++) {
		snprintf(path, sizeof(path), "%s/%05u.pem", o->state_dir, o->fleet.first + i);
		(void)remove(path);
	}
	snprintf(path, sizeof(path), "%s/ca.pem", o->state_dir);
	(void)remove(path);
	snprintf(path, sizeof(path), "%s/sent.tsv", o->state_dir);
	(void)remove(path);
	(void)remove(o->state_dir);
}

static int
fleet_verb(struct options *o, const struct feed *feed, const void *feed_config)
{
	struct fleet f = { 0 };
	int r;

	if (o->fleet.server == NULL && o->fleet.token_file == NULL)
		return usage_fail("no --server and no --token-file");
	if (o->fleet.ramp_per_s <= 0)
		return usage_fail("--ramp is more than nothing");
	if (o->fleet.state_dir == NULL) {
		snprintf(o->state_dir, sizeof(o->state_dir), "/tmp/daemonsec-sim.XXXXXX");
		if (mkdtemp(o->state_dir) == NULL)
			return 1;
		o->fleet.state_dir = o->state_dir;
	}
	o->fleet.feed = feed;
	o->fleet.feed_config = feed_config;
	r = fleet_run(&f, &o->fleet);
	if (r == 0)
		r = report_print(&f, o->is_json);
	if (r == 0 && (report_unacked(&f) > 0 || !f.is_saved))
		r = 1;
	fleet_done(&f);
	if (o->state_dir[0] != '\0')
		directory_remove(o);
	return r == 0 ? 0 : 1;
}

static int
load_verb(struct options *o)
{
	if (o->fleet.agents == 0)
		o->fleet.agents = 100;
	if (o->fleet.duration_ms == UINT64_MAX)
		o->fleet.duration_ms = 60000;
	if (o->live.events_per_s < 0)
		o->live.events_per_s = 1000;
	if (o->is_max)
		return fleet_verb(o, &feed_max, &o->max);
	if (o->live.events_per_s <= 0)
		return fleet_verb(o, &feed_idle, NULL);
	return fleet_verb(o, &feed_live, &o->live);
}

static int
demo_verb(struct options *o)
{
	if (o->fleet.agents == 0)
		o->fleet.agents = 40;
	if (o->fleet.duration_ms == UINT64_MAX)
		o->fleet.duration_ms = 0;
	if (o->live.events_per_s <= 0)
		o->live.events_per_s = 100;
	if (!o->is_told_attacks) {
		o->live.has_attacks = true;
		o->live.attack_ms = 60000;
	}
	return fleet_verb(o, &feed_live, &o->live);
}

static int
replay_verb(struct options *o)
{
	if (o->replay.from == NULL)
		return usage_fail("replay needs --from");
	if (o->fleet.agents == 0)
		o->fleet.agents = 1;
	if (o->fleet.duration_ms == UINT64_MAX)
		o->fleet.duration_ms = 0;
	return fleet_verb(o, &feed_replay, &o->replay);
}

static int
verify_verb(struct options *o)
{
	int r;

	if (o->fleet.state_dir == NULL || o->store == NULL)
		return usage_fail("verify needs --state-dir and --store");
	r = verify_run(o->fleet.state_dir, o->store, o->is_json);
	return r == 0 ? 0 : 1;
}

static const struct {
	const char *name;
	int (*run)(struct options *o);
} verbs[] = {
	{ "load", load_verb },
	{ "demo", demo_verb },
	{ "replay", replay_verb },
	{ "verify", verify_verb },
};

int
main(int argc, char **argv)
{
	struct options o = {
		.fleet = { .ramp_per_s = 200,
		    .seed = 1,
		    .duration_ms = UINT64_MAX,
		    .drain_ms = 30000 },
		.live = { .events_per_s = -1, .flush_ms = 1000 },
		.max = { .batch = 1024, .window = 4, .streams = 16 },
		.replay = { .speed = 1 },
	};
	int r;

	ds_log_init("daemonsec-sim", DS_LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN); /* a closed connection is told by its write */
	if (argc > 1 && argv[1][0] == '-') {
		r = options_read(&o, argc, argv);
		return r > 0 ? r - 1 : usage_fail("which verb?");
	}
	for (size_t i = 0; argc > 1 && i < DS_LEN(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		r = options_read(&o, argc - 1, argv + 1);
		return r > 0 ? r - 1 : verbs[i].run(&o);
	}
	if (argc > 1)
		return usage_fail("the verbs are load, demo, replay and verify");
	fputs(usage_text, stderr);
	return EXIT_USAGE;
}
