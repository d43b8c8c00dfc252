/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program - what a program says about a process by its name alone: well-known daemons, log-in
 * programs, schedulers, interpreters, maintainer scripts.
 *
 * One more well-known daemon is one row.
 */
#include "agent/guard/program.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct program_row {
	const char *base; /* of the executable; a trailing '*': any version number may follow */
	const char *name; /* of the daemon; NULL: base */
	enum program_class class;
};

static const struct program_row rows[] = {
	{ "sshd", NULL, PROGRAM_LOGIN },
	{ "sshd-session", "sshd", PROGRAM_LOGIN },
	{ "sshd-auth", "sshd", PROGRAM_LOGIN },
	{ "dropbear", NULL, PROGRAM_LOGIN },
	{ "login", "login", PROGRAM_LOGIN },
	{ "in.telnetd", NULL, PROGRAM_LOGIN },
	{ "telnetd", NULL, PROGRAM_LOGIN },
	{ "xrdp-sesman", "login", PROGRAM_LOGIN },
	{ "gdm-session-worker", "login", PROGRAM_LOGIN },
	{ "lightdm", "login", PROGRAM_LOGIN },
	{ "sddm", "login", PROGRAM_LOGIN },
	{ "cron", NULL, PROGRAM_SCHEDULER },
	{ "crond", "cron", PROGRAM_SCHEDULER },
	{ "fcron", NULL, PROGRAM_SCHEDULER },
	{ "atd", "at", PROGRAM_SCHEDULER },
	{ "supervisord", NULL, PROGRAM_SUPERVISOR },
	{ "runsvdir", NULL, PROGRAM_SUPERVISOR },
	{ "runsv", NULL, PROGRAM_SUPERVISOR },
	{ "s6-svscan", NULL, PROGRAM_SUPERVISOR },
	{ "s6-supervise", NULL, PROGRAM_SUPERVISOR },
	{ "monit", NULL, PROGRAM_SUPERVISOR },
	{ "circusd", NULL, PROGRAM_SUPERVISOR },
	{ "nginx", NULL, PROGRAM_DAEMON },
	{ "apache2", NULL, PROGRAM_DAEMON },
	{ "httpd", "apache2", PROGRAM_DAEMON },
	{ "lighttpd", NULL, PROGRAM_DAEMON },
	{ "caddy", NULL, PROGRAM_DAEMON },
	{ "haproxy", NULL, PROGRAM_DAEMON },
	{ "varnishd", NULL, PROGRAM_DAEMON },
	{ "squid", NULL, PROGRAM_DAEMON },
	{ "php-fpm*", "php-fpm", PROGRAM_DAEMON },
	{ "uwsgi", NULL, PROGRAM_DAEMON },
	{ "gunicorn", NULL, PROGRAM_DAEMON },
	{ "fcgiwrap", NULL, PROGRAM_DAEMON },
	{ "postgres", NULL, PROGRAM_DAEMON },
	{ "pgbouncer", NULL, PROGRAM_DAEMON },
	{ "mysqld", NULL, PROGRAM_DAEMON },
	{ "mariadbd", NULL, PROGRAM_DAEMON },
	{ "mongod", NULL, PROGRAM_DAEMON },
	{ "redis-server", NULL, PROGRAM_DAEMON },
	{ "redis-check-rdb", "redis-server", PROGRAM_DAEMON }, /* the same file in Debian */
	{ "valkey-server", NULL, PROGRAM_DAEMON },
	{ "valkey-check-rdb", "valkey-server", PROGRAM_DAEMON },
	{ "memcached", NULL, PROGRAM_DAEMON },
	{ "clickhouse-server", NULL, PROGRAM_DAEMON },
	{ "etcd", NULL, PROGRAM_DAEMON },
	{ "consul", NULL, PROGRAM_DAEMON },
	{ "vault", NULL, PROGRAM_DAEMON },
	{ "nats-server", NULL, PROGRAM_DAEMON },
	{ "rabbitmq-server", NULL, PROGRAM_DAEMON },
	{ "mosquitto", NULL, PROGRAM_DAEMON },
	{ "slapd", NULL, PROGRAM_DAEMON },
	{ "named", NULL, PROGRAM_DAEMON },
	{ "unbound", NULL, PROGRAM_DAEMON },
	{ "dnsmasq", NULL, PROGRAM_DAEMON },
	{ "pdns_server", NULL, PROGRAM_DAEMON },
	{ "dhcpd", NULL, PROGRAM_DAEMON },
	{ "dhclient", NULL, PROGRAM_DAEMON },
	{ "chronyd", NULL, PROGRAM_DAEMON },
	{ "ntpd", NULL, PROGRAM_DAEMON },
	{ "ntpsec", NULL, PROGRAM_DAEMON },
	{ "exim4", NULL, PROGRAM_DAEMON },
	{ "dovecot", NULL, PROGRAM_DAEMON },
	{ "sendmail-mta", NULL, PROGRAM_DAEMON },
	{ "opendkim", NULL, PROGRAM_DAEMON },
	{ "rspamd", NULL, PROGRAM_DAEMON },
	{ "spamd", NULL, PROGRAM_DAEMON },
	{ "clamd", NULL, PROGRAM_DAEMON },
	{ "freshclam", NULL, PROGRAM_DAEMON },
	{ "vsftpd", NULL, PROGRAM_DAEMON },
	{ "proftpd", NULL, PROGRAM_DAEMON },
	{ "pure-ftpd", NULL, PROGRAM_DAEMON },
	{ "smbd", NULL, PROGRAM_DAEMON },
	{ "nmbd", NULL, PROGRAM_DAEMON },
	{ "winbindd", NULL, PROGRAM_DAEMON },
	{ "rpcbind", NULL, PROGRAM_DAEMON },
	{ "rpc.statd", NULL, PROGRAM_DAEMON },
	{ "rpc.mountd", NULL, PROGRAM_DAEMON },
	{ "cupsd", NULL, PROGRAM_DAEMON },
	{ "snmpd", NULL, PROGRAM_DAEMON },
	{ "rsyslogd", NULL, PROGRAM_DAEMON },
	{ "syslog-ng", NULL, PROGRAM_DAEMON },
	{ "auditd", NULL, PROGRAM_DAEMON },
	{ "dbus-daemon", NULL, PROGRAM_DAEMON },
	{ "avahi-daemon", NULL, PROGRAM_DAEMON },
	{ "inetd", NULL, PROGRAM_DAEMON },
	{ "xinetd", NULL, PROGRAM_DAEMON },
	{ "openvpn", NULL, PROGRAM_DAEMON },
	{ "charon", NULL, PROGRAM_DAEMON },
	{ "dockerd", "docker", PROGRAM_DAEMON },
	{ "containerd", NULL, PROGRAM_DAEMON },
	{ "kubelet", NULL, PROGRAM_DAEMON },
	{ "k3s", NULL, PROGRAM_DAEMON },
	{ "libvirtd", NULL, PROGRAM_DAEMON },
	{ "prometheus", NULL, PROGRAM_DAEMON },
	{ "prometheus-node-exporter", NULL, PROGRAM_DAEMON },
	{ "node_exporter", NULL, PROGRAM_DAEMON },
	{ "alertmanager", NULL, PROGRAM_DAEMON },
	{ "grafana", NULL, PROGRAM_DAEMON },
	{ "zabbix_agentd", NULL, PROGRAM_DAEMON },
	{ "netdata", NULL, PROGRAM_DAEMON },
	{ "collectd", NULL, PROGRAM_DAEMON },
	{ "fail2ban-server", NULL, PROGRAM_DAEMON },
	{ "crowdsec", NULL, PROGRAM_DAEMON },
	{ "tor", NULL, PROGRAM_DAEMON },
	{ "daemonsec-server", NULL, PROGRAM_DAEMON },
	{ "daemonsec-agent", NULL, PROGRAM_DAEMON },
};

