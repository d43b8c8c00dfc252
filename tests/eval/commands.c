/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commands - a service that runs known programs, and what of their misuse is told: GTFOBins' lines
 * for just these programs, so that nothing but how they are started, or how busy they are, differs.
 *
 * Weeks of a few hosts go through server/detect as batches of events, all models on.  Half of the
 * hosts now and then start a program in an honest way that was never seen.  After a month there is
 * an attack a day and host, in turn of each kind (`kinds`), in a copy of the process, so that none
 * is influenced by those before; it is found when something is told of the host within ten
 * minutes.  The honest work is made here; the attacks are all lines of the collection whose first
 * program is one of those below.  Each measurement is repeated with a model left out.
 */
#include "server/detect/detect.h"
#include "tests/eval/eval.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define S_US        1000000ull
#define STEP_US     (60 * S_US) /* a batch */
#define DAY_US      (86400 * S_US)
#define BEGIN_US    (1700000000ull * S_US)
#define HOSTS       6u
#define HOSTS_BUSY  2u
#define LEARN_DAYS  30u
#define TEST_DAYS   20u
#define LINES_MAX   1024u
#define LINE_BYTES  400u
#define FOUND_STEPS 10u
#define EPISODE_US  (3600 * S_US)
#define HONEST_DAYS 3u   /* a host that changes starts something in a new way so often */
#define BUSY        300u /* connections of a burst */
#define DAY_STEPS   1440u
#define NIGHT       60u  /* minute of the day */
#define ATTACKED    185u /* ... of the first host */
#define DAEMON      "jobs.service"
#define SERVICE     "/usr/sbin/jobs"

/* What the service runs.  %n is a number, %w a word; then what the process does: w writes a file,
 * a digit connects to that destination. */
static const struct job {
	const char *name, *program, *args, *steps;
} jobs[] = {
	{ "gzip", "/usr/bin/gzip", "gzip -9 /var/log/app/%w.%n", "w" },
	{ "find", "/usr/bin/find", "find /srv/cache -type f -mtime +%n -delete", "" },
	{ "openssl", "/usr/bin/openssl", "openssl x509 -in /etc/ssl/%w.pem -noout -enddate", "" },
	{ "curl", "/usr/bin/curl", "curl -fsS https://api.example.org/%w?n=%n", "1" },
	{ "wget", "/usr/bin/wget", "wget -q -O /srv/feed/%w https://feed.example.org/%w", "1w" },
	{ "mawk", "/usr/bin/mawk", "mawk -f /srv/lib/%w.awk /srv/data/%w", "w" },
	{ "sed", "/usr/bin/sed", "sed -n %np /srv/data/%w", "" },
	{ "perl", "/usr/bin/perl", "perl /srv/app/%w.pl %n", "2w" },
	{ "php", "/usr/bin/php8.2", "php /srv/app/cron.php %w", "2" },
	{ "python", "/usr/bin/python3.11", "python3 /srv/app/%w.py --id %n", "2w" },
	{ "ssh", "/usr/bin/ssh", "ssh -o BatchMode=yes node%n uptime", "3" },
	{ "scp", "/usr/bin/scp", "scp -q /srv/data/%w node%n:/srv/data/", "3" },
	{ "zip", "/usr/bin/zip", "zip -q /srv/out/%w.zip /srv/data/%w", "w" },
	{ "cp", "/usr/bin/cp", "cp -p /srv/data/%w /srv/old/%w", "w" },
	{ "mysql", "/usr/bin/mysql", "mysql --batch --skip-column-names shop", "2" },
};

static const struct kind {
	const char *name;
	bool misuse;       /* the line of the collection; else an ordinary one */
	const char *steps; /* NULL: as the program's */
	unsigned count;    /* of connections of its last step */
} kinds[] = {
	{ "arguments_alone", true, NULL, 1 },
	{ "arguments_and_order", true, "w3w1w2w3", 1 },
	{ "arguments_and_burst", true, "3", BUSY },
	{ "burst_alone", false, "3", BUSY },
	{ "burst_beside_much_else", false, "3", BUSY },
};
#define OF_BUSY (DS_LEN(kinds) - 1) /* on hosts that talk a lot anyway */

