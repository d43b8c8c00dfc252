/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/uplink/logs/pattern.h"
#include "ctl/fail2ban_conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *
conf_of(const char *text)
{
	json_t *conf = json_object();
	char *copy = strdup(text);

	fail2ban_take(NULL, copy, conf);
	free(copy);
	return conf;
}

/* Valid until the next call. */
static const char *
value(const json_t *conf, const char *section, const char *key)
{
	static char text[2000];
	struct ds_buf out;
	const char *raw = fail2ban_get(conf, section, key);

	ds_buf_init(&out, FAIL2BAN_TEXT_MAX);
	text[0] = '\0';
	if (raw != NULL) {
		assert_int_equal(fail2ban_expand(conf, section, raw, &out), 0);
		snprintf(text, sizeof(text), "%.*s", (int)out.len, (const char *)out.data);
	}
	ds_buf_done(&out);
	return text;
}

static void
values_lead_to_values(void **state)
{
	json_t *conf = conf_of("# none\n[DEFAULT]\nwhere = here ; not this\n[Definition]\n"
			       "_daemon = app(?:-%(where)s)?\n"
			       "failregex = ^%(_daemon)s: bad\n"
			       "            # nor this\n"
			       "            ^<mode-<mode>>: 100%% <HOST>\n"
			       "mode-a = slow\nmode-b = quick\n"
			       "[Init]\nmode = a\n[other]\nname: %(__name__)s\n");

	(void)state;
	assert_string_equal(
	    value(conf, "Definition", "failregex"), "^app(?:-here)?: bad\n^slow: 100% <HOST>");
	fail2ban_set_all(conf, "mode=b, where=\"there, [or] not\"][_daemon='x y']");
	assert_string_equal(
	    value(conf, "Definition", "failregex"), "^x y: bad\n^quick: 100% <HOST>");
	assert_string_equal(value(conf, "Definition", "where"), "there, [or] not");
	assert_string_equal(value(conf, "other", "name"), "other");
	assert_null(fail2ban_get(conf, "Definition", "nothing"));
	json_decref(conf);
}

static void
a_value_of_a_section_is_read_in_that_section(void **state)
{
	json_t *conf =
	    conf_of("[DEFAULT]\nwho = all\nwhat = %(who)s\n[a]\nwho = a\nwhat = %(who)s\n"
		    "[b]\nwhat = %(a/what)s\n[Definition]\nwho = me <b/who>\ntype = a\n"
		    "failregex = <<type>/what> %(b/what)s <b/what> %(who)s <nothing/what>\n");

	(void)state;
	assert_string_equal(value(conf, "Definition", "failregex"), "a a a me all me all");
	json_decref(conf);
}

static void
what_a_file_overrides_stays_known(void **state)
{
	json_t *conf = conf_of("[Definition]\nfailregex = one\n");
	char later[] = "[Definition]\nfailregex = %(known/failregex)s\n two\n";

	(void)state;
	fail2ban_take(NULL, later, conf);
	assert_string_equal(value(conf, "Definition", "failregex"), "one\ntwo");
	json_decref(conf);
}

static void
values_that_never_end_are_refused(void **state)
{
	json_t *conf = conf_of("[Definition]\na = %(b)s\nb = <a>\nc = %(c)s%(c)s\n");
	struct ds_buf out;

	(void)state;
	ds_buf_init(&out, FAIL2BAN_TEXT_MAX);
	assert_int_equal(fail2ban_expand(conf, "Definition", "%(a)s", &out), -ELOOP);
	assert_true(fail2ban_expand(conf, "Definition", "x%(c)s", &out) < 0);
	ds_buf_done(&out);
	json_decref(conf);
}

