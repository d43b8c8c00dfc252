/* SPDX-License-Identifier: GPL-2.0-or-later */
/* copies - the alert that two machines have the identity of one host.  On any thread. */
#include "lib/clock.h"
#include "server/detect/explain_agent.h"
#include "server/fleet/raise.h"

#include <stdio.h>

#define AGAIN_US (3600 * DS_US_PER_S) /* the same thing is counted once an hour */

void
fleet_copied(struct fleet *f, uint32_t host, const char *host_name, const char *peer)
{
	uint64_t now_us = ds_clock_wall_us();
	struct finding finding = {
		.kind = "integrity",
		.severity = "high",
		.score = 75,
		.count = 1,
		.time_us = now_us,
	};

	snprintf(finding.id, sizeof(finding.id), "fnd_copy_%u_%llx", host,
	    (unsigned long long)(now_us / AGAIN_US));
	snprintf(finding.group, sizeof(finding.group), "copy:%u", host);
	snprintf(finding.title, sizeof(finding.title), "two machines have the identity of %.100s",
	    host_name);
	snprintf(finding.reason, sizeof(finding.reason),
	    "a machine at %.64s shows the key and certificate of %.200s, which another machine uses or "
	    "used since: a disk image was copied or rolled back, or the key was stolen.  It was not let "
	    "in; it waits for an identity of its own among the pending hosts",
	    peer, host_name);
	finding.json = explain_agent_text(
	    "copy", now_us, "machines with this identity", "one machine", "a second one, refused");
	if (finding.json != NULL)
		raise_finding(fleet_config(f), host, host_name, &finding);
}
