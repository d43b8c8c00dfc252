/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/uplink/facts.h"
#include "lib/clock.h"
#include "lib/file.h"

#include <limits.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FILE_MAX 65536

/* A whole file, or NULL; free() it. */
static char *
read_text(const char *root, const char *name)
{
	char path[PATH_MAX], *text;
	size_t size;

	if ((size_t)snprintf(path, sizeof(path), "%s%s", root, name) >= sizeof(path) ||
	    ds_file_read(path, FILE_MAX, &text, &size) < 0)
		return NULL;
	return text;
}

/* The value of a line KEY=value, KEY="value" or KEY='value' of os-release(5). */
static void
find_value(const char *text, const char *key, char *ret, size_t size)
{
	const char *line = text;
	size_t len = strlen(key), n = 0;
	char quote = '\0';

	while (line != NULL && strncmp(line, key, len) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (line == NULL)
		return;
	line += len;
	if (*line == '"' || *line == '\'')
		quote = *line++;
	for (; *line != '\0' && *line != '\n' && *line != quote && n + 1 < size; line++) {
		if (*line == '\\' && quote != '\'' && line[1] != '\0' && line[1] != '\n')
			line++;
		ret[n++] = *line;
	}
	ret[n] = '\0';
}

static void
read_os(const char *root, char *ret, size_t size)
{
	static const char *const files[] = { "/etc/os-release", "/usr/lib/os-release" };

	for (size_t i = 0; i < DS_LEN(files) && ret[0] == '\0'; i++) {
		char *text = read_text(root, files[i]);

		if (text != NULL)
			find_value(text, "PRETTY_NAME=", ret, size);
		free(text);
	}
}

/* The id itself is not to leave the host (machine-id(5)): a hash of it, for this purpose only. */
static void
read_machine_id(const char *root, char *ret, size_t size)
{
	char *text = read_text(root, "/etc/machine-id"), salted[128];
	uint8_t sum[SHA256_DIGEST_LENGTH];
	size_t len;

	if (text == NULL)
		return;
	text[strcspn(text, " \r\n")] = '\0';
	if (text[0] != '\0' && strlen(text) <= 64) {
		len = (size_t)snprintf(salted, sizeof(salted), "daemonsec:%s", text);
		SHA256((const uint8_t *)salted, len, sum);
		for (size_t i = 0; i < 16 && 2 * i + 2 < size; i++)
			snprintf(ret + 2 * i, 3, "%02x", sum[i]);
	}
	free(text);
}

void
facts_read(const char *root, struct ds_hello *ret)
{
	struct utsname uts = { 0 };
	char *boot_id;

	*ret = (struct ds_hello){ .version_min = DS_WIRE_VERSION, .version_max = DS_WIRE_VERSION };
	ret->now_us = ds_clock_wall_us();
	ret->boot_time_us = ret->now_us - ds_clock_boot_us();
	snprintf(ret->agent_version, sizeof(ret->agent_version), "%s", PACKAGE_VERSION);
	(void)gethostname(ret->hostname, sizeof(ret->hostname) - 1); /* stays empty */
	(void)uname(&uts);
	snprintf(ret->kernel, sizeof(ret->kernel), "%s", uts.release);
	snprintf(ret->arch, sizeof(ret->arch), "%.31s", uts.machine);
	read_os(root, ret->os, sizeof(ret->os));
	read_machine_id(root, ret->machine_id, sizeof(ret->machine_id));
	boot_id = read_text(root, "/proc/sys/kernel/random/boot_id");
	if (boot_id != NULL) {
		boot_id[strcspn(boot_id, "\r\n")] = '\0';
		snprintf(ret->boot_id, sizeof(ret->boot_id), "%.63s", boot_id);
	}
	free(boot_id);
}
