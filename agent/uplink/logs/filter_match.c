/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_match - whether a line tells of a failure; see filter.h.
 *
 * A line is cleaned to valid UTF-8, its time is cut out, and a newline is put behind it: `$` of an
 * expression is before that.  A filter with several lines keeps the last ones, each with its
 * newline, and drops those that have told of something.
 */
#include "agent/uplink/logs/filter_impl.h"
#include "lib/map.h"
#include "lib/utf8.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for a line whose every byte became a three-byte character, and its newline. */
#define CLEAN_MAX (FILTER_LINE_MAX * 3 + 1)

/* ---- the text of a line */

static size_t
put_char(char *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | c >> 12);
	out[1] = (char)(0x80 | (c >> 6 & 0x3f));
	out[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

/* Lines end at a newline's byte, so that one of UTF-16 begins or ends with half a character; which
 * half is seen from where its zeros are. */
static size_t
clean_utf16(const unsigned char *s, size_t len, char *out)
{
	size_t odd = 0, even = 0, used = 0;

	for (size_t i = 0; i < len; i++)
		*(i & 1 ? &odd : &even) += s[i] == 0;
	for (size_t i = 0; odd + even > 0 && i < len; i += 2) {
		unsigned a = s[i], b = i + 1 < len ? s[i + 1] : 0;
		unsigned c = even > odd ? a << 8 | b : b << 8 | a;

		/* Halves of pairs, and marks of the order of bytes, are of no interest. */
		if (c != 0 && c != 0xfeff && (c < 0xd800 || c >= 0xe000))
			used += put_char(out + used, c);
	}
	return used;
}

/* How many bytes of a clean text of `len` fit into `max` without half a character. */
static size_t
whole_chars(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && (text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

/* Into CLEAN_MAX - 1 bytes of out; how many. */
static size_t
clean(enum filter_encoding encoding, const char *line, size_t len, char *out)
{
	const unsigned char *s = (const unsigned char *)line;
	size_t used = 0;

	len = DS_MIN(len, (size_t)FILTER_LINE_MAX);
	if (encoding == FILTER_UTF16)
		used = clean_utf16(s, len, out);
	for (size_t i = used > 0 ? len : 0; i < len;) {
		size_t n = encoding == FILTER_LATIN1 ? 0 : ds_utf8_len(s + i, len - i, NULL);

		if (n > 0) {
			memcpy(out + used, s + i, n);
			used += n;
			i += n;
		} else
			used += put_char(
			    out + used, encoding == FILTER_LATIN1 ? s[i++] : (i++, 0xfffdu));
	}
	while (used > 0 && out[used - 1] == '\r')
		used--;
	return used;
}

/* ---- what lines say */

static void
keep(char *room, size_t size, struct ds_str s)
{
	size_t n = DS_MIN((size_t)s.len, size - 1);

	if (n > 0)
		memcpy(room, s.ptr, n);
	room[n] = '\0';
}

/* What a match says replaces what was known, where a group of it took part. */
static void
take_facts(struct filter_facts *f, const struct pattern_match *m)
{
	for (unsigned g = 0; g <= PATTERN_USER; g++)
		if (m->group[g].ptr != NULL) {
			keep(f->text[g], sizeof(f->text[g]), m->group[g]);
			f->known |= 1u << g;
		}
	f->nofail |= m->group[PATTERN_NOFAIL].len > 0;
	f->gained |= m->group[PATTERN_GAINED].len > 0;
	f->forget |= m->group[PATTERN_FORGET].len > 0;
}

static void
merge_facts(struct filter_facts *into, const struct filter_facts *from)
{
	for (unsigned g = 0; g <= PATTERN_USER; g++)
		if (from->known & 1u << g)
			memcpy(into->text[g], from->text[g], sizeof(into->text[g]));
	into->known |= from->known;
	into->nofail = from->nofail || from->gained;
	into->gained = from->gained;
	into->forget = from->forget;
}

/* What failed: an address, else a name, else whatever it is known by. */
static const char *
host_of(const struct filter_facts *f)
{
	for (unsigned g = PATTERN_IP4; g < PATTERN_ID; g++)
		if (f->text[g][0] != '\0')
			return f->text[g];
	return f->text[PATTERN_ID];
}

/* ---- connections */

/* The one of that id, else room for it: what was not used for longest. */
static struct filter_connection *
connection_of(struct filter *one, struct ds_str id, bool *ret_known)
{
	struct filter_connection *oldest;
	uint64_t hash = ds_hash(id.ptr, id.len) | 1;

	if (one->connections == NULL)
		one->connections = calloc(FILTER_CONNECTIONS_MAX, sizeof(*one->connections));
	if (one->connections == NULL)
		return NULL;
	oldest = one->connections;
	*ret_known = true;
	for (size_t i = 0; i < FILTER_CONNECTIONS_MAX; i++) {
		struct filter_connection *c = &one->connections[i];

		if (c->id == hash)
			return c;
		if (c->used < oldest->used)
			oldest = c;
	}
	*ret_known = false;
	*oldest = (struct filter_connection){ .id = hash };
	return oldest;
}

static void
add_user(struct filter_connection *c, const char *user)
{
	uint64_t hash = ds_hash(user, strlen(user));

	if (*user == '\0')
		return;
	for (unsigned i = 0; i < c->users_len; i++)
		if (c->users[i] == hash)
			return;
	if (c->users_len < DS_LEN(c->users))
		c->users[c->users_len++] = hash;
}

/* What the lines of a connection have said so far, this one included; false: no memory. */
static bool
merge_connection(struct filter *one, struct ds_str id, struct filter_facts *f)
{
	bool known, was_pending;
	struct filter_connection *c = connection_of(one, id, &known);

	if (c == NULL)
		return false;
	c->used = ++one->used;
	add_user(c, f->text[PATTERN_USER]);
	merge_facts(&c->facts, f);
	*f = c->facts;
	was_pending = c->is_pending && !f->gained;
	/* Several names were tried, or something failed before it was known who it was: that does
	 * not go away. */
	if (was_pending || c->users_len > 1)
		f->nofail = false;
	c->is_pending = !f->nofail && host_of(f)[0] == '\0';
	if (f->forget)
		*c = (struct filter_connection){ 0 };
	return true;
}

/* ---- lines that are looked at together */

static void
drop_first_lines(struct ds_buf *b, unsigned max)
{
	size_t len = 0, at = 0;

	for (size_t i = 0; i < b->len; i++)
		len += b->data[i] == '\n';
	while (at < b->len && (len > max || b->len - at > FILTER_LINES_SIZE)) {
		const uint8_t *end = memchr(b->data + at, '\n', b->len - at);

		if (end == NULL)
			break;
		at = (size_t)(end - b->data) + 1;
		len--;
	}
	memmove(b->data, b->data + at, b->len - at);
	b->len -= at;
}

static bool
is_skipped(const struct pattern_match *m, const char *line)
{
	for (size_t i = 0; i < PATTERN_SKIPPED; i++)
		if (m->skipped[i].len > 0 && line >= m->skipped[i].ptr &&
		    line < m->skipped[i].ptr + m->skipped[i].len)
			return true;
	return false;
}

/* Moves the lines that the match is in to `told`; the others stay. */
static void
take_lines(struct ds_buf *b, const struct pattern_match *m, struct ds_buf *told)
{
	size_t kept = 0;

	ds_buf_clear(told);
	for (size_t i = 0; i < b->len;) {
		const uint8_t *end = memchr(b->data + i, '\n', b->len - i);
		size_t n = end != NULL ? (size_t)(end - b->data) + 1 - i : b->len - i;
		bool is_told = i + n > m->from && (i < m->to || m->from == m->to) &&
			       !is_skipped(m, (const char *)b->data + i);

		if (is_told && ds_buf_put(told, b->data + i, n) == 0) {
			i += n;
			continue;
		}
		memmove(b->data + kept, b->data + i, n);
		kept += n;
		i += n;
	}
	b->len = kept;
}

/* ---- one filter */

struct look {
	struct filters *all;
	struct filter *one;
	const char *line; /* with its newline, without its time */
	size_t len;
	struct filter_facts facts; /* what the prefix said */
	struct ds_str connection;
};

static bool
is_ignored(const struct look *k, const char *text, size_t len)
{
	for (size_t i = 0; i < k->one->len; i++)
		if (k->one->regexes[i].word == FILTER_IGNORE &&
		    pattern_match(k->all->engine, k->one->regexes[i].pattern, text, len, NULL))
			return true;
	return false;
}

static bool
is_hit(struct look *k, const struct pattern_match *m, struct filter_hit *ret)
{
	struct filter_facts f = k->facts;
	struct ds_str id =
	    m->group[PATTERN_CONNECTION].len > 0 ? m->group[PATTERN_CONNECTION] : k->connection;

	take_facts(&f, m);
	if ((id.len > 0 && !merge_connection(k->one, id, &f)) || f.nofail)
		return false;
	*ret = (struct filter_hit){ .filter = k->one->name };
	snprintf(ret->host, sizeof(ret->host), "%s", host_of(&f));
	snprintf(
	    ret->user, sizeof(ret->user), "%.*s", (int)sizeof(ret->user) - 1, f.text[PATTERN_USER]);
	return ret->host[0] != '\0';
}

/* Whether the prefix, if there is one, lets the text pass; what it said, and what is left. */
static bool
pass_prefix(struct look *k, const char **text, size_t *len, char *content)
{
	for (size_t i = 0; i < k->one->len; i++) {
		const struct filter_regex *x = &k->one->regexes[i];
		struct pattern_match m;

		if (x->word != FILTER_PREFIX)
			continue;
		if (!pattern_match(k->all->engine, x->pattern, *text, *len, &m))
			return false;
		take_facts(&k->facts, &m);
		k->connection = m.group[PATTERN_CONNECTION];
		if (m.group[PATTERN_CONTENT].len > 0) {
			const char *said = m.group[PATTERN_CONTENT].ptr;
			size_t n = whole_chars(said, m.group[PATTERN_CONTENT].len, CLEAN_MAX - 1);

			memcpy(content, said, n);
			content[n] = '\n';
			*text = content;
			*len = n + 1;
		}
		return true;
	}
	return true;
}

/* The first expression that matches decides. */
static bool
filter_match(struct look *k, struct filter_hit *ret)
{
	struct filter *one = k->one;
	char content[CLEAN_MAX];
	const char *text = k->line;
	size_t len = k->len;
	bool several = one->lines_max > 1, hit;
	struct pattern_match m;
	struct ds_buf told;

	if (several) {
		if (ds_buf_put(&one->lines, k->line, k->len) < 0)
			return false;
		drop_first_lines(&one->lines, one->lines_max);
		text = (const char *)one->lines.data;
		len = one->lines.len;
	}
	if (!pass_prefix(k, &text, &len, content))
		return false;
	for (size_t i = 0; i < one->len; i++) {
		const struct filter_regex *x = &one->regexes[i];

		if (x->word != FILTER_FAIL ||
		    !pattern_match(k->all->engine, x->pattern, text, len, &m))
			continue;
		if (!several || text == content)
			return !is_ignored(k, k->line, k->len) && is_hit(k, &m, ret);
		hit = is_hit(k, &m, ret);
		ds_buf_init(&told, FILTER_LINES_SIZE + CLEAN_MAX);
		take_lines(&one->lines, &m, &told);
		hit = hit && !is_ignored(k, (const char *)told.data, told.len);
		ds_buf_done(&told);
		return hit;
	}
	return false;
}

/* Whether an entry has one of the values that a match asks for in the field of this word. */
static bool
has_field(const struct filter_entry *entry, const char *match, const char *word, size_t len)
{
	size_t name = (size_t)((const char *)memchr(word, '=', len) - word) + 1, n;

	for (; *(match += strspn(match, " ")) != '\0'; match += n) {
		n = strcspn(match, " ");
		if (n >= name && memcmp(match, word, name) == 0 && entry->has(match, n, entry->ctx))
			return true;
	}
	return false;
}

/* Fields that journald fills and a person cannot choose; his program's name (_COMM) is his own. */
static bool
names_author(const char *word, size_t len)
{
	static const char *const fields[] = { "_SYSTEMD_UNIT=", "_EXE=", "_UID=" };

	for (size_t i = 0; i < DS_LEN(fields); i++)
		if (len > strlen(fields[i]) && memcmp(word, fields[i], strlen(fields[i])) == 0)
			return true;
	return false;
}

/* As journald has it: values of one field are alternatives, of several fields each must be so;
 * what is no match is left out, and nothing at all is of everything. */
static bool
meets(const struct filter_entry *entry, const char *match)
{
	bool any = match[strspn(match, " ")] == '\0', sure = !entry->by_person;
	size_t len;

	for (const char *word = match; *(word += strspn(word, " ")) != '\0'; word += len) {
		len = strcspn(word, " ");
		if (memchr(word, '=', len) == NULL)
			continue;
		if (!has_field(entry, match, word, len))
			return false;
		any = true;
		sure |= names_author(word, len);
	}
	return any && sure;
}

static bool
is_of(const struct filter *f, const char *log, const struct filter_entry *entry)
{
	for (size_t i = 0; entry != NULL && i < f->journals_len; i++)
		if (meets(entry, f->journals[i]))
			return true;
	if (entry != NULL || log == NULL)
		return entry == NULL;
	for (size_t i = 0; i < f->logs_len; i++)
		if (fnmatch(f->logs[i], log, 0) == 0)
			return true;
	return f->logs_len == 0 && f->journals_len == 0;
}

/* A line of the journal has its time beside it. */
static bool
has_no_time(const struct filter *f, const char *log, const struct filter_entry *entry)
{
	return entry != NULL || (log == NULL && f->journals_len > 0 && f->logs_len == 0);
}

/* Cuts the time out, if dates is not NULL, and puts a newline behind. */
static size_t
cut(struct filters *f, struct filter_dates *dates, char *text, size_t len)
{
	size_t from, to;

	if (dates != NULL && filter_dates_find(dates, f->engine, text, len, &from, &to)) {
		memmove(text + from, text + to, len - to);
		len -= to - from;
	}
	text[len++] = '\n';
	return len;
}

static bool
match_first(struct filters *f, const char *log, const struct filter_entry *entry, const char *line,
    size_t len, struct filter_hit *ret)
{
	char usual[CLEAN_MAX], own[CLEAN_MAX];
	size_t usual_len = 0; /* 0: not yet */

	for (size_t i = 0; i < f->len; i++) {
		struct filter *one = f->all[i];
		struct look k = { .all = f, .one = one, .line = usual };

		if (!is_of(one, log, entry))
			continue;
		if (one->dates != NULL || one->encoding != FILTER_UTF8 ||
		    has_no_time(one, log, entry)) {
			struct filter_dates *dates = has_no_time(one, log, entry) ? NULL
						     : one->dates != NULL         ? one->dates
										  : f->dates;

			k.len = cut(f, dates, own, clean(one->encoding, line, len, own));
			k.line = own;
		} else {
			if (usual_len == 0)
				usual_len =
				    cut(f, f->dates, usual, clean(FILTER_UTF8, line, len, usual));
			k.len = usual_len;
		}
		if (filter_match(&k, ret))
			return true;
	}
	return false;
}

bool
filters_match(
    struct filters *f, const char *log, const char *line, size_t len, struct filter_hit *ret)
{
	return match_first(f, log, NULL, line, len, ret);
}

bool
filters_match_entry(struct filters *f, const struct filter_entry *entry, const char *line,
    size_t len, struct filter_hit *ret)
{
	return match_first(f, NULL, entry, line, len, ret);
}
