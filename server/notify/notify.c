/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notify - the thread: looks when the writer has committed, and works for its requests meanwhile.
 */
#include "server/notify/notify.h"

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "server/notify/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_MS   50  /* how often the writer is asked whether it committed */
#define DECIDE_MS 200 /* of one turn, before others get theirs */
#define LOOK_MS   1000
#define PRUNE_MS  (3600u * 1000)
#define KEEP_US   (30 * 86400 * UINT64_C(1000000)) /* messages that were sent, or never will be */

static int
prune(const struct store_backend *backend, struct store *store, void *ctx)
{
	(void)ctx;
	return backend->messages->prune(store, ds_clock_wall_us() - KEEP_US);
}

static void
turn(struct notify *n)
{
	uint64_t now_ms = ds_clock_monotonic_ms(), now_us = ds_clock_wall_us();
	struct writer_stats stats = { 0 };
	static struct ds_log_rate rate;
	int r = 0;

	writer_get_stats(n->cfg.writer, &stats);
	if (stats.commits != n->commits || now_ms >= n->look_ms) {
		n->commits = stats.commits;
		n->look_ms = now_ms + LOOK_MS;
		do
			r = decide_changes(n);
		while (r > 0 && !n->stop && ds_clock_monotonic_ms() < now_ms + DECIDE_MS);
		/* A storm is told while it lasts: the rest of it is looked at in the next turn. */
		if (r > 0) {
			n->look_ms = 0;
			r = 0;
		}
		if (r == 0)
			r = held_tell(n, now_us);
		if (r == 0)
			r = deliver_due(n, now_us);
	}
	if (r == 0 && now_ms >= n->prune_ms) {
		n->prune_ms = now_ms + PRUNE_MS;
		r = writer_run(n->cfg.writer, n->replies, prune, NULL);
	}
	if (r < 0 && ds_log_pass(&rate, 2))
		ds_log(
		    WARN, "cannot see to messages now, trying again", "why=\"%s\"", strerror(-r));
	sender_run(n->sender, TURN_MS);
	deliver_answers(n);
}

static void *
notify_main(void *arg)
{
	struct notify *n = arg;

	while (!n->stop)
		turn(n);
	return NULL;
}

/* ---- start and stop */

static int
read_secret(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, ret, size - 1);
	(void)close(fd); /* read only */
	if (len < 0)
		return -errno;
	ret[len] = '\0';
	ret[strcspn(ret, "\r\n")] = '\0';
	return len > 0 ? 0 : -ENODATA;
}

static int
open_channels(struct notify *n, char *why, size_t size)
{
	const struct ds_conf_named *all = n->cfg.channels;

	n->channels = calloc(all->len + 1, sizeof(*n->channels));
	if (n->channels == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < all->len; i++) {
		struct channel *c = &n->channels[n->channels_len];
		int r = 0;

		if (channel_is_siem(all->items[i].value))
			continue;
		n->channels_len++;
		c->name = all->items[i].name;
		c->cfg = all->items[i].value;
		c->has_held = true; /* perhaps: the first look tells */
		c->digest.told_us = ds_clock_wall_us();
		if (*c->cfg->secret_file)
			r = read_secret(c->cfg->secret_file, c->secret, sizeof(c->secret));
		if (r < 0) {
			snprintf(why, size, "[notify.%s] secret_file %s: %s", c->name,
			    c->cfg->secret_file, strerror(-r));
			return r;
		}
	}
	return 0;
}

static int
start_siems(struct notify *n, char *why, size_t size)
{
	const struct ds_conf_named *all = n->cfg.channels;

	n->siems = calloc(all->len + 1, sizeof(*n->siems));
	if (n->siems == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < all->len; i++) {
		const struct channel_config *cfg = all->items[i].value;

		if (!channel_is_siem(cfg) || !cfg->enabled)
			continue;
		n->siems[n->siems_len] = siem_start(&n->cfg, all->items[i].name, cfg, why, size);
		if (n->siems[n->siems_len] == NULL)
			return -EIO;
		n->siems_len++;
	}
	return 0;
}

struct notify *
notify_start(const struct notify_config *cfg, char *why, size_t size)
{
	struct notify *n = calloc(1, sizeof(*n));
	int r;

	snprintf(why, size, "no memory");
	if (n == NULL)
		return NULL;
	n->cfg = *cfg;
	n->replies = ds_mailbox_new(1);
	n->sender = sender_new();
	r = n->replies != NULL && n->sender != NULL ? 0 : -ENOMEM;
	if (r == 0)
		r = open_channels(n, why, size);
	if (r == 0) {
		snprintf(why, size, "cannot read what was told");
		r = cfg->backend->reader_open(cfg->store, &n->reader);
	}
	if (r == 0 && (n->hosts = host_names_new(cfg->backend, n->reader)) == NULL)
		r = -ENOMEM;
	if (r == 0)
		r = decide_begin(n);
	if (r == 0)
		r = deliver_begin(n);
	if (r == 0)
		r = start_siems(n, why, size);
	if (r == 0)
		n->started = pthread_create(&n->thread, NULL, notify_main, n) == 0;
	if (!n->started) {
		notify_stop(n);
		return NULL;
	}
	return n;
}

void
notify_stop(struct notify *n)
{
	if (n == NULL)
		return;
	n->stop = true;
	if (n->started) {
		sender_wake(n->sender);
		pthread_join(n->thread, NULL);
	}
	for (size_t i = 0; i < n->siems_len; i++)
		siem_stop(n->siems[i]);
	free(n->siems);
	sender_free(n->sender);
	host_names_free(n->hosts);
	if (n->reader != NULL)
		n->cfg.backend->reader_close(n->reader);
	ds_mailbox_free(n->replies);
	if (n->channels != NULL)
		for (size_t i = 0; i < n->channels_len; i++)
			explicit_bzero(n->channels[i].secret, sizeof(n->channels[i].secret));
	free(n->channels);
	free(n);
}
