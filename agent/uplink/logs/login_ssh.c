/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * login_ssh - what sshd and dropbear say of logins.
 *
 * The name that a client tries is the client's to choose, blanks and all: it ends at the LAST
 * " from ", and the address is what sshd wrote behind that.
 */
#include "agent/uplink/logs/login_text.h"

#include <string.h>

struct phrase {
	const char *head;   /* how the message begins */
	const char *method; /* NULL: the word behind head, before " for " */
	enum login_outcome outcome;
};

/* The longer of two with the same beginning first. */
static const struct phrase sshd_phrases[] = {
	{ "Accepted ", NULL, LOGIN_SUCCESS },
	{ "Failed ", NULL, LOGIN_FAILURE },
	{ "Invalid user ", "invalid user", LOGIN_FAILURE },
	{ "Illegal user ", "invalid user", LOGIN_FAILURE },
	{ "PAM: Authentication failure for ", "pam", LOGIN_FAILURE },
	{ "PAM: authentication failure for ", "pam", LOGIN_FAILURE },
	{ "PAM: Authentication error for ", "pam", LOGIN_FAILURE },
	{ "PAM: authentication error for ", "pam", LOGIN_FAILURE },
	{ "PAM: User not known to the underlying authentication module for ", "pam",
	    LOGIN_FAILURE },
	{ "PAM: User account has expired for ", "pam", LOGIN_FAILURE },
	{ "PAM: Maximum number of tries exceeded for ", "pam", LOGIN_FAILURE },
	{ "maximum authentication attempts exceeded for ", "too many attempts", LOGIN_FAILURE },
	{ "ROOT LOGIN REFUSED FROM ", "root refused", LOGIN_FAILURE },
	{ "ROOT LOGIN REFUSED from ", "root refused", LOGIN_FAILURE },
};

/* "Connection closed by authenticating user root 192.0.2.1 port 22 [preauth]" */
static const char *const closings[] = { "Connection closed by ", "Connection reset by ",
	"Disconnected from ", "Disconnecting " };
static const char *const who[] = { "authenticating user ", "invalid user " };

/* In front of all that: levels, and words for names that do not exist. */
static struct ds_str
skip_any(struct ds_str s, const char *const *heads, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text_starts(s, heads[i]))
			return (struct ds_str){ s.ptr + strlen(heads[i]),
				s.len - (uint32_t)strlen(heads[i]) };
	return s;
}

/* "192.0.2.1 port 4711 ssh2: RSA ..." */
static void
read_peer(struct ds_str s, struct login *ret)
{
	struct ds_str port = text_after(s, " port ");

	(void)text_address(text_word(s), ret); /* a name, where sshd looks them up */
	ret->port = (uint16_t)text_number(port, 0, 65535);
}

static struct ds_str
cut_preauth(struct ds_str m)
{
	static const char tail[] = " [preauth]";
	size_t len = sizeof(tail) - 1;

	if (m.len > len && memcmp(m.ptr + m.len - len, tail, len) == 0)
		m.len -= (uint32_t)len;
	return text_trim(m);
}

static bool
read_phrase(struct ds_str m, const struct phrase *p, struct login *ret)
{
	static const char *const prefixes[] = { "invalid user ", "illegal user ", "user " };
	struct ds_str rest = { m.ptr + strlen(p->head), m.len - (uint32_t)strlen(p->head) };

	ret->outcome = p->outcome;
	if (p->method != NULL) {
		ret->method = (struct ds_str){ p->method, (uint32_t)strlen(p->method) };
	} else {
		ret->method = text_until(text_until(rest, " for "), "/");
		rest = text_after(rest, " for ");
		if (rest.len == 0 || memchr(ret->method.ptr, ' ', ret->method.len) != NULL)
			return false;
	}
	if (strncmp(p->head, "ROOT", 4) == 0) {
		ret->user = (struct ds_str){ "root", 4 };
		read_peer(rest, ret);
		return true;
	}
	rest = skip_any(rest, prefixes, DS_LEN(prefixes));
	if (!text_contains(rest, "from "))
		return false;
	/* An empty name leaves "from 192.0.2.1" alone. */
	if (text_contains(rest, " from ")) {
		ret->user = text_until_last(rest, " from ");
		read_peer(text_after_last(rest, " from "), ret);
	} else {
		read_peer(text_after(rest, "from "), ret);
	}
	return true;
}

