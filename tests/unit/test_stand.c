/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon that is not learnt, judged by what other hosts have learnt of it. */
#include "server/detect/groups.h"
#include "tests/unit/novelty_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CGI "fcgiwrap.service"
#define EXE "/usr/sbin/fcgiwrap"

static uint64_t
fact(uint8_t kind, const char *key)
{
	return knowledge_fact("fcgiwrap", kind, key, strlen(key));
}

/* A host where the class is learnt, and one program that it starts (NULL: none). */
static void
knows(struct knowledge *k, uint32_t host, uint64_t group, const char *program)
{
	uint64_t class = fact(0, "");
	char key[80];

	assert_true(knowledge_add_grouped(k, 0, class, group, host, true) >= 0);
	assert_true(knowledge_add_grouped(k, 0, fact(0, KNOWLEDGE_READY), group, host, true) >= 0);
	if (program == NULL)
		return;
	snprintf(key, sizeof(key), "c%s", program);
	assert_true(
	    knowledge_add_grouped(k, class, fact(DS_EVENT_EXEC, key), group, host, true) >= 0);
}

static struct ds_snapshot *
publish(struct fixture *f, struct knowledge *k, const struct groups *groups)
{
	struct ds_snapshot *s = ds_snapshot_new(fleet_knowledge_free);

	assert_int_equal(ds_snapshot_publish(s, knowledge_publish(k, groups)), 0);
	knowledge_free(k);
	f->cfg.fleet = s;
	detect_configure(f->detect, &f->cfg);
	fixture_declare(f, CGI, "service", EXE, "1", 1);
	assert_int_equal(fixture_send(f), 0);
	return s;
}

static struct ds_snapshot *
hosts(struct fixture *f, uint32_t count, const char *program)
{
	struct knowledge *k = knowledge_new();

	for (uint32_t host = 20; host < 20 + count; host++)
		knows(k, host, 0, program);
	return publish(f, k, NULL);
}

static void
end(struct fixture *f, struct ds_snapshot *s)
{
	detect_free(f->detect);
	f->detect = NULL;
	ds_snapshot_free(s);
}

static size_t
starts(struct fixture *f, const char *exe, uint32_t flags)
{
	struct ds_event ev = fixture_exec(f, CGI, exe, EXE, exe);

	ev.flags = flags;
	ev.num[DS_NUM_PID] = 1000 + f->now_us / S % 1000; /* each by itself */
	fixture_add(f, &ev);
	f->now_us += S;
	return fixture_send(f);
}

static void
a_shell_on_a_host_that_has_just_joined_is_told_by_what_the_others_do(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = hosts(f, 4, "/usr/bin/perl");

	assert_int_equal(starts(f, "/usr/bin/perl", 0), 0);
	assert_int_equal(starts(f, "/usr/bin/dash", 0), 1);
	only(f, "new_child", "high");
	/* (4 x (1 - 1/5) + 1) / (4 + 1) */
	assert_non_null(strstr(f->verdict.findings[0].reason,
	    "(learning: judged by 4 hosts of the fleet, confidence 84 %)"));
	assert_non_null(
	    strstr(f->verdict.findings[0].json, "\"fleet\":{\"name\":\"4 hosts of the fleet\""));
	/* 88, 3 more since no peer has it, less in the first day, scaled by confidence. */
	assert_true(f->verdict.findings[0].score > 72 && f->verdict.findings[0].score < 73);
	end(f, s);
}

static void
hosts_that_never_start_anything_say_so_too(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = hosts(f, 4, NULL);

	assert_int_equal(starts(f, "/usr/bin/dash", 0), 1);
	end(f, s);
}

static void
a_few_hosts_are_believed_when_this_one_is_like_them(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = hosts(f, 3, "/usr/bin/perl");

	/* 3 of 4 is not sure enough; with one more that fits it is. */
	assert_int_equal(starts(f, "/usr/bin/xz", 0), 0);
	detect_forget(f->detect, 7, NULL);
	fixture_declare(f, CGI, "service", EXE, "1", 1);
	assert_int_equal(starts(f, "/usr/bin/perl", 0), 0);
	assert_int_equal(starts(f, "/usr/bin/xz", 0), 1);
	end(f, s);
}

static void
one_host_stands_in_for_nobody(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = hosts(f, 1, "/usr/bin/perl");

	assert_int_equal(starts(f, "/usr/bin/perl", 0), 0);
	assert_int_equal(starts(f, "/usr/bin/dash", 0), 0);
	end(f, s);
}

static void
hosts_of_which_each_is_different_stand_in_for_nobody(void **state)
{
	struct fixture *f = *state;
	struct knowledge *k = knowledge_new();
	struct ds_snapshot *s;
	char program[40];

	for (uint32_t host = 20; host < 30; host++) {
		snprintf(program, sizeof(program), "/srv/site%c/run", 'a' + (int)host - 20);
		knows(k, host, 0, program);
	}
	s = publish(f, k, NULL);
	assert_int_equal(starts(f, "/srv/sitez/run", 0), 0);
	assert_int_equal(starts(f, "/usr/bin/dash", 0), 0);
	end(f, s);
}

