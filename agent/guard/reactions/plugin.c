/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin - what an executable in the plugin directory does.
 *
 * It gets one line of JSON and answers with lines of JSON; it runs as a user of its own, for a
 * limited time and with limited memory, beside the guard's loop.  One runs after the other: what
 * takes long (a network that does not answer) belongs to the server's side.  Only root may put a
 * plugin there.
 */
#include "agent/guard/container_json.h"
#include "agent/guard/reactions/reactions.h"
#include "agent/guard/user.h"
#include "lib/command.h"
#include "lib/json.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX  (32u << 10)
#define ANSWER_MAX (16u << 10)
#define NAME_MAX_  64u
#define THERE      1 /* settle looked: the effect is there */
#define NOT_THERE  2
#define LIFE_MS    86400000u

struct plugin {
	char name[NAME_MAX_ + 1];
	char path[1200];
	char argument[1024];
	uid_t uid;
	gid_t gid;
};

/* "NAME" or "NAME ARGUMENT"; a name is letters, digits, - and _, and a dot inside. */
static int
split(struct reaction_call *call, struct plugin *ret)
{
	const char *data = call->order->data;
	size_t len = strcspn(data, " ");

	if (len == 0 || len > NAME_MAX_ || data[0] == '.')
		return reaction_fail(call, -EINVAL, "plugin needs the name of a plugin");
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)data[i]) && strchr("-_.", data[i]) == NULL)
			return reaction_fail(call, -EINVAL, "that is no name of a plugin");
	(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)len, data);
	(void)snprintf(
	    ret->path, sizeof(ret->path), "%.1024s/%s", call->config->plugin_dir, ret->name);
	(void)snprintf(
	    ret->argument, sizeof(ret->argument), "%s", data[len] == ' ' ? data + len + 1 : "");
	return 0;
}

/* Nobody but root may have put it there. */
static bool
is_roots(const char *path, bool directory)
{
	struct stat st;

	return stat(path, &st) == 0 && (directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)) &&
	       st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int
find(struct reaction_call *call, struct plugin *ret)
{
	int r = split(call, ret);

	if (r < 0)
		return r;
	if (access(ret->path, F_OK) < 0)
		return reaction_fail(call, -EPERM, "there is no plugin %s in %.300s", ret->name,
		    call->config->plugin_dir);
	if (!is_roots(call->config->plugin_dir, true) || !is_roots(ret->path, false) ||
	    access(ret->path, X_OK) < 0)
		return reaction_fail(call, -EPERM,
		    "%.300s must be an executable that only root can write", ret->path);
	if (user_find(call->config->plugin_user, &ret->uid, &ret->gid) < 0 || ret->uid == 0)
		return reaction_fail(
		    call, -EPERM, "there is no user %.100s for plugins", call->config->plugin_user);
	return 0;
}

static void
put_text(struct ds_json *j, const char *key, const char *text)
{
	if (text[0] != '\0')
		ds_json_put_string(j, key, text);
}

/* One line: what to do, and what the order says. */
static int
make_input(
    const struct reaction_call *call, const struct plugin *p, const char *action, struct ds_buf *b)
{
	const struct ds_order *o = call->order;
	struct ds_json j;
	char id[33];

	ds_order_id_format(o->id, id);
	ds_json_init(&j, b);
	ds_json_object(&j);
	ds_json_put_uint(&j, "version", 1);
	ds_json_put_string(&j, "action", action);
	ds_json_put_string(&j, "order", id);
	put_text(&j, "argument", p->argument);
	put_text(&j, "reason", o->reason);
	put_text(&j, "daemon", o->daemon);
	put_text(&j, "unit", o->unit);
	put_text(&j, "executable", o->exe);
	put_text(&j, "path", o->path);
	put_text(&j, "address", o->address);
	if (o->pid != 0)
		ds_json_put_uint(&j, "pid", o->pid);
	if (o->port != 0)
		ds_json_put_uint(&j, "port", o->port);
	if (call->until_us != 0)
		ds_json_put_time(&j, "until", call->until_us);
	ds_json_end(&j);
	return ds_json_done(&j) < 0 ? ds_json_done(&j) : ds_buf_put(b, "\n", 1);
}

