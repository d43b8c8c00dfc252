/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate_run - the candidate under an agent of its own: both begin and end with the gate.
 *
 * The agent is the installed one, with a configuration in a directory of its own below /tmp, a
 * token that is good once for a quarter of an hour, and a label that no other host has.
 */
#include "ctl/gate.h"

#include "ctl/client.h"
#include "ctl/lists.h"
#include "ctl/print.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECT_MS 60000u /* until the agent is connected and its sensors run */
#define SEEN_MS    30000u /* until the candidate is known; until its end is */
#define END_MS     10000u /* a process that was asked to end */
#define POLL_MS    200u
#define SHELL      "/bin/sh"
#define CANCELLED  "cancelled"

static char failure[GATE_PATH_MAX + 80];

const char *
gate_failure(void)
{
	return failure;
}

static int
fail(const char *what)
{
	snprintf(failure, sizeof(failure), "%s", what);
	fprintf(stderr, "daemonsec-ctl: %s\n", what);
	return EXIT_CONFLICT;
}

/* ---- processes */

/* In a group of its own; its output goes to stderr, or to a file.  -1: fork failed. */
static pid_t
start(const char *const argv[], const char *log)
{
	pid_t pid = fork();
	int fd;

	if (pid > 0)
		(void)setpgid(pid, pid); /* whoever of us is first: it may be ended at once */
	if (pid != 0)
		return pid;
	(void)setpgid(0, 0);                    /* then it is ended alone */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* or with us, should we be killed */
	fd = log != NULL ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
			 : STDERR_FILENO;
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || (log != NULL && dup2(fd, STDERR_FILENO) < 0))
		_exit(126);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "daemonsec-ctl: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* True once it has ended; *ret_status as of wait(2). */
static bool
has_ended(pid_t pid, int *ret_status)
{
	return waitpid(pid, ret_status, WNOHANG) == pid;
}

/* Asks `asked` (a process, or a negative group) to end, and ends the group of `pid` after a while.
 */
static void
end(pid_t pid, pid_t asked)
{
	uint64_t end_ms = gate_now_ms() + END_MS;
	int status;

	if (pid <= 0)
		return;
	(void)kill(asked, SIGTERM); /* it may have gone */
	while (!has_ended(pid, &status) && gate_now_ms() < end_ms)
		gate_rest(POLL_MS);
	(void)kill(-pid, SIGKILL);
	(void)waitpid(pid, &status, 0); /* it was waited for, if it ended */
}

/* ---- the agent */

static int
write_file(const char *dir, const char *name, const char *text)
{
	char path[GATE_PATH_MAX];
	int fd, r = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		r = -EIO;
	if (close(fd) < 0)
		r = -errno;
	return r;
}

