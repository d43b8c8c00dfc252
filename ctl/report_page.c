/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_page - see report.c; pure but for the stream it writes to and the time at the top. */
#include "ctl/report_page.h"

#include "ctl/print.h"
#include "lib/compiler.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_SIZE 12000 /* bytes of the longest text shown */
#define ROWS_MAX  60u   /* behaviours shown of one kind */

static const char style[] =
    ":root{color-scheme:light dark;--line:light-dark(#d9dde5,#2c333f);--muted:light-dark(#545c6b,#a4adbc);"
    "--bar:light-dark(#7d9bd8,#5579c0);--soft:light-dark(#f1f3f7,#1b2029)}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:980px;margin:32px auto;padding:0 20px;"
    "background:light-dark(#fff,#11141a);color:light-dark(#171b23,#e7eaf0);overflow-wrap:anywhere}"
    "h1{font-size:1.7rem;margin:0}h2{margin:32px 0 8px;font-size:1.2rem;border-bottom:1px solid var(--line)}"
    "h3{margin:16px 0 4px;font-size:1rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:4px 10px 4px 0;border-bottom:1px solid var(--line)}"
    "th,td{overflow-wrap:break-word}th{color:var(--muted);font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}"
    "code,.m{font-family:ui-monospace,monospace;font-size:.92em;overflow-wrap:anywhere}.t{white-space:nowrap}.q{color:var(--muted)}"
    ".b{height:9px;background:var(--bar);border-radius:3px;min-width:2px}"
    ".critical{color:light-dark(#a8071a,#ff8589)}.high{color:light-dark(#b3400a,#ffa266)}"
    ".medium{color:light-dark(#7d5a00,#ecc34d)}.low{color:light-dark(#3f5878,#a9c1de)}"
    "article{border:1px solid var(--line);border-radius:8px;padding:10px 14px;margin:10px 0}"
    "article p,.m{max-height:16em;overflow:auto}"
    "svg text{font-size:9px;fill:var(--muted)}svg .e{fill:var(--soft)}svg .f{fill:var(--bar)}"
    ".b,svg{print-color-adjust:exact}@media print{:root{color-scheme:light}body{margin:0;max-width:none}article{break-inside:avoid}article p,.m{max-height:none}}";

/* What a kind of behaviour is in words; the rest by its own name. */
static const struct {
	const char *action, *words, *none;
} sentences[] = {
	{ "exec", "It starts", "It starts no program." },
	{ "listen", "It listens on", "It opens no port." },
	{ "accept", "It is reached on", NULL },
	{ "connect", "It talks to", "It talks to nobody." },
	{ "read", "It reads secrets", NULL },
	{ "write", "It writes below", NULL },
	{ "create", "It creates files below", NULL },
	{ "rename", "It renames below", NULL },
	{ "unlink", "It deletes below", NULL },
	{ "setuid", "It changes its user to", NULL },
	{ "setgid", "It changes its group to", NULL },
	{ "login", "Who logs in", NULL },
	{ "capset", "It changes its capabilities to", NULL },
	{ "ptrace", "It traces", NULL },
	{ "exec_memory", "It runs from memory", NULL },
	{ "module_load", "It loads modules", NULL },
	{ "mount", "It mounts", NULL },
};

/* What became of a reaction, in words; the rest by its own name. */
static const struct {
	const char *status, *words;
} states[] = {
	{ "dry_run", "would have been done" },
	{ "pending", "waiting" },
	{ "applied", "done, being checked" },
	{ "verified", "done and checked" },
	{ "expired", "ended" },
};

/* ---- text */

static bool
is_odd(uint32_t ch)
{
	return ch < 0x20 || (ch >= 0x7f && ch < 0xa0) || ch == 0xad || ch == 0x61c ||
	       (ch >= 0x200b && ch <= 0x200f) || (ch >= 0x2028 && ch <= 0x202e) ||
	       (ch >= 0x2060 && ch <= 0x2069) || ch == 0xfeff || (ch >= 0xfff9 && ch <= 0xfffb);
}

/* The next character of valid UTF-8 (what JSON gives), or the byte itself. */
static uint32_t
next_char(const char **text)
{
	const unsigned char *p = (const unsigned char *)*text;
	unsigned more = p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
	uint32_t ch = more == 0 ? p[0] : p[0] & (0x3fu >> more);

	for (unsigned i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			more = 0;
			ch = p[0];
			break;
		}
		ch = ch << 6 | (p[i] & 0x3f);
	}
	*text += more + 1;
	return ch;
}

