/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/keeper.h"

#include "lib/compiler.h"

#include <string.h>

static const char *const dirs[] = { "/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/lib/",
	"/lib/", "/usr/libexec/", "/snap/snapd/" };

/* A name that ends in '*' stands for all that begin so. */
static const struct {
	const char *name;
	unsigned is;
} keepers[] = {
	{ "dpkg*", KEEPER_PACKAGES | KEEPER_ACCOUNTS | KEEPER_LOGS | KEEPER_CRON },
	{ "apt*", KEEPER_PACKAGES | KEEPER_LOGS },
	{ "rpm", KEEPER_PACKAGES | KEEPER_ACCOUNTS | KEEPER_LOGS | KEEPER_CRON },
	{ "dnf*", KEEPER_PACKAGES | KEEPER_LOGS },
	{ "yum", KEEPER_PACKAGES | KEEPER_LOGS },
	{ "zypper", KEEPER_PACKAGES },
	{ "packagekitd", KEEPER_PACKAGES },
	{ "snapd", KEEPER_PACKAGES | KEEPER_SYSTEM | KEEPER_RUNTIME },
	{ "snap-*", KEEPER_PACKAGES | KEEPER_RUNTIME },
	{ "flatpak*", KEEPER_PACKAGES | KEEPER_RUNTIME },
	{ "ldconfig*", KEEPER_PACKAGES },
	{ "depmod", KEEPER_PACKAGES },
	{ "kmod", KEEPER_PACKAGES },
	{ "update-alternatives", KEEPER_PACKAGES },
	{ "useradd", KEEPER_ACCOUNTS },
	{ "usermod", KEEPER_ACCOUNTS },
	{ "userdel", KEEPER_ACCOUNTS },
	{ "group*", KEEPER_ACCOUNTS },
	{ "gpasswd", KEEPER_ACCOUNTS },
	{ "passwd", KEEPER_ACCOUNTS | KEEPER_LOGIN },
	{ "chpasswd", KEEPER_ACCOUNTS },
	{ "chage", KEEPER_ACCOUNTS },
	{ "chfn", KEEPER_ACCOUNTS },
	{ "chsh", KEEPER_ACCOUNTS },
	{ "vipw", KEEPER_ACCOUNTS },
	{ "pwconv", KEEPER_ACCOUNTS },
	{ "newusers", KEEPER_ACCOUNTS },
	{ "accounts-daemon", KEEPER_ACCOUNTS | KEEPER_LOGIN },
	{ "sshd", KEEPER_LOGIN | KEEPER_LOGS | KEEPER_SSH },
	{ "sshd-*", KEEPER_LOGIN | KEEPER_LOGS | KEEPER_SSH },
	{ "ssh-keygen", KEEPER_SSH },
	{ "dropbear", KEEPER_LOGIN | KEEPER_LOGS | KEEPER_SSH },
	{ "unix_chkpwd", KEEPER_LOGIN },
	{ "login", KEEPER_LOGIN | KEEPER_LOGS },
	{ "agetty", KEEPER_LOGIN | KEEPER_LOGS },
	{ "su", KEEPER_LOGIN | KEEPER_LOGS },
	{ "sudo", KEEPER_LOGIN | KEEPER_LOGS },
	{ "runuser", KEEPER_LOGIN | KEEPER_LOGS },
	{ "cron", KEEPER_LOGIN | KEEPER_CRON },
	{ "crond", KEEPER_LOGIN | KEEPER_CRON },
	{ "anacron", KEEPER_CRON },
	{ "atd", KEEPER_LOGIN | KEEPER_CRON },
	{ "crontab", KEEPER_LOGIN | KEEPER_CRON },
	{ "nscd", KEEPER_LOGIN },
	{ "sssd*", KEEPER_LOGIN },
	{ "polkit*", KEEPER_LOGIN },
	{ "saslauthd", KEEPER_LOGIN },
	{ "auth", KEEPER_LOGIN }, /* dovecot's */
	{ "vsftpd", KEEPER_LOGIN },
	{ "proftpd", KEEPER_LOGIN },
	{ "pure-ftpd*", KEEPER_LOGIN },
	{ "smbd*", KEEPER_LOGIN },
	{ "gdm-*", KEEPER_LOGIN | KEEPER_LOGS },
	{ "lightdm*", KEEPER_LOGIN | KEEPER_LOGS },
	{ "xrdp-*", KEEPER_LOGIN },
	{ "cockpit-session", KEEPER_LOGIN },
	{ "rsyslogd", KEEPER_LOGS },
	{ "syslog-ng", KEEPER_LOGS },
	{ "logrotate", KEEPER_LOGS },
	{ "savelog", KEEPER_LOGS },
	{ "auditd", KEEPER_LOGS },
	{ "systemd", KEEPER_SYSTEM | KEEPER_LOGS | KEEPER_LOGIN | KEEPER_RUNTIME },
	{ "systemd-sysusers", KEEPER_SYSTEM | KEEPER_ACCOUNTS | KEEPER_LOGIN },
	{ "systemd-*", KEEPER_SYSTEM | KEEPER_LOGS | KEEPER_LOGIN | KEEPER_RUNTIME },
	{ "init", KEEPER_SYSTEM | KEEPER_LOGS },
	{ "udevadm", KEEPER_SYSTEM },
	{ "udevd", KEEPER_SYSTEM },
	{ "dockerd", KEEPER_RUNTIME },
	{ "docker-*", KEEPER_RUNTIME },
	{ "containerd*", KEEPER_RUNTIME },
	{ "runc", KEEPER_RUNTIME },
	{ "crun", KEEPER_RUNTIME },
	{ "conmon", KEEPER_RUNTIME },
	{ "podman", KEEPER_RUNTIME },
	{ "lxc*", KEEPER_RUNTIME },
	{ "libvirtd", KEEPER_RUNTIME },
	{ "bwrap", KEEPER_RUNTIME },
	{ "bubblewrap", KEEPER_RUNTIME },
	{ "udisksd", KEEPER_RUNTIME },
	{ "automount", KEEPER_RUNTIME },
	{ "tar", KEEPER_ARCHIVE },
	{ "bsdtar", KEEPER_ARCHIVE },
	{ "cpio", KEEPER_ARCHIVE },
	{ "rsync", KEEPER_ARCHIVE },
	{ "borg", KEEPER_ARCHIVE },
	{ "restic", KEEPER_ARCHIVE },
	{ "unsquashfs", KEEPER_ARCHIVE },
};

unsigned
keeper_of(struct ds_str exe)
{
	const char *slash = exe.len > 0 ? memrchr(exe.ptr, '/', exe.len) : NULL;
	unsigned is = 0;
	size_t dir, len;
	bool ours = false;

	if (slash == NULL)
		return 0;
	dir = (size_t)(slash - exe.ptr) + 1;
	len = exe.len - dir;
	for (size_t i = 0; i < DS_LEN(dirs); i++)
		ours |= dir >= strlen(dirs[i]) && memcmp(exe.ptr, dirs[i], strlen(dirs[i])) == 0;
	for (size_t i = 0; ours && i < DS_LEN(keepers); i++) {
		size_t want = strlen(keepers[i].name);
		bool open = keepers[i].name[want - 1] == '*';

		want -= open;
		if ((len == want || (open && len > want)) &&
		    memcmp(slash + 1, keepers[i].name, want) == 0)
			is |= keepers[i].is;
	}
	return is;
}
