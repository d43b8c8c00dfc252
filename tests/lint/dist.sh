#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What is in the repository is in the distribution: a header that is in no list builds here, and nowhere else.
cd "${top_srcdir:-.}" || exit 99
build=${top_builddir:-.}
[ -e .git ] && command -v git >/dev/null && git ls-files >/dev/null 2>&1 || { echo "1..0 # SKIP not a checkout"; exit 0; }
shipped=$(mktemp) && trap 'rm -f "$shipped"' EXIT
env -u MAKEFLAGS -u MFLAGS make -s --no-print-directory -C "$build" print-dist | tr ' ' '\n' | sed "s#^$PWD/##" | sort -u >"$shipped"
bad=$(git ls-files -- '*.[ch]' '*.sql' '*.py' '*.sh' '*.mk' '*.yaml' '*.yml' '*.json' '*.sls' '*.def' dist debian web/src | while read -r f; do
	grep -qxF "$f" "$shipped" || case $f in web/src/*) ;; *) [ -e "$f" ] && echo "$f is in no SOURCES and no EXTRA_DIST" ;; esac
done)
if [ -z "$bad" ]; then echo "ok 1 - all of it is shipped"; else echo "not ok 1 - all of it is shipped"; echo "$bad" | sed 's/^/# /'; fi
echo "1..1"
