/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/key.h"

#include "server/detect/keeper.h"
#include "server/detect/place.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NUM(symbol) (UINT64_C(1) << DS_NUM_##symbol)
#define STR(symbol) (UINT64_C(1) << (DS_STR_##symbol - DS_STR_FIRST))

enum shape { SHAPE_NONE, SHAPE_PROGRAM, SHAPE_PEER, SHAPE_PORT, SHAPE_FILE, SHAPE_PATH, SHAPE_NUM };

/* One row a kind: where its behaviour is. */
static const struct {
	enum key_family family;
	enum shape shape;
	uint64_t nums, strs;
} rows[DS_EVENT_MAX] = {
	[DS_EVENT_EXEC] = { KEY_PROCESS, SHAPE_PROGRAM, 0, STR(EXE) },
	[DS_EVENT_EXEC_MEMORY] = { KEY_PROCESS, SHAPE_PROGRAM, 0, STR(EXE) },
	[DS_EVENT_EXEC_DELETED] = { KEY_PROCESS, SHAPE_PROGRAM, 0, STR(EXE) },
	[DS_EVENT_CONNECT] = { KEY_NETWORK, SHAPE_PEER, NUM(DPORT) | NUM(PROTO),
	    STR(DADDR) | STR(PATH) },
	[DS_EVENT_SEND] = { KEY_NETWORK, SHAPE_PEER, NUM(DPORT) | NUM(PROTO), STR(DADDR) },
	[DS_EVENT_ACCEPT] = { KEY_NETWORK, SHAPE_PORT, NUM(DPORT) | NUM(PROTO), STR(PATH) },
	[DS_EVENT_LISTEN] = { KEY_NETWORK, SHAPE_PORT, NUM(DPORT) | NUM(PROTO), STR(PATH) },
	[DS_EVENT_FILE_WRITE] = { KEY_FILE, SHAPE_FILE, NUM(OPEN_FLAGS), STR(EXE) | STR(PATH) },
	[DS_EVENT_FILE_CREATE] = { KEY_FILE, SHAPE_FILE, 0, STR(EXE) | STR(PATH) },
	[DS_EVENT_FILE_RENAME] = { KEY_FILE, SHAPE_FILE, 0,
	    STR(EXE) | STR(PATH) | STR(TARGET_PATH) },
	[DS_EVENT_FILE_UNLINK] = { KEY_FILE, SHAPE_FILE, 0, STR(EXE) | STR(PATH) },
	[DS_EVENT_FILE_CHMOD] = { KEY_FILE, SHAPE_FILE, NUM(MODE), STR(EXE) | STR(PATH) },
	[DS_EVENT_FILE_CHOWN] = { KEY_FILE, SHAPE_FILE, 0, STR(EXE) | STR(PATH) },
	[DS_EVENT_FILE_READ] = { KEY_FILE, SHAPE_FILE, 0, STR(EXE) | STR(PATH) },
	[DS_EVENT_SETUID] = { KEY_PRIVILEGE, SHAPE_NUM, NUM(NEW_UID), 0 },
	[DS_EVENT_SETGID] = { KEY_PRIVILEGE, SHAPE_NUM, NUM(NEW_GID), 0 },
	[DS_EVENT_CAPSET] = { KEY_PRIVILEGE, SHAPE_NUM, NUM(CAPABILITIES), 0 },
	[DS_EVENT_PTRACE] = { KEY_PRIVILEGE, SHAPE_NUM, NUM(REQUEST), 0 },
	[DS_EVENT_MODULE_LOAD] = { KEY_PRIVILEGE, SHAPE_PATH, 0, STR(PATH) },
	[DS_EVENT_BPF_LOAD] = { KEY_PRIVILEGE, SHAPE_NUM, NUM(REQUEST), 0 },
	[DS_EVENT_MOUNT] = { KEY_PRIVILEGE, SHAPE_PATH, 0, STR(TARGET_PATH) },
	[DS_EVENT_NAMESPACE] = { KEY_PRIVILEGE, SHAPE_NUM, NUM(NS_FLAGS), 0 },
	[DS_EVENT_VM_WRITE] = { KEY_PRIVILEGE, SHAPE_NUM, 0, 0 },
};

#define DIR_DEPTH 4 /* directories of a file's path that are kept */

static const char *const temporary[] = { "/tmp/", "/var/tmp/", "/dev/shm/", "/run/" };

int
key_family(uint8_t kind)
{
	return kind < DS_EVENT_MAX && rows[kind].shape != SHAPE_NONE ? (int)rows[kind].family : -1;
}

uint8_t
key_kind(uint8_t kind)
{
	return kind < DS_EVENT_MAX && rows[kind].shape == SHAPE_FILE && kind != DS_EVENT_FILE_READ
		   ? DS_EVENT_FILE_WRITE
		   : kind;
}

bool
key_is_counted(uint8_t kind, uint8_t sort)
{
	return sort != KEY_RULE && (key_family(kind) != KEY_PROCESS || sort == KEY_CHILD);
}

