/* SPDX-License-Identifier: GPL-2.0-or-later */
/* args - what a reaction is done to: as JSON, as a name, and as what must be spared. */
#include "lib/order.h"
#include "server/react/kinds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
react_args_suffice(const struct react_kind *kind, const struct react_args *args, bool by_hand,
    char *ret_why, size_t size)
{
	bool process = args->pid > 1 && (args->start_us > 0 || by_hand);
	const char *missing = NULL;

	switch (kind->need) {
	case REACT_NEEDS_NOTHING:
		break;
	case REACT_NEEDS_PROCESS:
		missing = process         ? NULL
			  : args->pid > 1 ? "to know when the process started"
					  : "a process (pid)";
		break;
	case REACT_NEEDS_ADDRESS:
		missing = args->address[0] ? NULL : "an address";
		break;
	case REACT_NEEDS_PORT:
		missing = args->port > 0 ? NULL : "a port";
		break;
	case REACT_NEEDS_PATH:
		missing = args->path[0] == '/' ? NULL : "an absolute path";
		break;
	case REACT_NEEDS_UNIT:
		missing = args->unit[0] || process ? NULL : "a unit or a process";
		break;
	case REACT_NEEDS_TRAFFIC:
		missing = args->address[0] || args->port > 0 || process
			      ? NULL
			      : "an address, a port or a process";
		break;
	case REACT_NEEDS_DATA:
		missing = args->data[0] ? NULL : "the plugin's name";
		break;
	case REACT_NEEDS_DAEMON:
		missing = args->unit[0] ? NULL : "a daemon";
		break;
	case REACT_NEEDS_QUESTION:
		missing =
		    args->question[0] && args->answer > 0 ? NULL : "a question and its answer";
		break;
	}
	if (missing != NULL)
		snprintf(ret_why, size, "%s needs %s", kind->name, missing);
	return missing == NULL;
}

static void
take_process(const struct react_args *known, struct react_args *ret)
{
	ret->pid = known->pid;
	ret->start_us = known->start_us;
	memcpy(ret->exe, known->exe, sizeof(ret->exe));
}

static bool
is_unit(const char *daemon)
{
	size_t len = strlen(daemon);

	return len > 8 && strcmp(daemon + len - 8, ".service") == 0;
}

static void
take_traffic(const struct react_args *known, struct react_args *ret)
{
	if (known->address[0]) {
		memcpy(ret->address, known->address, sizeof(ret->address));
	} else if (known->port > 0) {
		ret->port = known->port;
		ret->protocol = known->protocol;
	} else {
		take_process(known, ret);
	}
}

void
react_args_for(const struct react_kind *kind, const struct react_args *known, const char *daemon,
    struct react_args *ret)
{
	*ret = (struct react_args){ 0 };
	switch (kind->need) {
	case REACT_NEEDS_NOTHING:
		break;
	case REACT_NEEDS_PROCESS:
		take_process(known, ret);
		break;
	case REACT_NEEDS_ADDRESS:
		memcpy(ret->address, known->address, sizeof(ret->address));
		break;
	case REACT_NEEDS_PORT:
		ret->port = known->port;
		ret->protocol = known->protocol;
		break;
	case REACT_NEEDS_PATH:
		memcpy(ret->path, known->path, sizeof(ret->path));
		memcpy(ret->sha256, known->sha256, sizeof(ret->sha256));
		break;
	case REACT_NEEDS_UNIT:
		if (known->unit[0])
			memcpy(ret->unit, known->unit, sizeof(ret->unit));
		else if (is_unit(daemon))
			snprintf(ret->unit, sizeof(ret->unit), "%s", daemon);
		else
			take_process(known, ret);
		break;
	case REACT_NEEDS_TRAFFIC:
		take_traffic(known, ret);
		break;
	case REACT_NEEDS_DATA:
		if (kind->is_here)
			*ret = *known; /* it tells somebody: whatever is known */
		memcpy(ret->data, known->data, sizeof(ret->data));
		break;
	case REACT_NEEDS_DAEMON:
		snprintf(ret->unit, sizeof(ret->unit), "%s", daemon);
		break;
	case REACT_NEEDS_QUESTION:
		take_process(known, ret);
		memcpy(ret->question, known->question, sizeof(ret->question));
		ret->answer = known->answer;
		break;
	}
}

void
react_args_reach(
    const struct react_kind *kind, unsigned reach, const char *daemon, struct react_args *args)
{
	if ((kind->need != REACT_NEEDS_ADDRESS && kind->need != REACT_NEEDS_PORT) ||
	    reach == DS_REACH_HOST)
		return;
	args->reach = (uint8_t)reach;
	snprintf(args->unit, sizeof(args->unit), "%s", daemon);
}

static const char *
protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "/tcp" : protocol == IPPROTO_UDP ? "/udp" : "";
}

