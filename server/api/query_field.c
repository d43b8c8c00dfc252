/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query_field - the fields that queries may name: those of schema/events.def and a few of ours.
 *
 * Called by the parser, on any thread; owns constant tables only.
 */
#include "lib/nearest.h"
#include "server/api/query_ast.h"

#include <string.h>
#include <strings.h>

#define TEXT_TYPE QUERY_TEXT
#define PATH_TYPE QUERY_TEXT
#define ARGV_TYPE QUERY_TEXT
#define ADDR_TYPE QUERY_ADDRESS
#define HASH_TYPE QUERY_HASH

#define OUTCOMES   "unknown=0|success=1|failure=2"
#define PROTOCOLS  "unix=0|icmp=1|tcp=6|udp=17"
#define FLAG_NAMES "first=1|repeat=2|truncated=4|partial=8|initial=16|fallback=32"

static const struct query_field event_fields[] = {
	{ "@timestamp", QUERY_INSTANT, QUERY_FROM_TIME, 0, false, 0, NULL,
	    "when it happened: RFC 3339, now, now-1h" },
	{ "event.action", QUERY_TEXT, QUERY_FROM_ACTION, 0, true, 0, NULL,
	    "the kind of event: exec, connect, ..." },
	{ "event.category", QUERY_TEXT, QUERY_FROM_CATEGORY, 0, true, 0, NULL,
	    "process, network, file, iam, authentication, driver, configuration or host" },
	{ "event.type", QUERY_TEXT, QUERY_FROM_TYPE, 0, true, 0, NULL,
	    "start, end, connection, creation, change, deletion, access or info" },
	{ "event.kind", QUERY_TEXT, QUERY_FROM_KIND, 0, true, 0, NULL, "event, metric or state" },
	{ "event.outcome", QUERY_NUMBER, QUERY_FROM_NUM, DS_NUM_OUTCOME, false, 0, OUTCOMES,
	    "success, failure or unknown" },
	{ "event.duration", QUERY_NUMBER, QUERY_FROM_NUM, DS_NUM_DURATION_US, false, 1000, NULL,
	    "length in nanoseconds: of a gap, of a process" },
	{ "network.transport", QUERY_NUMBER, QUERY_FROM_NUM, DS_NUM_PROTO, false, 0, PROTOCOLS,
	    "tcp, udp or unix" },
	{ "host.name", QUERY_TEXT, QUERY_FROM_HOST_NAME, 0, true, 0, NULL, "the host" },
	{ "host.id", QUERY_TEXT, QUERY_FROM_HOST_ID, 0, true, 0, NULL, "the host's id" },
	{ "service.name", QUERY_TEXT, QUERY_FROM_DAEMON, 0, false, 0, NULL,
	    "the daemon; nginx also finds nginx.service" },
	{ "process.name", QUERY_TEXT, QUERY_FROM_BASENAME, DS_STR_EXE, false, 0, NULL,
	    "the program without its directory" },
	{ "process.parent.name", QUERY_TEXT, QUERY_FROM_BASENAME, DS_STR_PARENT_EXE, false, 0, NULL,
	    "the parent's program without its directory" },
	{ "process.command_line", QUERY_TEXT, QUERY_FROM_JOINED, DS_STR_ARGS, false, 0, NULL,
	    "the arguments joined by spaces" },
	{ "file.name", QUERY_TEXT, QUERY_FROM_BASENAME, DS_STR_PATH, false, 0, NULL,
	    "the file without its directory" },
	{ "related.ip", QUERY_ADDRESS, QUERY_FROM_ADDRESSES, 0, false, 0, NULL,
	    "either side of a connection" },
	{ "daemonsec.count", QUERY_NUMBER, QUERY_FROM_COUNT, 0, false, 0, NULL,
	    "how many times it happened" },
	{ "daemonsec.flags", QUERY_NUMBER, QUERY_FROM_FLAGS, 0, false, 0, FLAG_NAMES,
	    "first, repeat, truncated, partial, initial or fallback" },
#define DS_NUM_FIELD(num, symbol, ecs, text)                  \
	{ ecs, QUERY_NUMBER, QUERY_FROM_NUM, (num), false, 0, \
		(num) == DS_NUM_PROTO ? PROTOCOLS : NULL, text },
#define DS_STR_FIELD(num, symbol, ecs, type, text) \
	{ ecs, type##_TYPE, QUERY_FROM_STR, (num), false, 0, NULL, text },
#include "schema/events.def"
	{ 0 },
};

#define RECORD(field, kind, folds, text)                                \
	{                                                               \
		field, kind, QUERY_FROM_RECORD, 0, folds, 0, NULL, text \
	}
static const struct query_field alert_fields[] = {
	RECORD("id", QUERY_TEXT, false, "the alert's id"),
	RECORD("title", QUERY_TEXT, true, "its title"),
	RECORD("reason", QUERY_TEXT, true, "its reason"),
	RECORD("kind", QUERY_TEXT, true, "new_child, agent_silent, blind, ..."),
	RECORD("severity", QUERY_TEXT, true, "low, medium, high or critical"),
	RECORD("status", QUERY_TEXT, true, "open, acknowledged or closed"),
	RECORD("assignee", QUERY_TEXT, true, "who looks after it"),
	RECORD("verdict", QUERY_TEXT, true, "true_positive, false_positive or benign_expected"),
	RECORD("host.name", QUERY_TEXT, true, "the host"),
	RECORD("host.id", QUERY_TEXT, true, "the host's id"),
	RECORD("service.name", QUERY_TEXT, false, "the daemon; nginx also finds nginx.service"),
	RECORD("score", QUERY_NUMBER, false, "0 to 100"),
	RECORD("count", QUERY_NUMBER, false, "how many findings it groups"),
	RECORD("created", QUERY_INSTANT, false, "when it was raised"),
	RECORD("updated", QUERY_INSTANT, false, "when it changed last"),
	RECORD("first_seen", QUERY_INSTANT, false, "time of its first event"),
	RECORD("last_seen", QUERY_INSTANT, false, "time of its last event"),
	{ 0 },
};

static const struct query_field host_fields[] = {
	RECORD("host.name", QUERY_TEXT, true, "the host"),
	RECORD("host.id", QUERY_TEXT, true, "its id"),
	RECORD("status", QUERY_TEXT, true, "pending, approved or revoked"),
	RECORD("connected", QUERY_TEXT, true, "yes or no"),
	RECORD("labels", QUERY_TEXT, true, "all of them, separated by commas"),
	RECORD("agent.version", QUERY_TEXT, false, "version of its agent"),
	RECORD("os", QUERY_TEXT, true, "its operating system"),
	{ 0 },
};

static const struct query_field daemon_fields[] = {
	RECORD("service.name", QUERY_TEXT, false, "the daemon; nginx also finds nginx.service"),
	RECORD("service.type", QUERY_TEXT, true, "service, container, session, job, ..."),
	RECORD("host.name", QUERY_TEXT, true, "its host"),
	RECORD("host.id", QUERY_TEXT, true, "its host's id"),
	RECORD("state", QUERY_TEXT, true, "learning, ready or gone"),
	RECORD("process.executable", QUERY_TEXT, false, "its program"),
	RECORD("package.name", QUERY_TEXT, false, "the package that owns it"),
	RECORD("package.version", QUERY_TEXT, false, "that package's version"),
	{ 0 },
};

#define ANY_WORD(folds)                                                 \
	{                                                               \
		"", QUERY_TEXT, QUERY_FROM_ANY, 0, folds, 0, NULL, NULL \
	}
const struct query_schema query_events = { event_fields, ANY_WORD(false) };
const struct query_schema query_alerts = { alert_fields, ANY_WORD(true) };
const struct query_schema query_hosts = { host_fields, ANY_WORD(true) };
const struct query_schema query_daemons = { daemon_fields, ANY_WORD(true) };

/* Short names for what is typed often. */
static const char *const aliases[][2] = {
	{ "action", "event.action" },
	{ "args", "process.args" },
	{ "cmd", "process.command_line" },
	{ "daemon", "service.name" },
	{ "exe", "process.executable" },
	{ "host", "host.name" },
	{ "ip", "related.ip" },
	{ "path", "file.path" },
	{ "pid", "process.pid" },
	{ "port", "destination.port" },
	{ "time", "@timestamp" },
	{ "user", "user.name" },
};

static bool
is_name(const char *name, const char *text, size_t len)
{
	return strncasecmp(name, text, len) == 0 && name[len] == '\0';
}

static const struct query_field *
find(const struct query_schema *schema, const char *name, size_t len)
{
	for (const struct query_field *f = schema->fields; f->name != NULL; f++)
		if (is_name(f->name, name, len))
			return f;
	return NULL;
}

const struct query_field *
query_field_find(const struct query_schema *schema, const char *name, size_t len)
{
	const struct query_field *f = find(schema, name, len);

	for (size_t i = 0; f == NULL && i < DS_LEN(aliases); i++)
		if (is_name(aliases[i][0], name, len))
			f = find(schema, aliases[i][1], strlen(aliases[i][1]));
	return f;
}

const char *
query_field_nearest(const struct query_schema *schema, const char *name, size_t len)
{
	const char *best = NULL;
	unsigned best_distance = UINT32_MAX;
	char lower[DS_NEAREST_MAX];

	/* What is typed may have capitals, names have none. */
	for (size_t i = 0; i < len && i < sizeof(lower); i++)
		lower[i] = (char)(name[i] | 32);
	for (const struct query_field *f = schema->fields; f->name != NULL; f++) {
		const char *last = strrchr(f->name, '.');
		unsigned d = ds_nearest_distance(
		    lower, DS_MIN(len, sizeof(lower)), f->name, strlen(f->name));

		/* "executable" means process.executable. */
		if (last != NULL && is_name(last + 1, name, len))
			d = 1;
		if (d < best_distance) {
			best_distance = d;
			best = f->name;
		}
	}
	return best_distance <= DS_MAX(2, len / 3) ? best : NULL;
}

const char *
query_field_name(const struct query_schema *schema, size_t index, const char **ret_help)
{
	for (size_t i = 0; schema->fields[i].name != NULL; i++) {
		if (i < index)
			continue;
		*ret_help = schema->fields[i].help;
		return schema->fields[i].name;
	}
	return NULL;
}
