/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redact - takes secrets out of command lines before anything leaves the guard.
 *
 * Called by the exec sensors on the guard's only thread; owns nothing.  Too much is better than too
 * little: what is redacted is never needed to tell one behaviour from another.
 */
#include "agent/guard/redact.h"
#include "lib/compiler.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Names of options and variables whose value is a secret: any name that has one of these in it. */
static const char *const secret_words[] = { "password", "passwd", "passphrase", "passcode", "pwd",
	"secret", "token", "api-key", "api_key", "apikey", "access-key", "access_key", "accesskey",
	"private-key", "private_key", "privatekey", "credential", "auth-key", "auth_key",
	"authorization", "bearer", "cookie", "session-key", "encryption-key", "encryption_key",
	"signing-key", "connection-string", "connectionstring" };

/* Whole names that are too short to be looked for inside others. */
static const char *const secret_names[] = { "pass", "pw", "psk", "auth", "sig", "signature",
	"key" };

/* Names that have such a word and hold no secret. */
static const char *const harmless_names[] = { "pwd", "oldpwd", "password-file", "passwordfile",
	"passwd-file", "token-file", "secret-file", "no-password", "ask-password", "key-file",
	"keyfile", "private-key-file", "privatekeyfile", "credentials-file", "password-stdin",
	"tokens", "passwdfile", "ask-pass", "passwordauthentication", "authorizedkeysfile",
	"authorizedkeyscommand" };

/* Options of single letters take a secret in these programs only. */
struct short_option {
	const char *program;
	char letter;
	bool attached; /* only -pVALUE: a lone -p asks */
};
static const struct short_option short_options[] = {
	{ "mysql", 'p', true },
	{ "mysqldump", 'p', true },
	{ "mysqladmin", 'p', true },
	{ "mysqlimport", 'p', true },
	{ "mysqlcheck", 'p', true },
	{ "mariadb", 'p', true },
	{ "mariadb-dump", 'p', true },
	{ "mariadb-admin", 'p', true },
	{ "sshpass", 'p', false },
	{ "curl", 'u', false },
	{ "curl", 'U', false },
	{ "redis-cli", 'a', false },
	{ "ldapsearch", 'w', false },
	{ "ldapmodify", 'w', false },
	{ "ldapadd", 'w', false },
	{ "smbclient", 'U', false },
	{ "mongo", 'p', false },
	{ "mongodump", 'p', false },
	{ "mongosh", 'p', false },
	{ "docker", 'p', false },
	{ "podman", 'p', false },
	{ "zip", 'P', false },
	{ "unzip", 'P', false },
	{ "7z", 'p', true },
	{ "sqlcmd", 'P', false },
	{ "cqlsh", 'p', false },
	{ "snmpget", 'c', false },
	{ "snmpwalk", 'c', false },
	{ "snmpget", 'A', false },
	{ "snmpwalk", 'A', false },
	{ "openssl", 'k', false },
	{ "ipmitool", 'P', false },
	{ "xfreerdp", 'p', false },
	{ "htpasswd", 'b', false },
};

/* Tokens that are known by how they begin, and how long they are at least. */
struct token_shape {
	const char *prefix;
	size_t min_len;
};
static const struct token_shape token_shapes[] = { { "AKIA", 20 }, { "ASIA", 20 }, { "ghp_", 20 },
	{ "gho_", 20 }, { "ghs_", 20 }, { "github_pat_", 30 }, { "glpat-", 20 }, { "xoxb-", 20 },
	{ "xoxp-", 20 }, { "xoxa-", 20 }, { "sk_live_", 16 }, { "rk_live_", 16 }, { "sk-", 30 },
	{ "eyJ", 40 }, { "AIza", 30 }, { "hvs.", 20 }, { "dop_v1_", 30 }, { "npm_", 30 },
	{ "dse1.", 20 }, { "dsk_", 16 }, { "SG.", 30 }, { "-----BEGIN", 10 } };

struct writer {
	char *ret;
	size_t len, size;
};

static void
put(struct writer *w, const char *text, size_t len)
{
	len = DS_MIN(len, w->size - w->len);
	memcpy(w->ret + w->len, text, len);
	w->len += len;
}

static void
put_redacted(struct writer *w)
{
	put(w, REDACTED, sizeof(REDACTED) - 1);
}

static bool
contains(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (strncasecmp(text + i, word, n) == 0)
			return true;
	return false;
}

static bool
is_one_of(const char *text, size_t len, const char *const *names, size_t names_len)
{
	for (size_t i = 0; i < names_len; i++)
		if (strlen(names[i]) == len && strncasecmp(text, names[i], len) == 0)
			return true;
	return false;
}

/* The name of an option or a variable, without dashes: does its value have to go? */
static bool
is_secret_name(const char *name, size_t len)
{
	while (len > 0 && name[0] == '-') {
		name++;
		len--;
	}
	if (len == 0 || len > 64 || is_one_of(name, len, harmless_names, DS_LEN(harmless_names)))
		return false;
	if (is_one_of(name, len, secret_names, DS_LEN(secret_names)))
		return true;
	for (size_t i = 0; i < DS_LEN(secret_words); i++)
		if (contains(name, len, secret_words[i]))
			return true;
	return false;
}

static size_t
word_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (isalnum((unsigned char)text[n]) || strchr("_-.", text[n]) != NULL) &&
	       text[n] != '\0')
		n++;
	return n;
}

