/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * backup - the verb that copies all that the server keeps, while it runs, into one tar file.
 *
 * It runs beside the server, as root or as the server's user: what it copies has private keys.  The
 * events are copied before the control plane, so that what is restored is as after a crash:
 * findings are there at least as far as events are.
 */
#include "ctl/archive.h"
#include "ctl/config_files.h"
#include "ctl/print.h"
#include "lib/clock.h"
#include "server/config.h"
#include "server/store/copy.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS_MAX   64u /* below the state directory */
#define WHY_SIZE   (PATH_MAX + 200)
#define CONTROL_DB "control.db"

struct backup {
	struct archive *archive;
	char part[PATH_MAX]; /* the copy of a database until it is in the archive */
	char state_dir[PATH_MAX];
	char *dirs[DIRS_MAX]; /* names of members, to be looked at */
	size_t dirs_len;
	json_t *members;
	uint64_t bytes;
	bool tell; /* progress, on stderr */
	char why[WHY_SIZE];
};

/* Comes anew with the next start, or belongs to this one. */
static bool
is_left_out(const char *name)
{
	static const char *const names[] = { "lock", "running", "admin-password" };
	static const char *const ends[] = { "-wal", "-shm", "-journal", ".part" };
	size_t len = strlen(name);

	for (size_t i = 0; i < DS_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	for (size_t i = 0; i < DS_LEN(ends); i++)
		if (len > strlen(ends[i]) && strcmp(name + len - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

static bool
is_database(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, ".db") == 0;
}

static int
add(struct backup *b, const char *name, const char *path)
{
	struct stat st;
	int r = archive_add_file(b->archive, name, path);

	if (r == 0 && stat(path, &st) == 0)
		b->bytes += (uint64_t)st.st_size;
	if (r == 0)
		json_array_append_new(b->members, json_string(name));
	else
		snprintf(b->why, sizeof(b->why), "%s: %s", path, strerror(-r));
	return r;
}

static int
add_database(struct backup *b, const char *name, const char *path)
{
	int r;

	if (b->tell)
		fprintf(stderr, "\r\033[K%s ...", name);
	r = store_copy(path, b->part, b->why, sizeof(b->why));
	if (r < 0)
		return r;
	r = add(b, name, b->part);
	unlink(b->part);
	return r;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* One of a directory: what has gone meanwhile is no error. */
static int
add_entry(struct backup *b, const char *name, const char *path)
{
	const char *entry = strrchr(name, '/') + 1;
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode)) {
		if (b->dirs_len == DIRS_MAX)
			return -E2BIG;
		b->dirs[b->dirs_len] = strdup(name);
		return b->dirs[b->dirs_len++] != NULL ? 0 : -ENOMEM;
	}
	if (!S_ISREG(st.st_mode) || is_left_out(entry))
		return 0;
	r = is_database(entry) ? add_database(b, name, path) : add(b, name, path);
	return r < 0 && access(path, F_OK) < 0 && errno == ENOENT ? 0 : r;
}

/* Its files; its directories are for later. */
static int
add_directory(struct backup *b, const char *name, const char *path)
{
	char member[300], file[PATH_MAX];
	struct dirent **list;
	int len = scandir(path, &list, NULL, by_name), r = len < 0 ? -errno : 0;

	for (int i = 0; i < len; i++) {
		const char *entry = list[i]->d_name;

		if (r == 0 && entry[0] != '.' && strcmp(entry, CONTROL_DB) != 0) {
			int n = snprintf(member, sizeof(member), "%s/%s", name, entry),
			    m = snprintf(file, sizeof(file), "%s/%s", path, entry);

			r = n < (int)sizeof(member) && m < (int)sizeof(file)
				? add_entry(b, member, file)
				: -ENAMETOOLONG;
		}
		free(list[i]);
	}
	if (len >= 0)
		free(list);
	if (r < 0 && b->why[0] == '\0')
		snprintf(b->why, sizeof(b->why), "%s: %s", path, strerror(-r));
	return r;
}

/* All but the control plane. */
static int
add_state(struct backup *b)
{
	char path[PATH_MAX];
	int r = add_directory(b, "state", b->state_dir);

	for (size_t i = 0; i < b->dirs_len && r == 0; i++) {
		int n = snprintf(
		    path, sizeof(path), "%s%s", b->state_dir, b->dirs[i] + sizeof("state") - 1);

		r = n < (int)sizeof(path) ? add_directory(b, b->dirs[i], path) : -ENAMETOOLONG;
	}
	for (size_t i = 0; i < b->dirs_len; i++)
		free(b->dirs[i]);
	return r;
}

/* The configuration that belongs to it. */
static int
add_config(struct backup *b, const char *file, const char *dir)
{
	int r = access(file, F_OK) == 0 ? add(b, "etc/server.conf", file) : 0;

	return r == 0 && access(dir, F_OK) == 0 ? add_directory(b, "etc/server.conf.d", dir) : r;
}

static int
add_all(struct backup *b, const char *file, const char *dir)
{
	char path[PATH_MAX + sizeof("/" CONTROL_DB)], *text;
	json_t *about;
	int r = add_state(b);

	snprintf(path, sizeof(path), "%s/" CONTROL_DB, b->state_dir);
	if (r == 0)
		r = add_database(b, "state/" CONTROL_DB, path);
	if (r == 0)
		r = add_config(b, file, dir);
	if (r < 0)
		return r;
	ds_clock_format(ds_clock_wall_us(), path, sizeof(path));
	about = json_pack("{s:s, s:s, s:s, s:O}", "version", PACKAGE_VERSION, "created", path,
	    "state_dir", b->state_dir, "members", b->members);
	text = json_dumps(about, JSON_INDENT(1));
	json_decref(about);
	r = text != NULL ? archive_add(b->archive, "backup.json", text, strlen(text)) : -ENOMEM;
	free(text);
	if (r == 0)
		r = archive_finish(b->archive);
	if (r < 0)
		snprintf(b->why, sizeof(b->why), "%s", strerror(-r));
	return r;
}

static int
failed(int r, const char *what, const char *advice)
{
	fprintf(stderr, "daemonsec-ctl: no backup: %s\n", what);
	if (advice != NULL)
		fprintf(stderr, "  %s\n", advice);
	return ctl_exit_code(r);
}

/* Where the server keeps what it keeps; 0, or an exit code after a message. */
static int
find_state(struct backup *b, const char *file, const char *dir)
{
	static struct ds_conf_report report;
	struct server_config cfg = { 0 };
	char control[PATH_MAX + sizeof("/" CONTROL_DB)];
	int r = ds_conf_load(server_options, &cfg, file, dir, true, &report, NULL);

	if (!ds_conf_is_usable(r, &report)) {
		ds_conf_print_report(&report, stderr);
		ds_conf_free(server_options, &cfg);
		return failed(r, file, "--server-file FILE names the server's configuration");
	}
	snprintf(b->state_dir, sizeof(b->state_dir), "%s", cfg.state_dir);
	ds_conf_free(server_options, &cfg);
	snprintf(control, sizeof(control), "%s/" CONTROL_DB, b->state_dir);
	if (access(control, R_OK) == 0)
		return 0;
	r = -errno;
	snprintf(b->why, sizeof(b->why), "%s: %s", control, strerror(errno));
	return failed(r, b->why,
	    r == -ENOENT
		? "it runs beside the server; --server-file FILE names the server's configuration"
		: "run it as root, or as the server's user");
}

static int
run(struct ctl *c, struct backup *b, const char *to, const char *file, const char *dir)
{
	json_t *said;
	int r = add_all(b, file, dir);

	if (b->tell)
		fputs("\r\033[K", stderr);
	if (r < 0)
		return failed(r, b->why, NULL);
	if (c->output == OUTPUT_TABLE) {
		printf("%s: %zu files, %.1f MiB\n", to, json_array_size(b->members),
		    (double)b->bytes / (1 << 20));
		fprintf(stderr,
		    "it has the authority's and the orders' private keys: keep it as safe as the server\n");
		return EXIT_OK;
	}
	said = json_pack(
	    "{s:s, s:I, s:O}", "file", to, "bytes", (json_int_t)b->bytes, "members", b->members);
	print_document(c, said);
	json_decref(said);
	return EXIT_OK;
}

int
verb_backup(struct ctl *c)
{
	const char *given = ctl_option(c, "server-file"), *to;
	struct backup b = { .tell = isatty(STDERR_FILENO) };
	char file[PATH_MAX], dir[PATH_MAX];
	int r;

	if (!ctl_options_known(c))
		return EXIT_USAGE;
	if (c->argc != 2)
		return ctl_usage(c);
	to = c->argv[1];
	config_find_server(c, given, file, dir);
	r = find_state(&b, file, dir);
	if (r != 0)
		return r;
	if ((size_t)snprintf(b.part, sizeof(b.part), "%s.db.part", to) >= sizeof(b.part))
		return failed(-ENAMETOOLONG, "that name is too long", NULL);
	unlink(b.part); /* of one that was interrupted */
	b.archive = archive_new(to, &r);
	if (b.archive == NULL) {
		snprintf(b.why, sizeof(b.why), "%s: %s", to, strerror(-r));
		return failed(r, b.why,
		    r == -EEXIST ? "nothing is written over: choose another name, and remove "
				   "FILE.part of one that was interrupted"
				 : NULL);
	}
	b.members = json_array();
	r = run(c, &b, to, file, dir);
	json_decref(b.members);
	archive_free(b.archive);
	return r;
}
