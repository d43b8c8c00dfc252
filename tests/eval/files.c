/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * files - reading data sets: plain or .gz, found by the form of their names.
 */
#include "tests/eval/eval.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define LINE_MAX_BYTES (1u << 20)
#define DEPTH_MAX      6
#define COLUMNS_MAX    1024

struct eval_reader {
	gzFile file;
	char *path;
	size_t lines;
	char line[LINE_MAX_BYTES];
};

void
eval_reader_close(struct eval_reader *r)
{
	int state = Z_OK;

	if (r == NULL)
		return;
	if (r->file != NULL)
		(void)gzerror(r->file, &state);
	if (state != Z_OK && state != Z_STREAM_END)
		printf("# %s: damaged, read as far as line %zu\n", r->path, r->lines);
	else if (r->file != NULL && r->lines == 0)
		printf("# %s: empty\n", r->path);
	if (r->file != NULL)
		gzclose(r->file);
	free(r->path);
	free(r);
}

struct eval_reader *
eval_reader_open(const char *path)
{
	struct eval_reader *r = malloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->file = gzopen(path, "rbe");
	r->path = strdup(path);
	r->lines = 0;
	if (r->file == NULL || r->path == NULL) {
		eval_reader_close(r);
		return NULL;
	}
	gzbuffer(r->file, 1u << 17);
	return r;
}

char *
eval_reader_line(struct eval_reader *r)
{
	size_t len;
	int c;

	if (gzgets(r->file, r->line, (int)sizeof(r->line)) == NULL)
		return NULL;
	r->lines++;
	len = strlen(r->line);
	if (len == sizeof(r->line) - 1 && r->line[len - 1] != '\n')
		do
			c = gzgetc(r->file);
		while (c >= 0 && c != '\n');
	while (len > 0 && (r->line[len - 1] == '\n' || r->line[len - 1] == '\r'))
		r->line[--len] = '\0';
	return r->line;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
ends_in(const char *name, const char *suffix)
{
	size_t a = strlen(name), b = strlen(suffix);

	if (a >= 3 && strcmp(name + a - 3, ".gz") == 0 &&
	    (b < 3 || strcmp(suffix + b - 3, ".gz") != 0))
		a -= 3;
	return a > b && memcmp(name + a - b, suffix, b) == 0;
}

static int
add_path(struct eval_files *f, const char *path)
{
	char **grown;

	if ((f->len & (f->len - 1)) == 0) {
		grown = realloc(f->paths, (f->len ? f->len * 2 : 1) * sizeof(*grown));
		if (grown == NULL)
			return -ENOMEM;
		f->paths = grown;
	}
	f->paths[f->len] = strdup(path);
	return f->paths[f->len] != NULL ? (f->len++, 0) : -ENOMEM;
}

static int find_in(const char *dir, const char *suffix, int depth, struct eval_files *f);

static int
take_entry(const char *dir, const char *name, const char *suffix, int depth, struct eval_files *f)
{
	char path[4096];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (name[0] == '.' || n < 0 || (size_t)n >= sizeof(path) || stat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return depth < DEPTH_MAX ? find_in(path, suffix, depth + 1, f) : 0;
	return ends_in(name, suffix) ? add_path(f, path) : 0;
}

static int
find_in(const char *dir, const char *suffix, int depth, struct eval_files *f)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int r = 0;

	if (d == NULL)
		return -errno;
	while (r == 0 && (e = readdir(d)) != NULL)
		r = take_entry(dir, e->d_name, suffix, depth, f);
	closedir(d);
	return r;
}

int
eval_files_find(const char *dir, const char *suffix, struct eval_files *ret)
{
	struct eval_files f = { NULL, 0 };
	int r = find_in(dir, suffix, 0, &f);

	if (r < 0) {
		eval_files_free(&f);
		return r;
	}
	if (f.len > 0)
		qsort(f.paths, f.len, sizeof(*f.paths), by_name);
	*ret = f;
	return 0;
}

void
eval_files_free(struct eval_files *f)
{
	for (size_t i = 0; i < f->len; i++)
		free(f->paths[i]);
	free(f->paths);
	*f = (struct eval_files){ NULL, 0 };
}

size_t
eval_numbers(const char *line, double *ret, size_t max)
{
	static const char gaps[] = "\t, ;";
	size_t len = 0;

	line += strspn(line, gaps);
	while (*line != '\0' && len < max) {
		char *end;

		ret[len] = strtod(line, &end);
		if (end == line || strchr(gaps, *end) == NULL)
			ret[len] = (double)NAN;
		len++;
		line += strcspn(line, gaps);
		line += strspn(line, gaps);
	}
	return len;
}

int
eval_table_read(const char *path, struct eval_table *ret)
{
	struct eval_reader *r = eval_reader_open(path);
	struct eval_table t = { NULL, 0, 0 };
	double row[COLUMNS_MAX];
	size_t room = 0;
	const char *line;

	if (r == NULL)
		return -ENOENT;
	while ((line = eval_reader_line(r)) != NULL) {
		size_t n = eval_numbers(line, row, COLUMNS_MAX);
		double *grown;

		if (t.columns == 0)
			t.columns = n;
		if (n == 0 || n != t.columns)
			continue;
		if (t.rows == room) {
			room = room ? room * 2 : 1024;
			grown = realloc(t.at, room * t.columns * sizeof(*grown));
			if (grown == NULL) {
				eval_table_free(&t);
				eval_reader_close(r);
				return -ENOMEM;
			}
			t.at = grown;
		}
		memcpy(t.at + t.rows++ * t.columns, row, n * sizeof(*row));
	}
	eval_reader_close(r);
	*ret = t;
	return 0;
}

void
eval_table_free(struct eval_table *t)
{
	free(t->at);
	*t = (struct eval_table){ NULL, 0, 0 };
}
