#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The documents keep up with the code: every verb, event kind and option is in a man page, and the pages are well formed.
cd "${top_srcdir:-.}" || exit 99
build=${top_builddir:-.}
n=0
report() {
	n=$((n + 1))
	if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; echo "$2" | sed 's/^/# /'; fi
}
missing() { # FILE < WORDS
	while read -r w; do grep -qE "(^|[^a-z_-])$w([^a-z_-]|\$)" "$1" || echo "$1 does not name $w"; done
}
report "every verb is in daemonsec-ctl.8" \
	"$(sed -n 's/^	{ "\([a-z-]*\)",.*/\1/p' ctl/verbs.c | missing doc/daemonsec-ctl.8)"
report "every kind of event is in daemonsec-agent.8" \
	"$(awk '/^DS_KIND\(/ { split($0, a, "\""); print a[4] }' schema/events.def | missing doc/daemonsec-agent.8)"
for page in daemonsec.conf.5:agent daemonsec-server.conf.5:server; do
	[ -e "$build/doc/${page%:*}" ] || continue
	report "every option is in ${page%:*}" \
		"$(grep -oE '\{ "[a-z]+", "[a-z_]+"' "${page#*:}/config.c" | sed 's/.*"\(.*\)"/\1/' | missing "$build/doc/${page%:*}")"
done
if [ -e schema/api.yaml ] && [ -e server/api/routes.c ]; then
	report "every route is in api.yaml" \
		"$(sed -n 's/^	{ "[A-Z]*", "\([^"]*\)".*/\1/p' server/api/routes.c | sed 's#^\([^/]\)#/\1#' | sort -u |
			while read -r r; do grep -qF "$r:" schema/api.yaml || echo "schema/api.yaml does not have $r"; done)"
fi
report "the guides name verbs and options that there are" "$(
	grep -ohE 'daemonsec-ctl( -o [a-z]+)? [a-z][a-z-]+' README.md doc/*.md | sed 's/.* //' | sort -u |
		while read -r v; do grep -qF "{ \"$v\"," ctl/verbs.c || echo "daemonsec-ctl has no verb $v"; done
	grep -ohE 'daemonsec-ctl [^`|#]*' README.md doc/*.md | grep -oE ' --[a-z-]+' | sort -u |
		while read -r o; do grep -qE "(Fl|Ql) -${o#--}\b" doc/daemonsec-ctl.8 || echo "daemonsec-ctl.8 has no option $o"; done)"
report "the guides name tests that there are" "$(
	grep -ohE 'tests/[a-z_]+/[a-z_]+(\.[a-z]+)?' README.md doc/*.md | sort -u |
		while read -r t; do ls "$t"* >/dev/null 2>&1 || echo "there is no $t"; done)"
report "what promises.md has tests say, they say" "$(
	sed -n 's/^|[^|]*|\([^|]*\)|\([^|]*"[^|]*\)|$/\1|\2/p' doc/promises.md | while IFS='|' read -r tests says; do
		files=$(echo "$tests" | grep -oE 'tests/[a-z]+/[a-z_.]+' | while read -r t; do ls "$t" "$t.c" 2>/dev/null; done)
		echo "$says" | grep -oE '"[^"]*"' | tr -d '"' | while read -r w; do
			# shellcheck disable=SC2086
			grep -qF -- "$w" $files || echo "no test of$tests says \"$w\""
		done
	done)"
if python3 -c 'import yaml' 2>/dev/null; then
	report "api.json is api.yaml (make api-json)" "$(python3 -c '
import json, yaml
if json.load(open("schema/api.json")) != yaml.safe_load(open("schema/api.yaml")): print("they differ")' 2>&1)"
fi
if command -v mandoc >/dev/null; then
	report "the man pages are well formed" \
		"$(mandoc -Tlint -Wwarning doc/*.8 "$build"/doc/*.5 2>&1 | grep -v 'cross reference to\|referenced manual not found' | head -n 20)"
fi
echo "1..$n"
