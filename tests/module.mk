# SPDX-License-Identifier: GPL-2.0-or-later
TEST_EXTENSIONS = .sh .py
LOG_DRIVER    = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
PY_LOG_DRIVER = $(LOG_DRIVER)
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)'; export top_srcdir top_builddir;

lint_tests = tests/lint/includes.sh tests/lint/size.sh tests/lint/words.sh tests/lint/links.sh tests/lint/docs.sh tests/lint/dist.sh tests/lint/salt.py
lint_tests += tests/lint/containers.py
EXTRA_DIST += $(lint_tests) tests/lint/formula.py tests/lint/reproducible.sh
TESTS += $(lint_tests)

include tests/unit/module.mk
include tests/fuzz/module.mk
include tests/system/module.mk
include tests/packages/module.mk
include tests/guest/module.mk
include tests/web/module.mk
include tests/bench/module.mk
include tests/eval/module.mk
