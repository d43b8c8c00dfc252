/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fail2ban_regex - fail2ban's expressions as PCRE2's; see fail2ban_conf.h. */
#include "ctl/fail2ban_conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define IP4    "(?:::f{4,6}:)?(?<ip4>(?:\\d{1,3}\\.){3}\\d{1,3})"
#define IP6    "(?<ip6>(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)?)"
#define DNS    "(?<dns>[\\w\\-.^_]*\\w)"
#define ADDR   "\\[?(?:" IP4 "|" IP6 ")\\]?"
#define CIDR   "(?<cidr>\\d+)"
#define SUBNET "\\[?(?:" IP4 "|" IP6 ")(?:/" CIDR ")?\\]?"

#define OPEN_MAX 32u /* names of groups in one expression */
#define TAG_MAX  40u

/* A tag of its own, "<HOST>" or "<F-IP4/>". */
static const struct {
	const char *tag, *regex;
} tags[] = {
	{ "HOST", "(?:" ADDR "|" DNS ")" },
	{ "ADDR", ADDR },
	{ "F-ADDR/", ADDR },
	{ "SUBNET", SUBNET },
	{ "F-SUBNET/", SUBNET },
	{ "CIDR", CIDR },
	{ "F-CIDR/", CIDR },
	{ "IP4", IP4 },
	{ "F-IP4/", IP4 },
	{ "IP6", IP6 },
	{ "F-IP6/", IP6 },
	{ "DNS", DNS },
	{ "F-DNS/", DNS },
	{ "F-PORT/", "(?<fport>\\w+)" },
	{ "F-ID/", "(?<fid>\\S+)" },
	{ "F-USER/", "(?<user>\\S+)" },
};

struct translation {
	const char *s;
	size_t len;
	struct ds_buf *out;
	bool names;                   /* a host may be a name */
	char open[OPEN_MAX][TAG_MAX]; /* groups that were begun by tags */
	size_t open_len;
	unsigned skipped; /* <SKIPLINES> so far */
};

static int
put(struct translation *t, const char *text)
{
	return ds_buf_put(t->out, text, strlen(text));
}

static bool
is_open(const struct translation *t, const char *name)
{
	for (size_t i = 0; i < t->open_len; i++)
		if (strcmp(t->open[i], name) == 0)
			return true;
	return false;
}

/* <F-NAME>: a group of that name, in small letters; </F-NAME> ends it. */
static int
put_group(struct translation *t, const char *tag, bool *ret_done)
{
	static const char *const named[][2] = { { "id", "fid" }, { "port", "fport" },
		{ "host", "dns" } };
	bool is_end = tag[0] == '/';
	const char *name = tag + is_end + 2;
	char group[TAG_MAX];
	int r;

	*ret_done = false;
	if (strncmp(tag + is_end, "F-", 2) != 0 || *name == '\0' ||
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(name))
		return 0;
	if (is_end && !is_open(t, name))
		return 0;
	*ret_done = true;
	if (is_end)
		return put(t, ")");
	if (t->open_len == OPEN_MAX)
		return -EINVAL;
	snprintf(t->open[t->open_len++], TAG_MAX, "%s", name);
	snprintf(group, sizeof(group), "%s", name);
	for (char *p = group; *p; p++)
		*p = (char)(*p == '-' ? '_' : tolower((unsigned char)*p));
	for (size_t i = 0; i < DS_LEN(named); i++)
		if (strcmp(group, named[i][0]) == 0)
			snprintf(group, sizeof(group), "%s", named[i][1]);
	r = put(t, "(?<");
	if (r == 0)
		r = put(t, group);
	return r == 0 ? put(t, ">") : r;
}

static int
put_tag(struct translation *t, const char *tag, bool *ret_done)
{
	char lines[60];

	*ret_done = true;
	if (strcmp(tag, "SKIPLINES") == 0) {
		snprintf(lines, sizeof(lines), "\\n(?<skiplines%u>(?:(?:.*\\n)*?))", t->skipped++);
		return put(t, lines);
	}
	if (strcmp(tag, "HOST") == 0 && !t->names)
		return put(t, ADDR);
	for (size_t i = 0; i < DS_LEN(tags); i++)
		if (strcmp(tag, tags[i].tag) == 0)
			return put(t, tags[i].regex);
	return put_group(t, tag, ret_done);
}

/* "<tag>" at i, if there is one: how long it was, or 0. */
static size_t
take_tag(struct translation *t, size_t i, int *ret)
{
	char tag[TAG_MAX];
	size_t n = 0;
	bool done = false;

	while (
	    i + 1 + n < t->len && n < sizeof(tag) - 1 &&
	    (isalnum((unsigned char)t->s[i + 1 + n]) || strchr("_-/", t->s[i + 1 + n]) != NULL) &&
	    t->s[i + 1 + n] != '\0') {
		tag[n] = t->s[i + 1 + n];
		n++;
	}
	tag[n] = '\0';
	if (n == 0 || i + 1 + n >= t->len || t->s[i + 1 + n] != '>')
		return 0;
	*ret = put_tag(t, tag, &done);
	return done ? n + 2 : 0;
}

/* Python's spelling of flags, of the end of the text, of characters by number, of "at most". */
static size_t
take_spelling(struct translation *t, size_t i, int *ret)
{
	const char *s = t->s + i;
	size_t left = t->len - i, n = 2;
	char text[16];

	if (left >= 2 && s[0] == '\\') {
		if (s[1] == 'u' && left >= 6) {
			snprintf(text, sizeof(text), "\\x{%.4s}", s + 2);
			*ret = put(t, text);
			return 6;
		}
		*ret = s[1] == 'Z' ? put(t, "\\z") : ds_buf_put(t->out, s, 2);
		return 2;
	}
	if (left >= 4 && s[0] == '{' && s[1] == ',' && strspn(s + 2, "0123456789") > 0) {
		*ret = put(t, "{0,");
		return 2;
	}
	if (left < 4 || s[0] != '(' || s[1] != '?')
		return 0;
	while (n < left && strchr("aiLmsux", s[n]) != NULL && s[n] != '\0')
		n++;
	if (n == 2 || n == left || (s[n] != ')' && s[n] != ':'))
		return 0;
	*ret = put(t, "(?");
	for (size_t k = 2; *ret == 0 && k <= n; k++)
		if (strchr("aLu", s[k]) == NULL)
			*ret = ds_buf_put(t->out, s + k, 1);
	return n + 1;
}

int
fail2ban_regex(const char *text, size_t len, bool names, struct ds_buf *out)
{
	struct translation t = { .s = text, .len = len, .out = out, .names = names };
	int r = 0;

	ds_buf_clear(out);
	for (size_t i = 0; r == 0 && i < len;) {
		size_t n = text[i] == '<' ? take_tag(&t, i, &r) : take_spelling(&t, i, &r);

		if (n == 0 && r == 0) {
			r = ds_buf_put(out, text + i, 1);
			n = 1;
		}
		i += n;
	}
	return r == 0 && out->len == 0 ? -EINVAL : r;
}
