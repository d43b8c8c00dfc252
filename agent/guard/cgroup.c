/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup - what a cgroup path says about the processes in it: unit, instance, session, container.
 *
 * The path is walked once, component by component.  A container's id anywhere in it wins, the
 * deepest one (a container in a container is the inner one); else the first unit that is not a
 * slice; else, when a whole systemd sits below a directory that is none of systemd's, that
 * directory is a container without an engine (lxc, unshare).
 */
#include "agent/guard/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

struct part {
	const char *ptr;
	size_t len;
};

static bool
part_is(struct part p, const char *text)
{
	return p.len == strlen(text) && memcmp(p.ptr, text, p.len) == 0;
}

static bool
part_begins(struct part p, const char *prefix)
{
	size_t len = strlen(prefix);

	return p.len > len && memcmp(p.ptr, prefix, len) == 0;
}

static bool
part_ends(struct part p, const char *suffix)
{
	size_t len = strlen(suffix);

	return p.len > len && memcmp(p.ptr + p.len - len, suffix, len) == 0;
}

static struct part
part_cut(struct part p, size_t front, size_t back)
{
	return (struct part){ p.ptr + front, p.len - front - back };
}

static bool
part_copy(struct part p, char *ret, size_t size)
{
	if (p.len >= size)
		return false;
	memcpy(ret, p.ptr, p.len);
	ret[p.len] = '\0';
	return true;
}

static bool
is_id(struct part p)
{
	if (p.len != 64)
		return false;
	for (size_t i = 0; i < p.len; i++)
		if (!isxdigit((unsigned char)p.ptr[i]) || isupper((unsigned char)p.ptr[i]))
			return false;
	return true;
}

/* docker-ID.scope, libpod-ID, cri-containerd-ID.scope, a bare ID, kubepods...:cri-containerd:ID,
 * ID.scope. The tail of 64 hexadecimal digits decides; what makes no container has a -conmon-. */
static bool
container_id(struct part p, struct part *ret)
{
	static const char conmon[] = "conmon-";

	if (part_ends(p, ".scope"))
		p.len -= strlen(".scope");
	if (p.len < 64)
		return false;
	*ret = part_cut(p, p.len - 64, 0);
	if (!is_id(*ret))
		return false;
	if (p.len == 64)
		return true;
	if (p.len - 64 >= sizeof(conmon) - 1 &&
	    memcmp(ret->ptr - sizeof(conmon) + 1, conmon, sizeof(conmon) - 1) == 0)
		return false;
	return ret->ptr[-1] == '-' || ret->ptr[-1] == ':';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* systemd writes a '-' in a machine's name as \x2d. */
static bool
unescape(struct part p, char *ret, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < p.len; i++) {
		char c = p.ptr[i];

		if (len + 1 >= size)
			return false;
		if (c == '\\' && i + 3 < p.len && p.ptr[i + 1] == 'x' &&
		    hex_value(p.ptr[i + 2]) >= 0 && hex_value(p.ptr[i + 3]) >= 0) {
			c = (char)(hex_value(p.ptr[i + 2]) * 16 + hex_value(p.ptr[i + 3]));
			i += 3;
		}
		ret[len++] = c;
	}
	ret[len] = '\0';
	return len > 0;
}

/* Containers that their directory names: nspawn, machined, lxc, openvz-like. */
static bool
container_named(struct part p, struct part before, struct cgroup_name *ret)
{
	struct part name;

	if (part_begins(p, "systemd-nspawn@") && part_ends(p, ".service"))
		name = part_cut(p, strlen("systemd-nspawn@"), strlen(".service"));
	else if (part_begins(p, "machine-") && part_ends(p, ".scope"))
		name = part_cut(p, strlen("machine-"), strlen(".scope"));
	else if (part_begins(p, "lxc.payload."))
		name = part_cut(p, strlen("lxc.payload."), 0);
	else if (part_is(before, "lxc") || part_is(before, "lxc.payload"))
		name = p;
	else
		return false;
	if (!unescape(name, ret->container, sizeof(ret->container)))
		return false;
	ret->kind = CGROUP_CONTAINER;
	ret->container_named = true;
	return true;
}

