/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/place.h"

#include "lib/compiler.h"
#include "server/detect/keeper.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define W PLACE_WRITE
#define D PLACE_REMOVE
#define R PLACE_READ

#define INSTALLS (KEEPER_PACKAGES)
#define MANAGES  (KEEPER_PACKAGES | KEEPER_SYSTEM)
#define USERS    (KEEPER_ACCOUNTS | KEEPER_PACKAGES | KEEPER_SYSTEM)
#define CHECKS   (KEEPER_LOGIN | KEEPER_ACCOUNTS | KEEPER_PACKAGES)
#define KEEPS    (KEEPER_LOGS | KEEPER_SYSTEM)

/* The first that fits.  Scores are those of a first time; what a daemon is known to do is normal.
 */
static const struct place places[] = {
	{ "/etc/ld.so.preload", W, 0, REACH_ANYBODY, "critical", 97,
	    "the list of libraries that every program loads", "T1574.006" },
	{ "/etc/ld.so.conf*", W, INSTALLS, REACH_DAEMON, "high", 86, "where libraries are found",
	    "T1574.006" },
	{ "/etc/ld.so.conf.d/", W, INSTALLS, REACH_DAEMON, "high", 86, "where libraries are found",
	    "T1574.006" },
	{ "/etc/passwd", W, USERS, REACH_JOB, "high", 90, "the list of users", "T1136.001" },
	{ "/etc/shadow", W, USERS, REACH_JOB, "high", 92, "the passwords", "T1098" },
	{ "/etc/group", W, USERS, REACH_DAEMON, "high", 86, "the list of groups", "T1098" },
	{ "/etc/sudoers", W, INSTALLS, REACH_JOB, "high", 92, "who may become root", "T1548.003" },
	{ "/etc/sudoers.d/", W, INSTALLS, REACH_JOB, "high", 92, "who may become root",
	    "T1548.003" },
	{ "/etc/pam.d/", W, INSTALLS, REACH_DAEMON, "high", 92, "how logins are checked",
	    "T1556.003" },
	{ "/usr/lib/*/security/", W, INSTALLS, REACH_DAEMON, "high", 92, "how logins are checked",
	    "T1556.003" },
	{ "/lib/*/security/", W, INSTALLS, REACH_DAEMON, "high", 92, "how logins are checked",
	    "T1556.003" },
	{ "*/.ssh/authorized_keys*", W, 0, REACH_JOB, "high", 93, "keys that may log in",
	    "T1098.004" },
	{ "*/.ssh/rc", W, 0, REACH_JOB, "high", 90, "what runs at a login", "T1546.004" },
	{ "/etc/ssh/sshd_config*", W, INSTALLS, REACH_DAEMON, "high", 88,
	    "the ssh server's configuration", "T1556" },
	{ "/etc/crontab", W, INSTALLS | KEEPER_CRON, REACH_DAEMON, "high", 90,
	    "a list of scheduled jobs", "T1053.003" },
	{ "/etc/cron.*/", W, INSTALLS | KEEPER_CRON, REACH_DAEMON, "high", 90,
	    "a list of scheduled jobs", "T1053.003" },
	{ "/var/spool/cron/", W, INSTALLS | KEEPER_CRON, REACH_DAEMON, "high", 90,
	    "a list of scheduled jobs", "T1053.003" },
	{ "/etc/systemd/", W, MANAGES, REACH_DAEMON, "high", 90, "a unit that is started",
	    "T1543.002" },
	{ "/lib/systemd/", W, MANAGES, REACH_DAEMON, "high", 90, "a unit that is started",
	    "T1543.002" },
	{ "/usr/lib/systemd/", W, MANAGES, REACH_DAEMON, "high", 90, "a unit that is started",
	    "T1543.002" },
	{ "*/.config/systemd/user/", W, KEEPER_SYSTEM, REACH_DAEMON, "high", 86,
	    "a unit that is started", "T1543.002" },
	{ "/etc/init.d/", W, MANAGES, REACH_DAEMON, "high", 88, "a script that is started at boot",
	    "T1037.004" },
	{ "/etc/rc.local", W, INSTALLS, REACH_DAEMON, "high", 88,
	    "a script that is started at boot", "T1037.004" },
	{ "/etc/profile*", W, INSTALLS, REACH_DAEMON, "high", 86, "what every login shell runs",
	    "T1546.004" },
	{ "/etc/profile.d/", W, INSTALLS, REACH_DAEMON, "high", 86, "what every login shell runs",
	    "T1546.004" },
	{ "/etc/bash.bashrc", W, INSTALLS, REACH_DAEMON, "high", 86, "what every shell runs",
	    "T1546.004" },
	{ "*/.bashrc", W, KEEPER_ACCOUNTS, REACH_DAEMON, "high", 86, "what a user's shell runs",
	    "T1546.004" },
	{ "*/.profile", W, KEEPER_ACCOUNTS, REACH_DAEMON, "high", 86, "what a user's shell runs",
	    "T1546.004" },
	{ "*/.bash_profile", W, KEEPER_ACCOUNTS, REACH_DAEMON, "high", 86,
	    "what a user's shell runs", "T1546.004" },
	{ "/etc/udev/rules.d/", W, MANAGES, REACH_DAEMON, "high", 84, "what runs for a device",
	    "T1546" },
	{ "/etc/modules*", W, MANAGES, REACH_DAEMON, "high", 84, "modules that the kernel loads",
	    "T1547.006" },
	{ "/etc/modprobe.d/", W, MANAGES, REACH_DAEMON, "high", 84, "modules that the kernel loads",
	    "T1547.006" },
	{ "/lib/modules/", W, MANAGES, REACH_DAEMON, "high", 88, "modules that the kernel loads",
	    "T1547.006" },
	{ "/usr/lib/modules/", W, MANAGES, REACH_DAEMON, "high", 88,
	    "modules that the kernel loads", "T1547.006" },
	{ "/etc/update-motd.d/", W, INSTALLS, REACH_DAEMON, "high", 84, "what runs at a login",
	    "T1546" },
	{ "/etc/apt/apt.conf.d/", W, INSTALLS, REACH_DAEMON, "high", 84,
	    "what runs at an installation", "T1546.016" },
	{ "/etc/letsencrypt/renewal-hooks/", W, INSTALLS, REACH_DAEMON, "high", 84,
	    "what runs at a renewal", "T1546" },
	{ "*/.git/hooks/", W, 0, REACH_DAEMON, "high", 80, "what runs at a commit", "T1546" },
	{ "/proc/sys/kernel/core_pattern", W, KEEPER_SYSTEM, REACH_DAEMON, "high", 92,
	    "what the kernel runs at a crash", "T1611" },
	{ "/proc/sys/kernel/modprobe", W, KEEPER_SYSTEM, REACH_DAEMON, "high", 92,
	    "what the kernel runs for a module", "T1611" },
	{ "/sys/fs/cgroup/*/release_agent", W, KEEPER_SYSTEM, REACH_DAEMON, "high", 92,
	    "what the kernel runs at the end of a group", "T1611" },
	{ "/etc/daemonsec/", W | D, INSTALLS, REACH_JOB, "critical", 95,
	    "the configuration of this agent", "T1562.001" },
	{ "/etc/audit/", W, INSTALLS, REACH_DAEMON, "high", 86, "what is audited", "T1562.012" },
	{ "/etc/rsyslog*", W, INSTALLS, REACH_DAEMON, "high", 84, "what is logged", "T1562.006" },
	{ "/etc/rsyslog.d/", W, INSTALLS, REACH_DAEMON, "high", 84, "what is logged", "T1562.006" },
	{ "/etc/selinux/", W, INSTALLS, REACH_DAEMON, "high", 84, "what programs may do",
	    "T1562.001" },
	{ "/etc/apparmor.d/", W, MANAGES, REACH_DAEMON, "high", 84, "what programs may do",
	    "T1562.001" },
	{ "/usr/bin/", W, INSTALLS, REACH_DAEMON, "high", 90, "a program of the system", "T1554" },
	{ "/usr/sbin/", W, INSTALLS, REACH_DAEMON, "high", 90, "a program of the system", "T1554" },
	{ "/bin/", W, INSTALLS, REACH_DAEMON, "high", 90, "a program of the system", "T1554" },
	{ "/sbin/", W, INSTALLS, REACH_DAEMON, "high", 90, "a program of the system", "T1554" },
	{ "/usr/local/bin/", W, INSTALLS, REACH_DAEMON, "high", 86, "a program of this host",
	    "T1554" },
	{ "/usr/local/sbin/", W, INSTALLS, REACH_DAEMON, "high", 86, "a program of this host",
	    "T1554" },
	{ "/usr/lib/*.so*", W, INSTALLS, REACH_DAEMON, "high", 90, "a library of the system",
	    "T1574.006" },
	{ "/lib/*.so*", W, INSTALLS, REACH_DAEMON, "high", 90, "a library of the system",
	    "T1574.006" },
	{ "/boot/", W, MANAGES, REACH_DAEMON, "high", 86, "what the host boots", "T1542" },
	{ "/var/log/auth.log", D, KEEPS, REACH_ANYBODY, "high", 92, "a log of the system",
	    "T1070.002" },
	{ "/var/log/syslog", D, KEEPS, REACH_ANYBODY, "high", 92, "a log of the system",
	    "T1070.002" },
	{ "/var/log/secure", D, KEEPS, REACH_ANYBODY, "high", 92, "a log of the system",
	    "T1070.002" },
	{ "/var/log/messages", D, KEEPS, REACH_ANYBODY, "high", 92, "a log of the system",
	    "T1070.002" },
	{ "/var/log/kern.log", D, KEEPS, REACH_ANYBODY, "high", 90, "a log of the system",
	    "T1070.002" },
	{ "/var/log/audit/audit.log", D, KEEPS, REACH_ANYBODY, "high", 94, "a log of the system",
	    "T1070.002" },
	{ "/var/log/wtmp", D, KEEPS, REACH_ANYBODY, "high", 92, "the record of logins",
	    "T1070.002" },
	{ "/var/log/btmp", D, KEEPS, REACH_ANYBODY, "high", 90, "the record of failed logins",
	    "T1070.002" },
	{ "/var/log/lastlog", D, KEEPS, REACH_ANYBODY, "high", 92, "the record of logins",
	    "T1070.002" },
	{ "/var/log/journal/*.journal", D, KEEPS, REACH_ANYBODY, "high", 92, "a log of the system",
	    "T1070.002" },
	{ "*/.bash_history", D, KEEPER_ACCOUNTS, REACH_JOB, "high", 85,
	    "the history of a user's shell", "T1070.003" },
	{ "/etc/shadow*", R, CHECKS, REACH_DAEMON, "high", 88, "the passwords", "T1003.008" },
	{ "/etc/gshadow*", R, CHECKS, REACH_DAEMON, "high", 86, "the passwords of groups",
	    "T1003.008" },
	{ "/etc/security/opasswd", R, CHECKS, REACH_DAEMON, "high", 86, "old passwords",
	    "T1003.008" },
	{ "/etc/ssh/ssh_host_*_key", R, KEEPER_SSH | INSTALLS, REACH_DAEMON, "high", 86,
	    "the host's private key", "T1552.004" },
	{ "*/.ssh/id_*", R, 0, REACH_DAEMON, "high", 86, "a user's private key", "T1552.004" },
	{ "*/.aws/credentials", R, 0, REACH_DAEMON, "high", 84, "credentials of a user",
	    "T1552.001" },
	{ "*/.git-credentials", R, 0, REACH_DAEMON, "high", 84, "credentials of a user",
	    "T1552.001" },
	{ "*/.netrc", R, 0, REACH_DAEMON, "high", 82, "credentials of a user", "T1552.001" },
	{ "*/.kube/config", R, 0, REACH_DAEMON, "high", 84, "credentials of a user", "T1552.001" },
	{ "*/.docker/config.json", R, 0, REACH_DAEMON, "high", 82, "credentials of a user",
	    "T1552.001" },
	{ "/etc/kubernetes/admin.conf", R, 0, REACH_DAEMON, "high", 86,
	    "credentials of the cluster", "T1552.001" },
};