/* The names of one daemon: what distributions call its unit, its program, its package. */
static const char *const same_daemon[][5] = {
	{ "sshd", "ssh", "openssh-server" },
	{ "cron", "crond", "cronie" },
	{ "at", "atd" },
	{ "apache2", "httpd" },
	{ "mysqld", "mysql", "mariadb", "mariadbd" },
	{ "postgres", "postgresql" },
	{ "named", "bind9" },
	{ "docker", "dockerd" },
	{ "rsyslogd", "rsyslog", "syslog" },
	{ "redis-server", "redis" },
	{ "smbd", "samba" },
	{ "chronyd", "chrony" },
	{ "fail2ban-server", "fail2ban" },
};

static const char *const interpreters[] = { "python", "perl", "ruby", "node", "nodejs", "php",
	"lua", "luajit", "java", "bash", "sh", "dash", "ash", "zsh", "ksh", "busybox", "tclsh",
	"guile", "mono", "dotnet", "beam.smp" };

const char *
program_base(const char *exe)
{
	const char *slash = strrchr(exe, '/');

	return slash != NULL ? slash + 1 : exe;
}

/* "php-fpm8.2" matches "php-fpm*", "python3.11" matches "python" followed by a version. */
static bool
is_version(const char *text)
{
	while (isdigit((unsigned char)*text) || *text == '.' || *text == '-')
		text++;
	return *text == '\0';
}