/* The last line that has an outcome counts; others are for its author. */
static bool
read_answer(char *out, char *ret_outcome, char *ret_text, size_t size)
{
	char *save = NULL;
	bool found = false;

	ret_text[0] = '\0';
	for (char *line = strtok_r(out, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		size_t len = strlen(line);

		if (line[0] != '{' ||
		    container_json_string(line, len, "outcome", 1, ret_outcome, 16) < 0)
			continue;
		found = true;
		if (container_json_string(line, len, "text", 1, ret_text, size) < 0)
			ret_text[0] = '\0';
	}
	return found;
}

static int
outcome_of(struct reaction_call *call, const struct plugin *p, int status, char *out)
{
	char outcome[16], text[256];
	bool is_done, is_nothing;

	if (status == -ETIME)
		return reaction_fail(
		    call, -ETIME, "plugin %s was ended: its time was over", p->name);
	if (status < 0 || status == 127)
		return reaction_fail(
		    call, status < 0 ? status : -ENOEXEC, "plugin %s could not be run", p->name);
	if (!read_answer(out, outcome, text, sizeof(text)))
		return reaction_fail(
		    call, -EPROTO, "plugin %s ended with %d, without an answer", p->name, status);
	is_done = strcmp(outcome, "done") == 0 || strcmp(outcome, "active") == 0;
	is_nothing = strcmp(outcome, "nothing") == 0;
	if (status != 0 && (is_done || is_nothing))
		return reaction_fail(
		    call, -EIO, "plugin %s said %s, but ended with %d", p->name, outcome, status);
	(void)reaction_fail(
	    call, 0, "plugin %s: %s%s%s", p->name, outcome, text[0] != '\0' ? ": " : "", text);
	return is_done ? 1 : is_nothing ? 0 : -EIO;
}

static uint8_t undone[DS_ORDER_ID_SIZE]; /* the order that was undone last: a plugin without a check
					    is asked whether that is so */

/* 1: done, or active; 0: nothing is there; -errno: failed. */
static int
run(struct reaction_call *call, const char *action)
{
	static char out[ANSWER_MAX];
	struct plugin p;
	const char *argv[] = { p.path, NULL };
	char python[1200];
	const char *extra[] = { python, "PYTHONDONTWRITEBYTECODE=1", NULL, NULL };
	struct ds_command c = { .argv = argv,
		.extra = extra,
		.ends_all = true,
		.as = DS_COMMAND_USER,
		.timeout_ms = call->config->plugin_timeout_ms,
		.memory_max = call->config->plugin_memory };
	struct ds_buf b;
	int r = find(call, &p);

	if (r < 0)
		return r;
	if (memcmp(undone, call->order->id, sizeof(undone)) == 0)
		extra[2] = "DAEMONSEC_UNDONE=1";
	ds_buf_init(&b, INPUT_MAX);
	r = make_input(call, &p, action, &b);
	if (r == 0) {
		(void)snprintf(
		    python, sizeof(python), "PYTHONPATH=%.1100s", call->config->plugin_python);
		c.uid = p.uid;
		c.gid = p.gid;
		c.input = b.data;
		c.input_size = b.len;
		r = outcome_of(call, &p, ds_command_run(&c, out, sizeof(out)), out);
	}
	ds_buf_done(&b);
	return r;
}

static int
check(struct reaction_call *call)
{
	struct plugin p;

	return find(call, &p);
}

static int
prepare(struct reaction_call *call)
{
	struct plugin p;
	int r = find(call, &p);

	if (r < 0)
		return r;
	ds_json_put_string(call->evidence, "plugin", p.path);
	return ds_buf_put_str(&call->inverse, p.name);
}

/* Whether its effect is there, as it says. */
static int
look(struct reaction_call *call)
{
	char said[sizeof(call->why)];
	int r;

	memcpy(said, call->why, sizeof(said));
	r = run(call, "check");
	if (r >= 0)
		memcpy(call->why, said, sizeof(said)); /* what it did is worth more */
	return r;
}

/* All of it takes as long as the plugin likes. */
static int
later(struct reaction_call *call)
{
	(void)call;
	return 0;
}

static int
settle(struct reaction_call *call)
{
	int r = run(call, "apply");

	if (r == 0) /* it says that there was nothing to do */
		return -ENOENT;
	return r < 0 ? r : look(call) == 1 ? THERE : NOT_THERE;
}

static int
settled(struct reaction_call *call, int result)
{
	call->kept = result;
	return result < 0 ? result : 0;
}

/* What was looked at just now is not looked at again. */
static int
read_back(struct reaction_call *call)
{
	return call->kept > 0 ? call->kept == THERE : look(call);
}

static int
unsettle(struct reaction_call *call)
{
	int r = run(call, "undo");

	memcpy(undone, call->order->id, sizeof(undone));
	if (r < 0)
		return r;
	return look(call) == 1 ? THERE : NOT_THERE;
}

const struct reaction reaction_plugin = {
	.name = "plugin",
	.help = "what an executable of [plugins] dir does, checks and undoes",
	.lifetime_ms = LIFE_MS,
	.check = check,
	.prepare = prepare,
	.apply = later,
	.settle = settle,
	.settled = settled,
	.read_back = read_back,
	.undo = later,
	.unsettle = unsettle,
	.unsettled = settled,
};
