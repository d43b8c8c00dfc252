/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct config {
	char *address;
	int64_t port;
	uint64_t size, age;
	bool on;
	struct ds_conf_list names;
	int64_t mode;
	struct ds_conf_named colours;
};

struct colour {
	char *shade;
	struct ds_conf_list uses;
	int64_t depth;
};

#define AT(member) offsetof(struct config, member)

static const struct ds_conf_option table[] = {
	{ "server", "address", DS_CONF_STRING, AT(address), "", 0, 0, NULL, true, "where" },
	{ "server", "port", DS_CONF_INT, AT(port), "7443", 1, 65535, NULL, true, "which" },
	{ "spool", "max_size", DS_CONF_SIZE, AT(size), "256M", 1 << 20, INT64_MAX, NULL, true,
	    "how much" },
	{ "spool", "age", DS_CONF_DURATION, AT(age), "30d", 0, 0, NULL, true, "how long" },
	{ "general", "on", DS_CONF_BOOL, AT(on), "true", 0, 0, NULL, true, "whether" },
	{ "general", "monitor_daemons", DS_CONF_LIST, AT(names), "auto", 0, 0, NULL, true, "who" },
	{ "general", "scope", DS_CONF_ENUM, AT(mode), "auto", 0, 0, "auto|machine|namespace", true,
	    "what" },
	{ "colour.", "", DS_CONF_NAMED, AT(colours), "[colour.sky]\nshade = light\n",
	    sizeof(struct colour), 0, NULL, true, "Colours" },
	{ "colour.", "shade", DS_CONF_STRING, offsetof(struct colour, shade), "dark", 0, 0, NULL,
	    true, "how bright" },
	{ "colour.", "uses", DS_CONF_LIST, offsetof(struct colour, uses), "all", 0, 0, NULL, true,
	    "for what" },
	{ "colour.", "depth", DS_CONF_INT, offsetof(struct colour, depth), "8", 1, 16, NULL, true,
	    "bits" },
	{ NULL, NULL, DS_CONF_STRING, 0, NULL, 0, 0, NULL, false, NULL },
};

static struct ds_conf_report report;
static struct ds_conf_origin origins[DS_LEN(table)];

static int
parse(struct config *c, const char *text)
{
	*c = (struct config){ 0 };
	return ds_conf_parse(table, c, "test.conf", text, strlen(text), &report, origins);
}

static void
named_sections_are_there_as_often_as_they_are_said(void **state)
{
	const struct colour *sky, *sea;
	struct config c;

	(void)state;
	assert_int_equal(parse(&c, "[colour.sea]\nuses = a, b\n[colour.sky]\ndepth = 4\n"
				   "[server]\nport = 9\n[colour.sea]\ndepth = 16\n"),
	    0);
	assert_int_equal(c.port, 9);
	assert_int_equal(c.colours.len, 2);
	assert_string_equal(c.colours.items[0].name, "sky"); /* was there without being said */
	sky = c.colours.items[0].value;
	sea = c.colours.items[1].value;
	assert_string_equal(sky->shade, "light");
	assert_int_equal(sky->depth, 4);
	assert_string_equal(sea->shade, "dark");
	assert_int_equal(sea->uses.len, 2);
	assert_int_equal(sea->depth, 16);
	ds_conf_free(table, &c);
	assert_int_equal(c.colours.len, 0);
}

static void
a_named_section_is_checked_like_any_other(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(parse(&c, "[colour.]\ndepth = 4\n"), -EINVAL);
	assert_non_null(strstr(report.errors[0].text, "expected a name"));
	ds_conf_free(table, &c);
	assert_int_equal(parse(&c, "[colour.a b]\n"), -EINVAL);
	ds_conf_free(table, &c);
	assert_int_equal(parse(&c, "[colour.red]\nshape = round\n"), -EINVAL);
	assert_int_equal(report.unknown, 1);
	assert_non_null(strstr(report.errors[0].text, "[colour.red]"));
	assert_non_null(strstr(report.errors[0].text, "\"shade\""));
	ds_conf_free(table, &c);
	assert_int_equal(parse(&c, "[colour.red]\ndepth = 17\n"), -EINVAL);
	ds_conf_free(table, &c);
}

static void
named_sections_are_bounded(void **state)
{
	static char text[DS_CONF_NAMED_MAX * 20];
	struct config c;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < DS_CONF_NAMED_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "[colour.c%d]\n", i);
	assert_int_equal(parse(&c, text), -EINVAL);
	assert_int_equal(report.len, 1); /* sky is one more */
	assert_int_equal(c.colours.len, DS_CONF_NAMED_MAX);
	ds_conf_free(table, &c);
}

static void
defaults_hold_where_nothing_is_said(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(parse(&c, ""), 0);
	assert_int_equal(c.port, 7443);
	assert_int_equal(c.size, 256u << 20);
	assert_int_equal(c.age, UINT64_C(30) * 86400000);
	assert_true(c.on);
	assert_int_equal(c.names.len, 1);
	assert_string_equal(origins[1].text, "default");
	ds_conf_free(table, &c);
}

