/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ecs - writes events as nested JSON by a table of dotted names, sorted once, so that an object's
 * members stand beside each other.
 *
 * Called on the API's pool threads and by the follower; the table is made once.
 */
#include "server/api/ecs.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 6u
#define KEY_MAX   40u /* bytes of one member's name, with the NUL */

struct source {
	const struct ds_event *ev;
	const struct ecs_context *context;
};

/* Members that are not simply a field of the event. */
struct member {
	const char *name;
	unsigned field; /* of the event; 0: `write` makes it */
	bool (*has)(const struct source *s);
	void (*write)(struct ds_json *j, const struct source *s);
};

static const struct {
	unsigned kind;
	const char *type;
} types[] = {
	{ DS_EVENT_EXEC, "start" },
	{ DS_EVENT_EXIT, "end" },
	{ DS_EVENT_FORK, "start" },
	{ DS_EVENT_CONNECT, "connection" },
	{ DS_EVENT_ACCEPT, "connection" },
	{ DS_EVENT_LISTEN, "start" },
	{ DS_EVENT_SEND, "connection" },
	{ DS_EVENT_FILE_WRITE, "access" },
	{ DS_EVENT_FILE_CREATE, "creation" },
	{ DS_EVENT_FILE_RENAME, "change" },
	{ DS_EVENT_FILE_UNLINK, "deletion" },
	{ DS_EVENT_FILE_CHMOD, "change" },
	{ DS_EVENT_FILE_CHOWN, "change" },
	{ DS_EVENT_FILE_READ, "access" },
	{ DS_EVENT_SETUID, "change" },
	{ DS_EVENT_SETGID, "change" },
	{ DS_EVENT_CAPSET, "change" },
	{ DS_EVENT_PTRACE, "access" },
	{ DS_EVENT_MODULE_LOAD, "start" },
	{ DS_EVENT_BPF_LOAD, "start" },
	{ DS_EVENT_MOUNT, "change" },
	{ DS_EVENT_NAMESPACE, "change" },
	{ DS_EVENT_EXEC_MEMORY, "start" },
	{ DS_EVENT_EXEC_DELETED, "start" },
	{ DS_EVENT_VM_WRITE, "change" },
	{ DS_EVENT_LOGIN, "start" },
	{ DS_EVENT_INTEGRITY, "change" },
	{ DS_EVENT_AGENT_START, "start" },
	{ DS_EVENT_AGENT_STOP, "end" },
	{ DS_EVENT_DAEMON_GONE, "end" },
};

const char *
ecs_event_type(unsigned kind)
{
	for (size_t i = 0; i < DS_LEN(types); i++)
		if (types[i].kind == kind)
			return types[i].type;
	return "info";
}

const char *
ecs_event_kind(unsigned kind)
{
	switch (kind) {
	case DS_EVENT_RESOURCE:
	case DS_EVENT_AGENT_COST:
		return "metric";
	case DS_EVENT_DAEMON:
	case DS_EVENT_DAEMON_GONE:
		return "state";
	default:
		return "event";
	}
}

static const struct ds_kind_info *
kind_of(const struct source *s)
{
	return &ds_kind_table[s->ev->kind % DS_EVENT_MAX];
}

static bool
has_num(const struct source *s, unsigned field)
{
	return (kind_of(s)->nums >> field & 1) != 0;
}

static struct ds_str
str_of(const struct source *s, unsigned field)
{
	return s->ev->str[field - DS_STR_FIRST];
}

/* ---- values */

static void
write_address(struct ds_json *j, struct ds_str s)
{
	char text[INET6_ADDRSTRLEN];

	if ((s.len == 4 || s.len == 16) &&
	    inet_ntop(s.len == 4 ? AF_INET : AF_INET6, s.ptr, text, sizeof(text)) != NULL)
		ds_json_string(j, text);
	else
		ds_json_null(j);
}

static void
write_hash(struct ds_json *j, struct ds_str s)
{
	static const char digits[] = "0123456789abcdef";
	char text[128];
	size_t n = 0;

	for (size_t i = 0; i < s.len && n + 2 <= sizeof(text); i++) {
		text[n++] = digits[(uint8_t)s.ptr[i] >> 4];
		text[n++] = digits[s.ptr[i] & 15];
	}
	ds_json_bytes(j, text, n);
}

