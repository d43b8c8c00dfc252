/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record - the JSON object that a reaction keeps of what came of it.  Pure; a text that would be
 * too long leaves out the evidence first. */
#ifndef SERVER_REACT_RECORD_H
#define SERVER_REACT_RECORD_H

#include "lib/order.h"

#define RECORD_MAX (48u << 10) /* bytes */

void record_note(char ret[RECORD_MAX], const char *note, bool waits_for_approval);
bool record_waits_for_approval(const char *record);
/* What was there, and who took it back (""), and a sentence (""). */
void record_undo(char ret[RECORD_MAX], const char *was, const char *who, const char *text);
/* What was there, and the host's answer. */
bool record_undo_is_asked(const char *record);
/* The undo that was asked for did not work. */
void record_undo_failed(char ret[RECORD_MAX], const char *was);
void record_result(char ret[RECORD_MAX], const char *was, const struct ds_result *result);
/* An order was refused for its counter and signed anew: true the first time. */
bool record_signed_anew(char ret[RECORD_MAX], const char *was);

#endif
