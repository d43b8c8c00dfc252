/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * silence - which agents say nothing, told once each time and taken back when they speak.
 *
 * On the fleet thread.  Time is monotonic: a host has been heard when its newest frame's stamp
 * changed, whatever the wall clock does.  An agent that said that it stops is detect/blind.c's until
 * it says that it starts.
 */
#ifndef SERVER_FLEET_SILENCE_H
#define SERVER_FLEET_SILENCE_H

#include "server/fleet/fleet.h"

struct silence;

struct silence *silence_new(const struct fleet_config *cfg);
void silence_free(struct silence *s);
/* Reads the approved hosts: each is given the whole time to connect from now on. */
DS_MUST_CHECK int silence_load(struct silence *s, uint64_t now_ms);
/* A round: begin, each connected host, judge. */
void silence_begin(struct silence *s, uint64_t now_ms);
int silence_heard(uint32_t host, uint64_t last_frame_us, void *silence);
void silence_judge(struct silence *s, uint64_t silent_after_ms);

#endif
