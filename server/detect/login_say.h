/* SPDX-License-Identifier: GPL-2.0-or-later */
/* login_say - the finding of what the login model found: group, sentence and document. */
#ifndef SERVER_DETECT_LOGIN_SAY_H
#define SERVER_DETECT_LOGIN_SAY_H

#include "server/detect/detect.h"
#include "server/detect/login_model.h"

struct key;

/* Fills in everything; json is malloc.  -ENOMEM. */
DS_MUST_CHECK int login_say(const struct login_found *found, struct finding *ret);
/* What is unusual about it, in words; static. */
const char *login_feature(enum login_finding what);
/* The key of a success in the profile of its daemon: account and network. */
void login_key(const char *user, const char *network, struct key *ret);
/* And back: false when it is none. */
bool login_key_read(
    const uint8_t *key, size_t size, char user[LOGIN_NAME_MAX + 1], char network[64]);

#endif