static void
put_file(const char *dir, const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
remove_files(const char *dir, const char *const *names, size_t len)
{
	char path[300];

	for (size_t i = 0; i < len; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
}

static void
files_include_files_in_order(void **state)
{
	char dir[] = "/tmp/daemonsec-fail2ban.XXXXXX";
	static const char *const names[] = { "a.conf", "a.local", "before.conf", "after.conf",
		"loop.conf" };
	json_t *conf = json_object();

	(void)state;
	assert_non_null(mkdtemp(dir));
	put_file(dir, "before.conf", "[DEFAULT]\nx = 1\ny = 1\nz = 1\n");
	put_file(dir, "a.conf",
	    "[INCLUDES]\nbefore = before.conf\n  missing.local\n  ../a.conf\nafter = after.conf\n"
	    "[DEFAULT]\ny = 2\nz = 2\n[Definition]\nfailregex = %(x)s%(y)s%(z)s%(v)s\nv = 4\n");
	put_file(dir, "after.conf", "[DEFAULT]\nz = 3\n");
	put_file(dir, "a.local", "[Definition]\nv = 5\n");
	put_file(dir, "loop.conf", "[INCLUDES]\nbefore = loop.conf\n[Definition]\nfailregex = x\n");
	assert_int_equal(fail2ban_read(dir, NULL, "a", conf), 0);
	assert_string_equal(value(conf, "Definition", "failregex"), "1235");
	assert_int_equal(fail2ban_read(dir, NULL, "loop", conf), 0);
	assert_int_equal(fail2ban_read(dir, NULL, "nothing", conf), -ENOENT);
	json_decref(conf);
	remove_files(dir, names, DS_LEN(names));
	rmdir(dir);
}

/* What an installation says goes before what we add; what its user says has the last word. */
static void
our_additions_go_between_the_filter_and_its_users_own(void **state)
{
	char dir[] = "/tmp/daemonsec-fail2ban.XXXXXX", more[sizeof(dir) + 8];
	static const char *const names[] = { "a.conf", "b.conf", "b.local", "more/a.local",
		"more/b.local", "more/new.conf" };
	json_t *conf = json_object();

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(more, sizeof(more), "%s/more", dir);
	assert_int_equal(mkdir(more, 0700), 0);
	put_file(dir, "a.conf", "[Definition]\nfailregex = a\n");
	put_file(dir, "b.conf", "[Definition]\nfailregex = b\n");
	put_file(dir, "b.local", "[Definition]\nfailregex = mine\n");
	put_file(dir, "more/a.local", "[Definition]\nfailregex = %(known/failregex)s+\n");
	put_file(dir, "more/b.local", "[Definition]\nfailregex = %(known/failregex)s+\n");
	put_file(dir, "more/new.conf", "[Definition]\nfailregex = new\n");
	assert_int_equal(fail2ban_read(dir, more, "a", conf), 0);
	assert_string_equal(value(conf, "Definition", "failregex"), "a+");
	json_object_clear(conf);
	assert_int_equal(fail2ban_read(dir, more, "b", conf), 0);
	assert_string_equal(value(conf, "Definition", "failregex"), "mine");
	json_object_clear(conf);
	assert_int_equal(fail2ban_read(dir, more, "new", conf), 0);
	assert_string_equal(value(conf, "Definition", "failregex"), "new");
	assert_int_equal(fail2ban_read(dir, NULL, "new", conf), -ENOENT);
	json_decref(conf);
	remove_files(dir, names, DS_LEN(names));
	rmdir(more);
	rmdir(dir);
}

/* The first group that is set of the expression's match, or NULL. */
static const char *
found(const char *regex, bool names, const char *line)
{
	static char text[200];
	struct ds_buf out;
	struct pattern *p;
	struct pattern_engine *e = pattern_engine_new();
	struct pattern_match m;
	char why[240];
	const char *ret = NULL;

	ds_buf_init(&out, FAIL2BAN_TEXT_MAX);
	assert_int_equal(fail2ban_regex(regex, strlen(regex), names, &out), 0);
	p = pattern_new((const char *)out.data, out.len, false, why, sizeof(why));
	if (p == NULL)
		print_message("%s: %s\n", regex, why);
	assert_non_null(p);
	if (pattern_match(e, p, line, strlen(line), &m))
		for (size_t g = 0; ret == NULL && g < PATTERN_GROUPS; g++)
			if (m.group[g].len > 0) {
				snprintf(text, sizeof(text), "%.*s", (int)m.group[g].len,
				    m.group[g].ptr);
				ret = text;
			}
	pattern_free(p);
	pattern_engine_free(e);
	ds_buf_done(&out);
	return ret;
}

static void
tags_and_pythons_spelling_become_expressions(void **state)
{
	static const struct {
		const char *regex, *line, *is;
	} cases[] = {
		{ "^from <HOST>$", "from 192.0.2.7", "192.0.2.7" },
		{ "^from <HOST>$", "from ::ffff:192.0.2.7", "192.0.2.7" },
		{ "^from <HOST>$", "from 2001:db8::7", "2001:db8::7" },
		{ "^from <HOST>$", "from [2001:db8::7]", "2001:db8::7" },
		{ "^from <HOST>$", "from www.example.com", "www.example.com" },
		{ "^from <ADDR>$", "from www.example.com", NULL },
		{ "^from <IP4>$", "from 2001:db8::7", NULL },
		{ "^from <IP6>$", "from 2001:db8::7", "2001:db8::7" },
		{ "^from <SUBNET>$", "from 192.0.2.0/24", "192.0.2.0" },
		{ "^from <DNS>$", "from www.example.com", "www.example.com" },
		{ "^of <F-USER>\\w+( \\w+)?</F-USER>$", "of eve x", "eve x" },
		{ "^of <F-ALT_USER>\\w+</F-ALT_USER>$", "of eve", "eve" },
		{ "^id <F-ID>\\d+</F-ID>$", "id 17", "17" },
		{ "^id <F-ID/>$", "id x17", "x17" },
		{ "^port <F-PORT/> of <F-IP4/>$", "port 22 of 192.0.2.7", "192.0.2.7" },
		{ "^<a> </F-B> <IP4>$", "<a> </F-B> 192.0.2.7", "192.0.2.7" },
		{ "(?iu)^FROM (?P<ip4>\\S+)\\Z", "from 192.0.2.7", "192.0.2.7" },
		{ "(?u:from) <IP4>", "from 192.0.2.7", "192.0.2.7" },
		{ "^(?P<q>['\"])<IP4>(?P=q)$", "'192.0.2.7'", "192.0.2.7" },
		{ "^\\u0041 <IP4>$", "A 192.0.2.7", "192.0.2.7" },
		{ "^x{,3} [{,3}] <IP4>$", "xx , 192.0.2.7", "192.0.2.7" },
		{ "^\\w+ <IP4>$", "\xc3\xa9t\xc3\xa9 192.0.2.7", "192.0.2.7" },
		{ "^a<SKIPLINES><IP4>$", "a\nb\n192.0.2.7", "192.0.2.7" },
	};

	(void)state;
	for (size_t i = 0; i < DS_LEN(cases); i++) {
		const char *is = found(cases[i].regex, true, cases[i].line);

		if (cases[i].is == NULL) {
			assert_null(is);
			continue;
		}
		if (is == NULL)
			print_message("%s finds nothing\n", cases[i].regex);
		assert_non_null(is);
		assert_string_equal(is, cases[i].is);
	}
	/* usedns = no */
	assert_null(found("^from <HOST>$", false, "from www.example.com"));
	assert_string_equal(found("^from <HOST>$", false, "from 192.0.2.7"), "192.0.2.7");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_lead_to_values),
		cmocka_unit_test(a_value_of_a_section_is_read_in_that_section),
		cmocka_unit_test(what_a_file_overrides_stays_known),
		cmocka_unit_test(values_that_never_end_are_refused),
		cmocka_unit_test(files_include_files_in_order),
		cmocka_unit_test(our_additions_go_between_the_filter_and_its_users_own),
		cmocka_unit_test(tags_and_pythons_spelling_become_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
