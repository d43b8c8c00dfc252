/* SPDX-License-Identifier: GPL-2.0-or-later */
/* certs - a throw-away directory with the certificates that the tests of TLS need. */
#ifndef TESTS_UNIT_CERTS_H
#define TESTS_UNIT_CERTS_H

#include <stddef.h>

struct certs {
	char dir[64];
};

/* Key and certificate in one file: server.pem, old-server.pem (expired), host.pem, expired.pem,
 * future.pem, of ca.pem; foreign.pem of foreign-ca.pem; rogue.pem: a server of foreign-ca.pem that
 * shows ca.pem's certificate; wrong.pem: host.pem's certificate, another key.  Aborts on failure.
 */
void certs_make(struct certs *c);
void certs_remove(struct certs *c);
/* dir/name; static, eight in turn. */
const char *certs_path(const struct certs *c, const char *name);

#endif
