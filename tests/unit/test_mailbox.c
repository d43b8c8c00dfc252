/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define SENDERS   4
#define EACH_SEND 5000

struct letter {
	struct ds_mail mail;
	int sender, number;
};

static bool
is_readable(struct ds_mailbox *mb)
{
	struct pollfd p = { .fd = ds_mailbox_fd(mb), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
mail_is_taken_in_the_order_it_was_put(void **state)
{
	struct ds_mailbox *mb = ds_mailbox_new(10);
	struct letter letters[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
	struct ds_mail *m;
	int n = 0;

	(void)state;
	for (size_t i = 0; i < DS_LEN(letters); i++)
		assert_int_equal(ds_mailbox_put(mb, &letters[i].mail), 0);
	assert_int_equal(ds_mailbox_len(mb), 3);
	for (m = ds_mailbox_take(mb); m != NULL; m = m->next)
		assert_int_equal(DS_CONTAINER(m, struct letter, mail)->number, n++);
	assert_int_equal(n, 3);
	assert_null(ds_mailbox_take(mb));
	ds_mailbox_free(mb);
}

static void
a_full_mailbox_refuses_and_counts(void **state)
{
	struct ds_mailbox *mb = ds_mailbox_new(1);
	struct letter a = { .number = 1 }, b = { .number = 2 };

	(void)state;
	assert_int_equal(ds_mailbox_put(mb, &a.mail), 0);
	assert_int_equal(ds_mailbox_put(mb, &b.mail), -EAGAIN);
	assert_int_equal(ds_mailbox_put(mb, &b.mail), -EAGAIN);
	assert_int_equal(ds_mailbox_refused(mb), 2);
	assert_ptr_equal(ds_mailbox_take(mb), &a.mail);
	assert_int_equal(ds_mailbox_put(mb, &b.mail), 0);
	assert_ptr_equal(ds_mailbox_take(mb), &b.mail);
	ds_mailbox_free(mb);
}

static void
the_descriptor_is_readable_while_there_is_mail(void **state)
{
	struct ds_mailbox *mb = ds_mailbox_new(10);
	struct letter a = { .number = 1 }, b = { .number = 2 };

	(void)state;
	assert_false(is_readable(mb));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ds_mailbox_put(mb, &a.mail), 0);
		assert_int_equal(ds_mailbox_put(mb, &b.mail), 0);
		assert_true(is_readable(mb));
		assert_non_null(ds_mailbox_take(mb));
		assert_false(is_readable(mb));
	}
	ds_mailbox_free(mb);
}

static void
waiting_gives_up_when_the_time_is_over(void **state)
{
	struct ds_mailbox *mb = ds_mailbox_new(1);
	struct letter a = { .number = 1 };

	(void)state;
	assert_null(ds_mailbox_wait(mb, 0));
	assert_null(ds_mailbox_wait(mb, 1));
	assert_int_equal(ds_mailbox_put(mb, &a.mail), 0);
	assert_ptr_equal(ds_mailbox_wait(mb, -1), &a.mail);
	ds_mailbox_free(mb);
}

struct sender {
	struct ds_mailbox *mb;
	int id;
};

static void *
send_all(void *arg)
{
	const struct sender *s = arg;

	for (int i = 0; i < EACH_SEND; i++) {
		struct letter *l = calloc(1, sizeof(*l));

		l->sender = s->id;
		l->number = i;
		while (ds_mailbox_put(s->mb, &l->mail) == -EAGAIN)
			(void)poll(NULL, 0, 1);
	}
	return NULL;
}

static void
many_threads_put_and_nothing_is_lost_or_reordered(void **state)
{
	struct ds_mailbox *mb = ds_mailbox_new(1000);
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	int next[SENDERS] = { 0 }, total = 0;

	(void)state;
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .mb = mb, .id = i };
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
	}
	while (total < SENDERS * EACH_SEND) {
		struct ds_mail *m = ds_mailbox_wait(mb, -1);

		while (m != NULL) {
			struct letter *l = DS_CONTAINER(m, struct letter, mail);

			m = m->next;
			assert_int_equal(l->number, next[l->sender]++);
			free(l);
			total++;
		}
	}
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	assert_null(ds_mailbox_take(mb));
	ds_mailbox_free(mb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_is_taken_in_the_order_it_was_put),
		cmocka_unit_test(a_full_mailbox_refuses_and_counts),
		cmocka_unit_test(the_descriptor_is_readable_while_there_is_mail),
		cmocka_unit_test(waiting_gives_up_when_the_time_is_over),
		cmocka_unit_test(many_threads_put_and_nothing_is_lost_or_reordered),
	};

	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