/* How many characters of a token stand here, 0: none. */
static size_t
token_len(const char *text, size_t len)
{
	for (size_t i = 0; i < DS_LEN(token_shapes); i++) {
		size_t n = strlen(token_shapes[i].prefix);

		if (len < n || memcmp(text, token_shapes[i].prefix, n) != 0)
			continue;
		if (text[0] == '-')
			return len; /* a key in full: everything goes */
		n = word_len(text, len);
		if (n >= token_shapes[i].min_len)
			return n;
	}
	return 0;
}

/* user:password@ behind "://": how many characters up to the '@', 0: none. */
static size_t
url_user_len(const char *text, size_t len)
{
	bool colon = false;

	for (size_t i = 0; i < len && i < 512; i++) {
		if (text[i] == '@')
			return colon ? i : 0;
		if (text[i] == '/' || text[i] == '?' || text[i] == '#' ||
		    isspace((unsigned char)text[i]))
			return 0;
		colon = colon || text[i] == ':';
	}
	return 0;
}

/* "Bearer x", "Basic x" behind "Authorization:": the length of what stands before the secret. */
static size_t
scheme_len(const char *text, size_t len)
{
	size_t n = 0, space;

	while (n < len && isspace((unsigned char)text[n]))
		n++;
	for (space = n; space < len && isalpha((unsigned char)text[space]);)
		space++;
	return space < len && text[space] == ' ' ? space + 1 : n;
}

/* A value ends where the text around it goes on. */
static size_t
value_len(const char *text, size_t len)
{
	char quote = len > 0 && (text[0] == '"' || text[0] == '\'') ? text[0] : '\0';
	size_t n = quote != '\0' ? 1 : 0;

	for (; n < len; n++)
		if (quote != '\0' ? text[n] == quote : strchr(" \t\n&;|,'\"", text[n]) != NULL)
			break;
	return n + (quote != '\0' && n < len);
}

/* Where a name could begin. */
static bool
is_boundary(const char *text, size_t at)
{
	return at == 0 || strchr(" \t\n'\"?&;,{(-", text[at - 1]) != NULL;
}

/* NAME=VALUE and NAME: VALUE inside an argument; the length that was dealt with, 0: it is none. */
static size_t
put_assignment(struct writer *w, const char *text, size_t len)
{
	size_t name = word_len(text, len), at = name;

	if (name == 0 || at >= len)
		return 0;
	if (text[at] == '"' && at + 1 < len && text[at + 1] == ':')
		at++;
	if ((text[at] != '=' && text[at] != ':') || !is_secret_name(text, name) ||
	    (text[at] == ':' && at + 1 < len && text[at + 1] == '/'))
		return 0;
	at++;
	if (text[at - 1] == ':')
		at += scheme_len(text + at, len - at);
	if (at >= len)
		return 0;
	put(w, text, at);
	put_redacted(w);
	return at + value_len(text + at, len - at);
}

/* One argument, wherever in it a secret may be. */
static void
put_scanned(struct writer *w, const char *text, size_t len)
{
	size_t at = 0, n;

	while (at < len) {
		if (at >= 3 && memcmp(text + at - 3, "://", 3) == 0 &&
		    (n = url_user_len(text + at, len - at)) > 0) {
			const char *colon = memchr(text + at, ':', n);

			put(w, text + at, (size_t)(colon - (text + at)) + 1);
			put_redacted(w);
			at += n;
			continue;
		}
		if (is_boundary(text, at) && (n = put_assignment(w, text + at, len - at)) > 0) {
			at += n;
			continue;
		}
		if ((at == 0 || !isalnum((unsigned char)text[at - 1])) &&
		    (n = token_len(text + at, len - at)) > 0) {
			put_redacted(w);
			at += n;
			continue;
		}
		put(w, text + at++, 1);
	}
}

static const char *
base_of(const char *program, size_t len, size_t *ret_len)
{
	size_t at = len;

	while (at > 0 && program[at - 1] != '/')
		at--;
	*ret_len = len - at;
	return program + at;
}

static const struct short_option *
short_option_of(const char *program, size_t program_len, const char *arg, size_t len)
{
	if (len < 2 || arg[0] != '-' || arg[1] == '-')
		return NULL;
	for (size_t i = 0; i < DS_LEN(short_options); i++)
		if (strlen(short_options[i].program) == program_len &&
		    memcmp(short_options[i].program, program, program_len) == 0 &&
		    short_options[i].letter == arg[1])
			return &short_options[i];
	return NULL;
}

/* Whether this argument is the name of a secret that the next one is; writes the argument. */
static bool
put_arg(struct writer *w, const char *program, size_t program_len, const char *arg, size_t len)
{
	const struct short_option *o = short_option_of(program, program_len, arg, len);

	if (o != NULL && len > 2) {
		put(w, arg, 2);
		put_redacted(w);
		return false;
	}
	put_scanned(w, arg, len);
	if (o != NULL)
		return !o->attached;
	/* --password VALUE, -password VALUE; NAME=VALUE has been dealt with. */
	return len > 2 && arg[0] == '-' && memchr(arg, '=', len) == NULL &&
	       memchr(arg, ' ', len) == NULL && is_secret_name(arg, len);
}

size_t
redact_args(const char *args, size_t len, char *ret, size_t size)
{
	struct writer w = { .ret = ret, .size = size };
	const char *program;
	size_t program_len, at, n;
	bool secret = false;

	n = strnlen(args, len);
	program = base_of(args, n, &program_len);
	for (at = 0; at < len; at += n + 1) {
		n = strnlen(args + at, len - at);
		if (at > 0)
			put(&w, "", 1);
		if (secret && n > 0 && (n < 2 || memcmp(args + at, "--", 2) != 0)) {
			put_redacted(&w);
			secret = false;
			continue;
		}
		secret = put_arg(&w, program, program_len, args + at, n);
	}
	return w.len;
}
