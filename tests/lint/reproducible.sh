#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# reproducible TOP [BUILD]: builds once more in another directory and compares every program with that of BUILD, or of
# TOP/build/check: same compiler, same options.
set -eu
top=$1 build=${2:-$1/build/check}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
dir=$tmp/a/longer/path
mkdir -p "$dir"
cd "$dir"
eval "$("$build/config.status" --config | sed 's/^/set -- /')"
"$top/configure" -q "$@" --disable-dependency-tracking --disable-web-build >configure.log 2>&1 || { tail -n 20 configure.log; exit 1; }
make -s -j"$(nproc)" >make.log 2>&1 || { tail -n 20 make.log; exit 1; }
bad=0
for p in agent/daemonsec-agent agent/uplink/daemonsec-uplink server/daemonsec-server ctl/daemonsec-ctl sim/daemonsec-sim; do
	[ -e "$p" ] || [ -e "$build/$p" ] || continue
	if cmp "$p" "$build/$p"; then echo "same $p"; else bad=1; fi
done
exit $bad
