/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/api/web.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE "text/html,application/xhtml+xml,*/*;q=0.8"

static char dir[] = "/tmp/test_web.XXXXXX";
static char why[256];

static void
put(const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
set_up(void **state)
{
	char path[300];

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/assets", dir);
	if (mkdir(path, 0755) < 0)
		return -1;
	put("index.html", "<!doctype html>");
	put("index.html.gz", "packed");
	put("assets/app-1A2B.js", "run()");
	put(".secret", "no");
	put("assets/only.css.gz", "packed");
	snprintf(path, sizeof(path), "%s/passwd.txt", dir);
	return symlink("/etc/passwd", path);
}

static int
tear_down(void **state)
{
	static const char *const names[] = { "index.html", "index.html.gz", "assets/app-1A2B.js",
		".secret", "assets/only.css.gz", "passwd.txt", "assets", "" };
	char path[300];

	(void)state;
	for (size_t i = 0; i < DS_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (remove(path) < 0)
			return -1;
	}
	return 0;
}

static struct web *
load(void)
{
	struct web *w = NULL;

	assert_int_equal(web_load(dir, &w, why, sizeof(why)), 0);
	return w;
}

static void
a_file_is_found_by_its_path_only(void **state)
{
	static const char *const others[] = { "", "index.html", "//index.html", "/index.html/",
		"/./index.html", "/assets/../index.html", "/assets", "/assets/", "/.secret",
		"/../etc/passwd", "/passwd.txt", "/assets/only.css", "/assets/only.css.gz",
		"/index.html.gz", "/ASSETS/app-1A2B.js", "/%2e%2e/etc/passwd" };
	struct web *w = load();

	(void)state;
	assert_non_null(web_find(w, "/index.html", NULL));
	assert_non_null(web_find(w, "/assets/app-1A2B.js", NULL));
	for (size_t i = 0; i < DS_LEN(others); i++)
		assert_null(web_find(w, others[i], NULL));
	web_free(w);
}

static void
who_wants_a_page_gets_the_index_for_any_path_of_the_dashboard(void **state)
{
	struct web *w = load();
	const struct web_file *index = web_find(w, "/index.html", NULL);

	(void)state;
	assert_ptr_equal(web_find(w, "/", PAGE), index);
	assert_ptr_equal(web_find(w, "/alerts/alr_1", PAGE), index);
	assert_null(web_find(w, "/alerts/alr_1", "application/json"));
	assert_null(web_find(w, "/api/v1/nothing", PAGE));
	assert_null(web_find(w, "/assets/gone-0000.js", PAGE));
	web_free(w);
}

static void
an_answer_is_packed_where_that_is_taken_and_short_where_it_is_known(void **state)
{
	struct web *w = load();
	const struct web_file *index = web_find(w, "/index.html", NULL);
	struct MHD_Response *plain, *packed, *known;
	const char *tag;
	unsigned status;

	(void)state;
	plain = web_response(index, NULL, NULL, &status);
	assert_int_equal(status, 200);
	packed = web_response(index, "br, gzip", NULL, &status);
	assert_int_equal(status, 200);
	assert_ptr_not_equal(plain, packed);
	assert_string_equal(MHD_get_response_header(packed, "Content-Encoding"), "gzip");
	assert_null(MHD_get_response_header(plain, "Content-Encoding"));
	tag = MHD_get_response_header(packed, "ETag");
	known = web_response(index, "gzip", tag, &status);
	assert_int_equal(status, 304);
	assert_string_equal(MHD_get_response_header(known, "ETag"), tag);
	/* The tag of one form does not stand for the other. */
	assert_ptr_equal(web_response(index, NULL, tag, &status), plain);
	assert_int_equal(status, 200);
	web_free(w);
}

static void
only_names_with_a_hash_are_kept_for_ever(void **state)
{
	struct web *w = load();
	unsigned status;

	(void)state;
	assert_non_null(
	    strstr(MHD_get_response_header(
		       web_response(web_find(w, "/assets/app-1A2B.js", NULL), NULL, NULL, &status),
		       "Cache-Control"),
		"immutable"));
	assert_string_equal(MHD_get_response_header(
				web_response(web_find(w, "/index.html", NULL), NULL, NULL, &status),
				"Cache-Control"),
	    "no-cache");
	web_free(w);
}

static void
every_answer_carries_the_policy(void **state)
{
	struct web *w = load();
	unsigned status;
	const char *policy = MHD_get_response_header(
	    web_response(web_find(w, "/", PAGE), NULL, NULL, &status), "Content-Security-Policy");

	(void)state;
	assert_non_null(policy);
	assert_non_null(strstr(policy, "default-src 'none'"));
	assert_null(strstr(policy, "unsafe"));
	web_free(w);
}

static void
a_directory_without_an_index_is_no_dashboard(void **state)
{
	struct web *w = NULL;
	char path[300];

	(void)state;
	snprintf(path, sizeof(path), "%s/assets", dir);
	assert_int_equal(web_load(path, &w, why, sizeof(why)), -ENOENT);
	assert_int_equal(web_load("/nonexistent/web", &w, why, sizeof(why)), -ENOENT);
	assert_null(w);
}

static void
gzip_is_taken_where_its_weight_is_not_nothing(void **state)
{
	static const char *const yes[] = { "gzip", "GZIP", "br, gzip", "gzip;q=0.5", "gzip ; q=1",
		"*", "deflate,gzip;q=0.001" };
	static const char *const no[] = { "", "br", "gzip;q=0", "gzip; q=0.000", "xgzip", "gzipx",
		"identity, *;q=0" };

	(void)state;
	for (size_t i = 0; i < DS_LEN(yes); i++)
		assert_true(web_accepts_gzip(yes[i]));
	for (size_t i = 0; i < DS_LEN(no); i++)
		assert_false(web_accepts_gzip(no[i]));
	assert_false(web_accepts_gzip(NULL));
}

static void
a_tag_is_found_in_a_list(void **state)
{
	(void)state;
	assert_true(web_tag_matches("\"a\"", "\"a\""));
	assert_true(web_tag_matches("\"b\", W/\"a\" ", "\"a\""));
	assert_true(web_tag_matches("*", "\"a\""));
	assert_false(web_tag_matches("\"ab\"", "\"a\""));
	assert_false(web_tag_matches("W/", "\"a\""));
	assert_false(web_tag_matches(NULL, "\"a\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_found_by_its_path_only),
		cmocka_unit_test(who_wants_a_page_gets_the_index_for_any_path_of_the_dashboard),
		cmocka_unit_test(
		    an_answer_is_packed_where_that_is_taken_and_short_where_it_is_known),
		cmocka_unit_test(only_names_with_a_hash_are_kept_for_ever),
		cmocka_unit_test(every_answer_carries_the_policy),
		cmocka_unit_test(a_directory_without_an_index_is_no_dashboard),
		cmocka_unit_test(gzip_is_taken_where_its_weight_is_not_nothing),
		cmocka_unit_test(a_tag_is_found_in_a_list),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
