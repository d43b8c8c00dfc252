/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/identity.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_FILE_MAX 4096

static int
set_path(char ret[PATH_MAX], const char *dir, const char *name)
{
	return snprintf(ret, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int
identity_init(struct identity *id, const char *state_dir, const char *ca_file)
{
	id->ca_is_given = ca_file[0] != '\0';
	if (snprintf(id->state_dir, PATH_MAX, "%s", state_dir) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (set_path(id->cert_file, state_dir, "agent.pem") < 0 ||
	    set_path(id->key_new_file, state_dir, "agent.key.new") < 0 ||
	    set_path(id->token_file, state_dir, "token") < 0 ||
	    set_path(id->address_file, state_dir, "address") < 0 ||
	    set_path(id->ca_file, state_dir, "ca.crt") < 0)
		return -ENAMETOOLONG;
	if (id->ca_is_given && snprintf(id->ca_file, PATH_MAX, "%s", ca_file) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

int
identity_take_token(const struct identity *id, const char *token_file, uid_t owner, gid_t group)
{
	char *text;
	size_t size;
	int r;

	if (token_file[0] == '\0' || strcmp(token_file, id->token_file) == 0)
		return -ENOENT;
	r = ds_file_read(token_file, TOKEN_FILE_MAX, &text, &size);
	if (r < 0)
		return r;
	r = ds_file_replace(id->token_file, text, size, 0600);
	explicit_bzero(text, size);
	free(text);
	if (r == 0 && chown(id->token_file, owner, group) < 0)
		r = -errno;
	return r < 0 ? r : ds_file_wipe(token_file);
}

bool
identity_load(const struct identity *id, struct ds_cert_info *ret)
{
	return ds_tls_file_info(id->cert_file, ret) == 0 && ret->has_host;
}

struct ds_tls *
identity_tls(const struct identity *id, char *ret_why, size_t why_size)
{
	return ds_tls_client_new(
	    id->cert_file, id->cert_file, id->ca_file, NULL, ret_why, why_size);
}

unsigned char *
identity_request(const struct identity *id, size_t *ret_size, char *ret_why, size_t why_size)
{
	struct ds_tls_key *key = ds_tls_key_open(id->key_new_file, true, ret_why, why_size);
	unsigned char *der;

	/* Half a key, from a disk that was full, would be in the way for ever. */
	if (key == NULL && access(id->key_new_file, F_OK) == 0 && unlink(id->key_new_file) == 0)
		key = ds_tls_key_open(id->key_new_file, true, ret_why, why_size);
	if (key == NULL)
		return NULL;
	der = ds_tls_request(key, ret_size);
	ds_tls_key_free(key);
	if (der == NULL)
		snprintf(ret_why, why_size, "cannot make a certificate request");
	return der;
}

static int
refuse(char *ret_why, size_t why_size, int error, const char *why)
{
	snprintf(ret_why, why_size, "%s", why);
	return error;
}

static int
check_answer(const struct identity *id, const struct ds_certificate *answer,
    const uint8_t pin[DS_PIN_SIZE], bool is_copy, char *ret_why, size_t why_size)
{
	struct ds_cert_info info, old;
	uint8_t ca_pin[DS_PIN_SIZE];

	if (ds_tls_cert_info(answer->cert, answer->cert_size, &info) < 0)
		return refuse(ret_why, why_size, -EBADMSG, "the server's answer is no certificate");
	if (!info.has_host || memcmp(info.host_id, answer->host_id, DS_HOST_ID_SIZE) != 0)
		return refuse(ret_why, why_size, -EBADMSG, "the certificate is not for a host");
	if (pin == NULL && !is_copy && identity_load(id, &old) &&
	    memcmp(info.host_id, old.host_id, DS_HOST_ID_SIZE) != 0)
		return refuse(ret_why, why_size, -EBADMSG, "the certificate is for another host");
	if (pin != NULL && (ds_tls_cert_pin(answer->ca, answer->ca_size, ca_pin) < 0 ||
			       CRYPTO_memcmp(ca_pin, pin, DS_PIN_SIZE) != 0))
		return refuse(ret_why, why_size, -EKEYREJECTED,
		    "the server's authority is not the one of the token");
	return 0;
}

int
identity_save(const struct identity *id, const struct ds_certificate *answer,
    const uint8_t pin[DS_PIN_SIZE], bool is_copy, char *ret_why, size_t why_size)
{
	struct ds_tls_key *key;
	int r = check_answer(id, answer, pin, is_copy, ret_why, why_size);

	if (r < 0)
		return r;
	key = ds_tls_key_open(id->key_new_file, false, ret_why, why_size);
	if (key == NULL)
		return -ENOKEY;
	/* The authority first: a certificate without it is of no use. */
	if (pin != NULL && !id->ca_is_given)
		r = ds_tls_save_cert(id->ca_file, answer->ca, answer->ca_size, NULL, 0);
	if (r == 0)
		r = ds_tls_save_identity(
		    id->cert_file, key, answer->cert, answer->cert_size, NULL, 0);
	ds_tls_key_free(key);
	if (r < 0) {
		snprintf(ret_why, why_size, "cannot keep the certificate: %s", strerror(-r));
		return r;
	}
	r = ds_file_wipe(id->key_new_file); /* the next request is for a fresh key */
	if (r < 0)
		snprintf(
		    ret_why, why_size, "cannot remove %.200s: %s", id->key_new_file, strerror(-r));
	return r;
}

void
identity_drop_request(const struct identity *id)
{
	if (ds_file_wipe(id->key_new_file) < 0)
		return; /* most often there is none; a key that is not fresh is refused */
}

int
identity_token(const struct identity *id, struct ds_token *ret)
{
	char *text;
	size_t size;
	int r = ds_file_read(id->token_file, TOKEN_FILE_MAX, &text, &size);

	if (r < 0)
		return r;
	r = ds_token_parse(text, ret);
	explicit_bzero(text, size);
	free(text);
	return r;
}

void
identity_forget_token(const struct identity *id)
{
	if (ds_file_wipe(id->token_file) < 0)
		return; /* most often there is none; what else can be done is done at the next start
			 */
}

void
identity_address(const struct identity *id, char *ret, size_t size)
{
	char *text;
	size_t len;

	ret[0] = '\0';
	if (ds_file_read(id->address_file, size - 1, &text, &len) < 0)
		return;
	snprintf(ret, size, "%.*s", (int)strcspn(text, "\r\n"), text);
	free(text);
}

int
identity_save_address(const struct identity *id, const char *address)
{
	return ds_file_replace(id->address_file, address, strlen(address), 0644);
}
