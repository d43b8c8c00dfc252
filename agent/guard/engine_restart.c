/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine_restart - a container is started anew the way its engine does it.
 *
 * Called by service, in the child that settles an order.  One more engine is one row.
 */
#include "agent/guard/engine_restart.h"

#include "agent/guard/container.h"
#include "agent/guard/target.h"
#include "lib/clock.h"
#include "lib/command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TOOL_MS    30000u
#define TOOL_BYTES (16ull << 30) /* of addresses: programs in Go take many and use few */
#define BACK_MS    20000u
#define STEP_MS    20
#define STOP_MS    3000

/* "@": the container's id.  What a tool of podman starts is its child, so it must not have our
 * limits: systemd starts it, or it is started beside us. */
static const struct tool {
	enum container_engine engine;
	bool starts_itself;
	const char *argv[6];
} tools[] = {
	{ CONTAINER_DOCKER, false, { "/usr/bin/docker", "restart", "-t", "3", "@" } },
	{ CONTAINER_DOCKER, false, { "/usr/local/bin/docker", "restart", "-t", "3", "@" } },
	{ CONTAINER_PODMAN, true, { "/usr/bin/podman", "restart", "-t", "3", "@" } },
};

static const char *const engines[] = { [CONTAINER_OTHER] = "an engine that is not known",
	[CONTAINER_DOCKER] = "docker, whose command is not here",
	[CONTAINER_PODMAN] = "podman, whose command is not here",
	[CONTAINER_CONTAINERD] = "containerd, which restarts nothing",
	[CONTAINER_KUBERNETES] = "Kubernetes, which starts it anew when it is killed",
	[CONTAINER_RUNTIME] = "runc or crun, which restart nothing" };

static const struct tool *
tool_of(enum container_engine engine)
{
	for (size_t i = 0; i < DS_LEN(tools); i++)
		if (tools[i].engine == engine && access(tools[i].argv[0], X_OK) == 0)
			return &tools[i];
	return NULL;
}

static enum container_engine
engine_of(const struct service *s)
{
	struct container_info info;
	char cgroup[PROCESS_PATH_MAX];

	if (s->owner != 0)
		return CONTAINER_OTHER; /* whatever id he gave it */
	if (container_find("", s->container, &info) == 0 ||
	    (process_cgroup(s->pid, cgroup, sizeof(cgroup)) == 0 &&
		container_find_named("", s->container, cgroup, &info) == 0))
		return info.engine;
	return CONTAINER_OTHER;
}

int
engine_can_restart(const struct service *s, char *why, size_t size)
{
	enum container_engine engine = engine_of(s);

	if (tool_of(engine) != NULL ||
	    (engine == CONTAINER_DOCKER && container_comes_back("", s->container)))
		return 0;
	(void)snprintf(why, size, "%.200s is a container of %s", s->name, engines[engine]);
	return -EOPNOTSUPP;
}

/* Until another process runs as it did. */
static int
wait_for_next(const struct service *s, char *why, size_t size)
{
	uint64_t end_ms = ds_clock_monotonic_ms() + BACK_MS;

	while (service_find(s, s->start_ticks + 1) == 0) {
		if (ds_clock_monotonic_ms() > end_ms) {
			(void)snprintf(why, size, "%.200s did not come back", s->name);
			return -ETIME;
		}
		(void)poll(NULL, 0, STEP_MS);
	}
	return 0;
}

static int
run_tool(const struct tool *t, const struct service *s, char *why, size_t size)
{
	static const char *const by_systemd[] = { "/usr/bin/systemd-run", "--quiet", "--wait",
		"--collect", "--pipe", "--" };
	struct ds_command c = {
		.as = DS_COMMAND_ROOT, .timeout_ms = TOOL_MS, .memory_max = TOOL_BYTES
	};
	const char *argv[16] = { NULL };
	char out[256];
	struct stat st;
	size_t n = 0;
	bool systemd = lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
	int r;

	for (; t->starts_itself && systemd && n < DS_LEN(by_systemd); n++)
		argv[n] = by_systemd[n];
	for (size_t i = 0; i < DS_LEN(t->argv) && t->argv[i] != NULL; i++)
		argv[n++] = strcmp(t->argv[i], "@") == 0 ? s->container : t->argv[i];
	if (t->starts_itself && !systemd) {
		static const char *const env[] = {
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
		};

		r = ds_command_start(
		    &(struct ds_command_start){ .exe = argv[0], .argv = argv, .envp = env });
		return r < 0 ? r : wait_for_next(s, why, size);
	}
	c.argv = argv;
	r = ds_command_run(&c, out, sizeof(out));
	if (r == 0)
		return 0;
	out[strcspn(out, "\n")] = '\0';
	(void)snprintf(
	    why, size, "%s %s: %.200s", argv[n - 5], argv[n - 4], r < 0 ? strerror(-r) : out);
	return r < 0 ? r : -EIO;
}

/* Its first process ends, and with it all others. */
static void
end(const struct service *s)
{
	struct target_process t = { .pid = s->pid, .start_ticks = s->start_ticks };
	struct pollfd p = { .fd = target_open(&t), .events = POLLIN };

	if (p.fd < 0)
		return; /* it has ended already */
	(void)syscall(SYS_pidfd_send_signal, p.fd, SIGTERM, NULL, 0);
	if (poll(&p, 1, STOP_MS) <= 0)
		(void)syscall(SYS_pidfd_send_signal, p.fd, SIGKILL, NULL, 0);
	(void)close(p.fd);
}

int
engine_restart(const struct service *s, char *why, size_t size)
{
	const struct tool *t;
	int r = engine_can_restart(s, why, size);

	if (r < 0)
		return r;
	t = tool_of(engine_of(s));
	if (t != NULL)
		return run_tool(t, s, why, size);
	end(s);
	return wait_for_next(s, why, size);
}
