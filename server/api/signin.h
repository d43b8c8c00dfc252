/* SPDX-License-Identifier: GPL-2.0-or-later */
/* signin - what is kept of attempts to sign in, while the server runs; owned by api.c. */
#ifndef SERVER_API_SIGNIN_H
#define SERVER_API_SIGNIN_H

#include "server/api/access.h"
#include "server/api/throttle.h"

struct signin {
	struct throttle throttle;
	_Atomic int checks; /* of passwords, under way */
};

#endif
