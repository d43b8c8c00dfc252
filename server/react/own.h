/* SPDX-License-Identifier: GPL-2.0-or-later */
/* own - addresses that are of the asked host or of this server, whoever asks to block them. */
#ifndef SERVER_REACT_OWN_H
#define SERVER_REACT_OWN_H

#include <stdbool.h>
#include <stddef.h>

/* Whether an address or network has one of them: true and a sentence.  The host refuses more (its
 * own addresses, resolvers, gateways), but only once it has the order.  Any thread. */
bool react_is_own(const char *address, char *ret_why, size_t size);

#endif
