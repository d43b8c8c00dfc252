#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# build.sh SRCDIR NPM NODE - bundles the dashboard into web/dist of the build directory, when a source is newer than it.
# What npm installs is kept beside it, and installed anew when the lock file changed.
set -eu
src=$1 npm=$2 node=$3
mkdir -p web
stamp=web/.built
if [ -e $stamp ] && [ -z "$(find "$src/web" -path "$src/web/node_modules" -prune -o -path "$src/web/dist" -prune -o \
	-type f -newer $stamp -print 2>/dev/null | head -n 1)" ] && [ -z "$(find "$src/schema/api.json" "$src/schema/events.def" "$src/server/api/query_field.c" -newer $stamp)" ]; then
	exit 0
fi
echo "  WEB      web/dist"
# As old as what is read below: a source that is saved while it is bundled is newer.
: >$stamp.begun
# In a build directory of its own the sources are copied, so that they see what npm installed.
if [ ! web -ef "$src/web" ]; then
	rm -rf web/src
	for f in package.json package-lock.json tsconfig.json build.mjs types.mjs src; do cp -R "$src/web/$f" web/; done
fi
if ! cmp -s web/package-lock.json web/.installed; then
	if ! (cd web && "$npm" ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error) >web/npm.log 2>&1; then
		tail -n 20 web/npm.log >&2
		echo "npm could not install what the dashboard is built with (above, and web/npm.log)." >&2
		echo "Without access to the npm registry: configure --disable-web-build; API and command line need no dashboard." >&2
		exit 1
	fi
	cp web/package-lock.json web/.installed
fi
(cd web && "$node" build.mjs "$src")
mv $stamp.begun $stamp