static const struct place setuid_place = { "*", PLACE_SETUID,
	INSTALLS | KEEPER_SYSTEM | KEEPER_RUNTIME | KEEPER_ARCHIVE, REACH_ANYBODY, "high", 93,
	"a program that runs as its owner, whoever starts it", "T1548.001" };
static const struct place program_place = { "/tmp/", PLACE_EXECUTE, INSTALLS | KEEPER_RUNTIME,
	REACH_DAEMON, "medium", 70, "a program in a place where anybody may write", "T1222.002" };

#define O_TRUNCATES 01000u /* O_TRUNC of the kernel's generic numbers, as the agents send them */

static bool
ends_with(struct ds_str path, const char *end)
{
	size_t len = strlen(end);

	return path.len >= len && memcmp(path.ptr + path.len - len, end, len) == 0;
}

static bool
is_open_place(const char *path)
{
	static const char *const open_places[] = { "/tmp/", "/var/tmp/", "/dev/shm/",
		"/run/user/" };

	for (size_t i = 0; i < DS_LEN(open_places); i++)
		if (strncmp(path, open_places[i], strlen(open_places[i])) == 0)
			return true;
	return false;
}

unsigned
place_op(const struct ds_event *ev, struct ds_str *ret_path)
{
	struct ds_str to = DS_EVENT_STR(ev, DS_STR_TARGET_PATH);

	*ret_path = DS_EVENT_STR(ev, DS_STR_PATH);
	switch (ev->kind) {
	case DS_EVENT_FILE_WRITE:
		return ev->num[DS_NUM_OPEN_FLAGS] & O_TRUNCATES ? PLACE_WRITE | PLACE_REMOVE
								: PLACE_WRITE;
	case DS_EVENT_FILE_CREATE:
	case DS_EVENT_FILE_CHOWN:
		return PLACE_WRITE;
	case DS_EVENT_FILE_RENAME:
		if (to.len > 0)
			*ret_path = to;
		return PLACE_WRITE;
	case DS_EVENT_FILE_UNLINK:
		return PLACE_REMOVE;
	case DS_EVENT_FILE_READ:
		return PLACE_READ;
	case DS_EVENT_FILE_CHMOD:
		if (ev->num[DS_NUM_MODE] & 04000)
			return PLACE_SETUID;
		return ev->num[DS_NUM_MODE] & 0111 ? PLACE_EXECUTE : PLACE_WRITE;
	default:
		return 0;
	}
}