void
react_target(
    const struct react_kind *kind, const struct react_args *args, char ret[REACT_TARGET_MAX])
{
	if (args->reach > 0 && args->address[0])
		snprintf(ret, REACT_TARGET_MAX, "ip:%s for %s", args->address, args->unit);
	else if (args->reach > 0)
		snprintf(ret, REACT_TARGET_MAX, "port:%u%s for %s", args->port,
		    protocol_name(args->protocol), args->unit);
	else if (args->address[0] && kind->need != REACT_NEEDS_PROCESS)
		snprintf(ret, REACT_TARGET_MAX, "ip:%s", args->address);
	else if (args->path[0] && kind->need == REACT_NEEDS_PATH)
		snprintf(ret, REACT_TARGET_MAX, "path:%.580s", args->path);
	else if (args->unit[0])
		snprintf(ret, REACT_TARGET_MAX, "unit:%s", args->unit);
	else if (args->pid > 0 && args->start_us == 0)
		snprintf(ret, REACT_TARGET_MAX, "process:%u", args->pid);
	else if (args->pid > 0)
		snprintf(ret, REACT_TARGET_MAX, "process:%u@%llu", args->pid,
		    (unsigned long long)args->start_us);
	else if (args->port > 0)
		snprintf(
		    ret, REACT_TARGET_MAX, "port:%u%s", args->port, protocol_name(args->protocol));
	else if (args->data[0])
		snprintf(ret, REACT_TARGET_MAX, "plugin:%.500s", args->data);
	else
		snprintf(ret, REACT_TARGET_MAX, "host");
}

bool
react_args_aim(const struct react_kind *kind, const struct react_args *args)
{
	char target[REACT_TARGET_MAX];

	if (kind->need == REACT_NEEDS_NOTHING || kind->need == REACT_NEEDS_DATA)
		return true;
	react_target(kind, args, target);
	return strcmp(target, "host") != 0;
}

/* ---- addresses */

struct network {
	uint8_t address[16];
	unsigned bits; /* of 128; an IPv4 address is ::ffff:0:0/96 and its own */
};

static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool
parse_network(const char *text, struct network *ret)
{
	char address[64], *slash, *end;
	unsigned long bits;
	bool v4;

	if (strlen(text) >= sizeof(address))
		return false;
	memcpy(address, text, strlen(text) + 1);
	slash = strchr(address, '/');
	if (slash != NULL)
		*slash = '\0';
	*ret = (struct network){ .address = { [10] = 0xff, [11] = 0xff } };
	v4 = inet_pton(AF_INET, address, ret->address + 12) == 1;
	if (!v4 && inet_pton(AF_INET6, address, ret->address) != 1)
		return false;
	ret->bits = 128;
	if (slash == NULL)
		return true;
	bits = strtoul(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > (v4 ? 32 : 128))
		return false;
	ret->bits = (unsigned)bits + (v4 ? 96 : 0);
	return true;
}

void
react_address_plain(char *address, size_t size)
{
	char text[INET6_ADDRSTRLEN], bits[8] = "";
	struct network n;
	bool v4;

	if (!parse_network(address, &n))
		return;
	v4 = n.bits >= 96 && memcmp(n.address, v4_mapped, sizeof(v4_mapped)) == 0;
	if (strchr(address, '/') != NULL)
		snprintf(bits, sizeof(bits), "/%u", v4 ? n.bits - 96 : n.bits);
	if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? n.address + 12 : n.address, text,
		sizeof(text)) == NULL)
		return;
	if (strlen(text) + strlen(bits) < size)
		snprintf(address, size, "%s%s", text, bits);
}

/* ---- as JSON */

/* Names of the members, for reading and writing. */
static const struct {
	const char *key;
	size_t offset, size; /* size 0: a number, see `width` */
	unsigned width;
} members[] = {
#define TEXT(m)                                                                            \
	{                                                                                  \
#m, offsetof(struct react_args, m), sizeof(((struct react_args *)0)->m), 0 \
	}
#define NUMBER(m, w)                                     \
	{                                                \
#m, offsetof(struct react_args, m), 0, w \
	}
	NUMBER(pid, 4),
	NUMBER(start_us, 8),
	TEXT(exe),
	TEXT(address),
	NUMBER(port, 4),
	NUMBER(protocol, 1),
	TEXT(path),
	TEXT(sha256),
	TEXT(unit),
	TEXT(data),
	TEXT(list),
	TEXT(question),
	NUMBER(answer, 1),
	NUMBER(reach, 1),
	TEXT(session),
	NUMBER(session_pid, 4),
};

static uint64_t
get_number(const struct react_args *args, size_t i)
{
	const char *at = (const char *)args + members[i].offset;
	uint64_t u64;
	uint32_t u32;

	if (members[i].width == 8) {
		memcpy(&u64, at, 8);
		return u64;
	}
	if (members[i].width == 1)
		return *(const uint8_t *)at;
	memcpy(&u32, at, 4);
	return u32;
}

