/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ledger_file - the journal of the ledger on disk; for ledger.c only. */
#ifndef AGENT_GUARD_LEDGER_FILE_H
#define AGENT_GUARD_LEDGER_FILE_H

#include "agent/guard/ledger.h"

/* Reads the records, the entries borrow.  *ret_damaged: places at which something could not be
 * read. */
DS_MUST_CHECK int ledger_file_read(
    const char *guard_dir, int (*call)(const struct ledger_entry *entry), unsigned *ret_damaged);
/* Starts another journal beside the old one; ledger_file_end() puts it in its place, or, with an
 * error, leaves the old one. */
DS_MUST_CHECK int ledger_file_begin(void);
DS_MUST_CHECK int ledger_file_end(int error);
/* For the next sync. */
DS_MUST_CHECK int ledger_file_append(const struct ledger_entry *e);
DS_MUST_CHECK int ledger_file_sync(void);
/* Room for the next records, when little is left. */
void ledger_file_make_room(void);
/* It would be much shorter written anew. */
bool ledger_file_is_long(void);
void ledger_file_close(void);

#endif