void
report_text(FILE *out, const char *text)
{
	while (*text) {
		const char *start = text;
		uint32_t ch = next_char(&text);

		if (ch == '<')
			fputs("&lt;", out);
		else if (ch == '>')
			fputs("&gt;", out);
		else if (ch == '&')
			fputs("&amp;", out);
		else if (ch == '"')
			fputs("&quot;", out);
		else if (ch == '\'')
			fputs("&#39;", out);
		else if (is_odd(ch))
			fprintf(out, "\\u%04x", (unsigned)ch);
		else
			fwrite(start, 1, (size_t)(text - start), out);
	}
}

/* The text that a path names, between two pieces of markup; nothing when there is none. */
static void
put(FILE *out, const char *before, const json_t *item, const char *path, const char *after)
{
	static char text[TEXT_SIZE];

	if (*print_text(item, path, text, sizeof(text)) == '\0')
		return;
	fputs(before, out);
	report_text(out, text);
	fputs(after, out);
}

/* A time, to the second: 2026-01-31T12:00:00.123456Z -> 2026-01-31 12:00:00. */
static void
put_time(FILE *out, const char *before, const json_t *item, const char *path)
{
	char text[64];

	if (*print_text(item, path, text, sizeof(text)) == '\0')
		return;
	text[strcspn(text, ".Z")] = '\0';
	if (strlen(text) > 10 && text[10] == 'T')
		text[10] = ' ';
	fputs(before, out);
	report_text(out, text);
}

static bool
is(const json_t *item, const char *path, const char *value)
{
	char text[300];

	return strcmp(print_text(item, path, text, sizeof(text)), value) == 0;
}

/* ---- what is normal */

static const char *
words_of(const json_t *behaviour)
{
	for (size_t k = 0; k < DS_LEN(sentences); k++)
		if (is(behaviour, "action", sentences[k].action))
			return sentences[k].words;
	return NULL;
}

static double
count_of(const json_t *behaviour)
{
	return json_number_value(json_object_get(behaviour, "count"));
}

/* `says`: what kind of behaviour it is, where the title does not. */
static void
put_behaviour(FILE *out, const json_t *b, double max, bool says)
{
	const char *words = words_of(b);

	fputs("<tr><td>", out);
	if (says && words != NULL)
		fprintf(out, "%s ", words);
	else if (says)
		put(out, "", b, "action", " ");
	put(out, "<span class=m>", b, "what", "</span>");
	fprintf(out,
	    "</td><td style=\"width:26%%\"><div class=b style=\"width:%.1f%%\"></div></td>"
	    "<td class=n style=\"width:5em\">%.0f</td></tr>",
	    max > 0 ? log1p(count_of(b)) / max * 100 : 0, count_of(b));
}

struct wanted {
	const char *action; /* NULL: any, "": those that have no words */
	bool learnt;
	const char *title;
};

static bool
is_wanted(const struct wanted *w, const json_t *b)
{
	if (json_is_true(json_object_get(b, "learnt")) != w->learnt)
		return false;
	if (w->action == NULL)
		return true;
	return *w->action == '\0' ? words_of(b) == NULL : is(b, "action", w->action);
}

/* How many there are. */
static unsigned
put_behaviours(FILE *out, const json_t *list, const struct wanted *w, double max)
{
	json_t *b;
	size_t i;
	unsigned n = 0;

	json_array_foreach((json_t *)(uintptr_t)list, i, b)
	{
		if (!is_wanted(w, b))
			continue;
		if (n++ == 0)
			fprintf(out, "<h3>%s</h3><table>", w->title);
		if (n <= ROWS_MAX)
			put_behaviour(out, b, max, w->action == NULL || *w->action == '\0');
	}
	if (n > 0)
		fputs("</table>", out);
	if (n > ROWS_MAX)
		fprintf(out, "<p class=q>and %u more</p>", n - ROWS_MAX);
	return n;
}

static double
longest(const json_t *list)
{
	double max = 0;
	json_t *b;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, b) max = fmax(max, log1p(count_of(b)));
	return max;
}

