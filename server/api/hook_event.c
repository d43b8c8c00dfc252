/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook_event - what a delivery says, by a table of where its parts are; one more event is a row.
 */
#include "server/api/hook.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* Paths are members with dots between. */
static const struct row {
	enum hook_type type;
	const char *event; /* X-GitHub-Event; of GitLab the object_kind */
	const char *name;
	const char *state; /* NULL: it begins a change */
	const char *ref, *id, *commit, *environment;
} rows[] = {
	{ HOOK_GITHUB, "push", "push", NULL, "ref", "after", "after", NULL },
	{ HOOK_GITHUB, "release", "release", "action", "release.tag_name", "release.id",
	    "release.target_commitish", NULL },
	{ HOOK_GITHUB, "deployment", "deployment", "action", "deployment.ref", "deployment.id",
	    "deployment.sha", "deployment.environment" },
	{ HOOK_GITHUB, "deployment_status", "deployment", "deployment_status.state",
	    "deployment.ref", "deployment.id", "deployment.sha", "deployment.environment" },
	{ HOOK_GITHUB, "workflow_run", "pipeline", "action", "workflow_run.head_branch",
	    "workflow_run.id", "workflow_run.head_sha", NULL },
	{ HOOK_GITLAB, "push", "push", NULL, "ref", "after", "after", NULL },
	{ HOOK_GITLAB, "tag_push", "push", NULL, "ref", "after", "after", NULL },
	{ HOOK_GITLAB, "release", "release", "action", "tag", "id", "commit.id", NULL },
	{ HOOK_GITLAB, "deployment", "deployment", "status", "ref", "deployment_id", "short_sha",
	    "environment" },
	{ HOOK_GITLAB, "pipeline", "pipeline", "object_attributes.status", "object_attributes.ref",
	    "object_attributes.id", "object_attributes.sha", NULL },
};

static const struct {
	const char *word;
	enum hook_phase phase;
} states[] = {
	{ "created", HOOK_BEGINS },
	{ "published", HOOK_BEGINS },
	{ "create", HOOK_BEGINS },
	{ "requested", HOOK_BEGINS },
	{ "queued", HOOK_BEGINS },
	{ "pending", HOOK_BEGINS },
	{ "in_progress", HOOK_BEGINS },
	{ "running", HOOK_BEGINS },
	{ "success", HOOK_IS_DONE },
	{ "completed", HOOK_IS_DONE },
	{ "failure", HOOK_IS_DONE },
	{ "failed", HOOK_IS_DONE },
	{ "error", HOOK_IS_DONE },
	{ "inactive", HOOK_IS_DONE },
	{ "canceled", HOOK_IS_DONE },
	{ "skipped", HOOK_IS_DONE },
};

static const json_t *
lookup(const json_t *v, const char *path)
{
	char name[40];

	while (v != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		v = json_object_get(v, name);
		path += len + (path[len] == '.');
	}
	return v;
}

/* A text or a number, cut, with '?' for what is no printable character. */
static void
take(const json_t *body, const char *path, char *ret, size_t size)
{
	const json_t *v = path != NULL ? lookup(body, path) : NULL;

	ret[0] = '\0';
	if (json_is_integer(v))
		snprintf(ret, size, "%lld", (long long)json_integer_value(v));
	else if (json_is_string(v))
		snprintf(ret, size, "%s", json_string_value(v));
	for (char *p = ret; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = '?';
}

static enum hook_phase
phase_of(const struct row *row, const json_t *body, const char *commit)
{
	char state[24];

	/* A branch that was removed. */
	if (row->state == NULL)
		return strspn(commit, "0") == strlen(commit) ? HOOK_NOTHING : HOOK_BEGINS;
	take(body, row->state, state, sizeof(state));
	for (size_t i = 0; i < DS_LEN(states); i++)
		if (strcmp(state, states[i].word) == 0)
			return states[i].phase;
	return HOOK_NOTHING;
}

static void
read_row(const struct row *row, const json_t *body, struct hook_event *ret)
{
	bool github = row->type == HOOK_GITHUB;
	char id[80], ref[HOOK_TEXT_MAX];
	const char *short_ref = ref;

	take(body, github ? "repository.full_name" : "project.path_with_namespace", ret->repository,
	    sizeof(ret->repository));
	take(body, row->ref, ref, sizeof(ref));
	take(body, row->commit, ret->commit, sizeof(ret->commit));
	take(body, row->environment, ret->environment, sizeof(ret->environment));
	take(body, row->id, id, sizeof(id));
	take(body, github ? "sender.login" : "user_username", ret->actor, sizeof(ret->actor));
	if (!ret->actor[0])
		take(body, "user.username", ret->actor, sizeof(ret->actor));
	ret->name = row->name;
	if (strncmp(ref, "refs/heads/", 11) == 0)
		short_ref += 11;
	if (strncmp(ref, "refs/tags/", 10) == 0) {
		short_ref += 10;
		ret->name = "tag";
	}
	snprintf(ret->ref, sizeof(ret->ref), "%s", short_ref);
	ret->phase = phase_of(row, body, ret->commit);
	snprintf(ret->id, sizeof(ret->id), "%s:%.160s:%.60s", row->name, ret->repository, id);
}

void
hook_read(enum hook_type type, const char *event, const json_t *body, struct hook_event *ret)
{
	*ret = (struct hook_event){ .name = "" };
	if (type == HOOK_GITLAB)
		event = json_string_value(json_object_get(body, "object_kind"));
	if (event == NULL)
		return;
	if (strcmp(event, "ping") == 0)
		ret->name = "ping";
	for (size_t i = 0; i < DS_LEN(rows); i++)
		if (rows[i].type == type && strcmp(rows[i].event, event) == 0)
			read_row(&rows[i], body, ret);
}

static bool
fits(const struct ds_conf_list *patterns, const char *text)
{
	for (size_t i = 0; i < patterns->len; i++)
		if (fnmatch(patterns->items[i], text, 0) == 0)
			return true;
	return patterns->len == 0;
}

bool
hook_wants(const struct hook_config *cfg, const struct hook_event *e)
{
	bool named = false;

	for (size_t i = 0; i < cfg->events.len; i++)
		named |= strcmp(cfg->events.items[i], e->name) == 0;
	return named && e->phase != HOOK_NOTHING && fits(&cfg->repositories, e->repository) &&
	       fits(&cfg->refs, e->ref) &&
	       (strcmp(e->name, "deployment") != 0 || fits(&cfg->environments, e->environment));
}
