/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/order_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/emit.h"
#include "agent/guard/ledger.h"
#include "agent/guard/process.h"
#include "agent/guard/reactions/freezer.h"
#include "lib/clock.h"
#include "lib/tls.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

char dir[32], token_file[64], key_file[64];
static char guard_dir[64];
static char ceiling_word[] = "kill", freeze_word[] = "freeze", block_word[] = "block_ip";
static char *words[] = { ceiling_word, freeze_word, block_word };
char empty[] = "";
struct agent_config config;
struct ds_sign_key *key;
uint8_t host_id[16] = { 42 };
uint64_t counter;
pid_t child;

void
write_token(void)
{
	struct ds_token t = { .address = "127.0.0.1:1", .id = "tok_1" };
	char text[DS_TOKEN_TEXT_MAX];
	FILE *f = fopen(token_file, "we");

	assert_non_null(f);
	ds_sign_key_public(key, t.order_key);
	assert_int_equal(ds_token_format(&t, text, sizeof(text)), 0);
	fprintf(f, "%s\n", text);
	fclose(f);
}

/* A small program: a copy of a test that a sanitizer watches takes a second to end. */
static void
start_child(void)
{
	int started[2];
	char byte;

	assert_int_equal(pipe2(started, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		(void)execl("/bin/sleep", "sleep", "100000", (char *)NULL);
		_exit(1);
	}
	(void)close(started[1]);
	assert_int_equal(read(started[0], &byte, 1), 0);
	(void)close(started[0]);
}

int
setup(void **state)
{
	char why[256];

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/ds-order-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(guard_dir, sizeof(guard_dir), "%s/guard", dir);
	(void)snprintf(token_file, sizeof(token_file), "%s/token", dir);
	(void)snprintf(key_file, sizeof(key_file), "%s/key", dir);
	key = ds_sign_key_open(key_file, true, why, sizeof(why));
	assert_non_null(key);
	write_token();
	config = (struct agent_config){ .state_dir = dir,
		.guard_dir = guard_dir,
		.token_file = token_file,
		.address = empty,
		.ceiling = { words, 2 } };
	freezer_allow_own(false); /* the machine's cgroups are not for tests */
	assert_int_equal(emit_init(1u << 20), 0);
	assert_int_equal(order_init(&config), 0);
	assert_int_equal(order_host(host_id, sizeof(host_id)), 0);
	start_child();
	return 0;
}

int
teardown(void **state)
{
	static const char *const files[] = { "guard/ledger", "guard/binding", "guard/known",
		"guard/held", "guard/pause", "guard/spared", "token", "key" };
	char path[96];

	(void)state;
	order_done();
	emit_done();
	ds_sign_key_free(key);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	for (size_t i = 0; i < DS_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(guard_dir);
	return rmdir(dir);
}

struct ds_order
order_of(const char *kind)
{
	struct ds_order o = { .counter = ++counter,
		.not_before_us = ds_clock_wall_us(),
		.mode = DS_ORDER_OPERATOR,
		.pid = (uint32_t)child };
	struct process_stat st;

	memcpy(o.host_id, host_id, sizeof(host_id));
	(void)snprintf(o.kind, sizeof(o.kind), "%s", kind);
	assert_int_equal(ds_random(o.id, sizeof(o.id)), 0);
	o.expires_us = o.not_before_us + 60 * DS_US_PER_S;
	assert_int_equal(process_stat(child, &st), 0);
	o.start_us = process_start_us(st.start_ticks);
	return o;
}

int
take_only(const struct ds_order *o)
{
	uint8_t signature[DS_SIGN_SIZE], id[DS_SIGN_ID_SIZE];
	struct ds_buf b;
	int r;

	ds_buf_init(&b, DS_ORDER_MAX);
	ds_sign_key_id(key, id);
	assert_int_equal(ds_order_put(&b, id, o), 0);
	assert_int_equal(ds_sign(key, b.data, b.len, signature), 0);
	assert_int_equal(ds_buf_put(&b, signature, sizeof(signature)), 0);
	r = order_take(b.data, b.len);
	ds_buf_done(&b);
	return r;
}

int
take(const struct ds_order *o)
{
	int r = take_only(o);

	order_run();
	return r;
}

unsigned
outcome_of(const struct ds_order *o)
{
	const struct ledger_entry *e = ledger_find(o->id);
	struct ds_result m;

	assert_non_null(e);
	assert_int_equal(ds_result_get(e->result, e->result_size, &m), 0);
	return m.outcome;
}

const char *
text_of(const struct ds_order *o)
{
	static struct ds_result m;
	const struct ledger_entry *e = ledger_find(o->id);

	assert_non_null(e);
	assert_int_equal(ds_result_get(e->result, e->result_size, &m), 0);
	return m.text;
}

bool
is_dead(void)
{
	return waitpid(child, NULL, WNOHANG) == child;
}

/* It was killed: its end may take the kernel a moment. */
bool
dies(void)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN };
	bool ended = p.fd >= 0 && poll(&p, 1, 5000) == 1;

	if (p.fd >= 0)
		(void)close(p.fd);
	return ended && is_dead();
}

bool
is_stopped(void)
{
	char text[512];

	return process_read(child, "stat", text, sizeof(text)) > 0 && strstr(text, ") T") != NULL;
}

/* Its stop may take the kernel a moment. */
bool
stops(void)
{
	for (int i = 0; i < 5000 && !is_stopped(); i++)
		(void)poll(NULL, 0, 1); /* a stop of another's child is told to nobody */
	return is_stopped();
}

void
restart(void)
{
	order_done();
	assert_int_equal(order_init(&config), 0);
}
