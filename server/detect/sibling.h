/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sibling - a daemon that comes under another name goes on from the profile of one like it on the
 * same host.
 *
 * Docker names a container by chance when nobody does, systemd-run its units; each would learn from
 * nothing, for ever.  Siblings run the same program and are of one class (containers of one image,
 * instances of one unit), or their names differ only in what is made by chance and the program is
 * no interpreter.  The new one takes over what the other has learnt, how long that was watched and
 * what was told of it lately; what is another image or package since then is another version of it
 * (version.h).  Those whose place was taken are forgotten when there is no room for more.
 */
#ifndef SERVER_DETECT_SIBLING_H
#define SERVER_DETECT_SIBLING_H

#include "server/detect/turn.h"

/* A DAEMON event, before its texts are taken over: adopts, once, while the daemon is not learnt.
 * -ENOMEM. */
DS_MUST_CHECK int sibling_adopt(struct turn *t, const struct sighting *s);
/* Where a host has nearly as many daemons as are kept: those that are gone and have newer siblings,
 * the oldest of each sort first, are forgotten.  Before a batch, as nothing may point at them.
 * -ENOMEM. */
DS_MUST_CHECK int sibling_make_room(struct turn *t);
/* What is made by chance in a name is "*": run-u17.service, container:3f2a90b1c4d5. */
void sibling_stem(const char *name, char *ret, size_t size);

#endif
