/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/starter.h"

#include "lib/map.h"
#include "server/detect/key.h"
#include "server/detect/refuse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct starter_behaviour {
	uint32_t hosts; /* pseudo-hosts that show it */
};

struct starter {
	char name[256];
	struct ds_map *behaviours; /* kind, key -> struct starter_behaviour */
	/* (run, behaviour) that were seen, also of sorts that are left out; behaviours of one run
	 * only */
	uint64_t incidences, once;
};

struct starters {
	struct starter *all[STARTERS_MAX];
	size_t len;
	struct ds_map
	    *names; /* canonical path of a program, or class of daemons -> struct starter */
};

struct starters *
starters_new(void)
{
	struct starters *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->names = ds_map_new(STARTERS_MAX * 2 * STARTER_NAMES_MAX);
	if (s->names == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

static void
starter_free(struct starter *s)
{
	if (s == NULL)
		return;
	ds_map_free(s->behaviours, free);
	free(s);
}

void
starters_free(struct starters *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->len; i++)
		starter_free(s->all[i]);
	ds_map_free(s->names, NULL);
	free(s);
}

size_t
starters_len(const struct starters *s)
{
	return s->len;
}

/* ---- reading */

static const char *
text_of(const json_t *doc, const char *key)
{
	const char *text = json_string_value(json_object_get(doc, key));

	return text != NULL ? text : "";
}

/* The kind of an action's name, or -1. */
static int
kind_of(const char *action)
{
	for (int k = 0; k < DS_EVENT_MAX; k++)
		if (ds_kind_table[k].symbol != NULL && strcmp(ds_kind_table[k].action, action) == 0)
			return k;
	return -1;
}

/* What a key is looked up by: the kind before it. */
struct composed {
	uint8_t data[1 + KEY_MAX];
	size_t size;
};

static bool
compose(struct composed *ret, uint8_t kind, const void *key, size_t size)
{
	if (size == 0 || size > KEY_MAX)
		return false;
	ret->data[0] = key_kind(kind);
	memcpy(ret->data + 1, key, size);
	ret->size = 1 + size;
	return true;
}

static int
read_behaviour(struct starter *s, const json_t *doc, uint32_t runs, char *why, size_t size)
{
	const char *key = text_of(doc, "key"), *from = text_of(doc, "from");
	json_int_t seen = json_integer_value(json_object_get(doc, "runs"));
	bool recorded = strcmp(from, "recorded") == 0;
	int kind = kind_of(text_of(doc, "action")), r;
	struct starter_behaviour *b;
	struct composed c;
	void *old = NULL;

	if (kind < 0 || key_family((uint8_t)kind) < 0 ||
	    !compose(&c, (uint8_t)kind, key, strlen(key)))
		return refuse(why, size, "a behaviour's action or key is unknown: \"%.100s\"", key);
	if (recorded && (seen < 1 || seen > runs))
		return refuse(why, size, "a behaviour was seen in more runs than there are");
	if (!recorded && strcmp(from, "unit") != 0 && strcmp(from, "package") != 0)
		return refuse(why, size, "from: expected recorded, unit or package");
	b = malloc(sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	b->hosts = STARTER_WORD;
	if (recorded) {
		b->hosts = (uint32_t)lround((double)STARTER_HOSTS * (double)seen / runs);
		s->incidences += (uint64_t)seen;
		s->once += seen == 1;
	}
	r = ds_map_put(s->behaviours, c.data, c.size, b, &old);
	free(old);
	if (r < 0)
		free(b);
	return r;
}

static int
read_behaviours(struct starter *s, const json_t *doc, char *why, size_t size)
{
	json_t *list = json_object_get(doc, "behaviours"), *one;
	json_int_t runs = json_integer_value(json_object_get(doc, "runs"));
	size_t i;
	int r = 0;

	if (!json_is_array(list) || json_array_size(list) > STARTER_BEHAVIOURS_MAX || runs < 1 ||
	    runs > 1000)
		return refuse(
		    why, size, "runs and at most %u behaviours are needed", STARTER_BEHAVIOURS_MAX);
	json_array_foreach(list, i, one)
	{
		r = read_behaviour(s, one, (uint32_t)runs, why, size);
		if (r < 0)
			break;
	}
	return r;
}

/* The texts of a list; -1: it is none. */
static int
read_list(const json_t *doc, const char *key, const char *ret[STARTER_NAMES_MAX])
{
	json_t *list = json_object_get(doc, key), *one;
	size_t i;

	if (json_array_size(list) > STARTER_NAMES_MAX)
		return -1;
	json_array_foreach(list, i, one)
	{
		ret[i] = json_string_value(one);
		if (ret[i] == NULL || ret[i][0] == '\0' || strlen(ret[i]) >= KEY_MAX)
			return -1;
	}
	return (int)json_array_size(list);
}

/* All or nothing: those that are there already win. */
static int
add_names(struct starters *all, struct starter *s, const json_t *doc, char *why, size_t size)
{
	const char *names[2 * STARTER_NAMES_MAX];
	int exes = read_list(doc, "executables", names), classes, len;

	classes = exes > 0 ? read_list(doc, "classes", names + exes) : -1;
	if (classes < 0)
		return refuse(why, size, "executables and classes are needed, at most %u of each",
		    STARTER_NAMES_MAX);
	len = exes + classes;
	for (int i = 0; i < len; i++) {
		if ((names[i][0] == '/') != (i < exes))
			return refuse(why, size, "\"%.200s\" is out of place", names[i]);
		if (ds_map_get(all->names, names[i], strlen(names[i])) != NULL)
			return refuse(why, size, "another model is of %.200s", names[i]);
	}
	for (int i = 0; i < len; i++) {
		int r = ds_map_put(all->names, names[i], strlen(names[i]), s, NULL);

		while (r < 0 && i-- > 0)
			ds_map_remove(all->names, names[i], strlen(names[i]));
		if (r < 0)
			return r;
	}
	return 0;
}

static int
read_names(struct starter *s, const json_t *doc, char *why, size_t size)
{
	const char *name = text_of(doc, "name"), *source = text_of(doc, "source");

	if (name[0] == '\0' || source[0] == '\0')
		return refuse(why, size, "name and source are needed");
	snprintf(s->name, sizeof(s->name), "%.60s from %.60s (%.60s %.60s)", name, source,
	    text_of(doc, "package"), text_of(doc, "version"));
	return 0;
}

static int
add(struct starters *all, const json_t *doc, char *why, size_t size)
{
	json_int_t format = json_integer_value(json_object_get(doc, "format")), incidences;
	struct starter *s;
	int r;

	if (format > STARTER_FORMAT) {
		(void)refuse(why, size, "it is of a newer version (%lld)", (long long)format);
		return -EPROTONOSUPPORT;
	}
	if (format != STARTER_FORMAT)
		return refuse(why, size, "it is no starter model");
	if (all->len == STARTERS_MAX) {
		(void)refuse(why, size, "there are %u already", STARTERS_MAX);
		return -ENOSPC;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->behaviours = ds_map_new(STARTER_BEHAVIOURS_MAX);
	incidences = json_integer_value(json_object_get(doc, "incidences"));
	r = s->behaviours != NULL ? read_names(s, doc, why, size) : -ENOMEM;
	if (r == 0)
		r = read_behaviours(s, doc, why, size);
	if (r == 0 && (incidences < (json_int_t)s->incidences || incidences > UINT32_MAX))
		r = refuse(why, size, "incidences: fewer than the behaviours have, or too many");
	s->incidences = (uint64_t)incidences;
	if (r == 0)
		r = add_names(all, s, doc, why, size);
	if (r < 0)
		starter_free(s);
	else
		all->all[all->len++] = s;
	return r;
}

int
starters_add(struct starters *s, const char *json, size_t size, char *ret_why, size_t why_size)
{
	json_error_t error;
	json_t *doc;
	int r;

	snprintf(ret_why, why_size, "no memory");
	if (size > STARTER_SIZE_MAX)
		return refuse(ret_why, why_size, "it is larger than %u bytes", STARTER_SIZE_MAX);
	doc = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
	if (doc == NULL)
		return refuse(
		    ret_why, why_size, "line %d: %.150s", error.line, (const char *)error.text);
	r = add(s, doc, ret_why, why_size);
	json_decref(doc);
	return r;
}

/* ---- files */

static int
add_file(struct starters *s, const char *path, char *why, size_t why_size)
{
	char *text = malloc(STARTER_SIZE_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r = text != NULL ? 0 : -ENOMEM;
	size_t len = 0;

	if (fd < 0)
		r = -errno;
	while (r == 0 && len <= STARTER_SIZE_MAX) {
		ssize_t n = read(fd, text + len, STARTER_SIZE_MAX + 1 - len);

		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	snprintf(why, why_size, "%s", strerror(-r));
	if (r == 0)
		r = starters_add(s, text, len, why, why_size);
	if (fd >= 0)
		close(fd);
	free(text);
	return r;
}

static int
is_model(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 && strcmp(e->d_name + len - 5, ".json") == 0;
}

static void
read_all(struct starters *s, const char *dir, char *ret_why, size_t why_size)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_model, alphasort);

	if (n < 0)
		snprintf(ret_why, why_size, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[4096], why[256] = "its name is too long";
		int m = snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);

		if ((m < 0 || (size_t)m >= sizeof(path) ||
			add_file(s, path, why, sizeof(why)) < 0) &&
		    ret_why[0] == '\0')
			snprintf(ret_why, why_size, "%s: %s", names[i]->d_name, why);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

struct starters *
starters_open(const char *dir, char *ret_why, size_t why_size)
{
	struct starters *s = starters_new();

	ret_why[0] = '\0';
	if (s != NULL && dir[0] != '\0')
		read_all(s, dir, ret_why, why_size);
	return s;
}

/* ---- asking */

const struct starter *
starters_find(const struct starters *s, const void *name, size_t len)
{
	return s != NULL && len > 0 ? ds_map_get(s->names, name, len) : NULL;
}

const char *
starter_name(const struct starter *s)
{
	return s->name;
}

uint32_t
starter_hosts(const struct starter *s, uint8_t kind, const void *key, size_t key_size)
{
	const struct starter_behaviour *b;
	struct composed c;

	if (!compose(&c, kind, key, key_size))
		return 0;
	b = ds_map_get(s->behaviours, c.data, c.size);
	return b != NULL ? b->hosts : 0;
}

double
starter_coverage(const struct starter *s)
{
	/* One more than were seen, so that few runs are never all there is. */
	return 1 - (double)(s->once + 1) / (double)(DS_MAX(s->incidences, s->once) + 1);
}
