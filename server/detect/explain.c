/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/explain.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "server/detect/ready.h"
#include "server/detect/starter.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
explain_command(struct ds_str args, char *ret, size_t size)
{
	size_t len = args.len < size - 1 ? args.len : size - 1;

	while (len > 0 && len == args.len && args.ptr[len - 1] == '\0')
		len--;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)args.ptr[i];

		ret[i] = c == '\0' ? ' ' : c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	ret[len] = '\0';
}

const char *
explain_number(double value, char ret[EXPLAIN_NUMBER])
{
	bool whole = value >= 999.5 || value <= -999.5;

	snprintf(
	    ret, EXPLAIN_NUMBER, value < 1e15 && value > -1e15 && whole ? "%.0f" : "%.3g", value);
	return ret;
}

void
explain_duration(uint64_t us, char *ret, size_t size)
{
	static const struct {
		uint64_t s;
		const char *one, *many;
	} units[] = { { 365 * 86400, "year", "years" }, { 86400, "day", "days" },
		{ 3600, "hour", "hours" }, { 60, "minute", "minutes" } };
	uint64_t s = us / DS_US_PER_S;

	for (size_t i = 0; i < DS_LEN(units); i++) {
		uint64_t n = s / units[i].s;

		if (n < 2 && !(n == 1 && s % units[i].s == 0))
			continue;
		snprintf(ret, size, "%llu %s", (unsigned long long)n,
		    n == 1 ? units[i].one : units[i].many);
		return;
	}
	snprintf(ret, size, "%llu s", (unsigned long long)s);
}

/* Programs above, the parent first, each once. */
static void
put_parents(struct ds_json *j, const struct ds_event *ev)
{
	struct ds_str parent = DS_EVENT_STR(ev, DS_STR_PARENT_EXE);
	struct ds_str all = DS_EVENT_STR(ev, DS_STR_ANCESTORS);
	bool first = true;

	ds_json_key(j, "parents");
	ds_json_array(j);
	if (parent.len > 0)
		ds_json_bytes(j, parent.ptr, parent.len);
	for (size_t at = 0; at < all.len;) {
		struct ds_str one = { all.ptr + at, (uint32_t)strnlen(all.ptr + at, all.len - at) };

		if (one.len > 0 && !(first && ds_str_equal(one, parent)))
			ds_json_bytes(j, one.ptr, one.len);
		first = false;
		at += one.len + 1;
	}
	ds_json_end(j);
}

void
explain_user(const struct ds_event *ev, char *ret, size_t size)
{
	struct ds_str name = DS_EVENT_STR(ev, DS_STR_USER);

	if (name.len > 0)
		snprintf(ret, size, "%.*s", (int)DS_MIN(name.len, 60u), name.ptr);
	else if (ev->num[DS_NUM_UID] == 0)
		snprintf(ret, size, "root");
	else
		snprintf(ret, size, "uid %llu", (unsigned long long)ev->num[DS_NUM_UID]);
}

void
explain_process(struct ds_json *j, const struct ds_event *ev)
{
	struct ds_str exe = DS_EVENT_STR(ev, DS_STR_EXE), args = DS_EVENT_STR(ev, DS_STR_ARGS);
	char line[DS_ARGS_MAX + 1], user[64];

	explain_command(args, line, sizeof(line));
	explain_user(ev, user, sizeof(user));
	ds_json_put_uint(j, "pid", ev->num[DS_NUM_PID]);
	/* Of repeats only the count is theirs. */
	if (ev->num[DS_NUM_START] > 0 && !(ev->flags & DS_FLAG_REPEAT))
		ds_json_put_uint(j, "start_us", ev->num[DS_NUM_START]);
	ds_json_put_uint(j, "parent_pid", ev->num[DS_NUM_PPID]);
	ds_json_put_bytes(j, "executable", exe.ptr, exe.len);
	ds_json_put_string(j, "command_line", line);
	ds_json_put_string(j, "user", user);
	put_parents(j, ev);
}

void
explain_put_feature(struct ds_json *j, const char *feature, const char *baseline,
    const char *observed, double weight)
{
	ds_json_object(j);
	ds_json_put_string(j, "feature", feature);
	ds_json_put_string(j, "baseline", baseline);
	ds_json_put_string(j, "observed", observed);
	ds_json_put_double(j, "weight", weight);
	ds_json_end(j);
}