/* The literal beginning decides for nearly every row, or that no component is hidden. */
static bool
fits(const struct place *p, const char *path, size_t len, bool hidden)
{
	size_t literal = 0, whole;

	while (p->pattern[literal] != '\0' && p->pattern[literal] == path[literal])
		literal++;
	if (p->pattern[literal] != '\0' && p->pattern[literal] != '*')
		return false;
	if (!hidden && strncmp(p->pattern, "*/.", 3) == 0)
		return false;
	whole = strlen(p->pattern);
	if (literal == whole)
		return p->pattern[whole - 1] == '/' || len == whole;
	if (p->pattern[whole - 1] == '/') { /* a directory with a hole in its name */
		char pattern[80];

		if (whole + 2 > sizeof(pattern))
			return false;
		memcpy(pattern, p->pattern, whole);
		memcpy(pattern + whole, "*", 2);
		return fnmatch(pattern, path, 0) == 0;
	}
	return fnmatch(p->pattern, path, 0) == 0;
}

/* Nearly every file is somewhere else: below none of these, and no file of a person's settings. */
static bool
may_count(struct ds_str path)
{
#define TOP(text)                      \
	{                              \
		text, sizeof(text) - 1 \
	}
	static const struct {
		const char *text;
		size_t len;
	} tops[] = { TOP("/etc/"), TOP("/usr/"), TOP("/lib"), TOP("/bin/"), TOP("/sbin/"),
		TOP("/boot/"), TOP("/var/spool/cron/"), TOP("/var/log/"), TOP("/proc/sys/"),
		TOP("/sys/fs/") };

	for (size_t i = 0; i < DS_LEN(tops); i++)
		if (path.len >= tops[i].len && path.ptr[1] == tops[i].text[1] &&
		    memcmp(path.ptr, tops[i].text, tops[i].len) == 0)
			return true;
	return memmem(path.ptr, path.len, "/.", 2) != NULL;
}