/* A budget of one false alarm a host and month, and of one a week, which is the default. */
static const struct variant {
	const char *suffix, *left_out;
	double budget; /* a host and week */
} variants[] = {
	{ "", NULL, 7 / 30.4 },
	{ "_without_arguments", "arguments", 7 / 30.4 },
	{ "_without_burst", "burst", 7 / 30.4 },
	{ "_weekly", NULL, 1 },
	{ "_weekly_without_arguments", "arguments", 1 },
};

struct line {
	const struct job *job;
	char args[LINE_BYTES]; /* NUL between them */
	size_t len;
};

struct lines {
	struct line at[LINES_MAX];
	size_t len;
};

struct host {
	uint64_t seed, pid, told_us, episodes, told;
	size_t attacks;
};

struct site {
	struct detect *detect;
	struct ds_batch_builder *builder;
	struct ds_batch *batch;
	struct ds_buf packed;
	struct host hosts[HOSTS];
	const struct lines *lines;
	uint64_t seq;
	double all[DS_LEN(kinds)], found[DS_LEN(kinds)];
};

static uint64_t
dice(struct host *h, uint64_t sides)
{
	h->seed = h->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (h->seed >> 33) % sides;
}

/* ---- the collection */

/* Words of a shell's line from the program's name on, up to what ends a command. */
static size_t
split(const char *s, char *ret, size_t size)
{
	size_t len = 0;
	char quote = 0;

	for (; *s != '\0' && len + 2 < size; s++) {
		if (quote == 0 && strchr(";|<>", *s) != NULL && (len == 0 || s[-1] != '\\'))
			break;
		if (quote == 0 && (*s == '\'' || *s == '"'))
			quote = *s;
		else if (quote == *s)
			quote = 0;
		else if (*s != ' ' || quote != 0)
			ret[len++] = *s;
		else if (len > 0 && ret[len - 1] != '\0')
			ret[len++] = '\0';
	}
	while (len > 0 && ret[len - 1] == '\0')
		len--;
	return len;
}

/* The command that begins with the program, wherever in the line. */
static const char *
command_of(const char *line, const char *program)
{
	size_t len = strlen(program);

	for (const char *at = strstr(line, program); at != NULL; at = strstr(at + 1, program))
		if ((at == line || strchr(" ;|", at[-1]) != NULL) && at[len] == ' ')
			return at;
	return NULL;
}

static void
take_line(struct lines *to, char *line)
{
	char *function = strchr(line, '\t');
	char *text = function != NULL ? strchr(function + 1, '\t') : NULL;

	if (text == NULL || to->len == LINES_MAX)
		return;
	*function = '\0';
	for (size_t i = 0; i < DS_LEN(jobs); i++) {
		struct line *l = &to->at[to->len];
		const char *from =
		    strcmp(line, jobs[i].name) == 0 ? command_of(text + 1, line) : NULL;

		if (from == NULL)
			continue;
		l->job = &jobs[i];
		l->len = split(from, l->args, sizeof(l->args));
		to->len += l->len > 0;
	}
}

static int
read_lines(struct lines *to, const char *dir)
{
	struct eval_files files;
	int r = eval_files_find(dir, ".tsv", &files);

	for (size_t i = 0; r == 0 && i < files.len; i++) {
		struct eval_reader *reader = eval_reader_open(files.paths[i]);
		char *line;

		if (reader == NULL)
			continue;
		while ((line = eval_reader_line(reader)) != NULL)
			take_line(to, line);
		eval_reader_close(reader);
	}
	if (r == 0)
		eval_files_free(&files);
	return r < 0 ? r : to->len > 0 ? 0 : -ENOENT;
}

/* ---- events */

static void
set(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	ds_event_set_str(ev, field, text, strlen(text));
}