/* The address and port are at the end, behind the name. */
static bool
read_closing(struct ds_str m, struct login *ret)
{
	struct ds_str rest = skip_any(m, closings, DS_LEN(closings)), named;
	struct ds_str before_port;

	if (rest.ptr == m.ptr)
		return false;
	named = skip_any(rest, who, DS_LEN(who));
	if (named.ptr == rest.ptr || !text_contains(named, " port "))
		return false;
	before_port = text_until_last(named, " port ");
	ret->outcome = LOGIN_FAILURE;
	ret->method = (struct ds_str){ "closed", 6 };
	ret->port = (uint16_t)text_number(text_after_last(named, " port "), 0, 65535);
	if (text_contains(before_port, " ")) {
		ret->user = text_until_last(before_port, " ");
		(void)text_address(text_after_last(before_port, " "), ret); /* always one */
	} else {
		(void)text_address(before_port, ret); /* an empty name */
	}
	return true;
}

/* "User root from 192.0.2.1 not allowed because listed in DenyUsers" */
static bool
read_not_allowed(struct ds_str m, struct login *ret)
{
	struct ds_str named;

	if (!text_starts(m, "User ") || !text_contains(m, " not allowed because "))
		return false;
	named = text_after(text_until_last(m, " not allowed because "), "User ");
	ret->outcome = LOGIN_FAILURE;
	ret->method = (struct ds_str){ "not allowed", 11 };
	ret->user = text_until_last(named, " from ");
	if (text_contains(named, " from "))
		(void)text_address(text_after_last(named, " from "), ret); /* or a name */
	return true;
}

bool
sshd_parse(struct ds_str m, struct login *ret)
{
	static const char *const levels[] = { "error: ", "fatal: ", "info: " };

	m = cut_preauth(skip_any(m, levels, DS_LEN(levels)));
	for (size_t i = 0; i < DS_LEN(sshd_phrases); i++)
		if (text_starts(m, sshd_phrases[i].head))
			return read_phrase(m, &sshd_phrases[i], ret);
	return read_closing(m, ret) || read_not_allowed(m, ret);
}

/* "192.0.2.1:4711", also of IPv6, where the last colon is before the port. */
static void
read_dropbear_peer(struct ds_str s, struct login *ret)
{
	struct ds_str peer = text_word(s);

	(void)text_address(text_until_last(peer, ":"), ret); /* always one */
	ret->port = (uint16_t)text_number(text_after_last(peer, ":"), 0, 65535);
}

bool
dropbear_parse(struct ds_str m, struct login *ret)
{
	static const struct phrase phrases[] = {
		{ "ad password attempt for '", "password", LOGIN_FAILURE },
		{ "ad PAM password attempt for '", "password", LOGIN_FAILURE },
		{ "ogin attempt for nonexistent user", "invalid user", LOGIN_FAILURE },
		{ "assword auth succeeded for '", "password", LOGIN_SUCCESS },
		{ "ubkey auth succeeded for '", "publickey", LOGIN_SUCCESS },
		{ "Max auth tries reached - user '", "too many attempts", LOGIN_FAILURE },
	};
	const struct phrase *p = NULL;
	struct ds_str rest;

	for (size_t i = 0; i < DS_LEN(phrases) && p == NULL; i++)
		if (text_contains(m, phrases[i].head))
			p = &phrases[i];
	if (p == NULL)
		return false;
	rest = text_after(m, p->head);
	ret->outcome = p->outcome;
	ret->method = (struct ds_str){ p->method, (uint32_t)strlen(p->method) };
	if (strchr(p->head, '\'') != NULL)
		ret->user = text_until_last(text_until_last(rest, " from "), "'");
	if (text_contains(m, " from <"))
		read_dropbear_peer(text_between(m, " from <", ">"), ret);
	else
		read_dropbear_peer(text_after_last(m, " from "), ret);
	return true;
}
