/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slim - gives memory back that only starting up has touched. */
#ifndef AGENT_UPLINK_SLIM_H
#define AGENT_UPLINK_SLIM_H

/* Pages of programs and libraries come back from the page cache when they are used again: half of
 * what a TLS library maps is used for its first handshake only.  Cheap enough for once a minute. */
void slim_down(void);

#endif
