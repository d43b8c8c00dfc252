/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon_find - which daemon a cgroup, a program or a running process stands for.
 *
 * Where there is a systemd, the cgroup is the authority; below services that start other people's
 * programs (sshd, cron) and where there is no systemd, programs and their ancestry are.
 */
#include "agent/guard/cgroup.h"
#include "agent/guard/container.h"
#include "agent/guard/daemon_table.h"
#include "agent/guard/engine.h"
#include "agent/guard/process.h"
#include "agent/guard/program.h"
#include "agent/guard/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX   32u /* ancestors looked at */
#define ADOPTED_MAX 256u
#define OWNED_MAX   128u /* containers of one user; each may have had its id for a name before */
#define ROOTS_MAX   (DAEMON_TABLE_MAX / 4 * 3) /* of root */

static char root[PROCESS_PATH_MAX]; /* of our pid namespace's cgroups; "" for the real one */
static bool has_systemd;            /* pid 1 of our namespace is one */

/* systemd itself moves from the root to init.scope, as soon as it can. */
void
daemon_read_root(void)
{
	static const char scope[] = "/init.scope";
	char path[PROCESS_PATH_MAX], exe[PROCESS_PATH_MAX];
	size_t len;

	root[0] = '\0';
	has_systemd = process_exe(1, exe, sizeof(exe), NULL) == 0 &&
		      strcmp(program_base(exe), "systemd") == 0;
	if (process_cgroup(1, path, sizeof(path)) < 0)
		return;
	len = strlen(path);
	if (len >= sizeof(scope) - 1 && strcmp(path + len - (sizeof(scope) - 1), scope) == 0)
		path[len - (sizeof(scope) - 1)] = '\0';
	(void)snprintf(root, sizeof(root), "%s", strcmp(path, "/") == 0 ? "" : path);
}

static const struct daemon *
make_plain(enum daemon_role role, const char *name)
{
	bool is_new;
	struct daemon *d = daemon_make(role, name, &is_new);

	if (d != NULL && is_new)
		daemon_decide_watched(d);
	return d;
}

static const struct daemon *
make_unit(enum daemon_role role, const char *name, const struct cgroup_name *from)
{
	bool is_new;
	struct daemon *d = daemon_make(role, name, &is_new);

	if (d == NULL || !is_new)
		return d;
	memcpy(d->unit, from->unit, sizeof(d->unit));
	memcpy(d->instance, from->instance, sizeof(d->instance));
	daemon_decide_watched(d);
	return d;
}

/* Before the name and the image of a user's container, which are what he says: no engine of root
 * lets anything begin so, and nobody takes over the profile of another's. */
static void
owner_prefix(uint32_t uid, char ret[40])
{
	const char *name = uid != 0 ? user_name(uid) : NULL;

	ret[0] = '\0';
	if (name != NULL)
		(void)snprintf(ret, 40, "~%s/", name);
	else if (uid != 0)
		(void)snprintf(ret, 40, "~%u/", uid);
}

/* A user could fill the table with control groups that are called like containers; and what starts
 * a container of another name each minute fills it in days. */
static bool
owns_many(uint32_t uid)
{
	unsigned n = 0;

	for (uint32_t i = 1; i <= daemon_count(); i++)
		n += daemon_get(i)->role == DAEMON_CONTAINER && daemon_get(i)->owner == uid;
	return n >= (uid != 0 ? OWNED_MAX : ROOTS_MAX);
}

/* Whoever chose an id may give it to the next container, too.  An image without a digest says
 * nothing: its name may have been given away while the container runs. */
static bool
is_another(const struct daemon *d, const struct container_info *info)
{
	return strchr(info->image, '@') != NULL && strcmp(d->image, info->image) != 0;
}

static void
container_daemon(const char *id, const struct container_info *info, char *ret, size_t size)
{
	char owner[40];

	owner_prefix(info->uid, owner);
	if (info->name[0] != '\0')
		(void)snprintf(ret, size, "container:%s%s", owner, info->name);
	else
		(void)snprintf(ret, size, "container:%s%.12s", owner, id);
}