static void
comments_quotes_and_spaces_are_understood(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(
	    parse(&c,
		"# head\n[server]\n  address = \"a;b #c\"   ; a remark\nport=22#not a comment\n"),
	    -EINVAL);
	ds_conf_free(table, &c);
	assert_int_equal(
	    parse(&c,
		"[server]\naddress = \"a;b #c\"   ; a remark\n\tport =  22 # ssh\n"
		"[general]\nmonitor_daemons = sshd, nginx ,cron\t; names\nscope = Namespace\n"),
	    0);
	assert_string_equal(c.address, "a;b #c");
	assert_int_equal(c.port, 22);
	assert_int_equal(c.names.len, 3);
	assert_string_equal(c.names.items[1], "nginx");
	assert_int_equal(c.mode, 2);
	assert_string_equal(origins[1].text, "test.conf:3");
	ds_conf_free(table, &c);
}

static void
an_unknown_key_names_line_column_and_the_nearest_one(void **state)
{
	struct config c;

	(void)state;
	assert_int_equal(parse(&c, "[general]\n\n  monitor_deamons = sshd\n"), -EINVAL);
	assert_int_equal(report.len, 1);
	assert_int_equal(report.unknown, 1);
	assert_int_equal(report.errors[0].line, 3);
	assert_int_equal(report.errors[0].column, 3);
	assert_non_null(strstr(report.errors[0].text, "did you mean \"monitor_daemons\""));
	ds_conf_free(table, &c);
	assert_int_equal(parse(&c, "[sever]\nport = 1\n"), -EINVAL);
	assert_non_null(strstr(report.errors[0].text, "did you mean [server]"));
	assert_int_equal(report.len, 1);
	ds_conf_free(table, &c);
}

static void
a_wrong_value_says_what_was_expected_and_where(void **state)
{
	static const char *const wrong[] = { "[server]\nport = none\n", "[server]\nport = 70000\n",
		"[spool]\nmax_size = 12X\n", "[spool]\nmax_size = 1K\n", "[spool]\nage = -1s\n",
		"[spool]\nage = 99999999999999999d\n", "[general]\non = maybe\n",
		"[general]\nscope = world\n", "port = 1\n", "[server\n", "[server] x\n",
		"[server]\nnonsense\n" };

	(void)state;
	for (size_t i = 0; i < DS_LEN(wrong); i++) {
		struct config c;

		assert_int_equal(parse(&c, wrong[i]), -EINVAL);
		assert_int_equal(report.len, 1);
		assert_true(report.errors[0].line > 0 && report.errors[0].column > 0);
		ds_conf_free(table, &c);
	}
}

static void
what_is_shown_can_be_read_back(void **state)
{
	struct config c, again;
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	(void)state;
	assert_int_equal(
	    parse(&c, "[spool]\nage = 90m\nmax_size = 20G\n[general]\nscope = machine\n"), 0);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	ds_conf_show(table, &c, origins, out);
	fclose(out);
	assert_int_equal(parse(&again, text), 0);
	assert_int_equal(again.age, c.age);
	assert_int_equal(again.size, c.size);
	assert_int_equal(again.mode, 1);
	free(text);
	ds_conf_free(table, &c);
	ds_conf_free(table, &again);
}