static int
add(struct site *s, struct host *h, struct ds_event *ev, uint64_t time_us)
{
	ev->time_us = time_us;
	ev->daemon = (struct ds_str){ DAEMON, sizeof(DAEMON) - 1 };
	ev->num[DS_NUM_PID] = h->pid;
	return ds_batch_add(s->builder, ev);
}

static int
add_start(struct site *s, struct host *h, const struct job *j, const char *args, size_t len,
    uint64_t time_us)
{
	struct ds_event ev = { .kind = DS_EVENT_EXEC, .count = 1 };

	h->pid++;
	ev.num[DS_NUM_PPID] = 100;
	set(&ev, DS_STR_EXE, j->program);
	set(&ev, DS_STR_PARENT_EXE, SERVICE);
	set(&ev, DS_STR_ANCESTORS, SERVICE);
	ds_event_set_str(&ev, DS_STR_ARGS, args, len);
	return add(s, h, &ev, time_us);
}

static int
add_step(struct site *s, struct host *h, const struct job *j, char step, unsigned count,
    uint64_t time_us)
{
	struct ds_event ev = { .kind = step == 'w' ? DS_EVENT_FILE_WRITE : DS_EVENT_CONNECT,
		.count = count };
	const uint8_t address[4] = { 10, 0, (uint8_t)(step - '0'), 9 };
	char path[64];

	set(&ev, DS_STR_EXE, j->program);
	if (step == 'w') {
		snprintf(path, sizeof(path), "/srv/out/%s/x", j->name);
		ev.num[DS_NUM_OPEN_FLAGS] = 1;
		set(&ev, DS_STR_PATH, path);
	} else {
		ev.num[DS_NUM_PROTO] = 6;
		ev.num[DS_NUM_DPORT] = 5000u + (unsigned)(step - '0');
		ds_event_set_str(&ev, DS_STR_DADDR, address, 4);
	}
	return add(s, h, &ev, time_us);
}

static int
add_run(struct site *s, struct host *h, const struct job *j, const char *args, size_t len,
    const char *steps, unsigned count, uint64_t time_us)
{
	int r = add_start(s, h, j, args, len, time_us);

	for (; r == 0 && *steps != '\0'; steps++)
		r = add_step(s, h, j, *steps, steps[1] == '\0' ? count : 1, time_us += 100000);
	return r;
}

/* The job's arguments with numbers and words in them, NUL between; `option`: in a way of its own.
 */
static size_t
fill(struct host *h, const char *args, bool option, char *ret, size_t size)
{
	size_t len = 0;

	for (; *args != '\0' && len + 16 < size; args++) {
		if (args[0] == '%' && args[1] == 'n')
			len += (size_t)snprintf(ret + len, 8, "%u", (unsigned)dice(h, 1000));
		else if (args[0] == '%')
			for (int i = 0; i < 6; i++)
				ret[len++] = (char)('a' + dice(h, 26));
		else
			ret[len++] = *args;
		args += args[0] == '%';
		if (ret[len - 1] == ' ')
			ret[len - 1] = '\0';
	}
	if (option) {
		memcpy(ret + len, "\0--", 3);
		for (len += 3; len + 1 < size && dice(h, 8) != 0;)
			ret[len++] = (char)('a' + dice(h, 26));
	}
	return len;
}

/* The last hosts'. */
static bool
is_busy(const struct site *s, const struct host *h)
{
	return h >= s->hosts + HOSTS - HOSTS_BUSY;
}

/* What a service says to its database, all the time. */
static int
talk(struct site *s, struct host *h, uint64_t time_us)
{
	uint64_t pid = h->pid;
	int r;

	h->pid = 100;
	r = add_step(s, h, &jobs[0], '4', 2000 + (unsigned)dice(h, 800), time_us);
	h->pid = pid;
	return r;
}