bool
key_is_general(uint8_t kind, uint8_t sort)
{
	switch (key_family(kind)) {
	case KEY_PROCESS:
		return sort == KEY_CHILD;
	case KEY_FILE:
		return sort == KEY_PLACE;
	case KEY_PRIVILEGE:
		return true;
	default:
		return false;
	}
}

void
key_fields(uint8_t kind, uint64_t *ret_nums, uint64_t *ret_strs)
{
	bool known = key_family(kind) >= 0;

	*ret_nums = known ? rows[kind].nums : 0;
	*ret_strs = known ? rows[kind].strs : 0;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The length of a component without its version: 0 when it is nothing else, `len` when it has none.
 */
static size_t
name_len(const char *s, size_t len)
{
	size_t i = len;
	bool dot = false;

	while (i > 0 && (is_digit(s[i - 1]) || s[i - 1] == '.')) {
		i--;
		dot |= s[i] == '.';
	}
	if (i == len || (i > 0 && !dot) || s[i] == '.')
		return len;
	if (i == 1 && s[0] == 'v')
		return 0;
	return i;
}

/* tmp.Ab12Cd, tmpf8s7d6f: what mktemp(1) and its relatives make. */
static bool
is_temporary_name(const char *s, size_t len)
{
	if (len < 9 || strncasecmp(s, "tmp", 3) != 0)
		return false;
	for (size_t i = 3; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && strchr("._-", s[i]) == NULL)
			return false;
	return true;
}

static bool
is_below_temporary(const char *path, size_t len)
{
	for (size_t i = 0; i < sizeof(temporary) / sizeof(*temporary); i++)
		if (len >= strlen(temporary[i]) &&
		    memcmp(path, temporary[i], strlen(temporary[i])) == 0)
			return true;
	return false;
}

struct out {
	char *at;
	size_t len, size;
};

static void
put(struct out *o, const char *s, size_t len)
{
	size_t room = o->size - 1 - o->len;

	if (len > room)
		len = room;
	memcpy(o->at + o->len, s, len);
	o->len += len;
}

static void
put_component(struct out *o, const char *s, size_t len, bool temp)
{
	size_t keep = name_len(s, len);

	if (temp && is_temporary_name(s, len)) {
		put(o, "tmp*", 4);
		return;
	}
	put(o, s, keep);
	if (keep < len)
		put(o, "#", 1);
}

/* At most `depth` components, 0: all. */
static size_t
put_path(struct out *o, struct ds_str path, unsigned depth)
{
	bool temp = is_below_temporary(path.ptr, path.len);
	const char *s = path.ptr, *end = path.ptr + path.len;
	unsigned n = 0;

	while (s < end) {
		const char *slash = memchr(s, '/', (size_t)(end - s));
		const char *stop = slash != NULL ? slash : end;

		if (stop > s) {
			if (depth > 0 && ++n > depth)
				break;
			put_component(o, s, (size_t)(stop - s), temp);
		}
		if (slash == NULL)
			break;
		put(o, "/", 1);
		s = slash + 1;
	}
	o->at[o->len] = '\0';
	return o->len;
}

size_t
key_path(struct ds_str path, char *ret, size_t size)
{
	struct out o = { ret, 0, size };

	ret[0] = '\0';
	return path.len > 0 ? put_path(&o, path, 0) : 0;
}

void
key_of_program(struct ds_str exe, enum key_sort sort, struct key *ret)
{
	struct out o = { (char *)ret->data + 1, 0, KEY_MAX - 1 };

	ret->data[0] = (uint8_t)sort;
	if (exe.len > 0)
		put_path(&o, exe, 0);
	ret->size = 1 + o.len;
}

static void
put_text(struct out *o, const char *text)
{
	put(o, text, strlen(text));
}

/* By hand: this is most of what a connection costs. */
static void
put_number(struct out *o, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	put(o, digits + at, sizeof(digits) - at);
}

static const char *
protocol_name(uint64_t proto)
{
	return proto == 6 ? "tcp" : proto == 17 ? "udp" : "ip";
}

static void
put_port(struct out *o, const struct ds_event *ev)
{
	put_text(o, " port ");
	put_number(o, ev->num[DS_NUM_DPORT]);
}

/* A network of 256 addresses, or an IPv6 /64, and the port. */
static void
put_peer(struct out *o, const struct ds_event *ev)
{
	struct ds_str a = DS_EVENT_STR(ev, DS_STR_DADDR), path = DS_EVENT_STR(ev, DS_STR_PATH);
	char text[INET6_ADDRSTRLEN] = "";
	uint8_t net[16] = { 0 };

	if (path.len > 0) {
		put_text(o, "unix ");
		put_path(o, path, 0);
		return;
	}
	put_text(o, protocol_name(ev->num[DS_NUM_PROTO]));
	put_text(o, " ");
	if (a.len == 4) {
		for (int i = 0; i < 3; i++) {
			put_number(o, (uint8_t)a.ptr[i]);
			put_text(o, ".");
		}
		put_text(o, "0/24");
	} else if (a.len == 16) {
		memcpy(net, a.ptr, 8);
		inet_ntop(AF_INET6, net, text, sizeof(text));
		put_text(o, text);
		put_text(o, "/64");
	}
	put_port(o, ev);
}

/* The directory, four deep, and whether it was a program of a web server; in a place that counts
 * the file itself and what is done to it. */
static void
put_file(const struct ds_event *ev, struct key *ret, struct out *o)
{
	struct ds_str path;
	unsigned op = place_op(ev, &path);
	const struct place *place = place_find(path, op);
	const char *ending = NULL;

	/* What a keeper does is no excuse for others, nor the other way round. */
	if (place != NULL) {
		ret->data[0] = keeper_of(DS_EVENT_STR(ev, DS_STR_EXE)) & place->keepers ? KEY_KEEPER
											: KEY_PLACE;
		put_text(o, place_done(op));
		put_text(o, " ");
	}
	if ((place != NULL && op != PLACE_EXECUTE) || op == PLACE_READ) {
		put_path(o, path, 0);
		return;
	}
	if (place == NULL && (op & PLACE_WRITE))
		ending = place_script(path);
	while (path.len > 1 && path.ptr[path.len - 1] != '/')
		path.len--;
	if (path.len > 0)
		put_path(o, path, DIR_DEPTH);
	if (ending != NULL) {
		put_text(o, "*");
		put_text(o, ending);
	}
}

void
key_of_event(const struct ds_event *ev, struct key *ret)
{
	struct out o = { (char *)ret->data + 1, 0, KEY_MAX - 1 };
	struct ds_str path = DS_EVENT_STR(ev, DS_STR_PATH);

	ret->data[0] = KEY_PLAIN;
	switch (rows[ev->kind].shape) {
	case SHAPE_NONE:
		break;
	case SHAPE_PROGRAM:
		key_of_program(DS_EVENT_STR(ev, DS_STR_EXE), KEY_CHILD, ret);
		return;
	case SHAPE_PEER:
		put_peer(&o, ev);
		break;
	case SHAPE_PORT:
		if (path.len > 0) {
			put_path(&o, path, 0);
		} else {
			put_text(&o, protocol_name(ev->num[DS_NUM_PROTO]));
			put_port(&o, ev);
		}
		break;
	case SHAPE_FILE:
		put_file(ev, ret, &o);
		break;
	case SHAPE_PATH:
		if (ev->kind == DS_EVENT_MOUNT)
			path = DS_EVENT_STR(ev, DS_STR_TARGET_PATH);
		if (path.len > 0)
			put_path(&o, path, 0);
		break;
	case SHAPE_NUM:
		for (unsigned f = 0; f < DS_NUM_MAX; f++)
			if (rows[ev->kind].nums >> f & 1)
				put_number(&o, ev->num[f]);
		break;
	}
	ret->size = 1 + o.len;
}

void
key_text(uint8_t kind, const uint8_t *key, size_t key_size, char *ret, size_t size)
{
	const char *more = "";

	if (key_size > 0 && key_family(kind) == KEY_PROCESS)
		more = key[0] == KEY_CONTROL  ? " (by the service manager)"
		       : key[0] == KEY_SELF   ? " (itself)"
		       : key[0] == KEY_RULE   ? " (rule)"
		       : key[0] == KEY_SHAPE  ? " (arguments)"
		       : key[0] == KEY_REMOTE ? " (its input is the network)"
					      : "";
	snprintf(ret, size, "%.*s%s", key_size > 0 ? (int)(key_size - 1) : 0,
	    key_size > 0 ? (const char *)key + 1 : "", more);
}

/* Compose and Swarm name containers NAME-1, NAME_1 or NAME.1.ID; an image is what they share. */
static void
container_class(const char *image, char *ret, size_t size)
{
	const char *slash = strrchr(image, '/');
	const char *name = slash != NULL ? slash : image;
	size_t len = strcspn(name, ":@") + (size_t)(name - image);

	if (strncmp(image, "sha256:", 7) == 0)
		len = strlen(image); /* it has no name, and is no other that has none */
	snprintf(ret, size, "container:%.*s", (int)len, image);
}

void
key_class(const char *name, const char *image, char *ret, size_t size)
{
	const char *at = strchr(name, '@');
	size_t len = strlen(name);

	if (strncmp(name, "container:", 10) == 0 && image[0] != '\0') {
		container_class(image, ret, size);
		return;
	}
	if (len > 8 && strcmp(name + len - 8, ".service") == 0)
		len -= 8;
	if (at != NULL && at > name)
		len = (size_t)(at - name);
	snprintf(ret, size, "%.*s", (int)len, name);
}

uint64_t
key_hash(uint64_t seed, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325ull ^ (seed * 0x9e3779b97f4a7c15ull);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	return h ^ h >> 32;
}
