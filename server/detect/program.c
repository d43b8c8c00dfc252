/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/program.h"

#include <string.h>

static const struct {
	const char *id, *name;
} techniques[] = {
#include "server/detect/attack.inc"
};

#define SHELL                                         \
	{                                             \
		PROGRAM_SHELL, "a shell", "T1059.004" \
	}
#define INTERPRETER                                            \
	{                                                      \
		PROGRAM_INTERPRETER, "an interpreter", "T1059" \
	}
#define FETCHER                                                            \
	{                                                                  \
		PROGRAM_FETCHER, "a program that transfers files", "T1105" \
	}
#define RELAY                                                                         \
	{                                                                             \
		PROGRAM_RELAY, "a program that opens connections for others", "T1095" \
	}
#define TOOL(id)                                            \
	{                                                   \
		PROGRAM_TOOL, "an administrator's tool", id \
	}

static const struct {
	const char *name; /* of the file, without its version */
	struct program_info info;
} programs[] = {
	{ "sh", SHELL },
	{ "bash", SHELL },
	{ "dash", SHELL },
	{ "zsh", SHELL },
	{ "ksh", SHELL },
	{ "mksh", SHELL },
	{ "fish", SHELL },
	{ "csh", SHELL },
	{ "tcsh", SHELL },
	{ "busybox", SHELL },
	{ "ash", SHELL },
	{ "rbash", SHELL },
	{ "ksh93", SHELL },
	{ "lksh", SHELL },
	{ "yash", SHELL },
	{ "posh", SHELL },
	{ "pwsh", SHELL },
	{ "python", { PROGRAM_INTERPRETER, "an interpreter", "T1059.006" } },
	{ "python3", { PROGRAM_INTERPRETER, "an interpreter", "T1059.006" } },
	{ "perl", INTERPRETER },
	{ "ruby", INTERPRETER },
	{ "php", INTERPRETER },
	{ "node", INTERPRETER },
	{ "nodejs", INTERPRETER },
	{ "lua", INTERPRETER },
	{ "tclsh", INTERPRETER },
	{ "gawk", INTERPRETER },
	{ "mawk", INTERPRETER },
	{ "original-awk", INTERPRETER },
	{ "luajit", INTERPRETER },
	{ "wish", INTERPRETER },
	{ "expect", INTERPRETER },
	{ "php-cgi", INTERPRETER },
	{ "pypy3", INTERPRETER },
	{ "deno", INTERPRETER },
	{ "bun", INTERPRETER },
	{ "guile", INTERPRETER },
	{ "R", INTERPRETER },
	{ "Rscript", INTERPRETER },
	{ "curl", FETCHER },
	{ "wget", FETCHER },
	{ "aria2c", FETCHER },
	{ "ftp", FETCHER },
	{ "tftp", FETCHER },
	{ "scp", FETCHER },
	{ "sftp", FETCHER },
	{ "rsync", FETCHER },
	{ "wget2", FETCHER },
	{ "axel", FETCHER },
	{ "lftp", FETCHER },
	{ "lwp-download", FETCHER },
	{ "lynx", FETCHER },
	{ "w3m", FETCHER },
	{ "smbclient", FETCHER },
	{ "rclone", FETCHER },
	{ "nc", RELAY },
	{ "nc.openbsd", RELAY },
	{ "nc.traditional", RELAY },
	{ "ncat", RELAY },
	{ "socat", RELAY },
	{ "telnet", RELAY },
	{ "cryptcat", RELAY },
	{ "websocat", RELAY },
	{ "nmap", RELAY },
	{ "masscan", RELAY },
	{ "zmap", RELAY },
	{ "hping3", RELAY },
	{ "autossh", RELAY },
	{ "dbclient", RELAY },
	{ "chisel", RELAY },
	{ "gost", RELAY },
	{ "frpc", RELAY },
	{ "ngrok", RELAY },
	{ "cloudflared", RELAY },
	{ "proxychains4", RELAY },
	{ "torsocks", RELAY },
	{ "ssh", { PROGRAM_RELAY, "a remote shell", "T1021.004" } },
	{ "id", TOOL("T1033") },
	{ "whoami", TOOL("T1033") },
	{ "who", TOOL("T1033") },
	{ "w", TOOL("T1033") },
	{ "uname", TOOL("T1082") },
	{ "getent", TOOL("T1087.001") },
	{ "last", TOOL("T1033") },
	{ "hostname", TOOL("T1082") },
	{ "ps", TOOL("T1057") },
	{ "ss", TOOL("T1049") },
	{ "netstat", TOOL("T1049") },
	{ "ip", TOOL("T1016") },
	{ "ifconfig", TOOL("T1016") },
	{ "arp", TOOL("T1016") },
	{ "route", TOOL("T1016") },
	{ "dig", TOOL("T1071.004") },
	{ "host", TOOL("T1071.004") },
	{ "nslookup", TOOL("T1071.004") },
	{ "ls", TOOL("T1083") },
	{ "find", TOOL("T1083") },
	{ "sudo", TOOL("T1548") },
	{ "su", TOOL("T1548") },
	{ "pkexec", TOOL("T1548") },
	{ "chmod", TOOL("T1222.002") },
	{ "chown", TOOL("T1222.002") },
	{ "crontab", TOOL("T1053.003") },
	{ "systemctl", TOOL("T1543.002") },
	{ "useradd", TOOL("T1136.001") },
	{ "adduser", TOOL("T1136.001") },
	{ "insmod", TOOL("T1547.006") },
	{ "modprobe", TOOL("T1547.006") },
	{ "kmod", TOOL("T1547.006") },
	{ "base64", TOOL("T1140") },
	{ "xxd", TOOL("T1140") },
	{ "openssl", TOOL("T1140") },
	{ "gcc", TOOL("T1027.004") },
	{ "cc", TOOL("T1027.004") },
	{ "make", TOOL("T1027.004") },
	{ "tar", TOOL("T1560.001") },
	{ "zip", TOOL("T1560.001") },
	{ "rm", TOOL("T1070.004") },
	{ "shred", TOOL("T1070.004") },
	{ "iptables", TOOL("T1562.004") },
	{ "nft", TOOL("T1562.004") },
	{ "ufw", TOOL("T1562.004") },
	{ "gdb", TOOL("T1055.008") },
	{ "strace", TOOL("T1055.008") },
};

