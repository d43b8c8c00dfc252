/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * users - the verbs about people (users) and about what was changed by whom (audit).
 *
 * `audit verify` follows the chain itself, from the rows that the server shows: a server that only
 * says "whole" proves nothing.
 */
#include "ctl/client.h"
#include "ctl/lists.h"
#include "lib/clock.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_SIZE 32u
#define PAGE      "500"

static const struct column user_columns[] = {
	{ "USER", "name", NULL },
	{ "ROLE", "role", NULL },
	{ "2ND FACTOR", "totp", format_yes },
	{ "DISABLED", "disabled", format_yes },
	{ "LAST LOGIN", "last_login", format_age },
	{ NULL, NULL, NULL },
};

static const struct column audit_columns[] = {
	{ "NUMBER", "number", NULL },
	{ "TIME", "time", format_time },
	{ "WHO", "actor", NULL },
	{ "WHAT", "action", NULL },
	{ "ON", "subject", NULL },
	{ "DETAIL", "detail", NULL },
	{ NULL, NULL, NULL },
};

static int
change(struct ctl *c, const char *method, const char *path, json_t *body, const char *said)
{
	json_t *doc = NULL;
	const char *password;
	int r = client_request(c, method, path, body, &doc);

	json_decref(body);
	if (r != 0)
		return r;
	password = json_string_value(json_object_get(doc, "password"));
	if (c->output != OUTPUT_TABLE)
		print_document(c, doc);
	else
		printf("%s %s\n", json_string_value(json_object_get(doc, "name")), said);
	if (c->output == OUTPUT_TABLE && password != NULL)
		printf("one-time password, shown this once: %s\n", password);
	json_decref(doc);
	return EXIT_OK;
}

static int
change_one(struct ctl *c, const char *method, json_t *body, const char *said)
{
	char *path = client_path_of("users", c->argv[2], NULL);
	int r = change(c, method, path, body, said);

	free(path);
	return r;
}

int
verb_users(struct ctl *c)
{
	const char *role = ctl_option(c, "role"), *what;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	what = c->argc > 1 ? c->argv[1] : "";
	if (c->argc == 1)
		return list_print(c, "users", NULL, 100000, user_columns, "no users");
	if (c->argc != 3)
		return ctl_usage(c);
	if (strcmp(what, "create") == 0)
		return change(c, "POST", "users",
		    json_pack("{s:s, s:s}", "name", c->argv[2], "role", role ? role : "viewer"),
		    "may sign in");
	if (strcmp(what, "role") == 0 && role != NULL)
		return change_one(c, "PATCH", json_pack("{s:s}", "role", role), "has that role");
	if (strcmp(what, "reset") == 0)
		return change_one(c, "PATCH", json_pack("{s:b, s:b}", "reset", 1, "totp", 0),
		    "gets another password and no second factor");
	if (strcmp(what, "disable") == 0 || strcmp(what, "enable") == 0)
		return change_one(c, "PATCH",
		    json_pack("{s:b}", "disabled", strcmp(what, "disable") == 0),
		    strcmp(what, "disable") == 0 ? "may not sign in any more"
						 : "may sign in again");
	if (strcmp(what, "delete") == 0)
		return change_one(c, "DELETE", NULL, "removed");
	return ctl_usage(c);
}

/* ---- the chain */

static void
put_number(EVP_MD_CTX *ctx, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;) {
		uint8_t byte = (uint8_t)(v >> (8 * i));

		EVP_DigestUpdate(ctx, &byte, 1);
	}
}

/* The hash of a row behind `hash`, which it replaces; false: not a row. */
static bool
next_hash(const json_t *row, uint8_t hash[HASH_SIZE])
{
	static const char *const members[] = { "actor", "action", "subject", "detail" };
	const char *time = json_string_value(json_object_get(row, "time"));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint64_t time_us = 0;
	bool good = ctx != NULL && time != NULL && ds_clock_parse(time, &time_us) == 0;

	if (good) {
		EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
		EVP_DigestUpdate(ctx, hash, HASH_SIZE);
		put_number(ctx, (uint64_t)json_integer_value(json_object_get(row, "number")), 8);
		put_number(ctx, time_us, 8);
	}
	for (size_t i = 0; good && i < DS_LEN(members); i++) {
		const json_t *v = json_object_get(row, members[i]);

		good = json_is_string(v);
		if (!good)
			break;
		put_number(ctx, json_string_length(v), 4);
		EVP_DigestUpdate(ctx, json_string_value(v), json_string_length(v));
	}
	if (good)
		EVP_DigestFinal_ex(ctx, hash, NULL);
	EVP_MD_CTX_free(ctx);
	return good;
}