/* libpod-conmon-ID.scope, crio-conmon-ID.scope: what watches a container is one for all of them. */
static struct part
without_id(struct part p, char *ret, size_t size)
{
	static const char conmon[] = "-conmon-";
	const char *at = memmem(p.ptr, p.len, conmon, sizeof(conmon) - 1);
	size_t len = at != NULL ? (size_t)(at - p.ptr) + sizeof(conmon) - 2 : 0;

	if (at == NULL || !part_ends(p, ".scope") || len + sizeof(".scope") > size ||
	    !is_id(part_cut(p, len + 1, strlen(".scope"))))
		return p;
	memcpy(ret, p.ptr, len);
	memcpy(ret + len, ".scope", sizeof(".scope"));
	return (struct part){ ret, len + strlen(".scope") };
}

/* foo@bar.service: bar, as systemd escaped it. */
static bool
unit_instance(struct part unit, char *ret, size_t size)
{
	const char *at = memchr(unit.ptr, '@', unit.len);
	const char *dot = memrchr(unit.ptr, '.', unit.len);

	ret[0] = '\0';
	if (at == NULL || dot == NULL || dot <= at)
		return true;
	return part_copy((struct part){ at + 1, (size_t)(dot - at) - 1 }, ret, size);
}

/* run-r0123456789abcdef....service, run-u12.service and run-12.scope, of systemd-run. */
static bool
is_transient(struct part p)
{
	struct part middle;
	size_t digits = 0;

	if (!part_begins(p, "run-") || !(part_ends(p, ".service") || part_ends(p, ".scope")))
		return false;
	middle = part_cut(p, strlen("run-"), part_ends(p, ".scope") ? 6 : 8);
	if (middle.len > 1 &&
	    (middle.ptr[0] == 'r' || middle.ptr[0] == 'u' || middle.ptr[0] == 'p'))
		middle = part_cut(middle, 1, 0);
	while (digits < middle.len && (isxdigit((unsigned char)middle.ptr[digits]) ||
					  middle.ptr[digits] == '-' || middle.ptr[digits] == 'i'))
		digits++;
	return digits > 0 && digits == middle.len;
}

static bool
is_unit(struct part p)
{
	return part_ends(p, ".service") || part_ends(p, ".scope") || part_ends(p, ".socket") ||
	       part_ends(p, ".mount") || part_ends(p, ".swap");
}

/* session-12.scope below user-UID.slice. */
static bool
session_parse(struct part p, struct cgroup_name *ret)
{
	if (!part_begins(p, "session-") || !part_ends(p, ".scope"))
		return false;
	if (!part_copy(part_cut(p, strlen("session-"), strlen(".scope")), ret->instance,
		sizeof(ret->instance)))
		return false;
	ret->kind = CGROUP_SESSION;
	return true;
}

/* The first unit of the path; below user@UID.service the next one. */
static void
unit_parse(struct part p, struct cgroup_name *ret)
{
	bool in_user = ret->kind == CGROUP_UNIT && strncmp(ret->unit, "user@", 5) == 0;
	char uid[sizeof(ret->instance)], plain[64];

	if (ret->kind != CGROUP_NONE && !in_user)
		return;
	if (session_parse(p, ret))
		return;
	if (!is_unit(p) || p.len >= sizeof(ret->unit) || part_is(p, "init.scope"))
		return; /* init.scope is systemd itself: what it starts moves on */
	p = without_id(p, plain, sizeof(plain));
	memcpy(uid, ret->instance, sizeof(uid));
	if (!unit_instance(p, ret->instance, sizeof(ret->instance)))
		return;
	(void)part_copy(p, ret->unit, sizeof(ret->unit)); /* fits, checked above */
	ret->kind = is_transient(p) ? CGROUP_TRANSIENT : CGROUP_UNIT;
	if (!in_user)
		return;
	memcpy(ret->instance, uid, sizeof(uid));
	if (ret->kind == CGROUP_UNIT)
		ret->kind = CGROUP_USER_UNIT;
}

/* user-UID.slice. */
static void
slice_take(struct part p, uint32_t *uid)
{
	struct part digits;
	uint32_t n = 0;

	if (!part_begins(p, "user-") || !part_ends(p, ".slice") || p.len > 5 + 10 + 6)
		return;
	digits = part_cut(p, strlen("user-"), strlen(".slice"));
	for (size_t i = 0; i < digits.len; i++) {
		if (!isdigit((unsigned char)digits.ptr[i]))
			return;
		n = n * 10 + (uint32_t)(digits.ptr[i] - '0');
	}
	*uid = n;
}