static bool
row_matches(const struct program_row *row, const char *base)
{
	size_t len = strlen(row->base);

	if (row->base[len - 1] != '*')
		return strcmp(row->base, base) == 0;
	return strncmp(row->base, base, len - 1) == 0 && is_version(base + len - 1);
}

static const struct program_row *
row_find(const char *exe)
{
	const char *base = program_base(exe);

	for (size_t i = 0; i < DS_LEN(rows); i++)
		if (row_matches(&rows[i], base))
			return &rows[i];
	return NULL;
}

enum program_class
program_class_of(const char *exe)
{
	const struct program_row *row = row_find(exe);

	return row != NULL ? row->class : PROGRAM_OTHER;
}

const char *
program_daemon_name(const char *exe)
{
	const struct program_row *row = row_find(exe);

	if (row == NULL)
		return program_base(exe);
	return row->name != NULL ? row->name : row->base;
}

static bool
is_interpreter(const char *exe)
{
	const char *base = program_base(exe);

	for (size_t i = 0; i < DS_LEN(interpreters); i++) {
		size_t len = strlen(interpreters[i]);

		if (strncmp(base, interpreters[i], len) == 0 && is_version(base + len))
			return true;
	}
	return false;
}

/* Options whose argument is what runs. */
static bool
names_program(const char *option)
{
	return strcmp(option, "-m") == 0 || strcmp(option, "-jar") == 0;
}

static bool
runs_text(const char *option)
{
	return strcmp(option, "-c") == 0 || strcmp(option, "-e") == 0;
}

const char *
program_script(const char *exe, const char *const *argv)
{
	if (argv == NULL || argv[0] == NULL || !is_interpreter(exe))
		return NULL;
	for (size_t i = 1; argv[i] != NULL; i++) {
		if (runs_text(argv[i]))
			return NULL;
		if (names_program(argv[i]))
			return argv[i + 1];
		if (argv[i][0] != '-' && argv[i][0] != '\0')
			return argv[i];
	}
	return NULL;
}

void
program_name(const char *exe, const char *const *argv, char *ret, size_t size)
{
	const char *script = program_script(exe, argv);

	if (script != NULL && program_base(script)[0] != '\0')
		(void)snprintf(ret, size, "%s", program_daemon_name(script));
	else
		(void)snprintf(ret, size, "%s", program_daemon_name(exe));
}

static const char *
package_script_of(const char *path)
{
	static const struct {
		const char *prefix, *name;
	} places[] = {
		{ "/var/lib/dpkg/info/", "dpkg/script" },
		{ "/var/lib/dpkg/tmp.ci/", "dpkg/script" },
		{ "/var/tmp/rpm-tmp.", "rpm/script" },
	};

	for (size_t i = 0; path != NULL && i < DS_LEN(places); i++)
		if (strncmp(path, places[i].prefix, strlen(places[i].prefix)) == 0)
			return places[i].name;
	return NULL;
}

/* Who runs maintainer scripts: dpkg itself, and whatever has librpm in it. */
static bool
is_installer(const char *exe)
{
	static const char *const names[] = { "dpkg", "rpm", "dnf", "dnf5", "yum", "microdnf",
		"zypper", "packagekitd", "rpm-ostree" };
	const char *base = program_base(exe);

	for (size_t i = 0; i < DS_LEN(names); i++)
		if (strcmp(base, names[i]) == 0)
			return true;
	return strncmp(base, "python", 6) == 0 && is_version(base + 6);
}

const char *
program_package_script(const char *exe, const char *const *argv, const char *parent_exe)
{
	const char *script, *name;

	if (parent_exe == NULL || !is_installer(parent_exe))
		return NULL;
	script = program_script(exe, argv);
	if (script == NULL)
		script = exe;
	name = package_script_of(script);
	return name != NULL && strstr(script, "/../") == NULL ? name : NULL;
}

bool
program_is_temporary(const char *exe)
{
	static const char *const places[] = { "/tmp/", "/var/tmp/", "/dev/shm/",
		"/memfd:", "/run/user/", "/dev/mqueue/" };

	for (size_t i = 0; i < DS_LEN(places); i++)
		if (strncmp(exe, places[i], strlen(places[i])) == 0)
			return true;
	return exe[0] != '/';
}

static bool
row_has(const char *const *names, const char *name)
{
	for (size_t i = 0; i < DS_LEN(same_daemon[0]) && names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

bool
program_same_daemon(const char *a, const char *b)
{
	if (strcmp(a, b) == 0)
		return true;
	for (size_t i = 0; i < DS_LEN(same_daemon); i++)
		if (row_has(same_daemon[i], a))
			return row_has(same_daemon[i], b);
	return false;
}
