/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * private_address - addresses that a channel does not reach unless it may: what is at them trusts
 * who can (loopback, links, private networks, metadata of clouds), in every form that leads there.
 */
#ifndef SERVER_NOTIFY_PRIVATE_ADDRESS_H
#define SERVER_NOTIFY_PRIVATE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Of 16 bytes, IPv4 as ::ffff:a.b.c.d.  Pure. */
bool private_address(const uint8_t address[16]);
/* An interface of this machine has it. */
bool own_address(const uint8_t address[16]);

#endif
