#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A newcomer's first minutes: up installs below one directory, finds the daemons, answers, and down leaves nothing.
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
cd "${top_srcdir:-.}" || exit 99
[ -w . ] || { echo "1..0 # SKIP the source is read-only"; exit 0; }
dir=$(mktemp -d)
# What is tested here is already built.
[ -z "${top_builddir:-}" ] || export DS_BUILD="$top_builddir"
n=0 bad=0
check() { # NAME COMMAND...
	name=$1
	shift
	n=$((n + 1))
	if "$@" >"$dir/out" 2>&1; then echo "ok $n - $name"; else echo "not ok $n - $name"; sed 's/^/# /' "$dir/out" | tail -n 30; bad=1; fi
}
running() { [ -e "$1" ] && [ -d "/proc/$(cat "$1")" ]; }
# A network of its own, so that its ports and ours cannot meet.
up() { unshare --net --mount --propagation private sh -c 'ip link set lo up && exec scripts/up "$@"' up "$@"; }
ctl() { "$dir/a/bin/daemonsec-ctl" --server "unix:$dir/a/run/api.sock" "$@"; }
chmod 755 "$dir"
check "up --detach returns once server and agent answer, on ports of our choice" \
	up --prefix "$dir/a" --detach --set detect.learning_min=5s --set server.listen=127.0.0.1:17443 --set react.host_max=61 --set api.listen=127.0.0.1:17480
cp "$dir/out" "$dir/said"
check "it prints the address that we chose" grep -q "dashboard  *http://127.0.0.1:17480/ " "$dir/said"
check "the server answers on the socket" ctl status
check "this host is there and connected" sh -c "'$dir/a/bin/daemonsec-ctl' --server unix:$dir/a/run/api.sock -o json hosts | grep -q '\"connected\": *true'"
check "the variable that up prints says where it is" env DAEMONSEC_API="unix:$dir/a/run/api.sock" "$dir/a/bin/daemonsec-ctl" status
mkdir -p "$dir/trap/run/run"
ln -s "$dir/a/run/api.sock" "$dir/trap/run/run/api.sock"
# shellcheck disable=SC2016
check "a socket below the current directory is not trusted" unshare --mount --propagation private sh -c \
	'mount -t tmpfs none /run && cd "$1" && unset DAEMONSEC_API && "$2" status; [ $? = 5 ]' sh "$dir/trap" "$dir/a/bin/daemonsec-ctl"
check "--set reached the configuration" grep -q 'learning_min = 5s' "$dir/a/etc/daemonsec/server.conf.d/50-up.conf"
check "which is the server's for a section that only the server has" grep -q 'host_max = 61' "$dir/a/etc/daemonsec/server.conf.d/50-up.conf"
server=$(cat "$dir/a/run/server.pid") agent=$(cat "$dir/a/run/agent.pid")
check "a second up finds it running and is content" up --prefix "$dir/a" --detach
check "it is the same server" test "$server" = "$(cat "$dir/a/run/server.pid")"
check "with other options it is started again" up --prefix "$dir/a" --detach --set react.host_max=62
check "and so is the agent" sh -c '[ "$1" != "$(cat "$3/server.pid")" ] && [ "$2" != "$(cat "$3/agent.pid")" ]' sh "$server" "$agent" "$dir/a/run"
server=$(cat "$dir/a/run/server.pid") agent=$(cat "$dir/a/run/agent.pid")
check "an unknown option is refused" sh -c "! '$PWD/scripts/up' --nonsense"
check "down stops it" scripts/down --prefix "$dir/a"
# Ended processes stay in /proc until their parent has looked; a program they are no more.
gone() { [ -z "$(readlink "/proc/$1/exe")" ]; }
empty() { ls -la "$1"; [ -z "$(ls "$1")" ]; }
check "no server is left" gone "$server"
check "no agent is left" gone "$agent"
check "no socket or pid file is left" empty "$dir/a/run"
check "down of nothing is no error" scripts/down --prefix "$dir/a"
rm -rf "$dir"
echo "1..$n"
exit $bad