static const struct daemon *
make_container(const char *id, const struct container_info *info)
{
	const struct container_info rest = { .name = "*", .uid = info->uid };
	char name[sizeof(info->name) + 64], owner[40];
	struct daemon *d;
	bool is_new;

	container_daemon(id, info, name, sizeof(name));
	if (daemon_find(name) == NULL && owns_many(info->uid)) {
		id = "";
		info = &rest;
		container_daemon(id, info, name, sizeof(name));
	}
	d = daemon_make(DAEMON_CONTAINER, name, &is_new);
	if (d == NULL || (!is_new && strcmp(d->container, id) == 0 && !is_another(d, info)))
		return d;
	(void)snprintf(d->container, sizeof(d->container), "%s", id);
	owner_prefix(info->uid, owner);
	if (info->image[0] != '\0')
		(void)snprintf(d->image, sizeof(d->image), "%s%s", owner, info->image);
	else
		d->image[0] = '\0';
	(void)snprintf(d->container_name, sizeof(d->container_name), "%s", info->name);
	d->owner = info->uid;
	daemon_decide_watched(d);
	return d;
}

/* Containers that were looked up already: their files are read once.  A user may call a control
 * group of his as one of root's containers is called. */
static const struct daemon *
known_container(const char *id, uint32_t uid)
{
	for (uint32_t i = daemon_count(); i >= 1; i--) {
		const struct daemon *d = daemon_get(i);

		if (d->role == DAEMON_CONTAINER && d->owner == uid && strcmp(d->container, id) == 0)
			return d;
	}
	return NULL;
}

/* Of all pods together: each has one, which starts and waits. */
static const struct daemon *
make_pause(void)
{
	struct container_info info = { 0 };

	container_set_name(&info, "kubernetes/pause");
	return make_container("", &info);
}

static const struct daemon *
container_of(const struct cgroup_name *from)
{
	const struct daemon *d = known_container(from->container, from->uid);
	struct container_info info = { .uid = from->uid };

	if (d != NULL)
		return d;
	if (from->uid != 0 && owns_many(from->uid))
		return make_container(from->container, &info); /* he is not asked for more */
	if (from->container_named)
		container_set_name(&info, from->container);
	else if (from->uid != 0 || container_find("", from->container, &info) < 0)
		engine_ask(from->container, from->uid);
	if (info.holds_pod)
		return make_pause();
	return make_container(from->container, &info);
}

uint32_t
daemon_name_container(const char *id, const struct container_info *info)
{
	const struct daemon *old = known_container(id, info->uid), *d;

	if (old == NULL || old->container_name[0] != '\0' || info->name[0] == '\0' ||
	    owns_many(info->uid))
		return 0;
	d = make_container(id, info);
	if (d == NULL || d == old)
		return 0;
	daemon_lose_container(old->number); /* the id leads to the name from now on */
	return old->number;
}

/* A control group that is called like a container of ctr, runc or crun, and is its. */
static const struct daemon *
chosen_container(const char *path, const char *id)
{
	struct container_info info;

	if (id[0] == '\0' || container_find_named("", id, path, &info) < 0)
		return NULL;
	return make_container(id, &info);
}

/* What opened a logind session: SERVICE=sshd in logind's own file. */
static void
session_service(const char *number, char *ret, size_t size)
{
	char path[256], text[4096];
	const char *line;
	ssize_t n = -1;
	int fd;

	ret[0] = '\0';
	(void)snprintf(path, sizeof(path), "/run/systemd/sessions/%s", number);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	line = strstr(text, "\nSERVICE=");
	if (line != NULL)
		(void)snprintf(ret, size, "%.*s", (int)strcspn(line + 9, "\n"), line + 9);
}

static const struct daemon *
make_session(const struct cgroup_name *from)
{
	char service[64];

	session_service(from->instance, service, sizeof(service));
	if (strcmp(service, "sshd") == 0)
		return make_plain(DAEMON_SESSION, "sshd/session");
	if (program_class_of(service) == PROGRAM_SCHEDULER)
		return make_plain(DAEMON_JOB, strcmp(service, "atd") == 0 ? "at/job" : "cron/job");
	return make_plain(DAEMON_SESSION, "login/session");
}

static const struct daemon *
make_of(const struct cgroup_name *from)
{
	char name[sizeof(from->unit) + 8];

	switch (from->kind) {
	case CGROUP_NONE:
		return NULL;
	case CGROUP_UNIT:
		return make_unit(DAEMON_SERVICE, from->unit, from);
	case CGROUP_USER_UNIT:
		(void)snprintf(name, sizeof(name), "user/%s", from->unit);
		return make_unit(DAEMON_SERVICE, name, from);
	case CGROUP_SESSION:
		return make_session(from);
	case CGROUP_TRANSIENT:
		return make_plain(DAEMON_TRANSIENT, "systemd-run/job");
	case CGROUP_CONTAINER:
		return container_of(from);
	}
	return NULL;
}

