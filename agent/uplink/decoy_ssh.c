/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/decoy_ssh.h"

#include "agent/uplink/decoy_ssh_crypt.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_NAME "SSH-2.0-OpenSSH_9.2p1"
#define NAME_BYTES  255u  /* of the client's line */
#define PACKET_MAX  8192u /* bytes: its proposals are the longest */
#define PACKETS_MAX 48u   /* of a visit */
#define TRIES_MAX   6u    /* as sshd has it */

enum message {
	MSG_DISCONNECT = 1,
	MSG_IGNORE = 2,
	MSG_UNIMPLEMENTED = 3,
	MSG_DEBUG = 4,
	MSG_SERVICE_REQUEST = 5,
	MSG_SERVICE_ACCEPT = 6,
	MSG_EXT_INFO = 7,
	MSG_KEXINIT = 20,
	MSG_NEWKEYS = 21,
	MSG_ECDH_INIT = 30,
	MSG_ECDH_REPLY = 31,
	MSG_AUTH_REQUEST = 50,
	MSG_AUTH_FAILURE = 51,
};

/* What is expected next. */
enum state {
	STATE_NAME,    /* the client's line */
	STATE_KEXINIT, /* its proposals */
	STATE_ECDH,    /* its half of the secret */
	STATE_NEWKEYS, /* from then on it is encrypted */
	STATE_SERVICE, /* ssh-userauth */
	STATE_AUTH,
};

struct decoy_ssh {
	enum state state;
	uint8_t in[PACKET_MAX + 64];
	size_t len;
	unsigned packets, tries;
	bool skips; /* the client guessed, and wrongly: its next packet does not count */
	struct ds_buf client_name, client_init, server_init;
	struct ssh_crypt *crypt;
};

struct decoy_ssh *
decoy_ssh_new(void)
{
	struct decoy_ssh *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	ds_buf_init(&s->client_name, NAME_BYTES + 1);
	ds_buf_init(&s->client_init, PACKET_MAX);
	ds_buf_init(&s->server_init, PACKET_MAX);
	s->crypt = ssh_crypt_new();
	if (s->crypt != NULL)
		return s;
	decoy_ssh_free(s);
	return NULL;
}

void
decoy_ssh_free(struct decoy_ssh *s)
{
	if (s == NULL)
		return;
	ds_buf_done(&s->client_name);
	ds_buf_done(&s->client_init);
	ds_buf_done(&s->server_init);
	ssh_crypt_free(s->crypt);
	explicit_bzero(s->in, sizeof(s->in));
	free(s);
}

int
decoy_ssh_begin(struct decoy_ssh *s, struct ds_buf *out)
{
	(void)s;
	return ds_buf_put(out, SERVER_NAME "\r\n", sizeof(SERVER_NAME) + 1);
}

/* ---- what is said */

static int
put_text(struct ds_buf *b, const char *text)
{
	return ssh_put_string(b, text, strlen(text));
}

/* One word of a message with one text, such as SERVICE_ACCEPT. */
static int
say(struct decoy_ssh *s, struct ds_buf *out, uint8_t type, const char *text, int flag)
{
	struct ds_buf b;
	int r;

	ds_buf_init(&b, 256);
	r = ds_buf_put_u8(&b, type);
	if (r == 0)
		r = put_text(&b, text);
	if (r == 0 && flag >= 0)
		r = ds_buf_put_u8(&b, (uint8_t)flag);
	if (r == 0)
		r = ssh_crypt_seal(s->crypt, b.data, b.len, out);
	ds_buf_done(&b);
	return r;
}

/* The one choice of each kind, in the order of RFC 4253, 7.1. */
static const char *const proposals[] = { "curve25519-sha256,curve25519-sha256@libssh.org",
	"ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none",
	"", "" };

static int
say_proposals(struct decoy_ssh *s, struct ds_buf *out)
{
	uint8_t cookie[16];
	int r = ssh_crypt_random(cookie, sizeof(cookie));

	if (r == 0)
		r = ds_buf_put_u8(&s->server_init, MSG_KEXINIT);
	if (r == 0)
		r = ds_buf_put(&s->server_init, cookie, sizeof(cookie));
	for (size_t i = 0; r == 0 && i < DS_LEN(proposals); i++)
		r = put_text(&s->server_init, proposals[i]);
	if (r == 0)
		r = ds_buf_put_u8(&s->server_init, 0);
	if (r == 0)
		r = ds_buf_put_u32(&s->server_init, 0);
	return r < 0 ? r : ssh_crypt_seal(s->crypt, s->server_init.data, s->server_init.len, out);
}

/* ---- what is heard */

static int
get_string(struct ds_buf *b, const uint8_t **ret, uint32_t *ret_len)
{
	int r = ds_buf_get_u32(b, ret_len);

	return r < 0 ? r : ds_buf_get(b, *ret_len, ret);
}

static bool
is_text(const uint8_t *data, uint32_t len, const char *text)
{
	return len == strlen(text) && memcmp(data, text, len) == 0;
}