void
explain_put_about(struct ds_json *j, const char *feature, const char *about, const char *baseline,
    const char *observed)
{
	char name[80];

	snprintf(name, sizeof(name), "%.60s: %s", feature, about);
	explain_put_feature(j, name, baseline, observed, 0.15);
}

/* "2 known: /usr/bin/a, /usr/bin/b" */
static void
known_programs(const struct daemon_profile *d, char *ret, size_t size)
{
	char names[512] = "";
	size_t len = 0, n = 0;

	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next) {
		if (!b->learnt || key_family(b->kind) != KEY_PROCESS || b->key[0] != KEY_CHILD)
			continue;
		if (n++ < 4 && len < sizeof(names) - 1)
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%.*s",
			    n > 1 ? ", " : "", (int)b->key_size - 1, (const char *)b->key + 1);
	}
	if (n == 0)
		snprintf(ret, size, "none known: it starts no program");
	else
		snprintf(ret, size, "%zu known: %s%s", n, names, n > 4 ? ", ..." : "");
}

static void
put_features(struct ds_json *j, const struct sighting *s, const struct explained_program *p)
{
	const struct daemon_profile *d = s->daemon;
	const char *feature =
	    s->kind == DS_EVENT_EXEC ? "child executable" : "program not in any file";
	char baseline[600], observed[400];

	ds_json_key(j, "explanation");
	ds_json_array(j);
	known_programs(d, baseline, sizeof(baseline));
	explain_put_feature(j, feature, baseline, p->shown, 0.6);
	snprintf(baseline, sizeof(baseline), "%llu starts of programs, %u different, on this host",
	    (unsigned long long)d->family[KEY_PROCESS].n, (unsigned)p->known);
	explain_put_about(
	    j, feature, "seen before", baseline, p->repeated ? "not accepted before" : "never");
	if (p->peers_of > 0) {
		snprintf(baseline, sizeof(baseline), "%u of %u other hosts with %s",
		    p->peers.learnt, p->peers_of, d->class);
		snprintf(observed, sizeof(observed), "%u of %u have shown it", p->peers.seen,
		    p->peers_of);
		explain_put_about(j, feature, "peers", baseline, observed);
	}
	snprintf(observed, sizeof(observed), "%s%s", p->info.what,
	    program_is_anybodys(p->path) ? ", in a place where anybody may write" : "");
	explain_put_feature(j, "sort of program", "judged by its name and place", observed, 0.1);
	ds_json_end(j);
}

void
explain_put_technique(struct ds_json *j, const char *id)
{
	ds_json_object(j);
	ds_json_put_string(j, "id", id);
	ds_json_put_string(j, "name", program_technique_name(id));
	ds_json_end(j);
}

static void
put_threat(struct ds_json *j, const struct sighting *s, const struct explained_program *p)
{
	ds_json_key(j, "threat");
	ds_json_array(j);
	if (s->kind == DS_EVENT_EXEC_MEMORY)
		explain_put_technique(j, "T1620");
	if (s->kind == DS_EVENT_EXEC_DELETED)
		explain_put_technique(j, "T1070.004");
	if (s->key.data[0] == KEY_REMOTE)
		explain_put_technique(j, "T1095");
	if (p->info.technique != NULL)
		explain_put_technique(j, p->info.technique);
	if (p->info.sort == PROGRAM_SHELL && program_is_web(s->daemon->class))
		explain_put_technique(j, "T1505.003");
	ds_json_end(j);
}

void
explain_put_starter(struct ds_json *j, const struct sighting *s)
{
	const struct starter *of = s->daemon->stand.starter;

	stand_put(
	    j, s->daemon, of != NULL ? starter_hosts(of, s->kind, s->key.data, s->key.size) : 0);
}

/* DETECTION's record: what was compared with what, how sure, what would clear it. */
static void
put_record(
    struct turn *t, struct ds_json *j, const struct sighting *s, const struct explained_program *p)
{
	const struct profiles *all = &t->detect->profiles;
	uint64_t watched = daemon_watched_us(s->daemon, s->time_us);
	char text[600], age[40];

