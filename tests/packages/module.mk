# SPDX-License-Identifier: GPL-2.0-or-later
# Packages and their roll-out on booted hosts, and published schemas: minutes, or a registry, so not part of `make check`.
# The others take what the first built.
package_tests = tests/packages/debs.py tests/packages/ansible.py tests/packages/salt.py tests/packages/rpms.py tests/packages/images.py \
	tests/packages/formats.py tests/packages/pods.py
EXTRA_DIST += tests/packages/machines.py tests/packages/systemd.macros
EXTRA_DIST += $(package_tests)
check-packages:
	$(MAKE) $(AM_MAKEFLAGS) -j1 check TESTS='$(package_tests)'
.PHONY: check-packages
