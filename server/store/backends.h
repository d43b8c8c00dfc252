/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backends - one line an engine; the table is store.c. */
#ifndef SERVER_STORE_BACKENDS_H
#define SERVER_STORE_BACKENDS_H

#include "server/store/store.h"

extern const struct store_backend store_sqlite;
extern const struct store_backend store_null;

extern const struct store_reactions store_sqlite_reactions;
extern const struct store_model_state store_sqlite_model_state, store_null_model_state;
extern const struct store_reactions store_null_reactions;
extern const struct store_learning store_sqlite_learning;
extern const struct store_learning store_null_learning;
extern const struct store_hooks store_sqlite_hooks, store_null_hooks;

extern const struct store_identity store_sqlite_identity, store_null_identity;

extern const struct store_models store_sqlite_models;
extern const struct store_models store_null_models;

extern const struct store_profile_versions store_sqlite_profile_versions;
extern const struct store_profile_versions store_null_profile_versions;

extern const struct store_lists store_sqlite_lists;
extern const struct store_lists store_null_lists;

#endif
