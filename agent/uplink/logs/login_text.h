/* SPDX-License-Identifier: GPL-2.0-or-later */
/* login_text - pieces of a message, for login.c and login_ssh.c; every result borrows from it. */
#ifndef AGENT_UPLINK_LOGS_LOGIN_TEXT_H
#define AGENT_UPLINK_LOGS_LOGIN_TEXT_H

#include "agent/uplink/logs/login.h"

bool text_equals(struct ds_str s, const char *word);
bool text_starts(struct ds_str s, const char *head);
bool text_contains(struct ds_str s, const char *part);
/* What is behind the first (last) `mark`; empty when it is not there. */
struct ds_str text_after(struct ds_str s, const char *mark);
struct ds_str text_after_last(struct ds_str s, const char *mark);
/* What is before the first (last) `mark`; all of it when that is not there. */
struct ds_str text_until(struct ds_str s, const char *mark);
struct ds_str text_until_last(struct ds_str s, const char *mark);
/* Behind the first `from`, before the next `to`. */
struct ds_str text_between(struct ds_str s, const char *from, const char *to);
struct ds_str text_trim(struct ds_str s);
/* Up to the first blank or comma. */
struct ds_str text_word(struct ds_str s);
/* Of " key=": the word behind it, which ends at a blank. */
struct ds_str text_value(struct ds_str s, const char *key);
uint32_t text_number(struct ds_str s, uint32_t fallback, uint32_t max);
/* "192.0.2.1", "[2001:db8::1]", "::ffff:192.0.2.1": false, and nothing set, for what is none. */
bool text_address(struct ds_str s, struct login *ret);

bool sshd_parse(struct ds_str message, struct login *ret);
bool dropbear_parse(struct ds_str message, struct login *ret);

#endif
