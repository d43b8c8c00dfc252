/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream - what the daemons of one simulated host do.
 *
 * Called by the load generator and by the benchmarks; a stream belongs to one thread.
 *
 * Daemons and activities are rows of tables; one activity of a daemon is chosen by weight for each
 * event, then one of its variants, the first ones far more often than the last.
 */
#include "sim/stream.h"

#include "lib/clock.h"
#include "lib/compiler.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SAMPLE_US (10 * DS_US_PER_S)
#define DAY_US    (86400 * DS_US_PER_S)
#define VARIANTS  64u /* of an activity at most */
#define PID_MAX   4194304u
#define DEVICE    2065u
#define HOST_DAYS 30u /* how long the daemons have been running at most */

struct daemon_info {
	const char *name, *exe, *unit, *package, *version;
	uint32_t uid;
	unsigned workers; /* processes that do the work */
};

static const struct daemon_info daemon_table[SIM_DAEMONS] = {
	[SIM_WEB] = { "nginx", "/usr/sbin/nginx", "nginx.service", "nginx", "1.22.1-9", 33, 8 },
	[SIM_DATABASE] = { "postgresql@15-main", "/usr/lib/postgresql/15/bin/postgres",
	    "postgresql@15-main.service", "postgresql-15", "15.8-0+deb12u1", 114, 12 },
	[SIM_MAIL] = { "postfix", "/usr/lib/postfix/sbin/master", "postfix@-.service", "postfix",
	    "3.7.11-0+deb12u1", 107, 5 },
	[SIM_SSH] = { "sshd", "/usr/sbin/sshd", "ssh.service", "openssh-server",
	    "1:9.2p1-2+deb12u3", 0, 2 },
	[SIM_CRON] = { "cron", "/usr/sbin/cron", "cron.service", "cron", "3.0pl1-162", 0, 1 },
};

struct activity {
	uint8_t daemon; /* enum sim_daemon */
	uint8_t kind;
	uint8_t variants;  /* how many different ones there are */
	uint16_t weight;   /* how often, against the others */
	const char *child; /* daemon name when it is not the daemon's own */
	void (*fill)(struct sim_stream *s, unsigned variant, struct ds_event *ev);
};

uint64_t
sim_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t
sim_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((sim_random(state) >> 32) * n >> 32);
}

/* 0 most often, n - 1 least. */
static unsigned
skewed(struct sim_stream *s, unsigned n)
{
	unsigned a = sim_below(&s->random, n), b = sim_below(&s->random, n);

	return sim_below(&s->random, DS_MIN(a, b) + 1);
}

static void __attribute__((format(printf, 4, 5))) text_set(
    struct sim_stream *s, struct ds_event *ev, enum ds_str_field field, const char *format, ...)
{
	unsigned slot = field == DS_STR_EXE    ? 0
			: field == DS_STR_PATH ? 1
			: field == DS_STR_ARGS ? 2
					       : 3;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(s->text[slot], sizeof(s->text[slot]), format, args);
	va_end(args);
	ds_event_set_str(ev, field, s->text[slot], DS_MIN((size_t)n, sizeof(s->text[slot]) - 1));
}

static void
const_set(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	ds_event_set_str(ev, field, text, strlen(text));
}

static void
address_set(struct sim_stream *s, struct ds_event *ev, enum ds_str_field field, uint32_t address)
{
	uint8_t *p = s->address[field == DS_STR_DADDR];

	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(address >> (24 - 8 * i));
	ds_event_set_str(ev, field, p, 4);
}

/* An address of the world outside; the same number, the same address. */
static uint32_t
outside(uint32_t number)
{
	uint64_t x = number;
	uint32_t address = (uint32_t)sim_random(&x);

	return (address & 0x7fffffff) | 0x01000000;
}

static uint32_t
inside(const struct sim_stream *s, uint32_t number)
{
	return 0x0a000000 | (s->host / 200 & 0xff) << 16 | (number & 0xff) << 8 |
	       (number * 7 & 0xff);
}

