/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program - what is generally known of a program by its name: a shell, an interpreter, something
 * that fetches files; and the MITRE ATT&CK technique it stands for (names from schema/attack.json).
 */
#ifndef SERVER_DETECT_PROGRAM_H
#define SERVER_DETECT_PROGRAM_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>

enum program_sort {
	PROGRAM_OTHER,
	PROGRAM_SHELL,
	PROGRAM_INTERPRETER,
	PROGRAM_FETCHER, /* brings or sends files */
	PROGRAM_RELAY,   /* opens connections for others */
	PROGRAM_TOOL,    /* an administrator's: ordinary by hand, odd from a daemon */
};

struct program_info {
	enum program_sort sort;
	const char *what;      /* "a shell" */
	const char *technique; /* "T1059.004", or NULL */
};

/* By a canonical path (key_path): "/usr/bin/python#" is python. */
struct program_info program_info(const char *path);
/* The technique's name, or "". */
const char *program_technique_name(const char *technique);
/* Whether anybody may have put it there: below /tmp, /var/tmp, /dev/shm, /home, /run/user. */
bool program_is_anybodys(const char *path);
/* A shell or an interpreter: what it does is written elsewhere. */
bool program_is_script(const char *path);
/* Whether the class of a daemon serves the web: a shell below it is a web shell. */
bool program_is_web(const char *class);
/* Whether the parent is a service manager or container runtime that starts daemons. */
bool program_is_manager(const char *path, size_t len);

#endif
