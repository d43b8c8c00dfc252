/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/grow.h"

#include "server/detect/alerts.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* What an alert takes over from later findings, and how much of it: a person reads the first few of
 * a kind, a verdict accepts all the behaviours.  The rest, the peers that its reason speaks of
 * among it, is as of the first: a finding about something else has peers of its own, which its rows
 * of the explanation tell. */
static const struct {
	const char *key; /* with its quotes */
	size_t max;
	bool is_set; /* the same is not said twice */
} grows[] = {
	{ "\"events\"", ALERTS_EVENTS_MAX, false },
	{ "\"sources\"", ALERTS_LIST_MAX, false },
	{ "\"explanation\"", ALERTS_EVENTS_MAX, true },
	{ "\"behaviours\"", ALERTS_LIST_MAX, true },
	{ "\"threat\"", ALERTS_LIST_MAX, true },
	{ "\"rules\"", ALERTS_LIST_MAX, true },
};

/* A piece of a document. */
struct span {
	const char *at; /* NULL: it is not there */
	size_t len;
};

/* What is inside of each list, and of the object itself. */
struct document {
	struct span lists[DS_LEN(grows)], inside;
};

/* ---- reading.  The end of the text ends everything, in the middle of a value, too. */

static const char *
skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Behind the string that begins at `at`; NULL: it does not end. */
static const char *
skip_string(const char *at)
{
	for (at++; *(at += strcspn(at, "\"\\")) == '\\' && at[1] != '\0'; at += 2)
		;
	return *at == '"' ? at + 1 : NULL;
}

/* Behind any value; NULL: there is none, or it does not end. */
static const char *
skip_value(const char *at)
{
	const char *begin = at;
	size_t depth = 0;

	if (*at == '}' || *at == ']')
		return NULL;
	do {
		if (*at == '"') {
			at = skip_string(at);
		} else if (*at == '{' || *at == '[') {
			depth++;
			at++;
		} else if (*at == '}' || *at == ']') {
			depth--;
			at++;
		} else {
			at += strcspn(at, depth > 0 ? "\"{}[]" : ",}] \t\r\n");
		}
		if (at == NULL || (*at == '\0' && depth > 0))
			return NULL;
	} while (depth > 0);
	return at > begin ? at : NULL;
}

/* The next item of what is inside of a list, from *at on. */
static bool
next_item(struct span list, size_t *at, struct span *ret)
{
	const char *begin, *end;

	if (*at >= list.len)
		return false;
	begin = skip_space(list.at + *at);
	end = skip_value(begin);
	if (end == NULL || end > list.at + list.len)
		return false;
	*ret = (struct span){ begin, (size_t)(end - begin) };
	end = skip_space(end);
	*at = (size_t)(end - list.at) + (*end == ',');
	return true;
}

static void
keep_list(struct document *doc, struct span key, struct span value)
{
	for (size_t i = 0; i < DS_LEN(grows) && value.at[0] == '['; i++)
		if (strlen(grows[i].key) == key.len && memcmp(grows[i].key, key.at, key.len) == 0)
			doc->lists[i] = (struct span){ value.at + 1, value.len - 2 };
}

static int
read_document(const char *text, struct document *ret)
{
	const char *at = skip_space(text);

	*ret = (struct document){ 0 };
	if (*at != '{')
		return -EBADMSG;
	ret->inside.at = ++at;
	for (at = skip_space(at); *at == '"'; at = skip_space(at + 1)) {
		const char *key = at, *key_end = skip_string(key), *value;

		value = key_end != NULL ? skip_space(key_end) : "";
		if (*value != ':')
			return -EBADMSG;
		value = skip_space(value + 1);
		at = skip_value(value);
		if (at == NULL)
			return -EBADMSG;
		keep_list(ret, (struct span){ key, (size_t)(key_end - key) },
		    (struct span){ value, (size_t)(at - value) });
		at = skip_space(at);
		if (*at != ',')
			break;
	}
	ret->inside.len = (size_t)(at - ret->inside.at);
	return *at == '}' ? 0 : -EBADMSG;
}

/* ---- growing */