static const char *const managers[] = {
	"/lib/systemd/systemd",
	"/usr/lib/systemd/systemd",
	"/lib/systemd/systemd-executor",
	"/usr/lib/systemd/systemd-executor",
	"/bin/systemd",
	"/usr/bin/systemd",
	"/sbin/init",
	"/usr/sbin/init",
	"/sbin/openrc-run",
	"/usr/sbin/openrc-run",
	"/sbin/start-stop-daemon",
	"/usr/sbin/start-stop-daemon",
	"/usr/sbin/runc",
	"/usr/bin/runc",
	"/usr/bin/crun",
	"/usr/bin/conmon",
	"/usr/bin/containerd-shim",
	"/usr/bin/containerd-shim-runc-v#",
	"/usr/bin/containerd-shim-runc-v2",
};

struct program_info
program_info(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t len = strcspn(name, "#");

	for (size_t i = 0; i < DS_LEN(programs); i++)
		if (strlen(programs[i].name) == len && memcmp(programs[i].name, name, len) == 0)
			return programs[i].info;
	return (struct program_info){ PROGRAM_OTHER, "a program", NULL };
}

const char *
program_technique_name(const char *technique)
{
	for (size_t i = 0; i < DS_LEN(techniques); i++)
		if (strcmp(techniques[i].id, technique) == 0)
			return techniques[i].name;
	return "";
}

bool
program_is_anybodys(const char *path)
{
	static const char *const places[] = { "/tmp/", "/var/tmp/", "/dev/shm/", "/home/",
		"/run/user/" };

	for (size_t i = 0; i < DS_LEN(places); i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return true;
	return false;
}

bool
program_is_script(const char *path)
{
	enum program_sort sort = program_info(path).sort;

	return sort == PROGRAM_SHELL || sort == PROGRAM_INTERPRETER;
}

bool
program_is_web(const char *class)
{
	static const char *const names[] = { "nginx", "apache2", "httpd", "lighttpd", "caddy",
		"fcgiwrap", "php", "tomcat", "uwsgi", "gunicorn", "openresty", "lsws", "litespeed",
		"jetty", "wildfly", "jboss", "puma", "unicorn", "passenger" };

	for (size_t i = 0; i < DS_LEN(names); i++)
		if (strncmp(class, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

bool
program_is_manager(const char *path, size_t len)
{
	for (size_t i = 0; i < DS_LEN(managers); i++)
		if (strlen(managers[i]) == len && memcmp(managers[i], path, len) == 0)
			return true;
	return false;
}