static uint32_t
worker_pid(struct sim_stream *s, unsigned daemon)
{
	return s->pid[daemon] + 1 + sim_below(&s->random, daemon_table[daemon].workers);
}

static uint32_t
new_pid(struct sim_stream *s)
{
	s->next_pid += 1 + sim_below(&s->random, 3);
	if (s->next_pid >= PID_MAX)
		s->next_pid = 300;
	return s->next_pid;
}

static void
process_set(struct sim_stream *s, struct ds_event *ev, unsigned daemon)
{
	ev->num[DS_NUM_PID] = worker_pid(s, daemon);
	ev->num[DS_NUM_UID] = daemon_table[daemon].uid;
	const_set(ev, DS_STR_EXE, daemon_table[daemon].exe);
}

/* ---- web */

static void
web_accept(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	process_set(s, ev, SIM_WEB);
	ev->num[DS_NUM_SPORT] = 32768 + sim_below(&s->random, 28232);
	ev->num[DS_NUM_DPORT] = variant % 8 == 7 ? 80 : 443;
	ev->num[DS_NUM_PROTO] = 6;
	address_set(
	    s, ev, DS_STR_SADDR, outside(variant < 32 ? variant : sim_below(&s->random, 5000)));
	address_set(s, ev, DS_STR_DADDR, inside(s, s->host));
}

static void
web_upstream(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	process_set(s, ev, SIM_WEB);
	if (variant == 0) {
		const_set(ev, DS_STR_PATH, "/run/php/php8.2-fpm.sock");
		return;
	}
	ev->num[DS_NUM_SPORT] = 32768 + sim_below(&s->random, 28232);
	ev->num[DS_NUM_DPORT] = 8000 + variant;
	ev->num[DS_NUM_PROTO] = 6;
	address_set(s, ev, DS_STR_SADDR, inside(s, s->host));
	address_set(s, ev, DS_STR_DADDR, inside(s, 1000 + variant));
}

static void
web_write(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	process_set(s, ev, SIM_WEB);
	ev->num[DS_NUM_OPEN_FLAGS] = 02101;
	ev->num[DS_NUM_INODE] = 262144 + variant;
	ev->num[DS_NUM_DEVICE] = DEVICE;
	if (variant < 4)
		text_set(
		    s, ev, DS_STR_PATH, "/var/log/nginx/%s.log", variant % 2 ? "error" : "access");
	else
		text_set(s, ev, DS_STR_PATH, "/var/cache/nginx/%x/%02x", variant & 15, variant);
}

static void
web_temp(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	web_write(s, variant, ev);
	ev->num[DS_NUM_MODE] = 0600;
	ev->num[DS_NUM_INODE] = 300000 + (s->serial++ & 0xffff);
	text_set(s, ev, DS_STR_PATH, "/var/lib/nginx/body/%010llu", (unsigned long long)s->serial);
}

/* ---- database */

static void
db_accept(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	process_set(s, ev, SIM_DATABASE);
	ev->num[DS_NUM_PID] = s->pid[SIM_DATABASE];
	ev->num[DS_NUM_SPORT] = 32768 + sim_below(&s->random, 28232);
	ev->num[DS_NUM_DPORT] = 5432;
	ev->num[DS_NUM_PROTO] = 6;
	address_set(s, ev, DS_STR_SADDR, inside(s, 10 + variant));
	address_set(s, ev, DS_STR_DADDR, inside(s, s->host));
}

static void
db_fork(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	(void)variant;
	process_set(s, ev, SIM_DATABASE);
	ev->num[DS_NUM_PID] = new_pid(s);
	ev->num[DS_NUM_PPID] = s->pid[SIM_DATABASE];
}

static void
db_exit(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	(void)variant;
	process_set(s, ev, SIM_DATABASE);
	ev->num[DS_NUM_PID] = s->next_pid - sim_below(&s->random, 20);
	ev->num[DS_NUM_DURATION_US] = 1000 + sim_below(&s->random, 30000000);
}