static void
to_hex(const uint8_t hash[HASH_SIZE], char ret[2 * HASH_SIZE + 1])
{
	for (size_t i = 0; i < HASH_SIZE; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

struct chain {
	uint8_t hash[HASH_SIZE];
	uint64_t rows;
	bool has_head; /* the hash that was asked for was passed */
};

/* EXIT_FOUND, after a message, at the first row that does not fit. */
static int
follow(struct chain *chain, const json_t *items, const char *head)
{
	const json_t *row;
	size_t i;

	json_array_foreach(items, i, row)
	{
		const char *claimed = json_string_value(json_object_get(row, "hash"));
		json_int_t number = json_integer_value(json_object_get(row, "number"));
		char text[2 * HASH_SIZE + 1];

		chain->rows++;
		if (!next_hash(row, chain->hash) || number != (json_int_t)chain->rows) {
			fprintf(stderr, "broken at row %llu: a row is missing\n",
			    (unsigned long long)chain->rows);
			return EXIT_FOUND;
		}
		to_hex(chain->hash, text);
		if (claimed == NULL || strcmp(text, claimed) != 0) {
			fprintf(stderr, "broken at row %lld: it was changed\n", (long long)number);
			return EXIT_FOUND;
		}
		chain->has_head |= head != NULL && strcmp(head, text) == 0;
	}
	return EXIT_OK;
}

/* The server knows which row it wrote last; without that the chain may end before it. */
static int
ask_for_the_end(struct ctl *c)
{
	json_t *doc = NULL;
	int r = client_get(c, "audit/verify", &doc);

	if (r == EXIT_OK && json_is_false(json_object_get(doc, "whole"))) {
		fprintf(stderr, "broken at row %lld: rows were cut off there\n",
		    (long long)json_integer_value(json_object_get(doc, "broken_at")));
		r = EXIT_FOUND;
	}
	json_decref(doc);
	return r;
}

static int
verify(struct ctl *c, const char *head)
{
	struct chain chain = { .rows = 0 };
	char *cursor = NULL, text[2 * HASH_SIZE + 1];
	int r;

	do {
		char *path =
		    client_path("audit", "order", "oldest", "limit", PAGE, "cursor", cursor, NULL);
		const char *next;
		json_t *doc = NULL;

		r = client_get(c, path, &doc);
		free(path);
		free(cursor);
		cursor = NULL;
		if (r == EXIT_OK)
			r = follow(&chain, json_object_get(doc, "items"), head);
		next = json_string_value(json_object_get(doc, "next_cursor"));
		if (next != NULL)
			cursor = strdup(next);
		json_decref(doc);
	} while (r == EXIT_OK && cursor != NULL);
	free(cursor);
	if (r == EXIT_OK)
		r = ask_for_the_end(c);
	if (r != EXIT_OK)
		return r;
	to_hex(chain.hash, text);
	if (head != NULL && !chain.has_head) {
		fprintf(
		    stderr, "whole, but the row with that hash is not in it: rows were cut off\n");
		return EXIT_FOUND;
	}
	printf("whole: %llu rows, head %s\n", (unsigned long long)chain.rows, text);
	return EXIT_OK;
}

int
verb_audit(struct ctl *c)
{
	const char *head = ctl_option(c, "head");
	int64_t limit = 100;

	if (!ctl_number(c, "limit", LIMIT_MAX, &limit) || !ctl_options_known(c))
		return EXIT_USAGE;
	if (head != NULL &&
	    (strlen(head) != 2 * HASH_SIZE || head[strspn(head, "0123456789abcdef")])) {
		fprintf(stderr,
		    "daemonsec-ctl: --head is what audit verify printed, %u digits, not \"%s\"\n",
		    2 * HASH_SIZE, head);
		return EXIT_USAGE;
	}
	if (c->argc == 2 && strcmp(c->argv[1], "verify") == 0)
		return verify(c, head);
	if (c->argc != 1)
		return ctl_usage(c);
	return list_print(
	    c, "audit", NULL, (unsigned)limit, audit_columns, "nothing was changed yet");
}
