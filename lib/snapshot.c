/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/snapshot.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct ds_version {
	atomic_uint holders; /* readers, and the snapshot itself while this is the newest */
	void *value;
	void (*free_value)(void *value); /* its own copy: a version may outlive its snapshot */
};

struct ds_snapshot {
	pthread_mutex_t lock; /* makes reading `newest` and counting its holder one step */
	struct ds_version *newest;
	void (*free_value)(void *value);
};

struct ds_snapshot *
ds_snapshot_new(void (*free_value)(void *value))
{
	struct ds_snapshot *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->free_value = free_value;
	if (pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		return NULL;
	}
	return s;
}

void
ds_snapshot_free(struct ds_snapshot *s)
{
	if (s == NULL)
		return;
	ds_version_release(s->newest);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int
ds_snapshot_publish(struct ds_snapshot *s, void *value)
{
	struct ds_version *v = calloc(1, sizeof(*v)), *old;

	if (v == NULL)
		return -ENOMEM;
	v->value = value;
	v->free_value = s->free_value;
	atomic_init(&v->holders, 1);
	pthread_mutex_lock(&s->lock);
	old = s->newest;
	s->newest = v;
	pthread_mutex_unlock(&s->lock);
	ds_version_release(old); /* outside the lock: freeing a value may take long */
	return 0;
}

struct ds_version *
ds_snapshot_acquire(struct ds_snapshot *s)
{
	struct ds_version *v;

	pthread_mutex_lock(&s->lock);
	v = s->newest;
	if (v != NULL)
		atomic_fetch_add(&v->holders, 1);
	pthread_mutex_unlock(&s->lock);
	return v;
}

const void *
ds_version_value(const struct ds_version *v)
{
	return v->value;
}

void
ds_version_release(struct ds_version *v)
{
	if (v == NULL || atomic_fetch_sub(&v->holders, 1) > 1)
		return;
	if (v->free_value != NULL)
		v->free_value(v->value);
	free(v);
}