static void
one_odd_host_does_not_silence_what_the_others_know(void **state)
{
	struct fixture *f = *state;
	struct knowledge *k = knowledge_new();
	struct ds_snapshot *s;
	char program[40];

	for (uint32_t host = 20; host < 28; host++)
		knows(k, host, 0, "/usr/bin/perl");
	for (int i = 0; i < 200; i++) {
		snprintf(program, sizeof(program), "/srv/odd%c%c/run", 'a' + i / 20, 'a' + i % 20);
		knows(k, 27, 0, program);
	}
	s = publish(f, k, NULL);
	assert_int_equal(starts(f, "/usr/bin/perl", 0), 0);
	assert_int_equal(starts(f, "/usr/bin/dash", 0), 1);
	assert_non_null(strstr(f->verdict.findings[0].reason, "judged by 8 hosts of the fleet"));
	/* What it did alone is not known because of that. */
	assert_int_equal(starts(f, "/srv/oddaa/run", 0), 1);
	end(f, s);
}

static void
a_host_that_is_unlike_the_others_is_left_to_learning(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = hosts(f, 4, "/usr/bin/perl");
	char program[40];

	for (int i = 0; i < 2; i++) {
		snprintf(program, sizeof(program), "/srv/app/bin%c", 'a' + i);
		assert_int_equal(starts(f, program, DS_FLAG_INITIAL), 0);
	}
	assert_int_equal(starts(f, "/usr/bin/dash", 0), 0);
	end(f, s);
}

static void
where_its_group_is_large_enough_only_that_counts(void **state)
{
	struct fixture *f = *state;
	struct knowledge *k = knowledge_new();
	struct groups *g = groups_new();
	struct ds_snapshot *s;

	groups_begin(g);
	assert_int_equal(groups_host(g, 7, "web"), 0);
	groups_daemon(g, "fcgiwrap", "1");
	for (uint32_t host = 20; host < 28; host++) {
		assert_int_equal(groups_host(g, host, host < 24 ? "web" : "mail"), 0);
		groups_daemon(g, "fcgiwrap", "1");
	}
	(void)groups_end(g);
	/* Beyond the group each is different. */
	for (uint32_t host = 20; host < 28; host++) {
		const char *const other[] = { "/a", "/b", "/c", "/d" };

		knows(k, host, groups_of(g, host), host < 24 ? "/usr/bin/perl" : other[host - 24]);
	}
	s = publish(f, k, g);
	assert_int_equal(starts(f, "/usr/bin/dash", 0), 1);
	assert_non_null(strstr(f->verdict.findings[0].reason, "judged by 4 hosts of its group"));
	groups_free(g);
	end(f, s);
}

static void
the_row_says_who_stands_in_until_it_is_learnt(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = hosts(f, 4, "/usr/bin/perl");

	assert_string_equal(fixture_row(f, CGI)->starter, "4 hosts of the fleet");
	assert_true(fixture_row(f, CGI)->starter_confidence > 0.79 &&
		    fixture_row(f, CGI)->starter_confidence < 0.81);
	fixture_watch(f, CGI, 100);
	assert_int_equal(starts(f, "/usr/bin/dash", 0), 1);
	assert_null(strstr(f->verdict.findings[0].reason, "learning"));
	fixture_declare(f, CGI, "service", EXE, "1", 1);
	assert_int_equal(fixture_send(f), 0);
	assert_string_equal(fixture_row(f, CGI)->state, "ready");
	assert_string_equal(fixture_row(f, CGI)->starter, "");
	end(f, s);
}

static void
what_was_told_of_a_host_does_not_count_as_its_own(void **state)
{
	struct fixture *f = *state;
	struct ds_snapshot *s = hosts(f, 4, "/usr/bin/perl");

	for (int i = 0; i < 6; i++) {
		char program[40];

		snprintf(program, sizeof(program), "/tmp/x%c", 'a' + i);
		assert_int_equal(starts(f, program, 0), 1);
	}
	end(f, s);
}

static void
what_is_new_is_told_to_the_fleet(void **state)
{
	struct fixture *f = *state;
	struct ds_mailbox *mail = ds_mailbox_new(100);
	struct ds_mail *m, *next;
	size_t learnt = 0, seen = 0, told = 0;
	struct ds_event ev;

	f->cfg.fleet_mail = mail;
	detect_configure(f->detect, &f->cfg);
	fixture_ready_nginx(f);
	ev = fixture_exec(f, "nginx.service", "/usr/bin/dash", "/usr/sbin/nginx", "sh");
	fixture_add(f, &ev);
	(void)fixture_send(f);
	for (m = ds_mailbox_take(mail); m != NULL; m = next) {
		struct knowledge_news *n = DS_CONTAINER(m, struct knowledge_news, news.mail);

		next = m->next;
		told += n->news.sort == NEWS_TOLD;
		learnt += n->news.sort == NEWS_FACT && n->learnt;
		seen += n->news.sort == NEWS_FACT && !n->learnt;
		free(n);
	}
	assert_int_equal(learnt, 1); /* the class */
	assert_int_equal(seen, 1);
	assert_int_equal(told, 1);
	ds_mailbox_free(mail);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_shell_on_a_host_that_has_just_joined_is_told_by_what_the_others_do),
		TEST(hosts_that_never_start_anything_say_so_too),
		TEST(a_few_hosts_are_believed_when_this_one_is_like_them),
		TEST(one_host_stands_in_for_nobody),
		TEST(hosts_of_which_each_is_different_stand_in_for_nobody),
		TEST(one_odd_host_does_not_silence_what_the_others_know),
		TEST(a_host_that_is_unlike_the_others_is_left_to_learning),
		TEST(where_its_group_is_large_enough_only_that_counts),
		TEST(the_row_says_who_stands_in_until_it_is_learnt),
		TEST(what_is_new_is_told_to_the_fleet),
		TEST(what_was_told_of_a_host_does_not_count_as_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
