/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/detect/login_say.h"

#include "lib/clock.h"
#include "server/detect/explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ALLOW \
	"its network or country is put on the server's list of allowed ones ([geoip] allow in server.conf)"

static const struct {
	const char *name, *technique, *feature, *baseline;
} rows[LOGIN_FINDINGS] = {
	[LOGIN_GUESSING] = { "guessing", "T1110.001", "failures of the source",
	    "people mistype a few times and then come in" },
	[LOGIN_SPRAYING] = { "spraying", "T1110.003", "accounts that the source tried",
	    "people have one account" },
	[LOGIN_TOGETHER] = { "together", "T1110.001", "networks that try the account",
	    "an account fails from one or two networks a day" },
	[LOGIN_PROBING] = { "probing", "T1110.003", "networks that try accounts which nobody has",
	    "a few in a day" },
	[LOGIN_REFUSED_AT] = { "denied", "T1078", "country or network",
	    "not on the list of denied" },
	[LOGIN_AFTER] = { "after", "T1110", "failures before the success",
	    "a success follows few failures and comes from a known network" },
	[LOGIN_FROM] = { "from", "T1078", "network of the account",
	    "the networks it always comes from" },
	[LOGIN_FIRST] = { "first", "T1078", "account", "accounts that were seen in the fleet" },
	[LOGIN_DECOY] = { "decoy", "T1595", "visit of a decoy", "nobody has business there" },
	[LOGIN_BURST] = { "burst", "T1110", "failures in an hour",
	    "as at this hour of other days" },
};

const char *
login_feature(enum login_finding what)
{
	return rows[what].feature;
}

void
login_key(const char *user, const char *network, struct key *ret)
{
	ret->size =
	    (size_t)snprintf((char *)ret->data, KEY_MAX, "%c%.64s %.63s", KEY_PLAIN, user, network);
}

bool
login_key_read(const uint8_t *key, size_t size, char user[LOGIN_NAME_MAX + 1], char network[64])
{
	const uint8_t *space = size > 2 ? memrchr(key + 1, ' ', size - 1) : NULL;
	size_t len;

	if (space == NULL || key[0] != KEY_PLAIN)
		return false;
	len = (size_t)(space - key) - 1;
	if (len > LOGIN_NAME_MAX || size - len - 2 > 63)
		return false;
	memcpy(user, key + 1, len);
	user[len] = '\0';
	memcpy(network, space + 1, size - len - 2);
	network[size - len - 2] = '\0';
	return true;
}

static void
say_observed(const struct login_found *f, char *ret, size_t size)
{
	switch (f->what) {
	case LOGIN_GUESSING:
	case LOGIN_AFTER:
		snprintf(ret, size, "%llu failures, %u accounts", (unsigned long long)f->failures,
		    f->users);
		return;
	case LOGIN_SPRAYING:
		snprintf(ret, size, "%u accounts within a day", f->users);
		return;
	case LOGIN_TOGETHER:
	case LOGIN_PROBING:
		snprintf(ret, size, "%u networks within a day", f->sources);
		return;
	case LOGIN_REFUSED_AT:
	case LOGIN_FROM:
		snprintf(
		    ret, size, "%s%s%s", f->network, f->country[0] != '\0' ? ", " : "", f->country);
		return;
	case LOGIN_FIRST:
		snprintf(ret, size, "%s", f->user);
		return;
	case LOGIN_DECOY:
		snprintf(ret, size, "%s %s", f->method, f->wanted != NULL ? f->wanted : "");
		return;
	case LOGIN_BURST:
		snprintf(ret, size, "%llu, where %llu are usual", (unsigned long long)f->failures,
		    (unsigned long long)f->logins);
		return;
	case LOGIN_FINDINGS:
		break;
	}
	ret[0] = '\0';
}

static void
say_after(const struct login_found *f, const char *from, const char *user, char *ret, size_t size)
{
	char why[120] = "; that address came to a decoy, or many others failed on this account";

	if (f->failures > 0)
		snprintf(why, sizeof(why), " after %llu failure%s of that address on %u account%s",
		    (unsigned long long)f->failures, f->failures == 1 ? "" : "s", f->users,
		    f->users == 1 ? "" : "s");
	snprintf(ret, size, "%s logged in from %s to %.60s by %.30s%s", user, from, f->host_name,
	    f->method, why);
}

/* What a stranger said is a stranger's. */
static void
say_decoy(const struct login_found *f, const char *user, char *ret, size_t size)
{
	char wanted[120] = "";

	if (f->wanted != NULL)
		explain_command((struct ds_str){ f->wanted, (uint32_t)strlen(f->wanted) }, wanted,
		    sizeof(wanted));
	snprintf(ret, size,
	    "%s came to the decoy %.30s of %.60s, where nobody has business%s%s%s%s", f->source,
	    f->method, f->host_name, f->user[0] != '\0' ? ", as " : "",
	    f->user[0] != '\0' ? user : "", wanted[0] != '\0' ? ", and said: " : "", wanted);
}

