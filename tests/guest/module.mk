# SPDX-License-Identifier: GPL-2.0-or-later
# A machine with a kernel of its own, emulated: minutes, so not part of `make check`.
guest_tests = tests/guest/boot.py
EXTRA_DIST += $(guest_tests) tests/guest/inside.py
check-guest:
	$(MAKE) $(AM_MAKEFLAGS) -j1 check TESTS='$(guest_tests)'
.PHONY: check-guest