/* A few jobs much oftener than the others, and all of them once a night. */
static int
work(struct site *s, struct host *h, bool changes, bool is_night, uint64_t time_us)
{
	unsigned runs = is_night ? DS_LEN(jobs) : dice(h, 5) < 3;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < runs; i++) {
		size_t which = is_night ? i : dice(h, 1 + dice(h, DS_LEN(jobs)));
		bool option = changes && dice(h, HONEST_DAYS * DAY_STEPS * 3 / 5) == 0;
		char args[LINE_BYTES];
		size_t len = fill(h, jobs[which].args, option, args, sizeof(args));

		r = add_run(s, h, &jobs[which], args, len, jobs[which].steps, 1,
		    time_us + i * 30 * S_US / runs + dice(h, 10) * S_US);
	}
	return r;
}

/* Not the same line twice on a host. */
static int
attack(struct site *s, struct host *h, const struct kind *k, uint64_t time_us)
{
	size_t n = h->attacks * HOSTS + (size_t)(h - s->hosts);
	const struct line *l = &s->lines->at[n % s->lines->len];
	char args[LINE_BYTES];
	size_t len = k->misuse ? l->len : fill(h, l->job->args, false, args, sizeof(args));

	return add_run(s, h, l->job, k->misuse ? l->args : args, len,
	    k->steps != NULL ? k->steps : l->job->steps, k->count, time_us);
}

/* ---- time */

static void
count_findings(struct host *h, const struct verdict *v, uint64_t now_us)
{
	for (size_t i = 0; i < v->findings_len; i++) {
		if (v->findings[i].joins || v->findings[i].notice)
			continue;
		h->told++;
		h->episodes += h->told_us == 0 || now_us > h->told_us + EPISODE_US;
		h->told_us = now_us;
		if (getenv("VERBOSE") != NULL)
			printf("# %s: %s\n", v->findings[i].title, v->findings[i].reason);
	}
}

static int
send(struct site *s, struct host *h, uint64_t now_us)
{
	const struct batch_origin from = { .host = 1 + (uint32_t)(h - s->hosts),
		.host_name = "host",
		.lane = 1,
		.epoch = 1,
		.seq = ++s->seq,
		.received_us = now_us };
	struct verdict v;
	int r;

	if (ds_batch_builder_len(s->builder) == 0)
		return 0;
	ds_buf_clear(&s->packed);
	r = ds_batch_pack(s->builder, 1, &s->packed);
	ds_batch_builder_clear(s->builder);
	if (r == 0)
		r = ds_batch_decode(s->batch, s->packed.data, s->packed.len);
	if (r == 0)
		r = detect_batch(s->detect, &from, s->batch, &v);
	if (r < 0)
		return r;
	count_findings(h, &v, now_us);
	verdict_done(&v);
	return 0;
}

static int
tick(struct site *s, uint64_t now_us)
{
	struct verdict v;
	int r = detect_tick(s->detect, now_us, &v);

	if (r < 0)
		return r;
	for (size_t i = 0; i < v.findings_len; i++)
		for (size_t host = 0; host < HOSTS; host++)
			if (v.findings[i].host == host + 1) {
				struct verdict one = { .findings = &v.findings[i],
					.findings_len = 1 };

				count_findings(&s->hosts[host], &one, now_us);
			}
	verdict_done(&v);
	return 0;
}

static int
declare(struct site *s, struct host *h, uint64_t time_us)
{
	struct ds_event ev = { .kind = DS_EVENT_DAEMON, .count = 1 };

	h->pid = 100;
	set(&ev, DS_STR_ROLE, "service");
	set(&ev, DS_STR_EXE, SERVICE);
	return add(s, h, &ev, time_us);
}

/* A minute of all hosts; `struck` is attacked (NULL: none). */
static int
live_step(struct site *s, unsigned step, const struct host *struck, const struct kind *k)
{
	uint64_t now_us = BEGIN_US + step * STEP_US;
	int r = 0;

	for (struct host *h = s->hosts; r == 0 && h < s->hosts + HOSTS; h++) {
		if (step == 0)
			r = declare(s, h, now_us);
		if (r == 0)
			r = is_busy(s, h) ? talk(s, h, now_us) : 0;
		if (r == 0)
			r = work(s, h, (h - s->hosts) % 2 == 1, step % DAY_STEPS == NIGHT, now_us);
		if (r == 0 && h == struck)
			r = attack(s, h, k, now_us + 45 * S_US);
		if (r == 0)
			r = send(s, h, now_us + STEP_US);
	}
	return r < 0 ? r : tick(s, now_us + STEP_US + S_US);
}

