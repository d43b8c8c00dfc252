/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recording - makes a recording of events that are written down, for replays.
 *
 *   recording FILE <EVENTS
 *
 * A line an event: seconds since the first, kind, daemon ("-": none), then FIELD=VALUE by the names
 * of schema/events.def, all separated by tabs; in arguments '|' stands between words, addresses are
 * IPv4, hashes hexadecimal.  One batch.
 */
#include "lib/batch.h"
#include "lib/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
check(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "recording: %s\n", what);
	exit(2);
}

static uint8_t
kind_of(const char *name)
{
	for (unsigned i = 1; i < DS_EVENT_MAX; i++)
		if (ds_kind_table[i].symbol != NULL && strcmp(ds_kind_table[i].symbol, name) == 0)
			return (uint8_t)i;
	check(false, name);
	return 0;
}

static unsigned
field_of(const char *name)
{
	for (unsigned i = 1; i < DS_STR_END; i++)
		if (ds_field_table[i].symbol != NULL && strcmp(ds_field_table[i].symbol, name) == 0)
			return i;
	check(false, name);
	return 0;
}

/* What the text stands for, in place: its size. */
static size_t
decode(enum ds_str_type type, char *text)
{
	size_t len = strlen(text);
	struct in_addr address;

	switch (type) {
	case DS_TYPE_ARGV:
		for (size_t i = 0; i < len; i++)
			if (text[i] == '|')
				text[i] = '\0';
		return len;
	case DS_TYPE_ADDR:
		check(inet_pton(AF_INET, text, &address) == 1, text);
		memcpy(text, &address, sizeof(address));
		return sizeof(address);
	case DS_TYPE_HASH:
		for (size_t i = 0; i < len / 2; i++) {
			const char digits[3] = { text[2 * i], text[2 * i + 1], '\0' };

			text[i] = (char)strtoul(digits, NULL, 16);
		}
		return len / 2;
	default:
		return len;
	}
}

static void
set(struct ds_event *ev, char *pair)
{
	char *value = strchr(pair, '=');
	unsigned field;

	check(value != NULL, pair);
	*value++ = '\0';
	field = field_of(pair);
	if (field < DS_STR_FIRST)
		ev->num[field] = strtoull(value, NULL, 0);
	else
		ds_event_set_str(
		    ev, (enum ds_str_field)field, value, decode(ds_field_table[field].type, value));
}

static void
add_line(struct ds_batch_builder *to, char *line, uint64_t from_us)
{
	struct ds_event ev = { .count = 1, .flags = DS_FLAG_FIRST };
	char *rest = line, *seconds = strsep(&rest, "\t"), *kind, *daemon;

	if (*seconds == 0)
		return;
	kind = strsep(&rest, "\t");
	daemon = strsep(&rest, "\t");
	check(kind != NULL && daemon != NULL, seconds);
	ev.kind = kind_of(kind);
	ev.time_us = from_us + (uint64_t)(strtod(seconds, NULL) * 1e6);
	if (strcmp(daemon, "-") != 0)
		ev.daemon = (struct ds_str){ daemon, (uint32_t)strlen(daemon) };
	for (char *pair; (pair = strsep(&rest, "\t")) != NULL;)
		set(&ev, pair);
	check(ds_batch_add(to, &ev) == 0, kind);
}

int
main(int argc, char **argv)
{
	struct ds_batch_builder *builder = ds_batch_builder_new();
	uint64_t from_us = ds_clock_wall_us() - 86400 * DS_US_PER_S;
	FILE *out = argc == 2 ? fopen(argv[1], "wbe") : NULL;
	struct ds_buf packed;
	char line[4096];

	check(builder != NULL && out != NULL, "usage: recording FILE <EVENTS");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = 0;
		add_line(builder, line, from_us);
	}
	ds_buf_init(&packed, DS_BATCH_PACKED_MAX);
	check(ds_batch_pack(builder, 6, &packed) == 0, "pack");
	check(fwrite(packed.data, packed.len, 1, out) == 1 && fclose(out) == 0, argv[1]);
	ds_buf_done(&packed);
	ds_batch_builder_free(builder);
	return 0;
}