static void
copy(char *ret, size_t size, const uint8_t *data, uint32_t len)
{
	size_t n = DS_MIN(len, size - 1);

	/* A zero would end it early. */
	for (size_t i = 0; i < n; i++)
		ret[i] = data[i] != '\0' ? (char)data[i] : '.';
	ret[n] = '\0';
}

/* What can be said of a password without it. */
static void
measure(const uint8_t *password, uint32_t len, const char *user, char *ret, size_t size)
{
	bool lower = false, upper = false, digit = false, other = false;

	for (uint32_t i = 0; i < len; i++) {
		lower |= islower(password[i]) != 0;
		upper |= isupper(password[i]) != 0;
		digit |= isdigit(password[i]) != 0;
		other |= isalnum(password[i]) == 0;
	}
	snprintf(ret, size, "a password of %u%s%s%s%s%s", len, lower ? " lower" : "",
	    upper ? " upper" : "", digit ? " digits" : "", other ? " other" : "",
	    is_text(password, len, user) ? ", as the user" : "");
}

static int
take_auth(struct decoy_ssh *s, struct ds_buf *b, struct ds_buf *out, struct decoy_heard *heard)
{
	const uint8_t *user, *service, *method, *password;
	uint32_t user_len, service_len, method_len, password_len;
	uint8_t changes;

	if (get_string(b, &user, &user_len) < 0 || get_string(b, &service, &service_len) < 0 ||
	    get_string(b, &method, &method_len) < 0)
		return -EBADMSG;
	copy(heard->user, sizeof(heard->user), user, user_len);
	if (is_text(method, method_len, "password")) {
		if (ds_buf_get_u8(b, &changes) < 0 || get_string(b, &password, &password_len) < 0)
			return -EBADMSG;
		measure(password, password_len, heard->user, heard->said, sizeof(heard->said));
		s->tries++;
	} else if (!is_text(method, method_len, "none")) {
		snprintf(heard->said, sizeof(heard->said), "%s",
		    is_text(method, method_len, "publickey") ? "a key" : "another way to sign in");
		s->tries++;
	}
	if (s->tries >= TRIES_MAX)
		heard->is_over = true;
	return say(s, out, MSG_AUTH_FAILURE, "password", 0);
}

static bool
list_has(const uint8_t *list, uint32_t len, const char *names)
{
	while (*names) {
		size_t n = strcspn(names, ",");

		for (uint32_t i = 0; i + n <= len; i++)
			if (memcmp(list + i, names, n) == 0 && (i == 0 || list[i - 1] == ',') &&
			    (i + n == len || list[i + n] == ','))
				return true;
		names += n + (names[n] == ',');
	}
	return false;
}

/* Its proposals have ours among them; whether it guessed another choice is remembered. */
static int
take_proposals(struct decoy_ssh *s, struct ds_buf *b)
{
	bool is_first = true;
	const uint8_t *list;
	uint8_t guesses;
	uint32_t len;

	if (ds_buf_get(b, 16, &list) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < DS_LEN(proposals); i++) {
		if (get_string(b, &list, &len) < 0)
			return -EBADMSG;
		if (proposals[i][0] != '\0' && !list_has(list, len, proposals[i]))
			return -EPROTONOSUPPORT;
		if (i < 2) {
			const uint8_t *comma = memchr(list, ',', len);
			uint32_t first = comma != NULL ? (uint32_t)(comma - list) : len;
			size_t ours = strcspn(proposals[i], ",");

			is_first &= first == ours && memcmp(list, proposals[i], ours) == 0;
		}
	}
	if (ds_buf_get_u8(b, &guesses) < 0)
		return -EBADMSG;
	s->skips = guesses != 0 && !is_first;
	return 0;
}

static int
take_kexinit(struct decoy_ssh *s, struct ds_buf *b, struct ds_buf *out)
{
	int r = ds_buf_put(&s->client_init, b->data, b->len);

	(void)out;
	if (r == 0)
		r = take_proposals(s, b);
	s->state = STATE_ECDH;
	return r;
}

static int
take_ecdh(struct decoy_ssh *s, struct ds_buf *b, struct ds_buf *out)
{
	const struct ssh_names names = { &s->client_name, SERVER_NAME, &s->client_init,
		&s->server_init };
	const uint8_t newkeys[1] = { MSG_NEWKEYS };
	const uint8_t *half;
	struct ds_buf reply;
	uint32_t len;
	int r;

	if (get_string(b, &half, &len) < 0 || len != SSH_HALF_SIZE)
		return -EBADMSG;
	ds_buf_init(&reply, 1024);
	r = ds_buf_put_u8(&reply, MSG_ECDH_REPLY);
	if (r == 0)
		r = ssh_crypt_agree(s->crypt, &names, half, &reply);
	if (r == 0)
		r = ssh_crypt_seal(s->crypt, reply.data, reply.len, out);
	if (r == 0)
		r = ssh_crypt_seal(s->crypt, newkeys, sizeof(newkeys), out);
	ds_buf_done(&reply);
	if (r == 0)
		ssh_crypt_seals(s->crypt);
	s->state = STATE_NEWKEYS;
	return r;
}