static void
db_write(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	process_set(s, ev, SIM_DATABASE);
	ev->num[DS_NUM_OPEN_FLAGS] = 02000002;
	ev->num[DS_NUM_INODE] = 524288 + variant * 3;
	ev->num[DS_NUM_DEVICE] = DEVICE;
	text_set(
	    s, ev, DS_STR_PATH, "/var/lib/postgresql/15/main/base/16384/%u", 16400 + variant * 3);
}

/* ---- mail */

static const char *const mail_programs[] = { "smtpd", "cleanup", "smtp", "bounce",
	"trivial-rewrite", "local", "proxymap", "anvil" };

static void
mail_exec(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	const char *program = mail_programs[variant % DS_LEN(mail_programs)];

	ev->num[DS_NUM_PID] = new_pid(s);
	ev->num[DS_NUM_PPID] = s->pid[SIM_MAIL];
	ev->num[DS_NUM_UID] = 107;
	ev->num[DS_NUM_GID] = 115;
	ev->num[DS_NUM_START] = s->now_us - 150;
	ev->num[DS_NUM_INODE] = 130000 + variant % DS_LEN(mail_programs);
	ev->num[DS_NUM_DEVICE] = DEVICE;
	text_set(s, ev, DS_STR_EXE, "/usr/lib/postfix/sbin/%s", program);
	text_set(
	    s, ev, DS_STR_ARGS, "%s%c-n%c%s%c-t%cunix%c-u%c-c", program, 0, 0, program, 0, 0, 0, 0);
	const_set(ev, DS_STR_PARENT_EXE, daemon_table[SIM_MAIL].exe);
	ds_event_set_str(ev, DS_STR_ANCESTORS,
	    "/usr/lib/postfix/sbin/master\0/usr/lib/systemd/systemd", 28 + 1 + 24);
}

static void
mail_connect(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	process_set(s, ev, SIM_MAIL);
	const_set(ev, DS_STR_EXE, "/usr/lib/postfix/sbin/smtp");
	ev->num[DS_NUM_SPORT] = 32768 + sim_below(&s->random, 28232);
	ev->num[DS_NUM_DPORT] = 25;
	ev->num[DS_NUM_PROTO] = 6;
	address_set(s, ev, DS_STR_SADDR, inside(s, s->host));
	address_set(s, ev, DS_STR_DADDR, outside(10000 + variant));
}

static void
mail_queue(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	process_set(s, ev, SIM_MAIL);
	const_set(ev, DS_STR_EXE, "/usr/lib/postfix/sbin/cleanup");
	if (ev->kind == DS_EVENT_FILE_CREATE) {
		s->serial += 1 + variant;
		ev->num[DS_NUM_OPEN_FLAGS] = 0301;
		ev->num[DS_NUM_MODE] = 0600;
		ev->num[DS_NUM_INODE] = 700000 + (s->serial & 0xfff);
		ev->num[DS_NUM_DEVICE] = DEVICE;
	}
	text_set(s, ev, DS_STR_PATH, "/var/spool/postfix/incoming/%05X%05llX", s->host & 0xfffff,
	    (unsigned long long)(s->serial * 7919 & 0xfffff));
	if (ev->kind == DS_EVENT_FILE_RENAME)
		text_set(s, ev, DS_STR_TARGET_PATH, "/var/spool/postfix/active/%05X%05llX",
		    s->host & 0xfffff, (unsigned long long)(s->serial * 7919 & 0xfffff));
}

/* ---- ssh and its sessions */

static const char *const people[] = { "alice", "bob", "carol", "deploy", "backup", "ansible" };

static void
ssh_accept(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	process_set(s, ev, SIM_SSH);
	ev->num[DS_NUM_PID] = s->pid[SIM_SSH];
	ev->num[DS_NUM_SPORT] = 32768 + sim_below(&s->random, 28232);
	ev->num[DS_NUM_DPORT] = 22;
	ev->num[DS_NUM_PROTO] = 6;
	address_set(s, ev, DS_STR_SADDR, variant < 8 ? inside(s, 200 + variant) : outside(variant));
	address_set(s, ev, DS_STR_DADDR, inside(s, s->host));
}

