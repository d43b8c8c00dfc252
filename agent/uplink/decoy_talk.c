/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decoy_talk - one row a service: what it says at first, and what it makes of a line or a packet.
 *
 * The answers follow RFC 4253 (ssh, in decoy_ssh.c), 854 (telnet), 959 (ftp), 5321 (smtp), 9110
 * (http), redis' RESP, MySQL's protocol 10 and PostgreSQL's protocol 3.
 */
#include "agent/uplink/decoy_talk.h"

#include "agent/uplink/decoy_ssh.h"

#include <endian.h>
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PACKET_MAX 512u /* of a binary protocol: what is longer is no login */

struct decoy_service {
	const char *name;
	unsigned port;
	const char *greeting;
	size_t greeting_len;
	unsigned turns_max;
	/* One turn from t->in: how many bytes it took; 0: not complete yet. */
	size_t (*turn)(struct decoy_talk *t, struct ds_buf *out, int *r);
};

static int
put(struct ds_buf *out, const char *text)
{
	return ds_buf_put(out, text, strlen(text));
}

static void
copy_printable(char *to, size_t size, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < size - 1; i++)
		to[n++] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '.';
	to[n] = '\0';
}

static void
hear(struct decoy_talk *t, const char *text, size_t len)
{
	copy_printable(t->said, sizeof(t->said), text, len);
	t->has_news = true;
}

static void
hear_user(struct decoy_talk *t, const char *user, size_t len)
{
	copy_printable(t->user, sizeof(t->user), user, len);
	t->has_news = true;
}

/* The length of the first line without its end; false: it is not whole yet. */
static bool
line_of(const struct decoy_talk *t, size_t *ret_len, size_t *ret_taken)
{
	const uint8_t *end = memchr(t->in, '\n', t->len);

	if (end == NULL && t->len < sizeof(t->in))
		return false;
	*ret_taken = end != NULL ? (size_t)(end - t->in) + 1 : t->len;
	*ret_len = *ret_taken;
	while (*ret_len > 0 && (t->in[*ret_len - 1] == '\n' || t->in[*ret_len - 1] == '\r'))
		(*ret_len)--;
	return true;
}

/* What follows a word and blanks, or NULL. */
static const char *
after_word(const char *line, size_t len, const char *word, size_t *ret_len)
{
	size_t n = strlen(word);

	if (len <= n || strncasecmp(line, word, n) != 0 || line[n] != ' ')
		return NULL;
	while (n < len && line[n] == ' ')
		n++;
	*ret_len = len - n;
	return line + n;
}

/* ---- lines */

/* All that is there: lines and packets are known there. */
static size_t
turn_ssh(struct decoy_talk *t, struct ds_buf *out, int *r)
{
	struct decoy_heard heard;

	*r = decoy_ssh_take(t->ssh, t->in, t->len, out, &heard);
	explicit_bzero(t->in, t->len);
	if (heard.user[0] != '\0')
		hear_user(t, heard.user, strlen(heard.user));
	if (heard.said[0] != '\0')
		hear(t, heard.said, strlen(heard.said));
	t->is_over |= heard.is_over;
	return t->len;
}

static size_t
turn_telnet(struct decoy_talk *t, struct ds_buf *out, int *r)
{
	size_t len, taken, skip = 0;

	if (!line_of(t, &len, &taken))
		return 0;
	while (skip + 3 <= len && t->in[skip] == 0xff) /* negotiation of options */
		skip += 3;
	if (t->turns % 2 == 0) {
		hear_user(t, (const char *)t->in + skip, len - skip);
		*r = put(out, "Password: ");
	} else {
		hear(t, "a password", 10);
		*r = put(out, "\r\nLogin incorrect\r\nlogin: ");
	}
	return taken;
}

static size_t
turn_ftp(struct decoy_talk *t, struct ds_buf *out, int *r)
{
	const char *line = (const char *)t->in, *user;
	size_t len, taken, n;

	if (!line_of(t, &len, &taken))
		return 0;
	user = after_word(line, len, "USER", &n);
	if (user != NULL) {
		hear_user(t, user, n);
		*r = put(out, "331 Please specify the password.\r\n");
	} else if (after_word(line, len, "PASS", &n) != NULL) {
		hear(t, "a password", 10);
		*r = put(out, "530 Login incorrect.\r\n");
	} else {
		hear(t, line, len);
		*r = put(out, "530 Please login with USER and PASS.\r\n");
	}
	return taken;
}

