/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/mailbox.h"
#include "lib/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct ds_mailbox {
	pthread_mutex_t lock;
	struct ds_mail *head, *tail;
	size_t len, max_len;
	uint64_t refused;
	int fd; /* eventfd, readable exactly while head is not NULL */
};

struct ds_mailbox *
ds_mailbox_new(size_t max_len)
{
	struct ds_mailbox *mb = calloc(1, sizeof(*mb));

	if (mb == NULL)
		return NULL;
	mb->max_len = max_len;
	mb->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mb->fd < 0 || pthread_mutex_init(&mb->lock, NULL) != 0) {
		if (mb->fd >= 0)
			close(mb->fd);
		free(mb);
		return NULL;
	}
	return mb;
}

void
ds_mailbox_free(struct ds_mailbox *mb)
{
	if (mb == NULL)
		return;
	pthread_mutex_destroy(&mb->lock);
	close(mb->fd);
	free(mb);
}

int
ds_mailbox_put(struct ds_mailbox *mb, struct ds_mail *m)
{
	int r = 0;

	pthread_mutex_lock(&mb->lock);
	if (mb->len >= mb->max_len) {
		mb->refused++;
		r = -EAGAIN;
	} else {
		m->next = NULL;
		if (mb->head == NULL) {
			mb->head = m;
			/* Cannot fail: the counter was 0. Under the lock, so that it never tells
			 * of mail that was taken meanwhile. */
			(void)eventfd_write(mb->fd, 1);
		} else {
			mb->tail->next = m;
		}
		mb->tail = m;
		mb->len++;
	}
	pthread_mutex_unlock(&mb->lock);
	return r;
}

struct ds_mail *
ds_mailbox_take(struct ds_mailbox *mb)
{
	struct ds_mail *all;
	eventfd_t count;

	pthread_mutex_lock(&mb->lock);
	all = mb->head;
	if (all != NULL)
		(void)eventfd_read(mb->fd, &count); /* cannot fail: see put */
	mb->head = mb->tail = NULL;
	mb->len = 0;
	pthread_mutex_unlock(&mb->lock);
	return all;
}

struct ds_mail *
ds_mailbox_wait(struct ds_mailbox *mb, int timeout_ms)
{
	struct pollfd p = { .fd = mb->fd, .events = POLLIN };
	uint64_t now = ds_clock_monotonic_ms();
	uint64_t until = now + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);

	for (;;) {
		struct ds_mail *all = ds_mailbox_take(mb);

		now = ds_clock_monotonic_ms();
		if (all != NULL || (timeout_ms >= 0 && now >= until))
			return all;
		/* Interrupted or failed: the loop looks again, and at the clock. */
		(void)poll(&p, 1, timeout_ms < 0 ? -1 : (int)(until - now));
	}
}

int
ds_mailbox_fd(const struct ds_mailbox *mb)
{
	return mb->fd;
}

size_t
ds_mailbox_len(struct ds_mailbox *mb)
{
	size_t len;

	pthread_mutex_lock(&mb->lock);
	len = mb->len;
	pthread_mutex_unlock(&mb->lock);
	return len;
}

uint64_t
ds_mailbox_refused(struct ds_mailbox *mb)
{
	uint64_t refused;

	pthread_mutex_lock(&mb->lock);
	refused = mb->refused;
	pthread_mutex_unlock(&mb->lock);
	return refused;
}