static void
ssh_login(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	bool is_failure = variant >= 12;

	ev->num[DS_NUM_PID] = new_pid(s);
	ev->num[DS_NUM_OUTCOME] = is_failure ? 2 : 1;
	ev->num[DS_NUM_SPORT] = 32768 + sim_below(&s->random, 28232);
	address_set(
	    s, ev, DS_STR_SADDR, is_failure ? outside(variant) : inside(s, 200 + variant % 8));
	const_set(ev, DS_STR_USER, is_failure ? "root" : people[variant % DS_LEN(people)]);
	const_set(ev, DS_STR_METHOD, is_failure ? "password" : "publickey");
	const_set(ev, DS_STR_SOURCE, "journal");
}

static const char *const session_programs[] = { "/usr/bin/bash", "/usr/bin/ls", "/usr/bin/cat",
	"/usr/bin/grep", "/usr/bin/systemctl", "/usr/bin/less", "/usr/bin/vim.basic",
	"/usr/bin/tail", "/usr/bin/df", "/usr/bin/ps", "/usr/bin/journalctl", "/usr/bin/git" };

static void
session_exec(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	const char *program = session_programs[variant % DS_LEN(session_programs)];

	ev->num[DS_NUM_PID] = new_pid(s);
	ev->num[DS_NUM_PPID] = s->next_pid - 1;
	ev->num[DS_NUM_UID] = ev->num[DS_NUM_GID] = 1000 + variant % 6;
	ev->num[DS_NUM_START] = s->now_us - 200;
	ev->num[DS_NUM_INODE] = 140000 + variant;
	ev->num[DS_NUM_DEVICE] = DEVICE;
	const_set(ev, DS_STR_EXE, program);
	text_set(s, ev, DS_STR_ARGS, "%s%c-%c%c/srv/%u", strrchr(program, '/') + 1, 0,
	    'a' + (char)(variant % 26), 0, variant);
	const_set(ev, DS_STR_PARENT_EXE, "/usr/bin/bash");
	ds_event_set_str(ev, DS_STR_ANCESTORS, "/usr/bin/bash\0/usr/sbin/sshd\0/usr/sbin/sshd",
	    13 + 1 + 14 + 1 + 14);
}

static void
session_exit(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	ev->num[DS_NUM_PID] = s->next_pid - sim_below(&s->random, 4);
	ev->num[DS_NUM_UID] = 1000 + variant % 6;
	ev->num[DS_NUM_EXIT_CODE] = variant % 9 == 8;
	ev->num[DS_NUM_DURATION_US] = 2000 + sim_below(&s->random, 90000);
	const_set(ev, DS_STR_EXE, session_programs[variant % DS_LEN(session_programs)]);
}

/* ---- cron and its jobs */

static const char *const jobs[] = { "/usr/bin/run-parts", "/usr/sbin/logrotate", "/usr/bin/find",
	"/usr/bin/apt-get", "/usr/lib/php/sessionclean", "/usr/bin/certbot",
	"/usr/sbin/e2scrub_all", "/usr/local/bin/report" };

static void
cron_exec(struct sim_stream *s, unsigned variant, struct ds_event *ev)
{
	const char *program = jobs[variant % DS_LEN(jobs)];

	ev->num[DS_NUM_PID] = new_pid(s);
	ev->num[DS_NUM_PPID] = s->pid[SIM_CRON];
	ev->num[DS_NUM_START] = s->now_us - 300;
	ev->num[DS_NUM_INODE] = 150000 + variant % DS_LEN(jobs);
	ev->num[DS_NUM_DEVICE] = DEVICE;
	const_set(ev, DS_STR_EXE, program);
	text_set(s, ev, DS_STR_ARGS, "%s%c--quiet", program, 0);
	const_set(ev, DS_STR_PARENT_EXE, "/usr/bin/dash");
	ds_event_set_str(ev, DS_STR_ANCESTORS, "/usr/bin/dash\0/usr/sbin/cron\0/usr/sbin/cron",
	    13 + 1 + 14 + 1 + 14);
}