static void
write_arguments(struct ds_json *j, struct ds_str s)
{
	const char *at = s.ptr, *end = s.ptr + s.len, *stop;

	ds_json_array(j);
	for (; at < end; at = stop + 1) {
		stop = memchr(at, '\0', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		ds_json_bytes(j, at, (size_t)(stop - at));
	}
	ds_json_end(j);
}

static void
write_str(struct ds_json *j, unsigned field, struct ds_str s)
{
	switch (ds_field_table[field].type) {
	case DS_TYPE_ADDR:
		write_address(j, s);
		return;
	case DS_TYPE_HASH:
		write_hash(j, s);
		return;
	case DS_TYPE_ARGV:
		write_arguments(j, s);
		return;
	case DS_TYPE_TEXT:
	case DS_TYPE_PATH:
		ds_json_bytes(j, s.ptr, s.len);
		return;
	}
}

/* Numbers that ECS has as keywords, times or in other units. */
static void
write_num(struct ds_json *j, unsigned field, uint64_t v)
{
	static const char *const outcomes[] = { "unknown", "success", "failure" };
	char text[24];

	switch (field) {
	case DS_NUM_OUTCOME:
		ds_json_string(j, outcomes[v < DS_LEN(outcomes) ? v : 0]);
		return;
	case DS_NUM_START:
		ds_json_time(j, v);
		return;
	case DS_NUM_DURATION_US:
		ds_json_uint(j, v * 1000);
		return;
	case DS_NUM_MODE:
		snprintf(text, sizeof(text), "%04o", (unsigned)(v & 07777));
		break;
	case DS_NUM_UID:
	case DS_NUM_GID:
	case DS_NUM_NEW_UID:
	case DS_NUM_NEW_GID:
	case DS_NUM_PROTO:
	case DS_NUM_INODE:
	case DS_NUM_DEVICE:
		snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
		break;
	case DS_NUM_CAPABILITIES:
	case DS_NUM_NS_FLAGS:
		snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
		break;
	default:
		ds_json_uint(j, v);
		return;
	}
	ds_json_string(j, text);
}

/* ---- members of ours */

static bool
always(const struct source *s)
{
	(void)s;
	return true;
}

static void
write_timestamp(struct ds_json *j, const struct source *s)
{
	ds_json_time(j, s->ev->time_us);
}

static void
write_version(struct ds_json *j, const struct source *s)
{
	(void)s;
	ds_json_string(j, ECS_VERSION);
}

static void
write_action(struct ds_json *j, const struct source *s)
{
	ds_json_string(j, kind_of(s)->action);
}

static void
write_one(struct ds_json *j, const char *text)
{
	ds_json_array(j);
	ds_json_string(j, text);
	ds_json_end(j);
}

static void
write_category(struct ds_json *j, const struct source *s)
{
	write_one(j, kind_of(s)->category);
}

static void
write_type(struct ds_json *j, const struct source *s)
{
	write_one(j, ecs_event_type(s->ev->kind));
}

static void
write_kind(struct ds_json *j, const struct source *s)
{
	ds_json_string(j, ecs_event_kind(s->ev->kind));
}

static bool
has_ingested(const struct source *s)
{
	return s->context->ingested_us != 0;
}

static void
write_ingested(struct ds_json *j, const struct source *s)
{
	ds_json_time(j, s->context->ingested_us);
}

static void
write_host_id(struct ds_json *j, const struct source *s)
{
	ds_json_string(j, s->context->host_id);
}

static void
write_host_name(struct ds_json *j, const struct source *s)
{
	ds_json_string(j, s->context->host_name);
}

static bool
has_daemon(const struct source *s)
{
	return s->ev->daemon.len > 0;
}

static void
write_daemon(struct ds_json *j, const struct source *s)
{
	ds_json_bytes(j, s->ev->daemon.ptr, s->ev->daemon.len);
}

static void
write_count(struct ds_json *j, const struct source *s)
{
	ds_json_uint(j, s->ev->count);
}

static bool
has_flags(const struct source *s)
{
	return s->ev->flags != 0;
}

static void
write_flags(struct ds_json *j, const struct source *s)
{
	static const char *const names[] = { "first", "repeat", "truncated", "partial", "initial",
		"fallback" };

	ds_json_array(j);
	for (size_t i = 0; i < DS_LEN(names); i++)
		if (s->ev->flags >> i & 1)
			ds_json_string(j, names[i]);
	ds_json_end(j);
}

static bool
has_arguments(const struct source *s)
{
	return str_of(s, DS_STR_ARGS).len > 0;
}

static void
write_command_line(struct ds_json *j, const struct source *s)
{
	struct ds_str args = str_of(s, DS_STR_ARGS);
	char text[DS_STRING_MAX];
	size_t len = DS_MIN(args.len, sizeof(text));

	for (size_t i = 0; i < len; i++)
		text[i] = args.ptr[i] ? args.ptr[i] : ' ';
	while (len > 0 && text[len - 1] == ' ')
		len--;
	ds_json_bytes(j, text, len);
}

static void
write_basename(struct ds_json *j, struct ds_str path)
{
	const char *slash = memrchr(path.ptr, '/', path.len);
	const char *name = slash != NULL ? slash + 1 : path.ptr;

	ds_json_bytes(j, name, (size_t)(path.ptr + path.len - name));
}

static bool
has_program(const struct source *s)
{
	return str_of(s, DS_STR_EXE).len > 0;
}

static void
write_program(struct ds_json *j, const struct source *s)
{
	write_basename(j, str_of(s, DS_STR_EXE));
}

static bool
has_transport(const struct source *s)
{
	uint64_t proto = s->ev->num[DS_NUM_PROTO];

	return has_num(s, DS_NUM_PROTO) && (proto == 0 || proto == 6 || proto == 17);
}

static void
write_transport(struct ds_json *j, const struct source *s)
{
	uint64_t proto = s->ev->num[DS_NUM_PROTO];

	ds_json_string(j, proto == 6 ? "tcp" : proto == 17 ? "udp" : "unix");
}

static struct member members[] = {
	{ "@timestamp", 0, always, write_timestamp },
	{ "ecs.version", 0, always, write_version },
	{ "event.action", 0, always, write_action },
	{ "event.category", 0, always, write_category },
	{ "event.type", 0, always, write_type },
	{ "event.kind", 0, always, write_kind },
	{ "event.ingested", 0, has_ingested, write_ingested },
	{ "host.id", 0, always, write_host_id },
	{ "host.name", 0, always, write_host_name },
	{ "service.name", 0, has_daemon, write_daemon },
	{ "process.command_line", 0, has_arguments, write_command_line },
	{ "process.name", 0, has_program, write_program },
	{ "network.transport", 0, has_transport, write_transport },
	{ "daemonsec.count", 0, always, write_count },
	{ "daemonsec.flags", 0, has_flags, write_flags },
#define DS_NUM_FIELD(id, symbol, ecs, help)       { ecs, (id), NULL, NULL },
#define DS_STR_FIELD(id, symbol, ecs, type, help) { ecs, (id), NULL, NULL },
#include "schema/events.def"
};

/* In the order of names an object's members stand beside each other. */
static int
compare_members(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static pthread_once_t sorted = PTHREAD_ONCE_INIT;

static void
sort_members(void)
{
	qsort(members, DS_LEN(members), sizeof(members[0]), compare_members);
}

/* ---- nesting */

struct nest {
	struct ds_json *j;
	const char *open; /* name whose objects are open */
	unsigned depth;
};

/* Length of the object part that two names share, with its dot. */
static size_t
shared(const char *a, const char *b)
{
	size_t same = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '.')
			same = i + 1;
	return same;
}

static unsigned
count_dots(const char *s, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += s[i] == '.';
	return n;
}

static void
open_member(struct nest *n, const char *name)
{
	size_t same = shared(n->open, name);
	const char *at = name + same, *dot;
	char key[KEY_MAX];

	for (unsigned keep = count_dots(name, same); n->depth > keep; n->depth--)
		ds_json_end(n->j);
	while ((dot = strchr(at, '.')) != NULL && n->depth < DEPTH_MAX) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - at), at);
		ds_json_key(n->j, key);
		ds_json_object(n->j);
		n->depth++;
		at = dot + 1;
	}
	ds_json_key(n->j, at);
	n->open = name;
}