static void
put_normal(FILE *out, const json_t *profile)
{
	const json_t *list = json_object_get(profile, "behaviours");
	const struct wanted rest = { "", true, "Besides" };
	double max = longest(list);

	fputs("<h2>What is normal</h2>", out);
	for (size_t k = 0; k < DS_LEN(sentences); k++) {
		const struct wanted w = { sentences[k].action, true, sentences[k].words };

		if (put_behaviours(out, list, &w, max) == 0 && sentences[k].none != NULL)
			fprintf(out, "<p class=q>%s</p>", sentences[k].none);
	}
	(void)put_behaviours(out, list, &rest, max); /* none is fine */
}

/* Seven days by hours, in UTC, as a picture. */
static void
put_hours(FILE *out, const json_t *hours)
{
	const json_t *list = json_object_get(hours, "buckets");
	double max = 0;
	json_t *v;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, v) max = fmax(max, json_number_value(v));
	fputs(
	    "<h2>When it is active</h2><p class=q>The last seven days, an hour a square, the newest "
	    "at the bottom right.</p><svg viewBox=\"0 0 364 112\" style=\"width:100%;max-width:620px\" "
	    "role=img aria-label=\"Events of the last seven days by hour\">",
	    out);
	json_array_foreach((json_t *)(uintptr_t)list, i, v)
	{
		double n = json_number_value(v);

		fprintf(out,
		    "<rect x=\"%zu\" y=\"%zu\" width=\"13\" height=\"13\" rx=\"2\" class=%s "
		    "fill-opacity=\"%.2f\"><title>%.0f events</title></rect>",
		    i % 24 * 15, i / 24 * 15, n > 0 ? "f" : "e",
		    n > 0 && max > 0 ? 0.18 + 0.82 * log1p(n) / log1p(max) : 1, n);
	}
	fputs("</svg>", out);
}

/* ---- what happened, what was done */

static void
put_explanation(FILE *out, const json_t *alert)
{
	const json_t *list = json_object_get(alert, "explanation");
	json_t *e;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	fputs("<table><tr><th>What<th>Normal<th>Seen</tr>", out);
	json_array_foreach((json_t *)(uintptr_t)list, i, e)
	{
		fputs("<tr><td>", out);
		put(out, "", e, "feature", "");
		fputs("<td>", out);
		put(out, "", e, "baseline", "");
		fputs("<td><b>", out);
		put(out, "", e, "observed", "");
		fputs("</b></tr>", out);
	}
	fputs("</table>", out);
}

static void
put_alert(FILE *out, const json_t *alert)
{
	char severity[32];

	print_text(alert, "severity", severity, sizeof(severity));
	fputs("<article><b class=\"", out);
	report_text(out, severity);
	put(out, "\">", alert, "severity", "</b> ");
	put(out, "<b>", alert, "title", "</b>");
	put(out, "<p>", alert, "reason", "</p>");
	put_time(out, "<p class=q>", alert, "first_seen");
	put_time(out, " – ", alert, "last_seen");
	fputs(" UTC", out);
	put(out, ", ", alert, "count", is(alert, "count", "1") ? " finding" : " findings");
	put(out, ", ", alert, "status", "");
	put(out, ", ", alert, "verdict.verdict", "");
	put(out, "</p><p class=q>Process ", alert, "process.pid", "");
	put(out, ": <code>", alert, "process.command_line", "</code></p>");
	put_explanation(out, alert);
	fputs("</article>", out);
}

static void
put_alerts(FILE *out, const json_t *alerts, const json_t *profile)
{
	const struct wanted told = { NULL, false, "Seen and told, not part of what is normal" };
	const json_t *list = json_object_get(profile, "behaviours");
	json_t *a;
	size_t i;

	fputs("<h2>What happened</h2>", out);
	if (json_array_size(alerts) == 0)
		fputs("<p>Nothing has departed from what is normal.</p>", out);
	json_array_foreach((json_t *)(uintptr_t)alerts, i, a) put_alert(out, a);
	(void)put_behaviours(out, list, &told, longest(list)); /* none is fine */
}

static bool
is_of(const json_t *reaction, const json_t *profile)
{
	char host[300], daemon[300];

	print_text(profile, "daemon.host.id", host, sizeof(host));
	print_text(profile, "daemon.name", daemon, sizeof(daemon));
	return is(reaction, "host.id", host) &&
	       (is(reaction, "daemon.name", daemon) || is(reaction, "daemon", daemon));
}

