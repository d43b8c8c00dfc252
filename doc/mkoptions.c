/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkoptions agent|server - prints the option part of daemonsec.conf(5) or daemonsec-server.conf(5)
 * from the same rows that the programs read, so that the page cannot fall behind.
 */
#include "agent/config.h"
#include "server/config.h"

#include <string.h>

/* mdoc takes a backslash, and a dot or an apostrophe at the start of a line, for its own. */
static void
put_text(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
	}
}

static const char *
type_name(const struct ds_conf_option *o)
{
	switch (o->type) {
	case DS_CONF_STRING:
		return "text";
	case DS_CONF_INT:
		return "number";
	case DS_CONF_SIZE:
		return "size";
	case DS_CONF_DURATION:
		return "time";
	case DS_CONF_BOOL:
		return "true or false";
	case DS_CONF_LIST:
		return "list";
	case DS_CONF_ENUM:
		return o->values;
	case DS_CONF_NAMED:
		break;
	}
	return "";
}

static void
put_option(const struct ds_conf_option *o)
{
	printf(".It Cm %s No = Ar ", o->key);
	put_text(type_name(o));
	putchar('\n');
	printf(
	    "\\&%c", o->help[0] >= 'a' && o->help[0] <= 'z' ? o->help[0] - 'a' + 'A' : o->help[0]);
	put_text(o->help + 1);
	printf(".\nDefault: ");
	if (*o->fallback == '\0')
		printf("none");
	else {
		printf("\\&");
		put_text(o->fallback);
	}
	printf("%s.\n", o->reloadable ? "" : "; taken over at the next start");
}

static void
put_section(const struct ds_conf_option *o)
{
	printf(".Ss [%s%s]\n", o->section, o->type == DS_CONF_NAMED ? "NAME" : "");
	if (o->type == DS_CONF_NAMED) {
		put_text(o->help);
		printf(".\n");
		if (*o->fallback != '\0') {
			printf(".Bd -literal -offset indent\n");
			put_text(o->fallback);
			printf(".Ed\n");
		}
	}
	printf(".Bl -tag -width Ds\n");
}

int
main(int argc, char **argv)
{
	const struct ds_conf_option *o =
	    argc > 1 && strcmp(argv[1], "server") == 0 ? server_options : agent_options;
	const char *section = "";

	for (; o->section != NULL; o++) {
		if (strcmp(section, o->section) != 0) {
			if (*section != '\0')
				printf(".El\n");
			section = o->section;
			put_section(o);
		}
		if (o->type != DS_CONF_NAMED)
			put_option(o);
	}
	printf(".El\n");
	return 0;
}