/* "how many failures" in words of its own for each. */
static void
say_reason(const struct login_found *f, const char *user, char *ret, size_t size)
{
	const char *from = f->source[0] != '\0' ? f->source : "somebody on the host itself";

	switch (f->what) {
	case LOGIN_GUESSING:
		snprintf(ret, size,
		    "%s failed to log in to %.60s %llu times in about a day, last as %s, and never came in",
		    from, f->host_name, (unsigned long long)f->failures, user);
		return;
	case LOGIN_SPRAYING:
		snprintf(ret, size,
		    "%s tried %u accounts of the fleet within a day, last %s on %.60s, and has none of them",
		    from, f->users, user, f->host_name);
		return;
	case LOGIN_TOGETHER:
		snprintf(ret, size,
		    "%s is one of %u networks that failed to log in as %s within a day; none of them is "
		    "known for a success",
		    from, f->sources, user);
		return;
	case LOGIN_PROBING:
		snprintf(ret, size,
		    "%s tried %s on %.60s, an account that nobody has, as did %u other networks within a "
		    "day, and did not come in afterwards",
		    from, user, f->host_name, f->sources);
		return;
	case LOGIN_REFUSED_AT:
		snprintf(ret, size,
		    "%s logged in or tried to as %s on %.60s from %s%s%s, which is on the "
		    "list of denied",
		    from, user, f->host_name, f->network, f->country[0] != '\0' ? ", " : "",
		    f->country);
		return;
	case LOGIN_AFTER:
		say_after(f, from, user, ret, size);
		return;
	case LOGIN_FROM:
		snprintf(ret, size,
		    "%s logged in to %.60s by %.30s from %s, and in %llu logins never came from network %s",
		    user, f->host_name, f->method, from, (unsigned long long)f->logins, f->network);
		return;
	case LOGIN_FIRST:
		snprintf(ret, size,
		    "%s logged in to %.60s by %.30s from %s; neither the account nor network %s was seen "
		    "in the fleet before",
		    user, f->host_name, f->method, from, f->network);
		return;
	case LOGIN_DECOY:
		say_decoy(f, user, ret, size);
		return;
	case LOGIN_BURST:
		snprintf(ret, size,
		    "%llu logins failed in the fleet within an hour, where %llu are usual at this hour",
		    (unsigned long long)f->failures, (unsigned long long)f->logins);
		return;
	case LOGIN_FINDINGS:
		break;
	}
	ret[0] = '\0';
}

static void
say_title(const struct login_found *f, const char *user, char *ret, size_t size)
{
	if (f->what == LOGIN_BURST)
		snprintf(ret, size, "more failed logins than usual");
	else if (f->what == LOGIN_DECOY)
		snprintf(ret, size, "somebody came to a decoy of %.80s", f->host_name);
	else if (f->of_source && f->source[0] == '\0')
		snprintf(ret, size, "passwords are guessed on %.80s itself", f->host_name);
	else if (f->of_source)
		snprintf(ret, size, "passwords are guessed on %.80s", f->host_name);
	else if (f->what == LOGIN_AFTER)
		snprintf(ret, size, "%s logged in to %.80s after guessing", user, f->host_name);
	else
		snprintf(ret, size, "%s logged in to %.80s from a new place", user, f->host_name);
}

/* What the source is; reactions take its address from here. */
static void
put_source(struct ds_json *j, const struct login_found *f)
{
	ds_json_object(j);
	ds_json_put_string(j, "ip", f->source);
	ds_json_put_string(j, "network", f->network);
	if (f->country[0] != '\0')
		ds_json_put_string(j, "country", f->country);
	ds_json_put_string(j, "reason", rows[f->what].name);
	ds_json_put_uint(j, "failures", f->failures);
	if (f->expires_us != 0)
		ds_json_put_time(j, "expires", f->expires_us);
	ds_json_put_bool(j, "hostile", f->expires_us != 0);
	ds_json_end(j);
}

static void
put_event(struct ds_json *j, const struct login_found *f, const char *user)
{
	ds_json_key(j, "events");
	ds_json_array(j);
	ds_json_object(j);
	ds_json_put_time(j, "time", f->time_us);
	ds_json_put_string(j, "action", f->what == LOGIN_DECOY ? "decoy" : "login");
	ds_json_put_string(j, "user.name", user);
	if (f->source[0] != '\0')
		ds_json_put_string(j, "source.ip", f->source);
	ds_json_put_string(j, "event.outcome", f->of_source ? "failure" : "success");
	ds_json_put_string(j, "daemonsec.login.method", f->method);
	ds_json_end(j);
	ds_json_end(j);
}

