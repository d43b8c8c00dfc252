/* SPDX-License-Identifier: GPL-2.0-or-later */
/* figures - see figures.h; called by main.c when somebody asks. */
#include "agent/uplink/figures.h"

#include "lib/clock.h"

#include <event2/buffer.h>

static void
put(struct evbuffer *out, const char *name, const char *type, const char *help, double value)
{
	/* No memory: a shorter answer, and Prometheus says that it is cut. */
	(void)evbuffer_add_printf(out,
	    "# HELP daemonsec_agent_%s %s\n# TYPE daemonsec_agent_%s %s\ndaemonsec_agent_%s %.17g\n",
	    name, help, name, type, name, value);
}

static void
put_link(struct evbuffer *out, const struct link *link)
{
	struct link_status s;

	link_get_status(link, &s);
	put(out, "enrolled", "gauge", "Whether this host has a certificate.", s.is_enrolled);
	put(out, "connected", "gauge", "Whether there is a session with the server.", s.is_up);
	put(out, "connects_total", "counter", "Sessions with the server.", (double)s.sessions);
	put(out, "connect_attempts_total", "counter", "Attempts at one.", (double)s.attempts);
	put(out, "sent_bytes_total", "counter", "Bytes sent to the server.", (double)s.bytes_out);
	put(out, "received_bytes_total", "counter", "Bytes from the server.", (double)s.bytes_in);
	put(out, "batches_sent_total", "counter", "Batches sent.", (double)s.batches_sent);
	put(out, "batches_confirmed_total", "counter", "Batches that the server has stored.",
	    (double)s.batches_acked);
	put(out, "round_trip_seconds", "gauge", "To the server and back.", s.rtt_us / 1e6);
	put(out, "certificate_expiry_timestamp_seconds", "gauge",
	    "When this host's certificate ends; it is renewed before.",
	    (double)s.cert_not_after_us / 1e6);
}

static void
put_spool(struct evbuffer *out, const struct spool *spool)
{
	uint64_t now_us = ds_clock_wall_us();
	struct spool_backlog left;
	struct spool_status s;

	spool_get_status(spool, &s);
	spool_get_backlog(spool, &left);
	put(out, "spool_bytes", "gauge", "Events on disk that the server has not confirmed.",
	    (double)s.bytes);
	put(out, "spool_memory_bytes", "gauge", "Events that wait in memory for the disk.",
	    (double)s.memory);
	put(out, "spool_batches", "gauge", "Batches that the server has not confirmed.",
	    (double)(left.records[0] + left.records[1]));
	put(out, "spool_oldest_seconds", "gauge", "Age of the oldest of them.",
	    left.oldest_us != 0 && left.oldest_us < now_us ? (double)(now_us - left.oldest_us) / 1e6
							   : 0);
	put(out, "spool_dropped_events_total", "counter",
	    "Events dropped because the spool was full.", (double)s.dropped);
	put(out, "spool_write_errors_total", "counter", "Writes that the disk refused.",
	    (double)s.write_errors);
}

void
figures_write(struct evbuffer *out, const struct spool *spool, const struct link *link,
    const struct health *health)
{
	(void)evbuffer_add_printf(out,
	    "# HELP daemonsec_agent_build_info The version that runs.\n"
	    "# TYPE daemonsec_agent_build_info gauge\n"
	    "daemonsec_agent_build_info{version=\"%s\"} 1\n",
	    PACKAGE_VERSION);
	put_link(out, link);
	put_spool(out, spool);
	put(out, "lost_events_total", "counter",
	    "Events that this half of the agent saw and could not keep.",
	    (double)health->lost_total);
	put(out, "uplink_cpu_seconds_total", "counter", "CPU time of the uplink.",
	    (double)health_cpu_us() / 1e6);
	put(out, "uplink_resident_memory_bytes", "gauge", "Resident memory of the uplink.",
	    (double)health_resident_bytes());
}