const struct daemon *
daemon_of_cgroup(const char *path)
{
	const char *below = cgroup_below(path, root);
	const struct daemon *d;
	struct cgroup_name name;

	if (below == NULL)
		return NULL;
	cgroup_parse(below, &name);
	d = chosen_container(path, name.leaf);
	return d != NULL ? d : make_of(&name);
}

/* nginx.service, when there is one; else the plain name. */
static const struct daemon *
make_process(const char *name)
{
	char unit[280];
	const struct daemon *d;

	(void)snprintf(unit, sizeof(unit), "%s.service", name);
	d = daemon_find(unit);
	return d != NULL ? d : make_plain(DAEMON_PROCESS, name);
}

/* monitor_daemons names this program, or the script it runs. */
static const struct daemon *
make_configured(const char *exe, const char *const *argv)
{
	const struct daemon *d;
	char name[256];

	if (!daemon_configured_name(exe, argv, name, sizeof(name)))
		return NULL;
	d = make_process(name);
	if (d != NULL)
		daemon_watch(d->number);
	return d;
}

/* Whether programs below `parent` may be daemons of their own. */
static bool
hands_over(const struct daemon *parent)
{
	if (parent == NULL)
		return true;
	switch (parent->role) {
	case DAEMON_SESSION:
	case DAEMON_JOB:
	case DAEMON_PACKAGE:
		return !has_systemd; /* else pid 1 starts them, in cgroups of their own */
	case DAEMON_PROCESS:
		return program_class_of(parent->name) == PROGRAM_SUPERVISOR;
	case DAEMON_SERVICE:
	case DAEMON_CONTAINER:
	case DAEMON_TRANSIENT:
		return false;
	}
	return false;
}

/* A shell below sshd, a command below cron: told by the program that forked it. */
static const struct daemon *
below_program(const char *exe, const char *parent_exe, const struct daemon *parent)
{
	enum program_class class;
	char name[280];

	if (parent_exe == NULL || program_is_temporary(parent_exe) ||
	    (parent != NULL && parent->role != DAEMON_SERVICE && parent->role != DAEMON_PROCESS))
		return NULL;
	class = program_class_of(parent_exe);
	if ((class != PROGRAM_LOGIN && class != PROGRAM_SCHEDULER) ||
	    strcmp(program_daemon_name(exe), program_daemon_name(parent_exe)) == 0)
		return NULL;
	(void)snprintf(name, sizeof(name), "%s/%s", program_daemon_name(parent_exe),
	    class == PROGRAM_LOGIN ? "session" : "job");
	return make_plain(class == PROGRAM_LOGIN ? DAEMON_SESSION : DAEMON_JOB, name);
}

const struct daemon *
daemon_of_exec(
    const char *exe, const char *const *argv, const char *parent_exe, const struct daemon *parent)
{
	const char *script = program_package_script(exe, argv, parent_exe);
	const struct daemon *d;
	char name[256];

	if (script != NULL && (parent == NULL || parent->role != DAEMON_CONTAINER))
		return make_plain(DAEMON_PACKAGE, script);
	d = below_program(exe, parent_exe, parent);
	if (d != NULL)
		return d;
	if (!hands_over(parent))
		return parent;
	d = make_configured(exe, argv);
	if (d != NULL)
		return d;
	if (program_is_temporary(exe))
		return parent;
	program_name(exe, argv, name, sizeof(name));
	if (daemon_is_auto() && program_class_of(name) != PROGRAM_OTHER)
		return make_process(name);
	return parent;
}

/* Processes that are daemons because they listen: nothing else about them tells. */
static struct adopted {
	pid_t pid;
	uint64_t start_ticks;
	uint32_t number;
} adopted[ADOPTED_MAX];
static size_t adopted_next; /* the oldest, to be replaced */

static const struct daemon *
adopted_find(pid_t pid, uint64_t start_ticks)
{
	for (size_t i = 0; i < ADOPTED_MAX; i++)
		if (adopted[i].pid == pid && adopted[i].start_ticks == start_ticks)
			return daemon_get(adopted[i].number);
	return NULL;
}

