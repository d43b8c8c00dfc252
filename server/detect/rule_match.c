/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/rule_match.h"

#include "lib/compiler.h"
#include "server/detect/refuse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif

#define STEPS_MAX 20000u /* of a regular expression on one text */
#define REGEX_MAX 1000u  /* bytes */

static const char *const field_names[RULE_FIELDS] = {
	[RULE_IMAGE] = "Image",
	[RULE_COMMAND_LINE] = "CommandLine",
	[RULE_PARENT_IMAGE] = "ParentImage",
	[RULE_USER] = "User",
	[RULE_TARGET_FILE] = "TargetFilename",
	[RULE_SOURCE_IP] = "SourceIp",
	[RULE_DESTINATION_IP] = "DestinationIp",
	[RULE_DESTINATION_PORT] = "DestinationPort",
	[RULE_DAEMON] = "Daemon",
	[RULE_ANY_TEXT] = "*",
};

static const char *const compare_names[] = { "equals", "startswith", "endswith", "contains", "re",
	"cidr" };

static int
find(const char *const *names, size_t len, const char *name)
{
	for (size_t i = 0; name != NULL && i < len; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

static void
lower(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] + 32);
}

/* ---- reading */

static int
read_regex(const char *text, struct rule_value *v, char *why, size_t size)
{
#ifdef HAVE_PCRE2
	PCRE2_SIZE at;
	int code;

	if (strlen(text) > REGEX_MAX)
		return refuse(why, size, "a regular expression of more than %u bytes", REGEX_MAX);
	v->regex = pcre2_compile(
	    (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_CASELESS, &code, &at, NULL);
	if (v->regex != NULL)
		return 0;
	return refuse(why, size, "the regular expression is wrong at character %zu", (size_t)at);
#else
	(void)text;
	(void)v;
	return refuse(why, size, "regular expressions are not built in (libpcre2)");
#endif
}

static int
read_cidr(const char *text, struct rule_value *v, char *why, size_t size)
{
	char address[64];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	unsigned long bits;

	if (len < sizeof(address)) {
		memcpy(address, text, len);
		address[len] = '\0';
		if (inet_pton(AF_INET, address, v->network) == 1)
			v->network_size = 4;
		else if (inet_pton(AF_INET6, address, v->network) == 1)
			v->network_size = 16;
	}
	bits = slash != NULL ? strtoul(slash + 1, NULL, 10) : v->network_size * 8u;
	v->bits = (uint8_t)bits;
	if (v->network_size > 0 && bits <= v->network_size * 8u)
		return 0;
	return refuse(why, size, "\"%.60s\" is no network", text);
}

static int
read_value(
    const json_t *doc, enum rule_compare compare, struct rule_value *v, char *why, size_t size)
{
	const char *text = json_string_value(doc);

	*v = (struct rule_value){ 0 };
	if (text == NULL)
		return refuse(why, size, "values: expected texts");
	v->text = strdup(text);
	if (v->text == NULL)
		return -ENOMEM;
	v->len = strlen(text);
	lower(v->text, v->len);
	if (compare == RULE_REGEX)
		return read_regex(text, v, why, size);
	return compare == RULE_CIDR ? read_cidr(text, v, why, size) : 0;
}

int
rule_match_read(const json_t *doc, struct rule_match *ret, char *ret_why, size_t size)
{
	const char *field = json_string_value(json_object_get(doc, "field"));
	const char *op = json_string_value(json_object_get(doc, "op"));
	json_t *values = json_object_get(doc, "values"), *one;
	int f = find(field_names, RULE_FIELDS, field);
	int c = find(compare_names, DS_LEN(compare_names), op);
	size_t i;
	int r;

	*ret = (struct rule_match){ 0 };
	if (f < 0 || c < 0)
		return refuse(ret_why, size, "field \"%s\" or comparison \"%s\" is not known",
		    field != NULL ? field : "", op != NULL ? op : "");
	if (json_array_size(values) == 0 || json_array_size(values) > RULE_VALUES_MAX)
		return refuse(ret_why, size, "values: expected 1 to %u", RULE_VALUES_MAX);
	ret->field = (enum rule_field)f;
	ret->compare = (enum rule_compare)c;
	ret->all = json_is_true(json_object_get(doc, "all"));
	ret->values = calloc(json_array_size(values), sizeof(*ret->values));
	if (ret->values == NULL)
		return -ENOMEM;
	json_array_foreach(values, i, one)
	{
		r = read_value(one, ret->compare, &ret->values[i], ret_why, size);
		ret->len = i + 1;
		if (r < 0)
			return r;
	}
	return 0;
}

void
rule_match_done(struct rule_match *m)
{
	for (size_t i = 0; i < m->len; i++) {
		free(m->values[i].text);
#ifdef HAVE_PCRE2
		pcre2_code_free(m->values[i].regex);
#endif
	}
	free(m->values);
	*m = (struct rule_match){ 0 };
}

/* ---- the event */

void
rule_texts_begin(struct rule_texts *t, const struct ds_event *ev)
{
	t->event = ev;
	t->made = 0;
}

static size_t
copy(char *to, struct ds_str from)
{
	size_t len = from.len < RULE_TEXT_MAX - 1 ? from.len : RULE_TEXT_MAX - 1;

	for (size_t i = 0; i < len; i++)
		to[i] = from.ptr[i] != '\0' ? from.ptr[i] : ' ';
	to[len] = '\0';
	return len;
}

static size_t
copy_address(char *to, struct ds_str a)
{
	if ((a.len != 4 && a.len != 16) ||
	    inet_ntop(a.len == 4 ? AF_INET : AF_INET6, a.ptr, to, RULE_TEXT_MAX) == NULL)
		to[0] = '\0';
	return strlen(to);
}

static size_t
make_text(const struct ds_event *ev, enum rule_field field, char *to)
{
	switch (field) {
	case RULE_IMAGE:
		return copy(to, DS_EVENT_STR(ev, DS_STR_EXE));
	case RULE_COMMAND_LINE:
		return copy(to, DS_EVENT_STR(ev, DS_STR_ARGS));
	case RULE_PARENT_IMAGE:
		return copy(to, DS_EVENT_STR(ev, DS_STR_PARENT_EXE));
	case RULE_USER:
		return copy(to, DS_EVENT_STR(ev, DS_STR_USER));
	case RULE_TARGET_FILE:
		return copy(to,
		    DS_EVENT_STR(ev, DS_STR_TARGET_PATH).len > 0 && ev->kind == DS_EVENT_FILE_RENAME
			? DS_EVENT_STR(ev, DS_STR_TARGET_PATH)
			: DS_EVENT_STR(ev, DS_STR_PATH));
	case RULE_SOURCE_IP:
		return copy_address(to, DS_EVENT_STR(ev, DS_STR_SADDR));
	case RULE_DESTINATION_IP:
		return copy_address(to, DS_EVENT_STR(ev, DS_STR_DADDR));
	case RULE_DESTINATION_PORT:
		return (size_t)snprintf(
		    to, RULE_TEXT_MAX, "%llu", (unsigned long long)ev->num[DS_NUM_DPORT]);
	case RULE_DAEMON:
		return copy(to, ev->daemon);
	case RULE_ANY_TEXT:
	case RULE_FIELDS:
		break;
	}
	to[0] = '\0';
	return 0;
}

static const char *
text_of(struct rule_texts *t, enum rule_field field, size_t *ret_len)
{
	if (!(t->made >> field & 1)) {
		t->len[field] = make_text(t->event, field, t->text[field]);
		lower(t->text[field], t->len[field]);
		t->made |= 1u << field;
	}
	*ret_len = t->len[field];
	return t->text[field];
}

/* ---- comparing */

static bool
fits_regex(const struct rule_value *v, const char *text, size_t len)
{
#ifdef HAVE_PCRE2
	static _Thread_local pcre2_match_context *limits;
	static _Thread_local pcre2_match_data *data;
	int r;

	if (limits == NULL) {
		limits = pcre2_match_context_create(NULL);
		data = pcre2_match_data_create(1, NULL);
		if (limits != NULL)
			pcre2_set_match_limit(limits, STEPS_MAX);
	}
	if (limits == NULL || data == NULL)
		return false;
	r = pcre2_match(v->regex, (PCRE2_SPTR)text, len, 0, 0, data, limits);
	return r >= 0;
#else
	(void)v;
	(void)text;
	(void)len;
	return false;
#endif
}

static bool
fits_cidr(const struct rule_value *v, const struct rule_texts *t, enum rule_field field)
{
	struct ds_str a =
	    DS_EVENT_STR(t->event, field == RULE_SOURCE_IP ? DS_STR_SADDR : DS_STR_DADDR);
	unsigned whole = v->bits / 8, rest = v->bits % 8;

	if (a.len != v->network_size || a.len == 0)
		return false;
	if (memcmp(a.ptr, v->network, whole) != 0)
		return false;
	return rest == 0 ||
	       ((uint8_t)a.ptr[whole] >> (8 - rest)) == (v->network[whole] >> (8 - rest));
}

/* '*' and '?' in a value of `equals`, as Sigma has them. */
static bool
fits_pattern(const char *p, const char *s)
{
	const char *star = NULL, *back = NULL;

	while (*s != '\0') {
		if (*p == '*') {
			star = p++;
			back = s;
		} else if (*p == *s || *p == '?') {
			p++;
			s++;
		} else if (star != NULL) {
			p = star + 1;
			s = ++back;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return *p == '\0';
}

static bool
fits_value(const struct rule_match *m, const struct rule_value *v, struct rule_texts *t,
    enum rule_field field)
{
	size_t len;
	const char *text;

	if (m->compare == RULE_CIDR)
		return fits_cidr(v, t, field);
	text = text_of(t, field, &len);
	switch (m->compare) {
	case RULE_EQUALS:
		return fits_pattern(v->text, text);
	case RULE_STARTS:
		return len >= v->len && memcmp(text, v->text, v->len) == 0;
	case RULE_ENDS:
		return len >= v->len && memcmp(text + len - v->len, v->text, v->len) == 0;
	case RULE_CONTAINS:
		return v->len == 0 || memmem(text, len, v->text, v->len) != NULL;
	case RULE_REGEX:
		return fits_regex(v, text, len);
	case RULE_CIDR:
		break;
	}
	return false;
}

static bool
fits_anywhere(const struct rule_match *m, const struct rule_value *v, struct rule_texts *t)
{
	for (unsigned f = 0; f < RULE_ANY_TEXT; f++)
		if (fits_value(m, v, t, (enum rule_field)f))
			return true;
	return false;
}

bool
rule_match_fits(const struct rule_match *m, struct rule_texts *t)
{
	for (size_t i = 0; i < m->len; i++) {
		bool fits = m->field == RULE_ANY_TEXT ? fits_anywhere(m, &m->values[i], t)
						      : fits_value(m, &m->values[i], t, m->field);

		if (fits != m->all)
			return fits;
	}
	return m->all;
}