static size_t
turn_smtp(struct decoy_talk *t, struct ds_buf *out, int *r)
{
	const char *line = (const char *)t->in;
	size_t len, taken, n;

	if (!line_of(t, &len, &taken))
		return 0;
	if (after_word(line, len, "EHLO", &n) != NULL) {
		hear(t, line, len);
		*r = put(out, "250-mail\r\n250-SIZE 10240000\r\n250 AUTH PLAIN LOGIN\r\n");
	} else if (after_word(line, len, "AUTH", &n) != NULL) {
		hear(t, "a password", 10); /* it may be in the line */
		*r = put(out, "535 5.7.8 Error: authentication failed\r\n");
	} else {
		hear(t, line, len);
		*r = put(out, after_word(line, len, "HELO", &n) != NULL
				  ? "250 mail\r\n"
				  : "554 5.7.1 Client host rejected: Access denied\r\n");
	}
	return taken;
}

/* ---- sentences of what is heard */

struct sentence {
	char text[DECOY_TEXT_MAX + 1]; /* its words, or as much of them as there is room for */
	size_t len;
	bool has_password;
};

/* What a password follows. */
static bool
is_before_password(const char *word, size_t len)
{
	static const char *const words[] = { "AUTH", "AUTH2", "requirepass", "masterauth" };

	for (size_t i = 0; i < DS_LEN(words); i++)
		if (strlen(words[i]) == len && strncasecmp(words[i], word, len) == 0)
			return true;
	return false;
}

static void
add_word(struct sentence *c, const char *word, size_t len)
{
	c->has_password |= is_before_password(word, len);
	if (c->len > 0 && c->len < sizeof(c->text) - 1)
		c->text[c->len++] = ' ';
	copy_printable(c->text + c->len, sizeof(c->text) - c->len, word, len);
	c->len += strlen(c->text + c->len);
}

/* ---- http */

/* The line in which something stands that a victim would carry out (Log4j, Bash), or 0. */
static size_t
carried_out(const char *text, size_t len, const char **ret)
{
	static const char *const marks[] = { "${", "() {" };
	const char *begin, *end, *at = NULL;

	for (size_t i = 0; i < DS_LEN(marks) && at == NULL; i++)
		at = memmem(text, len, marks[i], strlen(marks[i]));
	if (at == NULL)
		return 0;
	begin = memrchr(text, '\n', (size_t)(at - text));
	*ret = begin != NULL ? begin + 1 : text;
	end = memchr(at, '\r', len - (size_t)(at - text));
	return (size_t)((end != NULL ? end : text + len) - *ret);
}

/* The request's first line; of its headers one that is an attack by itself. */
static size_t
turn_http(struct decoy_talk *t, struct ds_buf *out, int *r)
{
	static const char answer[] =
	    "HTTP/1.1 401 Unauthorized\r\nServer: nginx\r\nWWW-Authenticate: Basic realm=\"admin\"\r\n"
	    "Content-Type: text/html\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	struct sentence all = { 0 };
	const char *header;
	size_t len, taken, n;

	if (!line_of(t, &len, &taken))
		return 0;
	n = carried_out((const char *)t->in + taken, t->len - taken, &header);
	add_word(&all, (const char *)t->in, n > 0 ? DS_MIN(len, DECOY_TEXT_MAX / 2) : len);
	if (n > 0) {
		add_word(&all, ";", 1);
		add_word(&all, header, n);
	}
	hear(t, all.text, all.len);
	t->is_over = true;
	*r = put(out, answer);
	return taken;
}

/* ---- redis: arrays of strings, "*1\r\n$4\r\nINFO\r\n", or words in a line */

/* "$4\r\n" at `at`: how many bytes that is; 0: it is not whole, or none. */
static size_t
resp_number(const char *at, size_t len, char sort, size_t *ret)
{
	const char *end = len > 0 && at[0] == sort ? memchr(at, '\n', len) : NULL;
	size_t n = 0;

	if (end == NULL || end - at < 3)
		return 0;
	for (const char *digit = at + 1; digit < end - 1; digit++) {
		if (*digit < '0' || *digit > '9' || n > DECOY_IN_MAX)
			return 0;
		n = n * 10 + (size_t)(*digit - '0');
	}
	*ret = n;
	return (size_t)(end - at) + 1;
}

/* A command: how many bytes it is; 0: it is not whole, or none. */
static size_t
resp_command(const char *at, size_t len, struct sentence *ret)
{
	size_t words, size, n, used = resp_number(at, len, '*', &words);

	*ret = (struct sentence){ 0 };
	for (size_t i = 0; used > 0 && i < words; i++) {
		n = resp_number(at + used, len - used, '$', &size);
		if (n == 0 || len - used - n < size + 2)
			return 0;
		add_word(ret, at + used + n, size);
		used += n + size + 2;
	}
	return used;
}

