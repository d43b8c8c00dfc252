/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot - the newest version of an immutable value, for many reading threads and one publisher.
 *
 * The other home of pthread_mutex.  A reader holds a version for as long as it likes; the last
 * holder frees it.
 */
#ifndef LIB_SNAPSHOT_H
#define LIB_SNAPSHOT_H

#include "lib/compiler.h"

struct ds_snapshot;
struct ds_version; /* one published value, counted */

/* free_value is called, on whichever thread lets go last, for each value published. */
struct ds_snapshot *ds_snapshot_new(void (*free_value)(void *value));
void ds_snapshot_free(struct ds_snapshot *s);
/* Takes `value` on success; -ENOMEM and the caller keeps it. */
DS_MUST_CHECK int ds_snapshot_publish(struct ds_snapshot *s, void *value);
/* The newest version, or NULL when nothing was published; give it back with ds_version_release().
 */
struct ds_version *ds_snapshot_acquire(struct ds_snapshot *s);
const void *ds_version_value(const struct ds_version *v);
void ds_version_release(struct ds_version *v);

#endif
