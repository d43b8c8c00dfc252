/* SPDX-License-Identifier: GPL-2.0-or-later */
/* authority - the verb ca: the agents' certificate authority, and the hand-over to another one. */
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/print.h"

#include <stdio.h>
#include <string.h>

static long long
number(const json_t *doc, const char *key)
{
	return (long long)json_number_value(json_object_get(doc, key));
}

static const struct {
	const char *phase, *what;
} phases[] = {
	{ "stable", "there is one authority" },
	{ "spreading", "another one is made: it takes over when every host trusts it" },
	{ "switched",
	    "the new one issues: the old one is forgotten when every host has its certificate" },
};

static void
show(const json_t *doc)
{
	char phase[32], text[128];

	print_text(doc, "phase", phase, sizeof(phase));
	for (size_t i = 0; i < DS_LEN(phases); i++)
		if (strcmp(phases[i].phase, phase) == 0)
			printf("%s: %s\n", phase, phases[i].what);
	printf("current   %s, until %s\n", print_text(doc, "current", text, 65),
	    print_text(doc, "expires", text + 65, 60));
	if (json_object_get(doc, "next") != NULL)
		printf("next      %s\ntrusted   by %lld of %lld hosts\n",
		    print_text(doc, "next", text, 65), number(doc, "trusting"),
		    number(doc, "hosts"));
	if (json_object_get(doc, "old") != NULL)
		printf("old       %s\nrenewed   %lld of %lld hosts\n",
		    print_text(doc, "old", text, 65), number(doc, "issued"), number(doc, "hosts"));
}

int
verb_ca(struct ctl *c)
{
	bool is_forced = ctl_flag(c, "force"),
	     is_change = c->argc == 2 && strcmp(c->argv[1], "rotate") == 0;
	json_t *doc, *body;
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (!is_change && c->argc != 1 && !(c->argc == 2 && strcmp(c->argv[1], "status") == 0))
		return ctl_usage(c);
	if (is_change) {
		body = json_pack("{s:b}", "force", is_forced);
		r = client_request(c, "POST", "authority/rotate", body, &doc);
		json_decref(body);
	} else {
		r = client_get(c, "authority", &doc);
	}
	if (r != 0)
		return r;
	if (c->output != OUTPUT_TABLE)
		print_document(c, doc);
	else if (is_change)
		puts("asked for; daemonsec-ctl ca shows how far it is");
	else
		show(doc);
	json_decref(doc);
	return EXIT_OK;
}