static size_t
inline_command(const char *at, size_t len, struct sentence *ret)
{
	const char *end = len > 0 && at[0] != '*' ? memchr(at, '\n', len) : NULL;
	size_t used = end != NULL ? (size_t)(end - at) + 1 : 0;

	*ret = (struct sentence){ 0 };
	for (size_t i = 0, n; i < used; i += n + 1) {
		n = 0;
		while (i + n < used && strchr(" \r\n", at[i + n]) == NULL)
			n++;
		if (n > 0)
			add_word(ret, at + i, n);
	}
	return used;
}

/* Commands are told by their words, those that came together in one sentence. */
static size_t
turn_redis(struct decoy_talk *t, struct ds_buf *out, int *r)
{
	const char *text = (const char *)t->in;
	struct sentence all = { 0 }, one;
	size_t used = 0, n;

	while (*r == 0 && t->turns < DECOY_TURNS &&
	       ((n = resp_command(text + used, t->len - used, &one)) > 0 ||
		   (n = inline_command(text + used, t->len - used, &one)) > 0)) {
		used += n;
		t->turns++;
		if (one.has_password)
			snprintf(one.text, sizeof(one.text), "AUTH a password");
		if (one.text[0] == '\0')
			continue;
		if (all.len > 0)
			add_word(&all, ";", 1);
		add_word(&all, one.text, strlen(one.text));
		*r = put(
		    out, one.has_password
			     ? "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
			     : "-NOAUTH Authentication required.\r\n");
	}
	if (used == 0 && t->len == sizeof(t->in)) { /* it keeps to no form */
		used = t->len;
		add_word(&all, text, used);
		*r = put(out, "-ERR Protocol error\r\n");
	}
	if (all.len > 0) {
		hear(t, all.text, all.len);
		t->turns -= t->turns > 0; /* one of them is counted by who called */
	}
	return used;
}

/* ---- packets */

/* A name that ends with a zero within the packet. */
static size_t
name_len(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *zero = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;

	return zero != NULL ? (size_t)(zero - at) : 0;
}

/* Length (3 bytes, little-endian), number, capabilities 4, maximum 4, character set 1, 23 zeros,
 * user. */
static size_t
turn_mysql(struct decoy_talk *t, struct ds_buf *out, int *r)
{
	static const char refused[] = "\x30\x00\x00\x02"
				      "\xff\x15\x04#28000"
				      "Access denied for user (using password)";
	size_t size = t->len >= 4 ? (size_t)t->in[0] | (size_t)t->in[1] << 8 : 0, user;

	if (t->len < 4)
		return 0;
	if (t->in[2] != 0 || size > PACKET_MAX) {
		hear(t, (const char *)t->in, t->len);
		t->is_over = true;
		return t->len;
	}
	if (t->len < size + 4)
		return 0;
	user = name_len(t->in + DS_MIN(36u, size + 4), t->in + size + 4);
	if (user > 0)
		hear_user(t, (const char *)t->in + 36, user);
	hear(t, "a login", 7);
	t->is_over = true;
	*r = ds_buf_put(out, refused, sizeof(refused) - 1);
	return size + 4;
}

static void
hear_startup(struct decoy_talk *t, const uint8_t *at, const uint8_t *end)
{
	while (at < end && *at != 0) {
		size_t key = name_len(at, end), value;
		const uint8_t *v = at + key + 1;

		if (key == 0 || v >= end)
			break;
		value = name_len(v, end);
		if (key == 4 && memcmp(at, "user", 4) == 0)
			hear_user(t, (const char *)v, value);
		at = v + value + 1;
	}
	hear(t, "a login", 7);
}

/* "E", length, and fields that end with a zero each, as all of them do. */
static int
refuse_user(const char *user, struct ds_buf *out)
{
	char fields[160] = "SFATAL\0VFATAL\0C28P01\0M";
	const size_t before = 22;
	int n = snprintf(fields + before, sizeof(fields) - before,
	    "password authentication failed for user \"%s\"", user);
	size_t size = before + (size_t)n + 2;
	int r = ds_buf_put_u8(out, 'E');

	if (r == 0)
		r = ds_buf_put_u32(out, (uint32_t)size + 4);
	return r == 0 ? ds_buf_put(out, fields, size) : r;
}

/* Length (4 bytes, big-endian, itself included), code: SSLRequest, or a version and pairs of
 * names. */
static size_t
turn_postgresql(struct decoy_talk *t, struct ds_buf *out, int *r)
{
	size_t size = t->len >= 8 ? ds_u32_at(t->in) : 0;

	if (t->len < 8)
		return 0;
	if (size < 8 || size > PACKET_MAX) {
		hear(t, (const char *)t->in, t->len);
		t->is_over = true;
		return t->len;
	}
	if (t->len < size)
		return 0;
	if (size == 8) { /* may it encrypt?  No. */
		*r = put(out, "N");
		return size;
	}
	hear_startup(t, t->in + 8, t->in + size);
	t->is_over = true;
	*r = refuse_user(t->user, out);
	return size;
}