/* In a copy of the process: 1 found, 0 not. */
static int
strike(struct site *s, unsigned step, struct host *h, const struct kind *k)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
			       WEXITSTATUS(status) <= 1
			   ? WEXITSTATUS(status)
			   : -EIO;
	h->told = 0;
	for (unsigned i = 0; i < FOUND_STEPS; i++)
		if (live_step(s, step + i, i == 0 ? h : NULL, k) < 0)
			_exit(2);
	fflush(stdout);
	_exit(h->told > 0);
}

static int
live(struct site *s)
{
	int r = 0;

	for (unsigned step = 0; r >= 0 && step < (LEARN_DAYS + TEST_DAYS) * DAY_STEPS; step++) {
		for (size_t i = 0; r >= 0 && i < HOSTS && step >= LEARN_DAYS * DAY_STEPS; i++) {
			struct host *h = &s->hosts[i];
			size_t kind = is_busy(s, h) ? OF_BUSY : (h->attacks + i) % OF_BUSY;

			if (step % DAY_STEPS != ATTACKED + 155 * i)
				continue;
			r = strike(s, step, h, &kinds[kind]);
			h->attacks++;
			s->all[kind]++;
			s->found[kind] += r > 0;
		}
		if (r >= 0)
			r = live_step(s, step, NULL, NULL);
	}
	return r;
}

static void
print(const char *name, const struct site *s, const char *suffix)
{
	double episodes = 0;
	char metric[96];

	for (size_t k = 0; k < DS_LEN(kinds); k++) {
		snprintf(metric, sizeof(metric), "%s_found%s", kinds[k].name, suffix);
		eval_print(name, metric, 100 * s->found[k] / s->all[k]);
	}
	for (size_t i = 0; i < HOSTS; i++)
		episodes += (double)s->hosts[i].episodes;
	snprintf(metric, sizeof(metric), "false_per_host_month%s", suffix);
	eval_print(name, metric, episodes * 30.4 / (HOSTS * (LEARN_DAYS + TEST_DAYS)));
}

static int
measure(const char *name, const struct lines *lines, const struct variant *v)
{
	const struct detect_config cfg = { .learn_min_us = 3600 * S_US,
		.days_min = 1,
		.unseen_max = 0.01,
		.keys_max = 4096,
		.alert_budget = v->budget,
		.left_out = v->left_out };
	struct site *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	if (s == NULL)
		return r;
	s->lines = lines;
	s->detect = detect_new(&cfg);
	s->builder = ds_batch_builder_new();
	s->batch = ds_batch_new();
	ds_buf_init(&s->packed, 16u << 20);
	for (size_t i = 0; i < HOSTS; i++)
		s->hosts[i].seed = 4711 + i;
	if (s->detect != NULL && s->builder != NULL && s->batch != NULL)
		r = live(s);
	if (r == 0)
		print(name, s, v->suffix);
	detect_free(s->detect);
	ds_batch_builder_free(s->builder);
	ds_batch_free(s->batch);
	ds_buf_done(&s->packed);
	free(s);
	return r;
}

int
eval_commands(const char *name, const char *dir)
{
	struct lines *lines = calloc(1, sizeof(*lines));
	int r = lines != NULL ? read_lines(lines, dir) : -ENOMEM;

	if (r == 0)
		printf("# %zu lines of %zu programs' misuse\n", lines->len, DS_LEN(jobs));
	for (size_t i = 0; r == 0 && i < DS_LEN(variants); i++)
		r = measure(name, lines, &variants[i]);
	free(lines);
	return r;
}
