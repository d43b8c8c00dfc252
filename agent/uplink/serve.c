/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve - see serve.h; called by main.c. */
#include "agent/uplink/serve.h"
#include "agent/uplink/batcher.h"
#include "agent/uplink/decoys.h"
#include "agent/uplink/exporter.h"
#include "agent/uplink/figures.h"
#include "lib/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct serve {
	const struct agent_config *cfg;
	struct serve_parts parts;
	struct exporter *exporter; /* NULL: nobody asks for figures */
	struct decoys *decoys;     /* NULL: there are none */
};

struct serve *
serve_new(const struct agent_config *cfg)
{
	struct serve *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->cfg = cfg;
	s->decoys = decoys_open(cfg);
	return s;
}

static void
write_figures(struct evbuffer *out, void *ctx)
{
	struct serve *s = ctx;

	figures_write(out, s->parts.spool, s->parts.link, s->parts.health);
}

static void
start_exporter(struct serve *s, struct event_base *base)
{
	int fd = exporter_listen(s->cfg->prometheus_listen, (unsigned)s->cfg->prometheus_port);

	if (fd >= 0)
		s->exporter = exporter_new(base, fd, write_figures, s);
	if (s->exporter == NULL)
		ds_log(ERROR, "no metrics: their port cannot be listened on",
		    "address=%s port=%lld error=\"%s\"", s->cfg->prometheus_listen,
		    (long long)s->cfg->prometheus_port, strerror(fd < 0 ? -fd : ENOMEM));
}

static void
on_visitor(const struct ds_event *ev, void *ctx)
{
	struct serve *s = ctx;

	if (batcher_add_own(s->parts.batcher, ev) < 0)
		health_lost(s->parts.health, "decoy", ev->count, "no room for visitors of decoys");
}

static void
on_turned_away(uint64_t visitors, void *ctx)
{
	struct serve *s = ctx;

	health_lost(s->parts.health, "decoy", visitors, "too many visitors of decoys at once");
}

void
serve_start(struct serve *s, struct event_base *base, const struct serve_parts *parts)
{
	s->parts = *parts;
	if (s->cfg->prometheus)
		start_exporter(s, base);
	if (s->decoys == NULL || decoys_start(s->decoys, base, on_visitor, on_turned_away, s) == 0)
		return;
	ds_log(ERROR, "no memory for decoys, going on without", "%s", "");
	decoys_free(s->decoys);
	s->decoys = NULL;
}

bool
serve_accepts(const struct serve *s)
{
	return s->exporter != NULL || s->decoys != NULL;
}

void
serve_free(struct serve *s)
{
	if (s == NULL)
		return;
	exporter_free(s->exporter);
	decoys_free(s->decoys);
	free(s);
}
