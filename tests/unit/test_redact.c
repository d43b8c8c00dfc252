/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/guard/redact.h"
#include "lib/compiler.h"

/* Arguments are written with '|' between them. */
struct row {
	const char *in, *out;
};

static size_t
to_args(const char *text, char *ret)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		ret[i] = text[i] == '|' ? '\0' : text[i];
	return len;
}

static void
expect(const struct row *row)
{
	char in[1024], out[1024], want[1024];
	size_t len = redact_args(in, to_args(row->in, in), out, sizeof(out));

	if (len != to_args(row->out, want) || memcmp(out, want, len) != 0)
		fail_msg("\"%s\" became \"%.*s\"", row->in, (int)len, out);
}

static void
expect_all(const struct row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++)
		expect(&rows[i]);
}

static void
values_of_secret_options_go(void **state)
{
	static const struct row rows[] = {
		{ "prog|--password=abc|x", "prog|--password=[redacted]|x" },
		{ "prog|--password|abc|x", "prog|--password|[redacted]|x" },
		{ "prog|-password|abc", "prog|-password|[redacted]" },
		{ "prog|--api-key=k1", "prog|--api-key=[redacted]" },
		{ "prog|--client-secret|s|--next", "prog|--client-secret|[redacted]|--next" },
		{ "prog|--token=t", "prog|--token=[redacted]" },
		{ "prog|--auth|user:pw", "prog|--auth|[redacted]" },
		{ "prog|--db-password=a=b", "prog|--db-password=[redacted]" },
	};

	(void)state;
	expect_all(rows, DS_LEN(rows));
}

static void
assignments_go_wherever_they_stand(void **state)
{
	static const struct row rows[] = {
		{ "env|PGPASSWORD=x|psql", "env|PGPASSWORD=[redacted]|psql" },
		{ "env|AWS_SECRET_ACCESS_KEY=x|p", "env|AWS_SECRET_ACCESS_KEY=[redacted]|p" },
		{ "sh|-c|MYSQL_PWD=x mysql -u root", "sh|-c|MYSQL_PWD=[redacted] mysql -u root" },
		{ "psql|host=h password=x user=u", "psql|host=h password=[redacted] user=u" },
		{ "curl|http://h/?token=x&a=1", "curl|http://h/?token=[redacted]&a=1" },
		{ "sh|-c|mysql --password=x; ls", "sh|-c|mysql --password=[redacted]; ls" },
		{ "curl|-d|{\"password\":\"x\"}", "curl|-d|{\"password\":[redacted]}" },
	};

	(void)state;
	expect_all(rows, DS_LEN(rows));
}

static void
headers_and_urls_lose_their_secrets(void **state)
{
	static const struct row rows[] = {
		{ "curl|-H|Authorization: Bearer abc", "curl|-H|Authorization: Bearer [redacted]" },
		{ "curl|-H|Cookie: a=b", "curl|-H|Cookie: [redacted]" },
		{ "curl|-H|X-Api-Key: abc", "curl|-H|X-Api-Key: [redacted]" },
		{ "git|clone|https://u:pw@h/r", "git|clone|https://u:[redacted]@h/r" },
		{ "psql|postgres://u:p%40@h:5432/d", "psql|postgres://u:[redacted]@h:5432/d" },
		{ "curl|https://h:8080/x@y", "curl|https://h:8080/x@y" },
	};

	(void)state;
	expect_all(rows, DS_LEN(rows));
}

static void
short_options_go_where_the_program_means_a_secret(void **state)
{
	static const struct row rows[] = {
		{ "mysql|-pabc|db", "mysql|-p[redacted]|db" },
		{ "/usr/bin/mysql|-p|db", "/usr/bin/mysql|-p|db" },
		{ "sshpass|-p|abc|ssh|h", "sshpass|-p|[redacted]|ssh|h" },
		{ "curl|-u|me:pw|http://h", "curl|-u|[redacted]|http://h" },
		{ "redis-cli|-a|pw|get|x", "redis-cli|-a|[redacted]|get|x" },
		{ "ps|-p|1", "ps|-p|1" },
		{ "mkdir|-p|a", "mkdir|-p|a" },
	};

	(void)state;
	expect_all(rows, DS_LEN(rows));
}

static void
tokens_are_known_by_their_shape(void **state)
{
	static const struct row rows[] = {
		{ "p|AKIAIOSFODNN7EXAMPLE", "p|[redacted]" },
		{ "p|ghp_0123456789abcdef0123456789", "p|[redacted]" },
		{ "p|x:glpat-0123456789abcdef0123:y", "p|x:[redacted]:y" },
		{ "p|-----BEGIN PRIVATE KEY----- x", "p|[redacted]" },
	};

	(void)state;
	expect_all(rows, DS_LEN(rows));
}

static void
what_is_no_secret_stays(void **state)
{
	static const struct row rows[] = {
		{ "nginx|-g|daemon off;", "nginx|-g|daemon off;" },
		{ "postgres: checkpointer ", "postgres: checkpointer " },
		{ "ssh|-i|/root/.ssh/id_rsa|h", "ssh|-i|/root/.ssh/id_rsa|h" },
		{ "p|--password-file=/etc/pw", "p|--password-file=/etc/pw" },
		{ "p||x", "p||x" },
		{ "p|--key-file=/etc/k", "p|--key-file=/etc/k" },
		{ "sort|-k|2", "sort|-k|2" },
		{ "sh|-c|for i in 1 2; do echo $i; done", "sh|-c|for i in 1 2; do echo $i; done" },
	};

	(void)state;
	expect_all(rows, DS_LEN(rows));
}

static void
the_result_never_exceeds_its_bound(void **state)
{
	char in[256], out[64];

	(void)state;
	for (size_t len = 0; len <= sizeof(in); len++) {
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = "--token=a|"[i % 10] == '|' ? '\0' : "--token=a|"[i % 10];
		assert_true(redact_args(in, len, out, sizeof(out)) <= sizeof(out));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_secret_options_go),
		cmocka_unit_test(assignments_go_wherever_they_stand),
		cmocka_unit_test(headers_and_urls_lose_their_secrets),
		cmocka_unit_test(short_options_go_where_the_program_means_a_secret),
		cmocka_unit_test(tokens_are_known_by_their_shape),
		cmocka_unit_test(what_is_no_secret_stays),
		cmocka_unit_test(the_result_never_exceeds_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
