#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The dashboard's TypeScript, with the types of schema/api.json, has no error, and its words are in use.
build=${top_builddir:-.}/web here=$(cd "$(dirname "$0")" && pwd)
tsc=$build/node_modules/typescript/bin/tsc
if [ ! -e "$tsc" ] || [ ! -e "$build/src/api.gen.ts" ]; then echo "1..0 # SKIP the dashboard is not built here"; exit 0; fi
out=$(cd "$build" && node node_modules/typescript/bin/tsc -p . 2>&1) && echo "ok 1 - the types agree" ||
	{ echo "not ok 1 - the types agree"; echo "$out" | sed 's/^/# /' | head -n 30; }
out=$(cd "$build" && node "$here/text.mjs") && [ -z "$out" ] && echo "ok 2 - all that is in text.ts is shown somewhere" ||
	{ echo "not ok 2 - all that is in text.ts is shown somewhere"; echo "$out" | sed 's/^/# /'; }
echo "1..2"