static const struct activity activity_table[] = {
	{ SIM_WEB, DS_EVENT_ACCEPT, 64, 400, NULL, web_accept },
	{ SIM_WEB, DS_EVENT_CONNECT, 4, 200, NULL, web_upstream },
	{ SIM_WEB, DS_EVENT_FILE_WRITE, 40, 100, NULL, web_write },
	{ SIM_WEB, DS_EVENT_FILE_CREATE, 1, 40, NULL, web_temp },
	{ SIM_DATABASE, DS_EVENT_ACCEPT, 20, 80, NULL, db_accept },
	{ SIM_DATABASE, DS_EVENT_FORK, 1, 80, NULL, db_fork },
	{ SIM_DATABASE, DS_EVENT_EXIT, 1, 80, NULL, db_exit },
	{ SIM_DATABASE, DS_EVENT_FILE_WRITE, 60, 150, NULL, db_write },
	{ SIM_MAIL, DS_EVENT_EXEC, 8, 20, NULL, mail_exec },
	{ SIM_MAIL, DS_EVENT_CONNECT, 64, 30, NULL, mail_connect },
	{ SIM_MAIL, DS_EVENT_FILE_CREATE, 3, 30, NULL, mail_queue },
	{ SIM_MAIL, DS_EVENT_FILE_RENAME, 1, 30, NULL, mail_queue },
	{ SIM_MAIL, DS_EVENT_FILE_UNLINK, 1, 30, NULL, mail_queue },
	{ SIM_SSH, DS_EVENT_ACCEPT, 20, 10, NULL, ssh_accept },
	{ SIM_SSH, DS_EVENT_LOGIN, 16, 6, NULL, ssh_login },
	{ SIM_SSH, DS_EVENT_EXEC, 36, 20, "sshd/session", session_exec },
	{ SIM_SSH, DS_EVENT_EXIT, 36, 20, "sshd/session", session_exit },
	{ SIM_CRON, DS_EVENT_EXEC, 16, 10, "cron/job", cron_exec },
};

void
sim_stream_init(
    struct sim_stream *s, uint64_t seed, uint32_t host, uint64_t start_us, double events_per_s)
{
	*s = (struct sim_stream){ .host = host, .events_per_s = events_per_s, .now_us = start_us };
	s->random = seed ^ (uint64_t)host << 32;
	for (size_t i = 0; i < DS_LEN(activity_table); i++)
		s->weights += activity_table[i].weight;
	s->next_pid = 2000 + sim_below(&s->random, 100000);
	s->next_sample_us = start_us + sim_below(&s->random, SAMPLE_US);
	for (unsigned i = 0; i < SIM_DAEMONS; i++) {
		s->pid[i] = 500 + 40 * i + sim_below(&s->random, 20);
		s->start_us[i] =
		    start_us - (1 + sim_below(&s->random, HOST_DAYS * 86400)) * DS_US_PER_S;
	}
}

/* One by day, a third by night. */
static double
diurnal(uint64_t time_us)
{
	double phase = (double)(time_us % DAY_US) / DAY_US;

	return 2.0 / 3 - cos(2 * M_PI * phase) / 3;
}

static void
advance(struct sim_stream *s)
{
	double u = ((double)(sim_random(&s->random) >> 11) + 1) / 9007199254740993.0;
	double rate = s->events_per_s * diurnal(s->now_us);

	s->now_us += (uint64_t)(-log(u) / rate * 1e6);
}