static const struct daemon *
adopt(pid_t pid, const struct daemon *d)
{
	struct process_stat st;

	if (d == NULL || process_stat(pid, &st) < 0)
		return d;
	if (adopted_find(pid, st.start_ticks) != d)
		adopted[adopted_next++ % ADOPTED_MAX] =
		    (struct adopted){ pid, st.start_ticks, d->number };
	return d;
}

/* A process and those above it, nearest first. */
struct lineage {
	pid_t pid[DEPTH_MAX];
	uint64_t start_ticks[DEPTH_MAX];
	size_t len;
};

static int
lineage_read(pid_t pid, struct lineage *ret)
{
	struct process_stat st;

	ret->len = 0;
	while (pid >= 1 && ret->len < DEPTH_MAX) {
		if (process_stat(pid, &st) < 0 || st.kernel_thread)
			return ret->len > 0 ? 0 : -ESRCH;
		ret->start_ticks[ret->len] = st.start_ticks;
		ret->pid[ret->len++] = pid;
		pid = st.ppid;
	}
	return 0;
}

/* What is known of one process of a lineage. */
struct rung {
	char exe[PROCESS_PATH_MAX]; /* "" when not readable */
	const struct daemon *unit;  /* by its cgroup, or NULL */
	const struct daemon *daemon;
};

/* One process, when that of its parent is known.  A cgroup other than the parent's decides; the
 * same one says nothing new: the shell that sshd started is in sshd's cgroup where there is no
 * logind. */
static void
rung_read(pid_t pid, const struct rung *above, struct rung *ret)
{
	static struct process_args args; /* the guard has one thread; too big for a stack */
	char path[PROCESS_PATH_MAX];
	const struct daemon *base = above->daemon;

	*ret = (struct rung){ .daemon = above->daemon, .unit = above->unit };
	if (process_exe(pid, ret->exe, sizeof(ret->exe), NULL) < 0) {
		ret->exe[0] = '\0';
		return;
	}
	if (process_cgroup(pid, path, sizeof(path)) == 0)
		ret->unit = daemon_of_cgroup(path);
	if (ret->unit != NULL && ret->unit != above->unit) {
		base = ret->unit;
		daemon_set_executable(base->number, ret->exe);
	}
	if (process_args(pid, &args) < 0)
		args.argv[0] = NULL;
	ret->daemon =
	    daemon_of_exec(ret->exe, args.argv, above->exe[0] != '\0' ? above->exe : NULL, base);
}

const struct daemon *
daemon_of_process(pid_t pid)
{
	static struct rung rungs[2];
	struct lineage above;

	if (lineage_read(pid, &above) < 0)
		return NULL;
	rungs[0] = rungs[1] = (struct rung){ 0 };
	for (size_t i = above.len; i > 0; i--) {
		struct rung *to = &rungs[(i + 1) % 2];
		const struct daemon *d = adopted_find(above.pid[i - 1], above.start_ticks[i - 1]);

		rung_read(above.pid[i - 1], &rungs[i % 2], to);
		if (d != NULL)
			to->daemon = d;
	}
	return rungs[0].daemon; /* the last round read from [1] and wrote to [0] */
}

/* Whether this may be a daemon of its own although nobody knows it: nobody sits at its terminal,
 * and what started it has gone. */
static bool
is_detached(pid_t pid)
{
	struct process_stat st;

	return process_stat(pid, &st) == 0 && st.tty == 0;
}

const struct daemon *
daemon_of_listener(pid_t pid, const char *exe)
{
	static struct process_args args;
	const struct daemon *d = daemon_of_process(pid), *configured;
	char path[PROCESS_PATH_MAX], name[256];

	if (d != NULL && d->role != DAEMON_SESSION && d->role != DAEMON_PACKAGE)
		return d;
	if (process_exe(pid, path, sizeof(path), NULL) < 0)
		(void)snprintf(path, sizeof(path), "%s", exe != NULL ? exe : "");
	if (path[0] == '\0' || process_args(pid, &args) < 0)
		return d;
	configured = make_configured(path, args.argv);
	if (configured != NULL)
		return adopt(pid, configured);
	program_name(path, args.argv, name, sizeof(name));
	if (!daemon_is_auto() || (d != NULL && program_class_of(name) == PROGRAM_OTHER))
		return d;
	return d != NULL || is_detached(pid) ? adopt(pid, make_process(name)) : NULL;
}
