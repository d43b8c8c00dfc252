/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper - programs whose work it is to change what others must leave alone.
 *
 * By the full path in a directory that only packages write to; a program of the same name elsewhere
 * is nobody.
 */
#ifndef SERVER_DETECT_KEEPER_H
#define SERVER_DETECT_KEEPER_H

#include "lib/event.h"

enum keeper {
	KEEPER_PACKAGES = 1,  /* installs software */
	KEEPER_ACCOUNTS = 2,  /* keeps the lists of users */
	KEEPER_LOGIN = 4,     /* checks passwords */
	KEEPER_LOGS = 8,      /* writes, rotates, removes logs */
	KEEPER_SYSTEM = 16,   /* service manager, boot, devices */
	KEEPER_RUNTIME = 32,  /* container runtimes: namespaces, mounts, modules */
	KEEPER_CRON = 64,     /* crontab(1) */
	KEEPER_SSH = 128,     /* the ssh server and its tools */
	KEEPER_ARCHIVE = 256, /* unpacks and copies whole trees */
};

/* Bits of enum keeper. */
unsigned keeper_of(struct ds_str exe);

#endif
