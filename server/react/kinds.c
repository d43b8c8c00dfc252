/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/kinds.h"

#include <string.h>

const struct react_kind react_kinds[] = {
	{ "kill", REACT_NEEDS_PROCESS, false, false, false, "end a process and what it started" },
	{ "freeze", REACT_NEEDS_PROCESS, true, false, false, "stop a process; undo lets it go on" },
	{ "block_ip", REACT_NEEDS_ADDRESS, true, false, false, "drop what comes from an address" },
	{ "block_port", REACT_NEEDS_PORT, true, false, false, "drop what comes to a port" },
	{ "cut", REACT_NEEDS_TRAFFIC, false, false, false, "close established connections" },
	{ "restore_file", REACT_NEEDS_PATH, true, false, true,
	    "put a watched file back as it was" },
	{ "restart", REACT_NEEDS_UNIT, false, false, false, "start a daemon anew" },
	{ "isolate", REACT_NEEDS_NOTHING, true, true, false,
	    "leave a host only the way to this server" },
	{ "plugin", REACT_NEEDS_DATA, true, false, true,
	    "what a program in the plugin directory does" },
	{ NULL, REACT_NEEDS_NOTHING, false, false, false, NULL },
};

const struct react_kind *
react_kind_find(const char *name)
{
	for (const struct react_kind *k = react_kinds; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}
