/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * package_digest - what the package database says the contents of a file should be.
 *
 * Reads the few files of dpkg's database that one package has, or asks rpm; nothing is kept. Called
 * by integrity when a file changed and by restore_file.
 */
#ifndef AGENT_GUARD_PACKAGE_DIGEST_H
#define AGENT_GUARD_PACKAGE_DIGEST_H

#include "lib/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PACKAGE_MD5_SIZE 16u

enum package_word {
	PACKAGE_UNKNOWN, /* it has no word on this file */
	PACKAGE_AGREES,
	PACKAGE_DIFFERS,
};

/* Calls for each configuration file of a package (path, md5 as dpkg has it, 32 digits).  root: ""
 * or another root directory.  How many, or -errno. */
int package_conffiles(const char *root, const char *package,
    void (*call)(void *ctx, const char *path, const char *md5), void *ctx);
/* The installed version of a package: 0, -ENOENT, -errno. */
DS_MUST_CHECK int package_version(const char *root, const char *package, char *ret, size_t size);
/* The digest that dpkg recorded for a file of a package: 0, -ENOENT, -errno. */
DS_MUST_CHECK int package_md5(
    const char *root, const char *package, const char *path, uint8_t ret[PACKAGE_MD5_SIZE]);
/* Compares a file's contents (fd, read from its beginning) with that. */
enum package_word package_verify(const char *root, const char *package, const char *path, int fd);
/* Who holds the lock of a package manager that is at work: its pid, or 0. */
pid_t package_worker(const char *root);

#endif
