#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Words the code does without: unbounded or unsafe functions, locks outside their two homes, notes to self.
cd "${top_srcdir:-.}" || exit 99
dirs="lib agent server ctl sim"
n=0
report() { # NAME LINES
	n=$((n + 1))
	if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; echo "$2" | sed 's/^/# /'; fi
}
# Code only: comments may name what they warn of.
code() { find $dirs -name '*.[ch]' -exec awk '{ line = $0; sub(/\/\*.*/, "", line); if ($0 !~ /^[ \t]*\*/) print FILENAME ":" FNR ":" line }' {} +; }
report "no unbounded or unsafe function" \
	"$(code | grep -E '[^_a-zA-Z>.](strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|system|popen|alloca|mktemp|tmpnam|usleep|sleep)\(' )"
report "locks live in mailbox and snapshot only" \
	"$(code | grep -E 'pthread_(mutex|rwlock|spin|cond)' | grep -vE '^lib/(mailbox|snapshot)\.c:')"
report "lib never logs or exits" \
	"$(code | grep '^lib/' | grep -vE '^lib/log\.[ch]:' | grep -E '[^_a-z](ds_log|exit|abort|perror)\(|fprintf\(stderr' | grep -v 'lib/map.c:.*abort')"
report "no notes to self" "$(grep -rnE '\b(TO''DO|FIX''ME|X''XX)\b' $dirs tests scripts --include='*.[ch]' --include='*.sh' --include='*.py' | head)"
report "no memset to initialise" "$(code | grep -E '[^_a-z]memset\([^,]*, *0,' | head)"
# A release has no list of its files: there the programs' own are looked at.
sources() { git ls-files 2>/dev/null | grep . || find $dirs -name '*.[ch]' ! -name '*.skel.h'; }
report "every source says its licence first" \
	"$(sources | grep -E '\.(c|h|py|sh|ts|tsx|mjs|css|sql|awk|mk|m4)$|^(scripts|plugins)/' | grep -v '^tests/fuzz/seeds/' |
		while read -r f; do head -n 2 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || echo "$f"; done)"
echo "1..$n"
