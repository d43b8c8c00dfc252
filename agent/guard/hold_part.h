/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hold_part - what the files of hold share; nobody else includes it. */
#ifndef AGENT_GUARD_HOLD_PART_H
#define AGENT_GUARD_HOLD_PART_H

#include "agent/guard/hold_known.h"
#include "agent/guard/hold_perm.h"
#include "agent/guard/hold_profile.h"
#include "agent/guard/target.h"
#include "lib/event.h"

struct agent_config;
struct daemon;
struct probe_sample;

/* What waits for an answer. */
struct question {
	uint8_t id[DS_ORDER_ID_SIZE];
	struct target_process process;
	uint64_t key;   /* of the program in `known` */
	uint32_t token; /* it waits in the kernel, see hold_perm; 0: it is stopped by a signal */
	uint64_t due_ms, timeout_ms;
	char daemon[256];
	char exe[DS_PATH_MAX + 1];
	bool is_open;
};

/* hold_which.c */
void hold_which_init(const struct agent_config *config);
/* What is held is held on, also after a part of it died.  0 or -errno. */
DS_MUST_CHECK int hold_keep(void);
void hold_detach(void);

/* hold_net.c: connections. */
void hold_net_init(const struct agent_config *config);
DS_MUST_CHECK int hold_net_attach(bool on);
DS_MUST_CHECK int hold_net_daemon(const struct daemon *d, bool on);
/* As hold_answer(); kill refuses. */
DS_MUST_CHECK int hold_net_answer(const uint8_t id[DS_ORDER_ID_SIZE], unsigned answer);
/* As hold_tick(). */
uint64_t hold_net_tick(uint64_t now_ms);

/* hold_ask.c: tells the question. */
/* Stopped by a signal. */
void hold_ask(const struct question *q, const struct probe_sample *sample);
/* Waits in the kernel. */
void hold_ask_perm(const struct question *q);

#endif