static bool
is_systemd_root(struct part p)
{
	return part_is(p, "init.scope") || part_is(p, "system.slice") || part_is(p, "user.slice");
}

/* A directory of nobody we know that has a whole systemd in it. */
static bool
foreign_root(const char *path, struct part p, struct cgroup_name *ret)
{
	struct part prefix = { path + 1, 0 };

	if (!is_systemd_root(p) || p.ptr == path + 1)
		return false;
	prefix.len = (size_t)(p.ptr - path) - 2;
	if (memmem(prefix.ptr, prefix.len, ".slice", 6) != NULL || prefix.len == 0 ||
	    !part_copy(prefix, ret->container, sizeof(ret->container)))
		return false;
	ret->kind = CGROUP_CONTAINER;
	ret->container_named = true;
	return true;
}

static struct part
next_part(const char **at)
{
	struct part p;

	while (**at == '/')
		(*at)++;
	p.ptr = *at;
	p.len = strcspn(p.ptr, "/");
	*at += p.len;
	return p;
}

static void
leaf_take(struct part p, struct cgroup_name *ret)
{
	if (is_unit(p) || part_ends(p, ".slice") || !part_copy(p, ret->leaf, sizeof(ret->leaf)))
		ret->leaf[0] = '\0';
}

/* Names that stand for no unit of systemd's: openrc.NAME, the monitors of container engines. */
static void
other_parse(struct part p, struct cgroup_name *ret)
{
	if (ret->kind != CGROUP_NONE || !part_begins(p, "openrc."))
		return;
	if (part_copy(part_cut(p, strlen("openrc."), 0), ret->unit, sizeof(ret->unit)))
		ret->kind = CGROUP_UNIT;
}

void
cgroup_parse(const char *path, struct cgroup_name *ret)
{
	const char *at = path;
	struct part before = { "", 0 }, id;
	bool found = false;
	uint32_t uid = 0;

	*ret = (struct cgroup_name){ 0 };
	if (path[0] != '/' || strncmp(path, "/..", 3) == 0)
		return;
	for (struct part p = next_part(&at); p.len > 0; before = p, p = next_part(&at)) {
		if (container_id(p, &id)) {
			*ret = (struct cgroup_name){ .kind = CGROUP_CONTAINER, .uid = uid };
			(void)part_copy(id, ret->container, sizeof(ret->container)); /* 64 */
			found = true;
		} else if (!found &&
			   (container_named(p, before, ret) || foreign_root(path, p, ret))) {
			found = true;
		} else if (!found) {
			slice_take(p, &uid);
			unit_parse(p, ret);
			other_parse(p, ret);
		}
	}
	if (!found)
		leaf_take(before, ret);
}

/* hierarchy:controllers:path; how much its path is worth: the bigger the better. */
static int
line_worth(const char *controllers, const char *path)
{
	struct cgroup_name name;

	if (strcmp(path, "/") == 0)
		return 0;
	if (strcmp(controllers, "name=systemd") == 0)
		return 4;
	if (controllers[0] == '\0')
		return 3;
	if (strncmp(controllers, "name=", 5) == 0)
		return 2;
	cgroup_parse(path, &name);
	return name.kind == CGROUP_CONTAINER ? 1 : 0;
}

int
cgroup_select(char *text, char *ret, size_t size)
{
	const char *best = NULL;
	int best_worth = -1;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
		int worth;

		if (path == NULL || path[1] != '/')
			continue;
		*path++ = '\0';
		worth = line_worth(controllers + 1, path);
		if (worth > best_worth) {
			best = worth > 0 ? path : "/";
			best_worth = worth;
		}
	}
	if (best == NULL)
		return -ENOENT;
	if (strlen(best) >= size)
		return -ENAMETOOLONG;
	memcpy(ret, best, strlen(best) + 1);
	return 0;
}

const char *
cgroup_below(const char *path, const char *root)
{
	size_t len = strlen(root);

	if (len == 1 && root[0] == '/')
		len = 0;
	if (strncmp(path, root, len) != 0)
		return NULL;
	if (path[len] == '\0')
		return "/";
	return path[len] == '/' ? path + len : NULL;
}
