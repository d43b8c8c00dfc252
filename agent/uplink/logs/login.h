/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * login - whether a log line tells of a login, and of whose.
 *
 * Pure.  Texts are matched by tables; where a user's own words stand in a line (the name that was
 * tried), they are bounded by what the program writes behind them, read from the end, so that a
 * name cannot pass for an address.
 */
#ifndef AGENT_UPLINK_LOGS_LOGIN_H
#define AGENT_UPLINK_LOGS_LOGIN_H

#include "agent/uplink/logs/line.h"

enum login_outcome { LOGIN_SUCCESS = 1, LOGIN_FAILURE = 2 }; /* as DS_NUM_OUTCOME */

#define LOGIN_USER_MAX 256u

struct login {
	enum login_outcome outcome;
	struct ds_str user;   /* borrows from the line; may be empty */
	struct ds_str method; /* borrows from the line or is constant */
	const char *program;  /* "sshd", "sudo": the key for login_daemon() */
	uint8_t address[16];
	uint8_t address_size; /* 4, 16; 0: the line has none */
	uint16_t port;        /* 0: the line has none */
	uint32_t count;
};

/* Whether it is one; then *ret is filled. */
bool login_parse(const struct log_line *line, struct login *ret);
/* The daemon that a program's logins belong to on this host: its unit where systemd runs and has
 * one, else its name.  root: "" or where to look, for tests. */
void login_daemon(const char *root, const char *program, char *ret, size_t size);
/* The same for a failure that a filter found: the service that wrote it where that is known (unit,
 * or ""), else one that the filter is named after ("nginx" of "nginx-http-auth"), else the filter.
 */
void login_filter_daemon(
    const char *root, const char *filter, const char *unit, char *ret, size_t size);

#endif
