/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message_digest - many alerts in one message, what is alike together and the worst first: see
 * message.h.
 */
#include "server/notify/message.h"

#include "lib/clock.h"
#include "server/notify/clean.h"
#include "server/notify/route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_NAMED 3u

json_t *
message_digest(void)
{
	return json_pack("{s:s, s:s, s:{}, s:{}, s:i}", "event", "digest", "severity", "low",
	    "groups", "counts", "total", 0);
}

static void
count_one(json_t *object, const char *key)
{
	json_object_set_new(
	    object, key, json_integer(json_integer_value(json_object_get(object, key)) + 1));
}

/* What is alike: the same said of the same daemon.  A new one names its first alert. */
static json_t *
group_of(json_t *groups, const json_t *doc)
{
	const json_t *alert = json_object_get(doc, "alert");
	const char *severity = message_text(doc, "severity"), *title = message_text(doc, "title");
	const char *daemon = message_text(json_object_get(alert, "daemon"), "name");
	char key[700];
	json_t *group;

	snprintf(key, sizeof(key), "%.16s %.40s %.*s %.*s", severity, message_text(alert, "kind"),
	    clean_fit(daemon, 128), daemon, clean_fit(title, 400), title);
	group = json_object_get(groups, key);
	if (group != NULL)
		return group;
	group = json_pack("{s:s, s:s, s:s, s:s, s:{}, s:i}", "title", title, "host",
	    message_text(doc, "host"), "severity", severity, "alert", message_text(alert, "id"),
	    "hosts", "count", 0);
	if (group == NULL || json_object_set_new(groups, key, group) < 0)
		return NULL;
	return group;
}

void
message_digest_add(json_t *digest, const json_t *doc)
{
	const char *severity = message_text(doc, "severity");
	json_t *group = group_of(json_object_get(digest, "groups"), doc);

	count_one(json_object_get(digest, "counts"), severity);
	count_one(digest, "total");
	if (route_severity(severity) > route_severity(message_text(digest, "severity")))
		json_object_set_new(digest, "severity", json_string(severity));
	if (group == NULL)
		return;
	count_one(group, "count");
	count_one(json_object_get(group, "hosts"), message_text(doc, "host"));
}

/* The worst first, then what came most often. */
static int
worse_first(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int by = route_severity(message_text(y, "severity")) -
		 route_severity(message_text(x, "severity"));
	json_int_t m = json_integer_value(json_object_get(x, "count")),
		   n = json_integer_value(json_object_get(y, "count"));

	return by != 0 ? by : (m < n) - (m > n);
}

/* "web1", or "12 on 3 hosts: web1, web2, web3". */
static void
write_where(json_t *group, char *ret, size_t size)
{
	json_t *hosts = json_object_get(group, "hosts"), *n;
	size_t all = json_object_size(hosts), named = 0, len;
	json_int_t count = json_integer_value(json_object_get(group, "count"));
	const char *host;

	if (count == 1) {
		snprintf(ret, size, "%.*s", clean_fit(message_text(group, "host"), 64),
		    message_text(group, "host"));
		return;
	}
	len = (size_t)snprintf(
	    ret, size, "%lld on %zu host%s", (long long)count, all, all == 1 ? "" : "s");
	json_object_foreach(hosts, host, n)
	{
		if (named == HOSTS_NAMED || len >= size)
			break;
		len += (size_t)snprintf(ret + len, size - len, "%s%.*s", named++ == 0 ? ": " : ", ",
		    clean_fit(host, 64), host);
	}
	if (all > named && len < size)
		snprintf(ret + len, size - len, ", ...");
}

/* A group as it goes out: how many hosts, and some of their names. */
static json_t *
item_of(json_t *group, json_t *lines)
{
	const char *title = message_text(group, "title");
	size_t hosts = json_object_size(json_object_get(group, "hosts"));
	char where[300], text[700];

	write_where(group, where, sizeof(where));
	snprintf(text, sizeof(text), "%.*s (%s)", clean_fit(title, 300), title, where);
	message_add_line(lines, message_text(group, "severity"), text);
	json_object_set_new(group, "hosts", json_integer((json_int_t)hosts));
	return json_incref(group);
}

static void
add_counts(const json_t *digest, json_t *lines)
{
	static const char *const order[] = { "critical", "high", "medium", "low" };
	char text[120] = "";
	size_t len = 0;

	for (size_t i = 0; i < DS_LEN(order); i++) {
		json_int_t n = json_integer_value(
		    json_object_get(json_object_get(digest, "counts"), order[i]));

		if (n > 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%lld %s",
			    len > 0 ? ", " : "", (long long)n, order[i]);
	}
	message_add_line(lines, "in all", text);
}

/* The worst ones by name; how many are in groups that are not named. */
static json_int_t
add_groups(json_t *digest, json_t **sorted, json_t *items, json_t *lines)
{
	json_t *groups = json_object_get(digest, "groups"), *group;
	json_int_t left = json_integer_value(json_object_get(digest, "total"));
	size_t len = 0;
	const char *key;

	json_object_foreach(groups, key, group) sorted[len++] = group;
	qsort(sorted, len, sizeof(*sorted), worse_first);
	for (size_t i = 0; i < DS_MIN(len, (size_t)MESSAGE_ITEMS_MAX); i++) {
		left -= json_integer_value(json_object_get(sorted[i], "count"));
		json_array_append_new(items, item_of(sorted[i], lines));
	}
	return left;
}

int
message_digest_end(json_t *digest, const char *why)
{
	json_int_t total = json_integer_value(json_object_get(digest, "total")), left;
	json_t *lines = json_array(), *items = json_array(),
	       **sorted = calloc(
		   json_object_size(json_object_get(digest, "groups")) + 1, sizeof(json_t *));
	const char *worst;
	char title[400], text[80];

	if (lines == NULL || items == NULL || sorted == NULL) {
		json_decref(lines);
		json_decref(items);
		free(sorted);
		return -ENOMEM;
	}
	add_counts(digest, lines);
	left = add_groups(digest, sorted, items, lines);
	free(sorted);
	snprintf(text, sizeof(text), "%lld more, in the list of alerts", (long long)left);
	if (left > 0)
		message_add_line(lines, "and", text);
	worst = message_text(json_array_get(items, 0), "title");
	snprintf(title, sizeof(title), "%lld alert%s, the worst: %.*s", (long long)total,
	    total == 1 ? "" : "s", clean_fit(worst, 300), worst);
	json_object_del(digest, "groups");
	json_object_set_new(digest, "items", items);
	json_object_set_new(digest, "title", json_string(title));
	json_object_set_new(digest, "reason", json_string(why));
	return json_object_set_new(digest, "lines", lines) < 0 ? -ENOMEM : 0;
}