	explain_duration(watched, age, sizeof(age));
	ds_json_key(j, "record");
	ds_json_object(j);
	ds_json_put_string(j, "feature", "child executable");
	ds_json_put_string(j, "observed", p->path);
	snprintf(text, sizeof(text), "%s on this host, watched for %s; %s on %u other hosts",
	    s->daemon->name, age, s->daemon->class, p->peers_of);
	ds_json_put_string(j, "scope", text);
	snprintf(text, sizeof(text), "%u of %u hosts%s, 0 of %s", p->peers.learnt, p->peers_of,
	    p->peers.is_group ? " of its group (labels, daemons, versions)" : "", age);
	ds_json_put_string(j, "prevalence", text);
	ds_json_put_double(j, "coverage", daemon_coverage(all, s->daemon, s->time_us));
	ds_json_put_uint(j, "observations", s->daemon->family[KEY_PROCESS].n);
	ds_json_put_uint(j, "watched_s", watched / DS_US_PER_S);
	explain_put_starter(j, s);
	ds_json_put_string(j, "model", EXPLAIN_MODEL);
	ds_json_put_string(j, "clears",
	    "a verdict of benign_expected or false_positive makes it part of what is normal for this "
	    "daemon on this host");
	ds_json_end(j);
}

void
explain_put_behaviours(struct ds_json *j, const struct sighting *s)
{
	char hex[2 * KEY_MAX + 1];

	for (size_t i = 0; i < s->key.size; i++)
		snprintf(hex + 2 * i, 3, "%02x", s->key.data[i]);
	ds_json_key(j, "behaviours");
	ds_json_array(j);
	ds_json_object(j);
	ds_json_put_uint(j, "kind", key_kind(s->kind));
	ds_json_put_string(j, "key", hex);
	ds_json_end(j);
	ds_json_end(j);
}

static void
put_address(struct ds_json *j, const char *key, struct ds_str a)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (a.len == 4 || a.len == 16)
		inet_ntop(a.len == 4 ? AF_INET : AF_INET6, a.ptr, text, sizeof(text));
	if (text[0] != '\0')
		ds_json_put_string(j, key, text);
}

/* What the event says besides its process. */
static void
put_rest(struct ds_json *j, const struct ds_event *ev)
{
	static const uint8_t strs[] = { DS_STR_PATH, DS_STR_TARGET_PATH, DS_STR_DADDR,
		DS_STR_SADDR };
	static const uint8_t nums[] = { DS_NUM_DPORT, DS_NUM_MODE, DS_NUM_NEW_UID,
		DS_NUM_TARGET_PID, DS_NUM_CAPABILITIES, DS_NUM_NS_FLAGS };

	for (size_t i = 0; i < DS_LEN(strs); i++) {
		struct ds_str s = DS_EVENT_STR(ev, strs[i]);

		if (s.len > 0 && ds_field_table[strs[i]].type == DS_TYPE_ADDR)
			put_address(j, ds_field_table[strs[i]].ecs, s);
		else if (s.len > 0)
			ds_json_put_bytes(j, ds_field_table[strs[i]].ecs, s.ptr, s.len);
	}
	for (size_t i = 0; i < DS_LEN(nums); i++)
		if (ev->num[nums[i]] != 0)
			ds_json_put_uint(j, ds_field_table[nums[i]].ecs, ev->num[nums[i]]);
}

void
explain_put_events(struct ds_json *j, const struct sighting *s)
{
	ds_json_key(j, "events");
	ds_json_array(j);
	ds_json_object(j);
	ds_json_put_time(j, "time", s->time_us);
	ds_json_put_string(j, "action", ds_kind_table[s->kind].action);
	explain_process(j, s->event);
	put_rest(j, s->event);
	ds_json_end(j);
	ds_json_end(j);
}

char *
explain_finish(struct ds_json *j, struct ds_buf *buf)
{
	int r;

	ds_json_end(j);
	r = ds_json_done(j);
	if (r == 0)
		r = ds_buf_put_u8(buf, '\0');
	if (r == 0)
		return (char *)buf->data;
	ds_buf_done(buf);
	return NULL;
}

char *
explain_program(struct turn *t, const struct sighting *s, const struct explained_program *p)
{
	struct ds_buf buf;
	struct ds_json j;

	ds_buf_init(&buf, EXPLAIN_MAX);
	ds_json_init(&j, &buf);
	ds_json_object(&j);
	put_features(&j, s, p);
	ds_json_key(&j, "peers");
	ds_json_object(&j);
	ds_json_put_uint(&j, "seen", p->peers.seen);
	ds_json_put_uint(&j, "of", p->peers_of);
	ds_json_end(&j);
	put_threat(&j, s, p);
	ds_json_key(&j, "process");
	ds_json_object(&j);
	explain_process(&j, s->event);
	ds_json_end(&j);
	put_record(t, &j, s, p);
	explain_put_behaviours(&j, s);
	if (!p->repeated)
		explain_put_events(&j, s);
	return explain_finish(&j, &buf);
}