static void
greet(struct sim_stream *s, unsigned i, struct ds_event *ev)
{
	const struct daemon_info *d = &daemon_table[i == 0 ? 0 : i - 1];

	ev->flags = DS_FLAG_FIRST | DS_FLAG_INITIAL;
	if (i == 0) {
		ev->kind = DS_EVENT_AGENT_START;
		ev->num[DS_NUM_PID] = 400;
		const_set(ev, DS_STR_VERSION, "0.1.0");
		const_set(ev, DS_STR_SOURCE, "sim");
		const_set(ev, DS_STR_MESSAGE, "simulated");
		return;
	}
	ev->kind = DS_EVENT_DAEMON;
	ev->daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
	ev->num[DS_NUM_PID] = s->pid[i - 1];
	ev->num[DS_NUM_UID] = d->uid;
	ev->num[DS_NUM_INODE] = 130000 + 10 * i;
	ev->num[DS_NUM_DEVICE] = DEVICE;
	ev->num[DS_NUM_START] = s->start_us[i - 1];
	ev->num[DS_NUM_PROCESSES] = 1 + d->workers;
	const_set(ev, DS_STR_EXE, d->exe);
	const_set(ev, DS_STR_PACKAGE, d->package);
	const_set(ev, DS_STR_PACKAGE_VERSION, d->version);
	const_set(ev, DS_STR_UNIT, d->unit);
	const_set(ev, DS_STR_ROLE, "service");
	for (unsigned k = 0; k < 32; k++)
		s->text[0][k] = (char)(i * 37 + k * 11);
	ds_event_set_str(ev, DS_STR_SHA256, s->text[0], 32);
}

static void
sample(struct sim_stream *s, struct ds_event *ev)
{
	const struct daemon_info *d = &daemon_table[s->next_sample];

	ev->kind = DS_EVENT_RESOURCE;
	ev->time_us = s->next_sample_us;
	ev->daemon = (struct ds_str){ d->name, (uint32_t)strlen(d->name) };
	ev->num[DS_NUM_CPU_US] = 1000 + sim_below(&s->random, 200000);
	ev->num[DS_NUM_RSS] =
	    (2000 + 1000 * (uint64_t)d->workers + sim_below(&s->random, 300)) * 4096;
	ev->num[DS_NUM_IO_READ] = sim_below(&s->random, 8) * 4096ull;
	ev->num[DS_NUM_IO_WRITE] = sim_below(&s->random, 256) * 4096ull;
	ev->num[DS_NUM_THREADS] = ev->num[DS_NUM_PROCESSES] = 1 + d->workers;
	ev->num[DS_NUM_FDS] = 8 * d->workers + sim_below(&s->random, 10);
	ev->num[DS_NUM_SOCKETS] = 2 * d->workers + sim_below(&s->random, 6);
	ev->num[DS_NUM_DURATION_US] = SAMPLE_US;
	if (++s->next_sample < SIM_DAEMONS)
		return;
	s->next_sample = 0;
	s->next_sample_us += SAMPLE_US;
}

static const struct activity *
activity_pick(struct sim_stream *s)
{
	unsigned n = sim_below(&s->random, s->weights);
	size_t i = 0;

	while (n >= activity_table[i].weight)
		n -= activity_table[i++].weight;
	return &activity_table[i];
}

static void
act(struct sim_stream *s, struct ds_event *ev)
{
	const struct activity *a = activity_pick(s);
	unsigned variant = skewed(s, a->variants);
	const char *name = a->child ? a->child : daemon_table[a->daemon].name;
	uint64_t *seen = &s->seen[a - activity_table], bit = UINT64_C(1) << variant % VARIANTS;

	ev->kind = a->kind;
	ev->daemon = (struct ds_str){ name, (uint32_t)strlen(name) };
	a->fill(s, variant, ev);
	if ((*seen & bit) == 0) {
		*seen |= bit;
		ev->flags = DS_FLAG_FIRST;
	} else if (a->kind == DS_EVENT_ACCEPT || a->kind == DS_EVENT_CONNECT ||
		   a->kind == DS_EVENT_FILE_WRITE) {
		ev->flags = DS_FLAG_REPEAT;
		ev->count = 1 + skewed(s, 30);
	}
}

void
sim_stream_next(struct sim_stream *s, struct ds_event *ret)
{
	*ret = (struct ds_event){ .count = 1, .time_us = s->now_us };
	if (s->greeted <= SIM_DAEMONS) {
		greet(s, s->greeted++, ret);
		return;
	}
	advance(s);
	if (s->now_us >= s->next_sample_us) {
		s->now_us = s->next_sample_us;
		sample(s, ret);
		return;
	}
	ret->time_us = s->now_us;
	act(s, ret);
}