static int
make_dir(const char *dir, const char *name, uid_t uid, gid_t gid)
{
	char path[GATE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return mkdir(path, 0700) < 0 || chown(path, uid, gid) < 0 ? -errno : 0;
}

/* The account that the package made, or root where there is none. */
static int
make_place(struct gate_agent *a, const struct gate *g, const char *token)
{
	const struct passwd *user = getpwnam("daemonsec");
	uid_t uid = user != NULL ? user->pw_uid : 0;
	gid_t gid = user != NULL ? user->pw_gid : 0;
	const char *name = g->as != NULL ? g->as : g->daemon;
	int len = (int)strlen(name), r;
	char text[1400];

	/* There is no unit here. */
	if (len > 8 && strcmp(name + len - 8, ".service") == 0)
		len -= 8;

	snprintf(a->label, sizeof(a->label), "gate-%lx-%x", (unsigned long)gate_now_ms(),
	    (unsigned)getpid());
	snprintf(a->dir, sizeof(a->dir), "/tmp/daemonsec-gate.XXXXXX");
	if (mkdtemp(a->dir) == NULL) {
		r = -errno;
		a->dir[0] = '\0';
		return r;
	}
	snprintf(text, sizeof(text),
	    "[general]\nlabels = gate, %s\nmonitor_daemons = %.*s\nstate_dir = %s/agent\nguard_dir = %s/guard\n"
	    "run_dir = %s/run\nuser = %s\n[server]\ntoken_file = %s/token\n"
	    "[spool]\nbulk_interval = 1s\nmax_size = 64M\n[reaction]\nceiling =\n"
	    "[integrity]\nenabled = false\n",
	    a->label, DS_MIN(len, 200), name, a->dir, a->dir, a->dir,
	    user != NULL ? "daemonsec" : "root", a->dir);
	r = chmod(a->dir, 0711) < 0 ? -errno : make_dir(a->dir, "agent", uid, gid);
	if (r == 0)
		r = make_dir(a->dir, "guard", 0, 0);
	if (r == 0)
		r = make_dir(a->dir, "run", 0, 0);
	if (r == 0)
		r = write_file(a->dir, "daemonsec.conf", text);
	return r == 0 ? write_file(a->dir, "token", token) : r;
}

static int
make_token(const struct gate *g, json_t **ret)
{
	json_t *body = json_pack(
	    "{s:i, s:s, s:s, s:b}", "uses", 1, "ttl", "15m", "label", "gate", "ephemeral", 1);
	int r;

	if (g->address != NULL)
		json_object_set_new(body, "address", json_string(g->address));
	r = client_request(g->ctl, "POST", "enrolment-tokens", body, ret);
	json_decref(body);
	return r;
}

/* The host with our label. */
static int
find_host(struct gate_agent *a, const struct gate *g)
{
	json_t *items = NULL, *one;
	char labels[200], id[80];
	size_t i;
	int r = list_all(g->ctl, "hosts", NULL, 100000, &items);

	if (r != EXIT_OK)
		return r;
	json_array_foreach(items, i, one)
	{
		const json_t *l = json_object_get(one, "labels");
		char *text = json_is_string(l) ? strdup(json_string_value(l))
					       : json_dumps(l, JSON_ENCODE_ANY);

		snprintf(labels, sizeof(labels), "%s", text != NULL ? text : "");
		free(text);
		if (strstr(labels, a->label) != NULL &&
		    json_is_true(json_object_get(one, "connected")))
			snprintf(
			    a->host, sizeof(a->host), "%s", print_text(one, "id", id, sizeof(id)));
	}
	json_decref(items);
	return EXIT_OK;
}

/* How many events a query finds; -1: the server was not to be asked. */
static int
count_events(const struct gate *g, const char *query)
{
	char *path = client_path("events", "q", query, "limit", "1", NULL);
	json_t *doc = NULL;
	int n = -1;

	if (path != NULL && client_get(g->ctl, path, &doc) == EXIT_OK)
		n = (int)json_array_size(json_object_get(doc, "items"));
	free(path);
	json_decref(doc);
	return n;
}

static int
wait_for_agent(struct gate_agent *a, const struct gate *g)
{
	uint64_t end_ms = gate_now_ms() + CONNECT_MS;
	char query[160];
	int status, r;

	while (gate_now_ms() < end_ms && !gate_is_cancelled()) {
		if (has_ended(a->pid, &status)) {
			a->pid = -1;
			return fail(
			    "the agent ended: it needs root, and a kernel that it can watch");
		}
		r = a->host[0] ? EXIT_OK : find_host(a, g);
		if (r != EXIT_OK)
			return r;
		snprintf(
		    query, sizeof(query), "event.action:agent_start and host.id:\"%s\"", a->host);
		if (a->host[0] && count_events(g, query) > 0)
			return EXIT_OK;
		gate_rest(POLL_MS);
	}
	return fail(gate_is_cancelled()
			? CANCELLED
			: "the agent did not connect: is the port for agents open from here?");
}

static void
show_log(const struct gate_agent *a)
{
	char path[GATE_PATH_MAX], line[400];
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", a->dir);
	f = fopen(path, "re");
	for (int n = 0; f != NULL && n < 40 && fgets(line, sizeof(line), f) != NULL; n++)
		fprintf(stderr, "  %s", line);
	if (f != NULL)
		fclose(f);
}

int
gate_agent_start(struct gate_agent *a, const struct gate *g)
{
	char conf[GATE_PATH_MAX], log[GATE_PATH_MAX];
	const char *program = g->agent != NULL ? g->agent : DS_SBINDIR "/daemonsec-agent";
	const char *const argv[] = { program, "-c", conf, NULL };
	json_t *token = NULL;
	int r;

	if (geteuid() != 0)
		return fail(
		    "--run needs root: sensors are in the kernel.  Or let an agent of a staging "
		    "host watch: --host H");
	if (access(program, X_OK) < 0)
		return fail("--run needs daemonsec-agent installed here (--agent PATH)");
	r = make_token(g, &token);
	if (r != EXIT_OK)
		return r;
	r = make_place(a, g, json_string_value(json_object_get(token, "token")));
	json_decref(token);
	if (r < 0) {
		snprintf(conf, sizeof(conf), "%s: %s", a->dir, strerror(-r));
		return fail(conf);
	}
	snprintf(conf, sizeof(conf), "%s/daemonsec.conf", a->dir);
	snprintf(log, sizeof(log), "%s/log", a->dir);
	a->pid = start(argv, log);
	r = a->pid > 0 ? wait_for_agent(a, g) : fail("cannot start the agent");
	if (r != EXIT_OK)
		show_log(a);
	return r;
}

void
gate_agent_stop(struct gate_agent *a, const struct gate *g)
{
	char path[160];
	const char *const argv[] = { "rm", "-rf", "--", a->dir, NULL };
	json_t *doc = NULL, *body;
	pid_t pid;
	int status;

	/* The guard alone: the uplink goes on until it has sent the guard's last word. */
	end(a->pid, a->pid);
	a->pid = -1;
	if (a->host[0]) {
		snprintf(path, sizeof(path), "hosts/%s/revoke", a->host);
		body = json_object();
		/* Who may not do that has a host in the list that says it does not come back. */
		if (client_request(g->ctl, "POST", path, body, &doc) != EXIT_OK)
			fprintf(stderr, "daemonsec-ctl: host %s is still enrolled\n", a->host);
		json_decref(body);
		json_decref(doc);
	}
	if (a->dir[0] && (pid = start(argv, NULL)) > 0)
		(void)waitpid(pid, &status, 0);
	a->dir[0] = '\0';
}

/* Its last word comes when the server has all that was before. */
int
gate_agent_end(struct gate_agent *a, const struct gate *g)
{
	uint64_t end_ms = gate_now_ms() + SEEN_MS;
	char query[160];

	end(a->pid, a->pid);
	a->pid = -1;
	snprintf(query, sizeof(query), "event.action:agent_stop and host.id:\"%s\"", a->host);
	while (count_events(g, query) <= 0) {
		if (gate_is_cancelled())
			return fail(CANCELLED);
		if (gate_now_ms() >= end_ms)
			return fail(
			    "the agent's last word did not arrive, so that there may be more");
		gate_rest(POLL_MS);
	}
	return EXIT_OK;
}

/* ---- the candidate */

/* Whether the host has the daemon, and says which program it is. */
static bool
is_known(const struct gate *g, const char *host)
{
	const char *name = g->as != NULL ? g->as : g->daemon;
	char *path = client_path("daemons", "host", host, NULL), text[256], exe[256];
	json_t *doc = NULL, *one;
	bool known = false;
	size_t i, len = strlen(name);

	if (path != NULL && client_get(g->ctl, path, &doc) == EXIT_OK)
		json_array_foreach(json_object_get(doc, "items"), i, one) known |=
		    strncmp(print_text(one, "name", text, sizeof(text)), name, len) == 0 &&
		    print_text(one, "executable", exe, sizeof(exe))[0] != '\0';
	free(path);
	json_decref(doc);
	return known;
}

static bool
is_over(pid_t pid, siginfo_t *ret)
{
	*ret = (siginfo_t){ 0 };
	return waitid(P_PID, (id_t)pid, ret, WEXITED | WNOHANG | WNOWAIT) == 0 && ret->si_pid != 0;
}

/* To all of our children but the agent, those of the candidate that left it among them (see
 * gate_candidate_run); 0: to nobody.  Whether there are any. */
static bool
signal_others(pid_t agent, int signal)
{
	char path[64];
	siginfo_t info;
	bool any = false;
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	while (f != NULL && fscanf(f, "%d", &pid) == 1) {
		if (pid == agent || is_over(pid, &info))
			continue;
		any = true;
		(void)kill(pid, signal); /* it may have gone */
	}
	if (f != NULL)
		fclose(f);
	return any;
}

/* With all that it started, also what left its group, as daemons do. */
static void
end_candidate(pid_t pid, pid_t agent)
{
	uint64_t end_ms = gate_now_ms() + END_MS, now_ms = 0;

	end(pid, -pid);
	while (
	    now_ms < end_ms + END_MS && signal_others(agent, now_ms < end_ms ? SIGTERM : SIGKILL)) {
		gate_rest(POLL_MS);
		now_ms = gate_now_ms();
	}
}

/* NULL: the candidate goes on, or ended well. */
static const char *
bad_end(pid_t pid)
{
	static char text[80];
	siginfo_t info;

	if (!is_over(pid, &info) || (info.si_code == CLD_EXITED && info.si_status == 0))
		return NULL;
	snprintf(text, sizeof(text),
	    info.si_code == CLD_EXITED ? "the candidate ended with status %d"
				       : "the candidate was ended by signal %d",
	    info.si_status);
	return text;
}

/* Until the exercise has ended, without one the candidate with all that it started, or the time is
 * over.  What went wrong, or NULL. */
static const char *
try_candidate(const struct gate *g, pid_t candidate, pid_t agent, uint64_t end_ms)
{
	const char *const argv[] = { SHELL, "-c", g->exercise, NULL };
	pid_t pid = g->exercise != NULL ? start(argv, NULL) : 0;
	const char *why;
	bool ended = false;
	int status = 0;

	while (!ended && gate_now_ms() < end_ms && !gate_is_cancelled()) {
		gate_rest(POLL_MS);
		ended = pid > 0 ? has_ended(pid, &status) : !signal_others(agent, 0);
	}
	if (pid > 0 && !ended)
		end(pid, -pid);
	why = bad_end(candidate);
	if (g->exercise == NULL)
		return why;
	if (pid > 0 && ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	return why != NULL
		   ? why
		   : "the exercise failed, or took too long: what the candidate did without "
		     "it says little";
}

int
gate_candidate_run(const struct gate *g, const char *host, pid_t agent)
{
	const char *const argv[] = { SHELL, "-c", g->run, NULL }, *why;
	uint64_t now_ms = gate_now_ms(), seen_ms = now_ms + SEEN_MS;
	pid_t pid;

	/* One that forks into the background is ours still: it is waited for, and ended. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = start(argv, NULL);
	if (pid <= 0)
		return fail("cannot start the candidate");
	/* Both begin at once: an exercise tries until the candidate answers anyway. */
	why = try_candidate(g, pid, agent, now_ms + g->for_ms);
	while (why == NULL && !is_known(g, host) && gate_now_ms() < seen_ms && !gate_is_cancelled())
		gate_rest(POLL_MS);
	end_candidate(pid, agent);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0);
	if (gate_is_cancelled())
		return fail(CANCELLED);
	if (why != NULL)
		return fail(why);
	return is_known(g, host)
		   ? EXIT_OK
		   : fail("the candidate was not seen as this daemon: --daemon or --as must be the "
			  "name of its program, which is not below /tmp");
}
