/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_files - where the configuration of this installation is. */
#ifndef CTL_CONFIG_FILES_H
#define CTL_CONFIG_FILES_H

#include "ctl/ctl.h"

/* The agent's file and its drop-in directory, PATH_MAX each. `given` (may be NULL) wins. */
void config_find_agent(const struct ctl *c, const char *given, char *ret_path, char *ret_dir);
/* The same of the server's. */
void config_find_server(const struct ctl *c, const char *given, char *ret_path, char *ret_dir);

#endif