static void
set_number(struct react_args *args, size_t i, uint64_t v)
{
	char *at = (char *)args + members[i].offset;
	uint32_t u32 = v > UINT32_MAX ? 0 : (uint32_t)v;

	if (members[i].width == 8)
		memcpy(at, &v, 8);
	else if (members[i].width == 1)
		*(uint8_t *)at = v > UINT8_MAX ? 0 : (uint8_t)v;
	else
		memcpy(at, &u32, 4);
}

int
react_args_put(const struct react_args *args, char *ret, size_t size)
{
	json_t *doc = json_object();
	size_t len;
	int r = doc == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < DS_LEN(members) && r == 0; i++) {
		const char *text = (const char *)args + members[i].offset;

		if (members[i].size > 0 && *text)
			r = json_object_set_new(doc, members[i].key, json_string(text));
		else if (members[i].size == 0 && get_number(args, i) > 0)
			r = json_object_set_new(
			    doc, members[i].key, json_integer((json_int_t)get_number(args, i)));
		if (r < 0)
			r = -EINVAL; /* not UTF-8: jansson takes no other text */
	}
	len = r == 0 ? json_dumpb(doc, ret, size - 1, JSON_COMPACT) : 0;
	json_decref(doc);
	if (r < 0 || len == 0 || len >= size)
		return r < 0 ? r : -EINVAL;
	ret[len] = '\0';
	return 0;
}

int
react_args_get(const char *json, struct react_args *ret)
{
	json_t *doc = json_loads(json, 0, NULL);

	*ret = (struct react_args){ 0 };
	if (!json_is_object(doc)) {
		json_decref(doc);
		return -EINVAL;
	}
	for (size_t i = 0; i < DS_LEN(members); i++) {
		const json_t *v = json_object_get(doc, members[i].key);

		if (members[i].size > 0 && json_is_string(v))
			snprintf((char *)ret + members[i].offset, members[i].size, "%s",
			    json_string_value(v));
		else if (members[i].size == 0 && json_is_integer(v) && json_integer_value(v) > 0)
			set_number(ret, i, (uint64_t)json_integer_value(v));
	}
	json_decref(doc);
	return 0;
}

static void
copy_text(const json_t *object, const char *key, char *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text != NULL)
		snprintf(ret, size, "%s", text);
}

void
react_args_of_document(const char *json, struct react_args *ret)
{
	json_t *doc = json_loads(json != NULL ? json : "{}", 0, NULL);
	const json_t *process = json_object_get(doc, "process");
	json_int_t pid = json_integer_value(json_object_get(process, "pid")),
		   start = json_integer_value(json_object_get(process, "start_us"));

	*ret = (struct react_args){ 0 };
	if (pid > 0 && pid <= INT32_MAX)
		ret->pid = (uint32_t)pid;
	if (start > 0)
		ret->start_us = (uint64_t)start;
	copy_text(process, "executable", ret->exe, sizeof(ret->exe));
	/* Who came in from a new place is no attacker yet. */
	if (!json_is_false(json_object_get(json_object_get(doc, "source"), "hostile")))
		copy_text(json_object_get(doc, "source"), "ip", ret->address, sizeof(ret->address));
	react_address_plain(ret->address, sizeof(ret->address));
	copy_text(doc, "path", ret->path, sizeof(ret->path));
	copy_text(json_object_get(doc, "file"), "path", ret->path, sizeof(ret->path));
	copy_text(json_object_get(doc, "file"), "sha256_before", ret->sha256, sizeof(ret->sha256));
	json_decref(doc);
}

static bool
overlap(const struct network *a, const struct network *b)
{
	unsigned bits = DS_MIN(a->bits, b->bits), whole = bits / 8, rest = bits % 8;

	if (memcmp(a->address, b->address, whole) != 0)
		return false;
	return rest == 0 || (a->address[whole] ^ b->address[whole]) >> (8 - rest) == 0;
}

bool
react_address_listed(const char *address, const char *const *networks, size_t len)
{
	struct network a, n;

	if (!parse_network(address, &a))
		return true;
	for (size_t i = 0; i < len; i++)
		if (parse_network(networks[i], &n) && overlap(&a, &n))
			return true;
	return false;
}

bool
react_labels_meet(const char *a, const char *b)
{
	while (*a) {
		size_t len = strcspn(a, ","), pad = strspn(a, " ");

		for (const char *at = b; pad < len && *at;) {
			size_t n = strcspn(at, ","), skip = strspn(at, " ");

			if (skip < n && n - skip == len - pad &&
			    strncmp(a + pad, at + skip, n - skip) == 0)
				return true;
			at += n + (at[n] == ',');
		}
		a += len + (a[len] == ',');
	}
	return false;
}
