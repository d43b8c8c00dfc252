/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reactions - one row each; the table is agent/guard/reaction.c. */
#ifndef AGENT_GUARD_REACTIONS_REACTIONS_H
#define AGENT_GUARD_REACTIONS_REACTIONS_H

#include "agent/guard/reaction.h"

extern const struct reaction reaction_kill;
extern const struct reaction reaction_freeze;
extern const struct reaction reaction_block_ip;
extern const struct reaction reaction_cut;
extern const struct reaction reaction_block_port;
extern const struct reaction reaction_isolate;
extern const struct reaction reaction_restore_file;
extern const struct reaction reaction_restart;
extern const struct reaction reaction_plugin;
extern const struct reaction reaction_hold;

#endif
