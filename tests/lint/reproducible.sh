#!/bin/sh
# reproducible TOP: builds once more in another directory and compares every program with the one in build/check.
set -eu
top=$1
dir=$(mktemp -d)/a/longer/path
trap 'rm -rf "${dir%/a/longer/path}"' EXIT
mkdir -p "$dir"
cd "$dir"
"$top/configure" -q --enable-werror >configure.log 2>&1
make -s -j"$(nproc)" >make.log 2>&1
bad=0
for p in agent/daemonsec-agent agent/daemonsec-uplink server/daemonsec-server ctl/daemonsec-ctl sim/daemonsec-sim; do
	if cmp "$p" "$top/build/check/$p"; then echo "same $p"; else bad=1; fi
done
exit $bad
