#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The dashboard's TypeScript, with the types of schema/api.json, has no error.
build=${top_builddir:-.}/web
tsc=$build/node_modules/typescript/bin/tsc
if [ ! -e "$tsc" ] || [ ! -e "$build/src/api.gen.ts" ]; then echo "1..0 # SKIP the dashboard is not built here"; exit 0; fi
out=$(cd "$build" && node node_modules/typescript/bin/tsc -p . 2>&1) && echo "ok 1 - the types agree" ||
	{ echo "not ok 1 - the types agree"; echo "$out" | sed 's/^/# /' | head -n 30; }
echo "1..1"