/* ---- the table */

#define SAYS(text) text, sizeof(text) - 1

static const struct decoy_service services[] = {
	{ "ssh", 2222, NULL, 0, DECOY_PIECES, turn_ssh },
	{ "telnet", 23, SAYS("login: "), DECOY_TURNS, turn_telnet },
	{ "ftp", 21, SAYS("220 (vsFTPd 3.0.3)\r\n"), DECOY_TURNS, turn_ftp },
	{ "smtp", 2525, SAYS("220 mail ESMTP Postfix\r\n"), DECOY_TURNS, turn_smtp },
	{ "http", 8080, NULL, 0, DECOY_TURNS, turn_http },
	{ "redis", 6379, NULL, 0, DECOY_TURNS, turn_redis }, /* which counts commands */
	{ "mysql", 3306,
	    SAYS("\x4a\x00\x00\x00\x0a"
		 "8.0.36\0\x0b\x00\x00\x00"
		 "........\0" /* see mix_mysql() */
		 "\xff\xf7\x21\x02\x00\xff\xc1\x15\0\0\0\0\0\0\0\0\0\0"
		 "............\0"
		 "mysql_native_password\0"),
	    DECOY_TURNS, turn_mysql },
	{ "postgresql", 5432, NULL, 0, DECOY_TURNS, turn_postgresql },
};

const struct decoy_service *
decoy_service_find(const char *name, size_t len)
{
	for (size_t i = 0; i < DS_LEN(services); i++)
		if (strlen(services[i].name) == len && memcmp(services[i].name, name, len) == 0)
			return &services[i];
	return NULL;
}

const char *
decoy_service_name(const struct decoy_service *s)
{
	return s->name;
}

unsigned
decoy_service_port(const struct decoy_service *s)
{
	return s->port;
}

void
decoy_service_names(char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < DS_LEN(services) && n < size; i++)
		n += (size_t)snprintf(
		    ret + n, size - n, "%s%s", i > 0 ? ", " : "", services[i].name);
}

/* What a client of MySQL mixes its password with is another one each time, at two places, and
 * connections are counted: scanners print both. */
static void
mix_mysql(uint8_t *greeting)
{
	static const struct {
		unsigned at, len;
	} places[] = { { 16, 8 }, { 43, 12 } };
	static uint32_t connections = 11;
	uint32_t n = htole32(connections++);

	memcpy(greeting + 12, &n, sizeof(n));
	for (size_t i = 0; i < DS_LEN(places); i++) {
		uint8_t *salt = greeting + places[i].at;

		if (RAND_bytes(salt, (int)places[i].len) != 1)
			continue;
		for (unsigned k = 0; k < places[i].len; k++) {
			salt[k] &= 0x7f;
			salt[k] += salt[k] == '\0' || salt[k] == '$';
		}
	}
}

int
decoy_talk_begin(struct decoy_talk *t, const struct decoy_service *s, struct ds_buf *out)
{
	int r;

	*t = (struct decoy_talk){ .service = s };
	if (s->turn == turn_ssh) {
		t->ssh = decoy_ssh_new();
		return t->ssh != NULL ? decoy_ssh_begin(t->ssh, out) : -ENOMEM;
	}
	r = s->greeting_len > 0 ? ds_buf_put(out, s->greeting, s->greeting_len) : 0;
	if (r == 0 && s->turn == turn_mysql)
		mix_mysql(out->data + out->len - s->greeting_len);
	return r;
}

void
decoy_talk_done(struct decoy_talk *t)
{
	decoy_ssh_free(t->ssh);
	t->ssh = NULL;
}

int
decoy_talk_take(struct decoy_talk *t, const uint8_t *data, size_t len, struct ds_buf *out)
{
	int r = 0;

	while (!t->is_over && r == 0) {
		size_t room = sizeof(t->in) - t->len, n = DS_MIN(len, room), taken;

		memcpy(t->in + t->len, data, n);
		t->len += n;
		data += n;
		len -= n;
		taken = t->len > 0 ? t->service->turn(t, out, &r) : 0;
		if (taken == 0)
			break;
		t->len -= taken;
		memmove(t->in, t->in + taken, t->len);
		t->is_over |= ++t->turns >= t->service->turns_max;
	}
	return r;
}

void
decoy_talk_told(struct decoy_talk *t)
{
	t->said[0] = '\0';
	t->has_news = false;
}