static int
take_service(struct decoy_ssh *s, struct ds_buf *b, struct ds_buf *out)
{
	const uint8_t *name;
	uint32_t len;

	if (get_string(b, &name, &len) < 0 || !is_text(name, len, "ssh-userauth"))
		return -EBADMSG;
	s->state = STATE_AUTH;
	return say(s, out, MSG_SERVICE_ACCEPT, "ssh-userauth", -1);
}

/* What a message is in a state; anything else ends the visit. */
static int
take_expected(struct decoy_ssh *s, uint8_t type, struct ds_buf *b, struct ds_buf *out,
    struct decoy_heard *heard)
{
	if (s->state == STATE_KEXINIT && type == MSG_KEXINIT)
		return take_kexinit(s, b, out);
	if (s->state == STATE_ECDH && type == MSG_ECDH_INIT)
		return take_ecdh(s, b, out);
	if (s->state == STATE_NEWKEYS && type == MSG_NEWKEYS) {
		ssh_crypt_opens(s->crypt);
		s->state = STATE_SERVICE;
		return 0;
	}
	if (s->state == STATE_SERVICE && type == MSG_SERVICE_REQUEST)
		return take_service(s, b, out);
	if (s->state == STATE_AUTH && type == MSG_AUTH_REQUEST)
		return take_auth(s, b, out, heard);
	return -EBADMSG;
}

static int
take_packet(struct decoy_ssh *s, const uint8_t *payload, size_t len, struct ds_buf *out,
    struct decoy_heard *heard)
{
	struct ds_buf b;
	uint8_t type;
	int r;

	ds_buf_view(&b, payload, len);
	if (++s->packets > PACKETS_MAX || ds_buf_get_u8(&b, &type) < 0 || type == MSG_DISCONNECT) {
		heard->is_over = true;
		return 0;
	}
	if (type == MSG_IGNORE || type == MSG_UNIMPLEMENTED || type == MSG_DEBUG ||
	    type == MSG_EXT_INFO)
		return 0;
	if (s->skips && s->state == STATE_ECDH) {
		s->skips = false;
		return 0;
	}
	r = take_expected(s, type, &b, out, heard);
	/* A stranger that does not keep to the protocol is not ours to blame. */
	if (r == -EBADMSG || r == -EPROTONOSUPPORT) {
		heard->is_over = true;
		return 0;
	}
	return r;
}

/* How many bytes a line took; 0: it is not whole. */
static size_t
take_name(struct decoy_ssh *s, struct ds_buf *out, struct decoy_heard *heard, int *r)
{
	const uint8_t *end = memchr(s->in, '\n', DS_MIN(s->len, NAME_BYTES));
	size_t len;

	if (end == NULL) {
		heard->is_over = s->len >= NAME_BYTES;
		if (heard->is_over)
			copy(heard->said, sizeof(heard->said), s->in, NAME_BYTES);
		return 0;
	}
	len = (size_t)(end - s->in);
	if (len > 0 && s->in[len - 1] == '\r')
		len--;
	copy(heard->said, sizeof(heard->said), s->in, (uint32_t)len);
	heard->is_over = len < 8 || memcmp(s->in, "SSH-2.0-", 8) != 0;
	*r = ds_buf_put(&s->client_name, s->in, len);
	if (*r == 0 && !heard->is_over)
		*r = say_proposals(s, out);
	s->state = STATE_KEXINIT;
	return (size_t)(end - s->in) + 1;
}

/* One line or packet from what is there: the bytes it took. */
static size_t
take_one(struct decoy_ssh *s, struct ds_buf *out, struct decoy_heard *heard, int *r)
{
	const uint8_t *payload;
	size_t size, taken;

	if (s->state == STATE_NAME)
		return take_name(s, out, heard, r);
	*r = ssh_crypt_open(s->crypt, s->in, s->len, PACKET_MAX, &payload, &size, &taken);
	if (*r == -EBADMSG) {
		heard->is_over = true;
		*r = 0;
		return 0;
	}
	if (*r <= 0)
		return 0;
	*r = take_packet(s, payload, size, out, heard);
	return taken;
}

int
decoy_ssh_take(struct decoy_ssh *s, const uint8_t *data, size_t len, struct ds_buf *out,
    struct decoy_heard *ret)
{
	int r = 0;

	*ret = (struct decoy_heard){ .is_over = false };
	while (!ret->is_over && r == 0) {
		size_t n = DS_MIN(len, sizeof(s->in) - s->len), taken;

		memcpy(s->in + s->len, data, n);
		s->len += n;
		data += n;
		len -= n;
		taken = take_one(s, out, ret, &r);
		if (taken == 0)
			break;
		memmove(s->in, s->in + taken, s->len - taken);
		s->len -= taken;
		explicit_bzero(s->in + s->len, taken);
	}
	return r < 0 ? r : 0;
}