static void
put_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
drop_ins_and_the_environment_win_in_order(void **state)
{
	char dir[] = "/tmp/test_conf.XXXXXX", main_file[64], sub[64];
	struct config c = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(main_file, sizeof(main_file), "%s/a.conf", dir);
	snprintf(sub, sizeof(sub), "%s/conf.d", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	put_file(dir, "a.conf", "[server]\nport = 1\naddress = a\n");
	put_file(sub, "20.conf", "[server]\nport = 20\n");
	put_file(sub, "10.conf", "[server]\nport = 10\naddress = ten\n");
	put_file(sub, "30.conf~", "[server]\nport = 30\n");
	setenv("DAEMONSEC_GENERAL_SCOPE", "machine", 1);
	assert_int_equal(ds_conf_load(table, &c, main_file, sub, false, &report, origins), 0);
	unsetenv("DAEMONSEC_GENERAL_SCOPE");
	assert_int_equal(c.port, 20);
	assert_string_equal(c.address, "ten");
	assert_int_equal(c.mode, 1);
	assert_string_equal(origins[6].text, "environment");
	ds_conf_free(table, &c);
	c = (struct config){ 0 };
	assert_int_equal(
	    ds_conf_load(table, &c, "/nonexistent/x", NULL, false, &report, NULL), -ENOENT);
	assert_int_equal(report.len, 1);
	ds_conf_free(table, &c);
	c = (struct config){ 0 };
	assert_int_equal(ds_conf_load(table, &c, "/nonexistent/x", NULL, true, &report, NULL), 0);
	ds_conf_free(table, &c);
	for (const char *const *p = (const char *const[]){ "conf.d/10.conf", "conf.d/20.conf",
		 "conf.d/30.conf~", "a.conf", NULL };
	     *p != NULL; p++) {
		snprintf(main_file, sizeof(main_file), "%s/%s", dir, *p);
		(void)unlink(main_file);
	}
	(void)rmdir(sub);
	(void)rmdir(dir);
}

static void
note_name(const char *name, void *ctx)
{
	char *said = ctx;

	snprintf(said + strlen(said), 100 - strlen(said), "%s ", name);
}

static void
what_waits_for_the_next_start_is_named(void **state)
{
	struct ds_conf_option fixed[DS_LEN(table)];
	struct config running, read;
	char said[100] = "";

	(void)state;
	memcpy(fixed, table, sizeof(fixed));
	assert_int_equal(parse(&running, "[colour.red]\n[colour.old]\n[server]\nport = 1\n"), 0);
	assert_int_equal(parse(&read, "[colour.red]\ndepth = 9\nshade = x\n[colour.new]\n"
				      "[server]\nport = 2\naddress = x\n"),
	    0);
	ds_conf_waits(fixed, &running, &read, note_name, said);
	assert_string_equal(said, ""); /* all can be taken over at once */
	for (size_t i = 0; i < DS_LEN(fixed) - 1; i++)
		fixed[i].reloadable =
		    strcmp(fixed[i].key, "address") == 0 || strcmp(fixed[i].key, "shade") == 0;
	ds_conf_waits(fixed, &running, &running, note_name, said);
	assert_string_equal(said, "");
	ds_conf_waits(fixed, &running, &read, note_name, said);
	assert_string_equal(said, "server.port colour.red.depth colour.new colour.old ");
	ds_conf_free(table, &running);
	ds_conf_free(table, &read);
}

static void
what_waits_stays_as_it_runs(void **state)
{
	struct ds_conf_option fixed[DS_LEN(table)];
	struct config running, read;
	const char *address;

	(void)state;
	memcpy(fixed, table, sizeof(fixed));
	for (size_t i = 0; i < DS_LEN(fixed) - 1; i++)
		fixed[i].reloadable = strcmp(fixed[i].key, "port") == 0;
	assert_int_equal(parse(&running, "[colour.old]\n[server]\nport = 1\naddress = x\n"), 0);
	assert_int_equal(parse(&read, "[colour.new]\n[server]\nport = 2\naddress = y\n"), 0);
	address = running.address;
	ds_conf_keep(fixed, &running, &read);
	assert_ptr_equal(read.address, address); /* whoever borrowed it may keep it */
	assert_string_equal(running.address, "y");
	assert_int_equal(read.port, 2);
	assert_string_equal(read.colours.items[1].name, "old");
	ds_conf_free(table, &running);
	ds_conf_free(table, &read);
}

static void
nothing_but_unknown_keys_is_no_reason_not_to_run(void **state)
{
	static char text[4096];
	struct config c;
	size_t n = 0;

	(void)state;
	assert_true(ds_conf_is_usable(parse(&c, "[server]\nport = 1\n"), &report));
	ds_conf_free(table, &c);
	assert_true(ds_conf_is_usable(parse(&c, "[server]\nnew = 1\n[newer]\na = b\n"), &report));
	ds_conf_free(table, &c);
	assert_false(ds_conf_is_usable(parse(&c, "[server]\nnew = 1\nport = x\n"), &report));
	ds_conf_free(table, &c);
	/* Also behind so many of them that there is no room to tell it. */
	n += (size_t)snprintf(text, sizeof(text), "[server]\n");
	for (size_t i = 0; i < DS_CONF_ERRORS_MAX + 8; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "new%zu = 1\n", i);
	assert_true(ds_conf_is_usable(parse(&c, text), &report));
	ds_conf_free(table, &c);
	(void)snprintf(text + n, sizeof(text) - n, "port = x\n");
	assert_false(ds_conf_is_usable(parse(&c, text), &report));
	ds_conf_free(table, &c);
	/* A directory that cannot be read has what nobody knows. */
	assert_false(ds_conf_is_usable(-EACCES, &(struct ds_conf_report){ 0 }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named_sections_are_there_as_often_as_they_are_said),
		cmocka_unit_test(a_named_section_is_checked_like_any_other),
		cmocka_unit_test(named_sections_are_bounded),
		cmocka_unit_test(defaults_hold_where_nothing_is_said),
		cmocka_unit_test(comments_quotes_and_spaces_are_understood),
		cmocka_unit_test(an_unknown_key_names_line_column_and_the_nearest_one),
		cmocka_unit_test(a_wrong_value_says_what_was_expected_and_where),
		cmocka_unit_test(what_is_shown_can_be_read_back),
		cmocka_unit_test(drop_ins_and_the_environment_win_in_order),
		cmocka_unit_test(what_waits_for_the_next_start_is_named),
		cmocka_unit_test(what_waits_stays_as_it_runs),
		cmocka_unit_test(nothing_but_unknown_keys_is_no_reason_not_to_run),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