static bool
has(struct span list, struct span item)
{
	struct span mine;

	for (size_t at = 0; next_item(list, &at, &mine);)
		if (mine.len == item.len && memcmp(mine.at, item.at, item.len) == 0)
			return true;
	return false;
}

static size_t
count(struct span list)
{
	struct span item;
	size_t n = 0;

	for (size_t at = 0; next_item(list, &at, &item);)
		n++;
	return n;
}

static int
put_item(struct ds_buf *to, bool is_first, struct span item)
{
	int r = is_first ? 0 : ds_buf_put(to, ",", 1);

	return r < 0 ? r : ds_buf_put(to, item.at, item.len);
}

/* What `more` has for a list that `mine` has not, and for which there is room, with the commas
 * between. */
static int
add_items(size_t row, struct span mine, struct span more, struct ds_buf *ret)
{
	size_t n = more.len > 0 ? count(mine) : 0;
	struct span item;
	int r = 0;

	for (size_t at = 0; r == 0 && n < grows[row].max && next_item(more, &at, &item);) {
		struct span before = { more.at, (size_t)(item.at - more.at) };

		if (grows[row].is_set && (has(mine, item) || has(before, item)))
			continue;
		r = put_item(ret, ret->len == 0, item);
		n++;
	}
	return r;
}

/* The list that ends next, of those that grow; DS_LEN(grows): none. */
static size_t
next_list(const struct document *was, const struct ds_buf *added, const char *from)
{
	size_t next = DS_LEN(grows);

	for (size_t i = 0; i < DS_LEN(grows); i++)
		if (added[i].len > 0 && was->lists[i].at != NULL && was->lists[i].at > from &&
		    (next == DS_LEN(grows) || was->lists[i].at < was->lists[next].at))
			next = i;
	return next;
}

/* A list that the document has not. */
static int
put_list(struct ds_buf *to, bool is_first, size_t row, const struct ds_buf *items)
{
	int r = put_item(to, is_first, (struct span){ grows[row].key, strlen(grows[row].key) });

	if (r == 0)
		r = ds_buf_put(to, ":[", 2);
	if (r == 0)
		r = ds_buf_put(to, items->data, items->len);
	return r < 0 ? r : ds_buf_put(to, "]", 1);
}

static int
put_grown(
    const char *text, const struct document *was, const struct ds_buf *added, struct ds_buf *ret)
{
	const char *from = text, *end = was->inside.at + was->inside.len;
	bool is_empty = *skip_space(was->inside.at) == '}';
	size_t i;
	int r = 0;

	while (r == 0 && (i = next_list(was, added, from)) < DS_LEN(grows)) {
		struct span list = was->lists[i];

		r = ds_buf_put(ret, from, (size_t)(list.at + list.len - from));
		if (r == 0)
			r = put_item(ret, count(list) == 0,
			    (struct span){ (const char *)added[i].data, added[i].len });
		from = list.at + list.len;
	}
	if (r == 0)
		r = ds_buf_put(ret, from, (size_t)(end - from));
	for (i = 0; i < DS_LEN(grows) && r == 0; i++) {
		if (added[i].len == 0 || was->lists[i].at != NULL)
			continue;
		r = put_list(ret, is_empty, i, &added[i]);
		is_empty = false;
	}
	return r < 0 ? r : ds_buf_put(ret, "}", 2); /* with its end */
}

int
grow_document(const char *was, const char *finding, struct ds_buf *ret)
{
	struct ds_buf added[DS_LEN(grows)];
	struct document mine, more;
	bool grows_now = false;
	int r = read_document(was, &mine);

	if (r == 0)
		r = read_document(finding, &more);
	if (r < 0)
		return r;
	for (size_t i = 0; i < DS_LEN(grows); i++) {
		ds_buf_init(&added[i], ret->max);
		if (r == 0)
			r = add_items(i, mine.lists[i], more.lists[i], &added[i]);
		grows_now |= added[i].len > 0;
	}
	if (r == 0 && grows_now)
		r = put_grown(was, &mine, added, ret);
	for (size_t i = 0; i < DS_LEN(grows); i++)
		ds_buf_done(&added[i]);
	return r < 0 ? r : grows_now;
}
