/* SPDX-License-Identifier: GPL-2.0-or-later */
/* logs_probe NOTES [FILTERS]: the login sensor alone, under the uplink's filter of system calls.
 * Prints its events as lines, keeps where it stands in a file after each, as the spool would, and
 * reads on from there; ends with its standard input. */
#include "agent/uplink/logs/logs.h"
#include "agent/uplink/priv.h"

#include "lib/file.h"
#include "lib/log.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *notes_file;
static struct logs *logs;
static struct event_base *base;
static unsigned unsaved;

static void
save(void)
{
	struct ds_buf b;

	ds_buf_init(&b, LOGS_NOTES_MAX);
	if (logs_notes(logs, &b) < 0 || ds_file_replace(notes_file, b.data, b.len, 0600) < 0)
		fprintf(stderr, "notes cannot be kept\n");
	ds_buf_done(&b);
	unsaved = 0;
}

static void
print_str(const struct ds_event *ev, enum ds_str_field f)
{
	printf(" %.*s", (int)DS_EVENT_STR(ev, f).len, DS_EVENT_STR(ev, f).ptr);
}

static void
on_event(const struct ds_event *ev, void *ctx)
{
	(void)ctx;
	printf("%s %.*s %llu", ds_kind_table[ev->kind].symbol, (int)ev->daemon.len, ev->daemon.ptr,
	    (unsigned long long)ev->num[DS_NUM_OUTCOME]);
	print_str(ev, DS_STR_USER);
	print_str(ev, DS_STR_METHOD);
	print_str(ev, DS_STR_SOURCE);
	printf("\n");
	unsaved++;
}

static void
on_restart(void *ctx)
{
	(void)ctx;
	event_base_loopbreak(base);
}

static void
on_stdin(evutil_socket_t fd, short what, void *ctx)
{
	char byte;

	(void)what;
	(void)ctx;
	if (read(fd, &byte, 1) <= 0)
		event_base_loopbreak(base);
}

int
main(int argc, char **argv)
{
	static const struct logs_ops ops = { .event = on_event, .restart = on_restart };
	char *items[] = { (char[]){ "auto" } }, *notes = NULL, text[256];
	char none[] = "";
	struct agent_config cfg = {
		.journal = true, .log_files = { items, 1 }, .log_filters = argc > 2 ? argv[2] : none
	};
	struct event *input;
	size_t size = 0;

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	ds_log_init("logs_probe", DS_LOG_DEBUG);
	notes_file = argv[1];
	base = event_base_new();
	logs = logs_new(&cfg);
	if (base == NULL || logs == NULL)
		return 1;
	if (ds_file_read(notes_file, LOGS_NOTES_MAX, &notes, &size) < 0)
		size = 0;
	input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, NULL);
	if (input == NULL || event_add(input, NULL) < 0 ||
	    logs_start(logs, base, notes, size, &ops, NULL) < 0)
		return 1;
	if (priv_filter(false, text, sizeof(text)) < 0)
		printf("FILTER %s\n", text);
	save();
	logs_describe(logs, text, sizeof(text));
	printf("READING %s\n", text);
	while (!event_base_got_break(base) && event_base_loop(base, EVLOOP_ONCE) == 0)
		if (unsaved > 0)
			save();
	event_free(input);
	logs_free(logs);
	event_base_free(base);
	free(notes);
	return 0;
}
