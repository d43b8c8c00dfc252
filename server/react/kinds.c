/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/react/kinds.h"
#include "lib/order.h"

#include <string.h>

const struct react_kind react_kinds[] = {
	{ "kill", REACT_NEEDS_PROCESS, false, false, false, false, false,
	    "end a process and what it started" },
	{ "freeze", REACT_NEEDS_PROCESS, true, false, false, false, false,
	    "stop a process; undo lets it go on" },
	{ "block_ip", REACT_NEEDS_ADDRESS, true, false, false, false, false,
	    "drop what comes from an address" },
	{ "block_port", REACT_NEEDS_PORT, true, false, false, false, false,
	    "drop what comes to a port" },
	{ "cut", REACT_NEEDS_TRAFFIC, false, false, false, false, false,
	    "close established connections" },
	{ "restore_file", REACT_NEEDS_PATH, true, false, true, false, false,
	    "put a watched file back as it was" },
	{ "restart", REACT_NEEDS_UNIT, false, false, false, false, false, "start a daemon anew" },
	{ "isolate", REACT_NEEDS_NOTHING, true, true, false, false, false,
	    "leave a host only the way to this server" },
	{ "plugin", REACT_NEEDS_DATA, true, false, true, false, false,
	    "what a program in the plugin directory does" },
	{ "server_plugin", REACT_NEEDS_DATA, true, false, true, false, true,
	    "what a program in the server's own plugin directory does" },
	{ "hold", REACT_NEEDS_DAEMON, true, false, false, true, false,
	    "mode prevent: what a daemon starts for the first time is held until it is answered for" },
	{ "answer", REACT_NEEDS_QUESTION, false, false, true, true, false,
	    "let what is held go on, or kill it" },
	{ DS_ORDER_PROFILE, REACT_NEEDS_DAEMON, false, false, true, true, false,
	    "mode prevent: what a daemon may start, kept by the host for when this server is away" },
	{ DS_ORDER_REBIND, REACT_NEEDS_QUESTION, false, false, false, true, false,
	    "a copied machine that was approved takes orders for its own identity" },
	{ DS_ORDER_SPARE, REACT_NEEDS_NOTHING, false, false, true, true, false,
	    "whose addresses are never blocked ([react] never_block_labels), kept by the host" },
	{ NULL, REACT_NEEDS_NOTHING, false, false, false, false, false, NULL },
};

const struct react_kind *
react_kind_find(const char *name)
{
	for (const struct react_kind *k = react_kinds; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}
