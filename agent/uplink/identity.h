/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * identity - the key and certificate of this host on disk.
 *
 * In state_dir: agent.pem (key and certificate in one file, 0600, so that they change in one step),
 * agent.key.new (the key of a request that has no answer yet; asking again after a crash asks with
 * the same one), ca.crt, token (taken over from [server] token_file), address (of the server, from
 * the token).  Used by enrol and link.
 */
#ifndef AGENT_UPLINK_IDENTITY_H
#define AGENT_UPLINK_IDENTITY_H

#include "lib/tls.h"

#include <limits.h>
#include <sys/types.h>

struct identity {
	char state_dir[PATH_MAX];
	char cert_file[PATH_MAX], key_new_file[PATH_MAX], ca_file[PATH_MAX], token_file[PATH_MAX],
	    address_file[PATH_MAX];
	bool ca_is_given; /* by the configuration: never written */
};

/* ca_file: of the configuration, "" for the one in state_dir. */
DS_MUST_CHECK int identity_init(struct identity *id, const char *state_dir, const char *ca_file);
/* Copies an enrolment token to where the uplink finds it, for owner:group, then wipes the original:
 * called by main while it still may (root), each time it starts.  0 when there was one, -ENOENT
 * when not, -errno. */
DS_MUST_CHECK int identity_take_token(
    const struct identity *id, const char *token_file, uid_t owner, gid_t group);

/* Whether there is a certificate, and what it says. */
bool identity_load(const struct identity *id, struct ds_cert_info *ret);
struct ds_tls *identity_tls(const struct identity *id, char *ret_why, size_t why_size);
/* DER of a request for a key that is kept until its certificate comes; OPENSSL_free() it. */
unsigned char *identity_request(
    const struct identity *id, size_t *ret_size, char *ret_why, size_t why_size);
/* The answer: checks that it is for the key that was asked with and says what it must, then
 * switches to it.  pin (enrolment): the CA that the answer brings must have this key, and is kept;
 * NULL (renewal): host_id must stay what it was, and the CA too; a copy gets another host_id. */
DS_MUST_CHECK int identity_save(const struct identity *id, const struct ds_certificate *answer,
    const uint8_t pin[DS_PIN_SIZE], bool is_copy, char *ret_why, size_t why_size);
/* The next request is for a fresh key: that of one under way is in the image that we come from. */
void identity_drop_request(const struct identity *id);
/* The enrolment token, -ENOENT, -EINVAL; explicit_bzero() it. */
DS_MUST_CHECK int identity_token(const struct identity *id, struct ds_token *ret);
/* Wipes what enrolment has left over. */
void identity_forget_token(const struct identity *id);
/* The server's address as the token had it, "" for none. */
void identity_address(const struct identity *id, char *ret, size_t size);
DS_MUST_CHECK int identity_save_address(const struct identity *id, const char *address);

#endif