const struct place *
place_find(struct ds_str path, unsigned op)
{
	DS_UNINITIALIZED char text[512];
	bool hidden;

	if (path.len == 0 || path.len >= sizeof(text) || path.ptr[0] != '/')
		return NULL;
	if (op == PLACE_SETUID)
		return &setuid_place;
	if (op != PLACE_EXECUTE && !may_count(path))
		return NULL; /* before anything else, since nearly all end here */
	memcpy(text, path.ptr, path.len);
	text[path.len] = '\0';
	if (op == PLACE_EXECUTE && is_open_place(text))
		return &program_place;
	if (op == PLACE_EXECUTE)
		op = PLACE_WRITE;
	if (!may_count(path))
		return NULL;
	if (ends_with(path, ".pyc") || strstr(text, "/__pycache__") != NULL)
		return NULL;
	hidden = strstr(text, "/.") != NULL;
	for (size_t i = 0; i < DS_LEN(places); i++)
		if ((places[i].ops & op) && fits(&places[i], text, path.len, hidden))
			return &places[i];
	return NULL;
}

bool
place_is_ordinary(const char *path)
{
	static const char *const ordinary[] = { "/tmp/", "/var/tmp/", "/dev/", "/run/", "/var/run/",
		"/var/log/", "/var/cache/", "/proc/", "/sys/fs/cgroup/" };

	for (size_t i = 0; i < DS_LEN(ordinary); i++)
		if (strncmp(path, ordinary[i], strlen(ordinary[i])) == 0)
			return true;
	return false;
}

