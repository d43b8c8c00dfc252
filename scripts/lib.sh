# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh - what up, down and check share; sourced, not run. Bash.
set -euo pipefail
export LC_ALL=C.UTF-8
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }
die() { note "${0##*/}: $*"; exit 1; }

# Installing packages and watching daemons both want it.
need_root() { [ "$(id -u)" = 0 ] || die "needs root: sudo $0"; }

# Packages by family: what the build needs, then what the tests need beside it.
debian_build="gcc make autoconf autoconf-archive automake pkg-config clang llvm bpftool libbpf-dev libelf-dev
 libevent-dev libssl-dev libsqlite3-dev libmicrohttpd-dev libgnutls28-dev zlib1g-dev libdeflate-dev libjansson-dev libpcre2-dev libyaml-dev libmaxminddb-dev nettle-dev libgmp-dev libsodium-dev
 libnftnl-dev libmnl-dev  libcmocka-dev libseccomp-dev libsystemd-dev libcurl4-openssl-dev libcrypt-dev python3 ca-certificates"
ubuntu_build="${debian_build/bpftool/linux-tools-common linux-tools-generic}"
debian_test="wrk python3-aiosmtpd binutils curl jq openssl sqlite3 iproute2 procps util-linux mandoc xz-utils libclang-rt-dev libclang-rt-14-dev
 nginx-light libnginx-mod-http-perl fcgiwrap spawn-fcgi openssh-server openssh-client sshpass cron postgresql
 rsyslog rsyslog-openssl prometheus prometheus-alertmanager logrotate debootstrap nftables docker.io
 python3-yaml python3-jinja2 python3-jsonschema php-fpm rpm chromium fonts-dejavu-core"
# What `check --packages` wants on top.
debian_packages="dpkg-dev debhelper lintian ansible-core ansible-lint openssh-client rpm rpmlint qemu-system-x86 e2fsprogs"
fedora_packages="rpm-build rpmlint ansible-core ansible-lint openssh-clients qemu-system-x86-core e2fsprogs"
fedora_build="gcc make autoconf autoconf-archive automake pkgconf clang llvm bpftool libbpf-devel
 elfutils-libelf-devel libevent-devel openssl-devel sqlite-devel libmicrohttpd-devel gnutls-devel zlib-devel libdeflate-devel
 jansson-devel pcre2-devel libyaml-devel libmaxminddb-devel nettle-devel gmp-devel libnftnl-devel libmnl-devel libcmocka-devel libseccomp-devel libsodium-devel systemd-devel libcurl-devel libxcrypt-devel python3"
fedora_test="binutils curl jq openssl sqlite iproute procps-ng util-linux mandoc xz nginx nginx-mod-http-perl fcgiwrap
 spawn-fcgi openssh-server openssh-clients sshpass cronie postgresql-server rsyslog rsyslog-openssl prometheus logrotate debootstrap nftables
 python3-pyyaml python3-jinja2 python3-jsonschema php-fpm rpm-build compiler-rt chromium dejavu-sans-fonts"

# The packages of a list that are not installed.
missing_debian() {
	local p
	for p in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || echo "$p"
	done
}
missing_fedora() {
	local p
	for p in "$@"; do rpm -q --quiet "$p" || echo "$p"; done
}

# Packages that this release does not have are left out: configure and the tests say what they miss.
known_debian() {
	local p known
	known=$(apt-cache show --no-all-versions "$@" 2>/dev/null | sed -n 's/^Package: //p') || true
	for p in "$@"; do
		if grep -qxF -e "$p" <<<"$known"; then echo "$p"; else note "no package $p here"; fi
	done
}

install_debian() {
	local log policy=/usr/sbin/policy-rc.d made=
	log=$(mktemp)
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 || note "apt-get update failed; going on with what is known"
	# shellcheck disable=SC2046
	set -- $(known_debian "$@")
	# Tests want the programs, not a running copy of each: the installation starts nothing.
	[ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; made=1; }
	apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@" >>"$log" 2>&1 && r=0 || r=1
	[ -z "$made" ] || rm -f $policy
	[ $r = 0 ] || { tail -n 20 "$log" >&2; die "packages could not be installed: $*"; }
	rm -f "$log"
}

# install_packages build|test|packages
install_packages() {
	local family want
	# shellcheck disable=SC1091
	. /etc/os-release
	case " ${ID:-} ${ID_LIKE:-} " in
	*" ubuntu "*) family=debian want=$ubuntu_build ;;
	*" debian "*) family=debian want=$debian_build ;;
	*" fedora "*|*" rhel "*) family=fedora want=$fedora_build ;;
	*) die "unknown distribution ${ID:-}; install these by hand and run make: $fedora_build" ;;
	esac
	# The dashboard is bundled by npm; some packages of nodejs bring it, and then conflict with one of that name.
	command -v npm >/dev/null || [ -e "$top/web/dist/.shipped" ] || want="$want nodejs npm"
	if [ "$1" = test ]; then
		if [ $family = debian ]; then want="$want $debian_test"; else want="$want $fedora_test"; fi
	fi
	if [ "$1" = packages ]; then
		if [ $family = debian ]; then want="$want $debian_packages"; else want="$want $fedora_packages"; fi
	fi
	# shellcheck disable=SC2086,SC2046
	set -- $(missing_$family $want)
	[ $# -gt 0 ] || return 0
	note "installing: $*"
	if [ $family = debian ]; then install_debian "$@"; else dnf -q -y install "$@" || die "packages could not be installed"; fi
}

# configured DIR OPTION...: (re)configures DIR when the options or configure.ac changed.
configured() {
	local dir=$1 stamp
	shift
	stamp="$* $(cat "$top"/configure.ac "$top"/m4/*.m4 | cksum)"
	mkdir -p "$dir"
	if [ ! -e "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ]; then
		"$top/autogen.sh" >"$dir/autogen.log" 2>&1 || { tail -n 20 "$dir/autogen.log" >&2; die "autogen.sh failed"; }
	fi
	if [ ! -e "$dir/Makefile" ] || [ "$(cat "$dir/options" 2>/dev/null)" != "$stamp" ]; then
		(cd "$dir" && "$top/configure" -q "$@" >configure.log 2>&1) ||
			{ tail -n 20 "$dir/configure.log" >&2; die "configure failed (see $dir/config.log)"; }
		printf '%s' "$stamp" >"$dir/options"
	fi
}

jobs() { nproc 2>/dev/null || echo 2; }
