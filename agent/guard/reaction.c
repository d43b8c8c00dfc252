/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reaction - the table of what orders can do here. */
#include "agent/guard/reaction.h"
#include "agent/guard/reactions/reactions.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct reaction *const reactions[] = {
	&reaction_kill,
	&reaction_freeze,
	&reaction_block_ip,
	&reaction_cut,
	&reaction_block_port,
	&reaction_isolate,
	&reaction_restore_file,
	&reaction_restart,
	&reaction_plugin,
	&reaction_hold,
	NULL,
};

const struct reaction *
reaction_find(const char *name)
{
	for (size_t i = 0; reactions[i] != NULL; i++)
		if (strcmp(reactions[i]->name, name) == 0)
			return reactions[i];
	return NULL;
}

int
reaction_undo(const struct reaction *reaction, struct reaction_call *call)
{
	int r;

	call->inverse.pos = 0;
	r = reaction->undo(call);
	if (r < 0 || reaction->unsettle == NULL)
		return r;
	call->inverse.pos = 0;
	r = reaction->unsettle(call);
	call->inverse.pos = 0;
	return reaction->unsettled != NULL ? reaction->unsettled(call, r) : r;
}

int
reaction_fail(struct reaction_call *call, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(call->why, sizeof(call->why), format, args);
	va_end(args);
	return error;
}