/* "process:7@1800000000000000" as people read it; other targets without their sort. */
static void
put_target(FILE *out, const json_t *reaction)
{
	char text[300], *at, *colon;

	print_text(reaction, "target", text, sizeof(text));
	colon = strchr(text, ':');
	at = strncmp(text, "process:", 8) == 0 ? strchr(text, '@') : NULL;
	if (at != NULL)
		*at = '\0';
	if (at != NULL && colon != NULL)
		*colon = ' ';
	report_text(out, at == NULL && colon != NULL ? colon + 1 : text);
}

static void
put_state(FILE *out, const json_t *reaction)
{
	for (size_t k = 0; k < DS_LEN(states); k++)
		if (is(reaction, "status", states[k].status)) {
			fputs(states[k].words, out);
			return;
		}
	put(out, "", reaction, "status", "");
}

static void
put_reaction(FILE *out, const json_t *r)
{
	fputs("<tr><td class=t>", out);
	put_time(out, "", r, "created");
	fputs("<td class=t>", out);
	put(out, "", r, "kind", "");
	fputs("<td class=m>", out);
	put_target(out, r);
	fputs("<td>", out);
	put_state(out, r);
	fputs("<td class=t>", out);
	put_time(out, "", r, "expires");
	fputs("<td>", out);
	put(out, "", r, "reason", "");
	fputs("<td>", out);
	put(out, "", r, "by", "");
	fputs("</tr>", out);
}

static void
put_reactions(FILE *out, const json_t *reactions, const json_t *profile)
{
	unsigned n = 0;
	json_t *r;
	size_t i;

	fputs("<h2>What was done</h2>", out);
	json_array_foreach((json_t *)(uintptr_t)reactions, i, r)
	{
		if (!is_of(r, profile))
			continue;
		if (n++ == 0)
			fputs(
			    "<table><tr><th>When<th>What<th>To what<th>State<th>Until<th>Why<th>By"
			    "</tr>",
			    out);
		put_reaction(out, r);
	}
	fputs(n > 0 ? "</table>" : "<p>Nothing was done, and nothing would have been.</p>", out);
}

static void
put_head(FILE *out, const json_t *profile)
{
	const json_t *blockers = print_lookup(profile, "daemon.blockers");
	time_t now = time(NULL);
	struct tm tm;
	char made[40] = "";
	json_t *b;
	size_t i;

	if (gmtime_r(&now, &tm) != NULL)
		strftime(made, sizeof(made), "%Y-%m-%d %H:%M UTC", &tm);
	put(out, "<h1>", profile, "daemon.name", "</h1>");
	put(out, "<p>on <b>", profile, "daemon.host.name", "</b>");
	put(out, ", ", profile, "daemon.executable", "");
	put(out, ", package ", profile, "daemon.package", "");
	put(out, " ", profile, "daemon.package_version", "");
	fprintf(out,
	    "</p><p class=q>%s, %.0f %% of its behaviour known; made %s by DaemonSec %s</p>",
	    is(profile, "daemon.state", "ready") ? "Learnt" : "Still being learnt",
	    floor(json_number_value(print_lookup(profile, "daemon.coverage")) * 100), made,
	    PACKAGE_VERSION);
	json_array_foreach((json_t *)(uintptr_t)blockers, i, b)
	{
		fputs(i == 0 ? "<h3>What is missing until it is learnt</h3><ul><li>" : "<li>", out);
		report_text(out, json_is_string(b) ? json_string_value(b) : "");
	}
	if (json_array_size(blockers) > 0)
		fputs("</ul>", out);
}

void
report_page(FILE *out, const json_t *profile, const json_t *alerts, const json_t *hours,
    const json_t *reactions)
{
	fputs("<!doctype html><html lang=en><head><meta charset=utf-8>"
	      "<meta name=viewport content=\"width=device-width\">"
	      "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src "
	      "'unsafe-inline'\"><title>",
	    out);
	put(out, "", profile, "daemon.name", " – DaemonSec");
	fprintf(out, "</title><style>%s</style></head><body>", style);
	put_head(out, profile);
	put_alerts(out, alerts, profile);
	put_reactions(out, reactions, profile);
	put_normal(out, profile);
	put_hours(out, hours);
	fputs("</body></html>\n", out);
}
