/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_attrib - text that the guard reads from /proc and from engines' files: cgroups, containers'
 * configurations, command lines, mappings.  The first byte chooses.
 */
#include "agent/guard/cgroup.h"
#include "agent/guard/container_json.h"
#include "agent/guard/emit.h"
#include "agent/guard/engine.h"
#include "agent/guard/integrity_find.h"
#include "agent/guard/program.h"
#include "agent/guard/redact.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

void
emit_event(const struct ds_event *ev)
{
	(void)ev;
}

void
emit_gap(const char *source, uint64_t lost, uint64_t duration_us, const char *message)
{
	(void)source;
	(void)lost;
	(void)duration_us;
	(void)message;
}

static void
run_cgroup(char *text)
{
	struct cgroup_name name;
	char path[512];

	cgroup_parse(text, &name);
	if (cgroup_select(text, path, sizeof(path)) == 0)
		cgroup_parse(path, &name);
}

static void
run_json(const char *text, size_t len)
{
	struct container_info info;
	char value[32];

	if (engine_parse(text, len, &info) == 0 && info.name[0] == '\0')
		abort();
	for (int depth = 0; depth < 3; depth++)
		if (container_json_string(text, len, "Name", depth, value, sizeof(value)) == 0 &&
		    strlen(value) >= sizeof(value))
			abort();
}

static void
run_args(char *text, size_t len)
{
	const char *argv[9] = { 0 };
	char name[64], redacted[128];
	size_t count = 0;

	for (char *at = text; at < text + len && count < 8; at += strlen(at) + 1)
		argv[count++] = at;
	if (count > 0) {
		program_name(argv[0], argv, name, sizeof(name));
		(void)program_package_script(argv[0], argv, "/usr/bin/dpkg");
	}
	if (redact_args(text, len, redacted, sizeof(redacted)) > sizeof(redacted))
		abort();
}

static void
on_found(void *ctx, const char *path, enum file_class class, bool tree)
{
	(void)ctx;
	if (path[0] != '/' || tree || class != FILE_LIBRARY)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (len == 0)
		return 0;
	text = malloc(len);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	if (data[0] == 3)
		integrity_find_maps(text, "/usr/sbin/nginx", on_found, NULL);
	else if (data[0] % 3 == 0)
		run_cgroup(text);
	else if (data[0] % 3 == 1)
		run_json(text, len - 1);
	else
		run_args(text, len - 1);
	free(text);
	return 0;
}
