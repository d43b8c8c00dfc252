/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * secret_file - which files hold credentials: reading them is told.
 *
 * Called by the file sensor on the guard's only thread; owns the set of inodes that were found.
 */
#include "agent/guard/secret_file.h"
#include "agent/guard/probe.h"
#include "lib/compiler.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FOUND_MAX 1024u

/* Patterns of whole paths; '*' stops at no slash when it matches, and at each when it looks for
 * files.  Those with `look` are few and looked for. */
struct pattern {
	const char *path;
	bool look;
};

static const struct pattern patterns[] = {
	{ "/etc/shadow", true },
	{ "/etc/shadow-", true },
	{ "/etc/gshadow", true },
	{ "/etc/gshadow-", true },
	{ "/etc/master.passwd", true },
	{ "/etc/sudoers", true },
	{ "/etc/krb5.keytab", true },
	{ "/etc/security/opasswd", true },
	{ "/etc/ssh/ssh_host_*_key", true },
	{ "/root/.ssh/id_*", true },
	{ "/home/*/.ssh/id_*", true },
	{ "*/.ssh/id_*", false },
	{ "/etc/ssl/private/*", true },
	{ "/etc/letsencrypt/archive/*/privkey*.pem", true },
	{ "*/privkey*.pem", false },
	{ "*.key", false },
	{ "*.p12", false },
	{ "*.pfx", false },
	{ "*.jks", false },
	{ "*.kdbx", false },
	{ "*/.pgpass", false },
	{ "*/.my.cnf", false },
	{ "/etc/mysql/debian.cnf", true },
	{ "*/.netrc", false },
	{ "*/.git-credentials", false },
	{ "*/.aws/credentials", false },
	{ "*/.docker/config.json", false },
	{ "*/.kube/config", false },
	{ "/etc/kubernetes/admin.conf", true },
	{ "/var/run/secrets/*/token", false },
	{ "*/.vault-token", false },
	{ "*/.htpasswd", false },
	{ "*/.env", false },
	{ "/etc/ppp/chap-secrets", true },
	{ "/etc/ipsec.secrets", true },
	{ "/etc/wireguard/*.conf", true },
	{ "/etc/NetworkManager/system-connections/*", true },
	{ "/proc/*/environ", false },
	{ "*/login.keychain-db", false },
	{ "/var/lib/sss/secrets/*", true },
};

/* Names and endings by which the kernel side asks; an ending is four characters with its dot. */
static const char *const names[] = { "shadow", "shadow-", "gshadow", "gshadow-", "sudoers",
	"krb5.keytab", "opasswd", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk",
	"id_ed25519_sk", "ssh_host_rsa_key", "ssh_host_ecdsa_key", "ssh_host_ed25519_key",
	"ssh_host_dsa_key", "privkey.pem", "privkey1.pem", ".key", ".p12", ".pfx", ".jks", "kdbx",
	".pgpass", ".my.cnf", "debian.cnf", ".netrc", ".git-credentials", "credentials",
	"config.json", "config", "admin.conf", "token", ".vault-token", ".htpasswd", ".env",
	"chap-secrets", "ipsec.secrets", "environ", "login.keychain-db", "master.passwd" };

static struct file_id found[FOUND_MAX];
static size_t found_len;

/* Device numbers as the kernel side has them. */
static struct file_id
id_of(const struct stat *st)
{
	return (struct file_id){ .inode = st->st_ino,
		.device = (uint32_t)(major(st->st_dev) << 20 | minor(st->st_dev)) };
}

static void
look_for(const char *path)
{
	struct stat st;
	glob_t g;

	if (glob(path, GLOB_NOSORT, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc && found_len < FOUND_MAX; i++) {
		size_t len = strlen(g.gl_pathv[i]);

		if (len > 4 && strcmp(g.gl_pathv[i] + len - 4, ".pub") == 0)
			continue;
		if (stat(g.gl_pathv[i], &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		found[found_len] = id_of(&st);
		probe_secret_add(&found[found_len++]);
	}
	globfree(&g);
}

void
secret_file_tell(void)
{
	static bool named;

	found_len = 0;
	for (size_t i = 0; i < DS_LEN(patterns); i++)
		if (patterns[i].look)
			look_for(patterns[i].path);
	for (size_t i = 0; i < DS_LEN(names) && !named; i++)
		probe_secret_name(names[i]);
	named = true;
}

static bool
is_found(const char *path)
{
	struct file_id id;
	struct stat st;

	if (found_len == 0 || stat(path, &st) < 0)
		return false;
	id = id_of(&st);
	for (size_t i = 0; i < found_len; i++)
		if (found[i].inode == id.inode && found[i].device == id.device)
			return true;
	return false;
}

bool
secret_file_is(struct ds_str path)
{
	static char text[DS_PATH_MAX + 1];
	size_t len = DS_MIN((size_t)path.len, sizeof(text) - 1);

	if (len == 0)
		return false;
	memcpy(text, path.ptr, len);
	text[len] = '\0';
	if (len > 4 && strcmp(text + len - 4, ".pub") == 0)
		return false;
	for (size_t i = 0; i < DS_LEN(patterns); i++)
		if (fnmatch(patterns[i].path, text, 0) == 0)
			return true;
	return is_found(text);
}