/* A success that is accepted makes account and network normal. */
static void
put_behaviours(struct ds_json *j, const struct login_found *f)
{
	struct sighting s = { .kind = DS_EVENT_LOGIN };

	if (f->of_source || f->what == LOGIN_DECOY || f->what == LOGIN_BURST)
		return;
	login_key(f->user, f->network, &s.key);
	explain_put_behaviours(j, &s);
}

static void
put_record(struct ds_json *j, const struct login_found *f, const char *observed)
{
	ds_json_key(j, "record");
	ds_json_object(j);
	ds_json_put_string(j, "feature", rows[f->what].feature);
	ds_json_put_string(j, "observed", observed);
	ds_json_put_string(j, "scope", "all hosts of the fleet");
	ds_json_put_string(j, "prevalence", "0 of the successes so far");
	ds_json_put_uint(j, "observations", f->logins);
	ds_json_put_string(j, "model", "login-1");
	ds_json_put_string(j, "clears",
	    f->what == LOGIN_DECOY ? ALLOW
	    : f->of_source         ? "somebody comes in from the source, or " ALLOW
			   : "a verdict of benign_expected or false_positive makes the account's "
			     "network normal");
	ds_json_end(j);
}

static char *
document(const struct login_found *f, const char *user)
{
	char observed[120];
	struct ds_buf buf;
	struct ds_json j;

	say_observed(f, observed, sizeof(observed));
	ds_buf_init(&buf, EXPLAIN_MAX);
	ds_json_init(&j, &buf);
	ds_json_object(&j);
	ds_json_key(&j, "explanation");
	ds_json_array(&j);
	explain_put_feature(&j, rows[f->what].feature, rows[f->what].baseline, observed, 0.7);
	explain_put_feature(&j, "source", "networks from which somebody came in before",
	    f->source[0] != '\0' ? f->source : "local", 0.3);
	ds_json_end(&j);
	ds_json_key(&j, "threat");
	ds_json_array(&j);
	explain_put_technique(&j, rows[f->what].technique);
	if (f->what == LOGIN_AFTER)
		explain_put_technique(&j, "T1078");
	ds_json_end(&j);
	if (f->source[0] != '\0') {
		ds_json_key(&j, "source");
		put_source(&j, f);
		ds_json_key(&j, "sources");
		ds_json_array(&j);
		put_source(&j, f);
		ds_json_end(&j);
	}
	ds_json_put_string(&j, "user", user);
	put_record(&j, f, observed);
	put_behaviours(&j, f);
	put_event(&j, f, user);
	return explain_finish(&j, &buf);
}

static void
make_group(const struct login_found *f, char *ret, size_t size)
{
	if (f->what == LOGIN_BURST)
		snprintf(ret, size, "login:burst");
	else if (f->what == LOGIN_DECOY)
		snprintf(ret, size, "login:decoy:%u", f->host);
	else if (f->of_source && f->source[0] == '\0')
		snprintf(ret, size, "login:local:%u:%.60s", f->host, f->daemon);
	else if (f->of_source)
		snprintf(ret, size, "login:guessing:%u", f->host);
	else
		snprintf(ret, size, "login:in:%u:%016llx", f->host,
		    (unsigned long long)key_hash(33, f->user, strlen(f->user)));
}

int
login_say(const struct login_found *f, struct finding *ret)
{
	struct {
		uint64_t host, time_us, what, source;
	} where = { f->host, f->time_us, f->what, key_hash(34, f->source, strlen(f->source)) };
	char user[LOGIN_NAME_MAX + 1];

	explain_command((struct ds_str){ f->user, (uint32_t)strlen(f->user) }, user, sizeof(user));
	*ret = (struct finding){ .kind = "login",
		.severity = f->severity,
		.time_us = f->time_us,
		.count = 1,
		.score = f->score };
	snprintf(ret->id, sizeof(ret->id), "fnd_%016llx%016llx",
	    (unsigned long long)key_hash(35, &where, sizeof(where)),
	    (unsigned long long)key_hash(36, &where, sizeof(where)));
	make_group(f, ret->group, sizeof(ret->group));
	snprintf(ret->daemon, sizeof(ret->daemon), "%s", f->daemon);
	if (user[0] == '\0')
		snprintf(user, sizeof(user), "somebody");
	say_title(f, user, ret->title, sizeof(ret->title));
	say_reason(f, user, ret->reason, sizeof(ret->reason));
	ret->json = document(f, user);
	return ret->json != NULL ? 0 : -ENOMEM;
}
