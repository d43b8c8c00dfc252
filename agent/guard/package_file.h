/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package_file - what rpm's database says of one file: its package, the version, the digest.
 *
 * One run of rpm's own tool, some 20 ms that the guard waits: called for files that dpkg does not
 * know, when they are looked at first and when they changed.
 */
#ifndef AGENT_GUARD_PACKAGE_FILE_H
#define AGENT_GUARD_PACKAGE_FILE_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct rpm_file {
	char package[128], version[128];
	char digest[129]; /* hex; "": none, as of a directory */
	int algorithm;    /* OpenPGP's number: 1 MD5, 8 SHA-256 */
};

/* rpm and its database are on this host. */
bool package_file_is_known_to_rpm(void);
/* 0, -ENOENT (no package has it), -errno. */
DS_MUST_CHECK int package_file_ask(const char *path, struct rpm_file *ret);
/* The installed version of a package: 0, -ENOENT, -errno. */
DS_MUST_CHECK int package_file_version(const char *package, char *ret, size_t size);
/* Whether the contents (fd, from its beginning) have the digest: 1, 0, -ENOENT there is none that
 * we can make, -errno. */
DS_MUST_CHECK int package_file_matches(const struct rpm_file *f, int fd);

#endif
