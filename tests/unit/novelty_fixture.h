/* SPDX-License-Identifier: GPL-2.0-or-later */
/* novelty_fixture - what a daemon does, one sentence of a test at a time; each sends it and says
 * how many findings came. */
#ifndef TESTS_UNIT_NOVELTY_FIXTURE_H
#define TESTS_UNIT_NOVELTY_FIXTURE_H

#include "tests/unit/detect_fixture.h"

#define NGINX   "nginx.service"
#define SESSION "sshd/session"
#define DAY     (86400 * S)

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

void set(struct ds_event *ev, enum ds_str_field field, const char *text);
size_t file(struct fixture *f, const char *daemon, uint8_t kind, const char *exe, const char *path,
    uint64_t value);
size_t wrote(struct fixture *f, const char *daemon, const char *exe, const char *path);
size_t net(struct fixture *f, const char *daemon, uint8_t kind, const char *exe,
    const char *address, unsigned port);
size_t did(struct fixture *f, const char *daemon, uint8_t kind, const char *exe,
    enum ds_num_field field, uint64_t value);
void ready(struct fixture *f, const char *daemon, const char *exe);
const struct finding *only(const struct fixture *f, const char *kind, const char *severity);

#endif