/* Where 0 means that it is not known, or that there is none. */
static bool
is_unknown_when_zero(unsigned field)
{
	switch (field) {
	case DS_NUM_PID:
	case DS_NUM_PPID:
	case DS_NUM_START:
	case DS_NUM_SPORT:
	case DS_NUM_DPORT:
	case DS_NUM_INODE:
	case DS_NUM_DEVICE:
		return true;
	default:
		return false;
	}
}

static bool
has_member(const struct member *m, const struct source *s)
{
	if (m->has != NULL)
		return m->has(s);
	if (m->field >= DS_STR_FIRST)
		return str_of(s, m->field).len > 0;
	/* A field that its kind has is told even when it is 0, and one that a newer peer added when
	 * it is not. */
	return s->ev->num[m->field] != 0 ||
	       (has_num(s, m->field) && !is_unknown_when_zero(m->field));
}

void
ecs_write(struct ds_json *j, const struct ds_event *ev, const struct ecs_context *context)
{
	struct source s = { ev, context };
	struct nest n = { j, "", 0 };

	pthread_once(&sorted, sort_members);
	ds_json_object(j);
	for (size_t i = 0; i < DS_LEN(members); i++) {
		const struct member *m = &members[i];

		if (!has_member(m, &s))
			continue;
		open_member(&n, m->name);
		if (m->write != NULL)
			m->write(j, &s);
		else if (m->field >= DS_STR_FIRST)
			write_str(j, m->field, str_of(&s, m->field));
		else
			write_num(j, m->field, ev->num[m->field]);
	}
	while (n.depth-- > 0)
		ds_json_end(j);
	ds_json_end(j);
}
