# SPDX-License-Identifier: GPL-2.0-or-later
# The dashboard in Chromium: skips cleanly without the browser, npm or root. Screenshots stay in the build directory.
EXTRA_DIST += tests/web/dashboard.py tests/web/dashboard.mjs tests/web/browser.mjs tests/web/changes.mjs tests/web/people.mjs tests/web/told.mjs tests/web/types.sh tests/web/text.mjs
web_tests = tests/web/types.sh tests/web/dashboard.py
TESTS += $(web_tests)