bool
place_is_web(struct ds_str path)
{
	static const char *const roots[] = { "/var/www/", "/srv/www/", "/srv/http/",
		"/usr/share/nginx/", "/htdocs/", "/public_html/", "/wwwroot/", "/webapps/",
		"/docroot/" };

	for (size_t i = 0; i < DS_LEN(roots); i++)
		if (memmem(path.ptr, path.len, roots[i], strlen(roots[i])) != NULL)
			return true;
	return false;
}

const char *
place_script(struct ds_str path)
{
	/* The last ones say what is a script in their directory. */
	static const char *const ends[] = { ".php", ".phtml", ".phar", ".php3", ".php4", ".php5",
		".php7", ".pht", ".phps", ".jsp", ".jspx", ".war", ".asp", ".aspx", ".ashx", ".cfm",
		".cgi", ".pl", ".shtml", "/.htaccess", "/.user.ini" };

	/* Nearly no file has an ending as short as these. */
	if (path.len < 3 || memrchr(path.ptr + path.len - DS_MIN(path.len, 10u), '.',
				DS_MIN(path.len, 10u)) == NULL)
		return NULL;
	for (size_t i = 0; i < DS_LEN(ends); i++)
		if (ends_with(path, ends[i]))
			return ends[i];
	return NULL;
}

bool
place_is_anybodys(struct ds_str path)
{
	char text[32];

	snprintf(text, sizeof(text), "%.*s", (int)path.len, path.len > 0 ? path.ptr : "");
	return is_open_place(text);
}

const char *
place_done(unsigned op)
{
	if (op == PLACE_REMOVE)
		return "removed";
	if (op == PLACE_READ)
		return "read";
	if (op == PLACE_SETUID)
		return "given setuid to";
	return op == PLACE_EXECUTE ? "made executable" : "written";
}
