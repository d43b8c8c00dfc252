/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net - connections made and accepted, listening sockets, datagrams to peers; unix sockets too.
 *
 * Called by sensor and, with samples, by attribute.
 */
#include "agent/guard/path.h"
#include "agent/guard/probe.h"
#include "agent/guard/sensors/sensors.h"

#include <string.h>
#include <sys/socket.h>

/* IPv4 as it is, IPv6 as it is, IPv4 in IPv6 as IPv4. */
static void
set_address(
    struct ds_event *ev, enum ds_str_field field, const struct sample *s, const uint8_t *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (s->family == AF_INET)
		ds_event_set_str(ev, field, addr, 4);
	else if (memcmp(addr, mapped, sizeof(mapped)) == 0)
		ds_event_set_str(ev, field, addr + 12, 4);
	else
		ds_event_set_str(ev, field, addr, 16);
}

/* The kernel counts the NUL behind a path in, and an abstract name begins with one: written '@'. */
static void
set_unix(const struct probe_sample *sample, struct ds_event *ev)
{
	static char path[DS_PATH_MAX + 256];
	struct ds_str name = sample->str[1];

	if (name.len > 0 && name.ptr[0] == '\0') {
		name.len = DS_MIN(name.len, (uint32_t)sizeof(path));
		memcpy(path, name.ptr, name.len);
		path[0] = '@';
		ds_event_set_str(ev, DS_STR_PATH, path, name.len);
		return;
	}
	name.len = (uint32_t)strnlen(name.ptr, name.len);
	ds_event_set_str(
	    ev, DS_STR_PATH, path, path_below(sample->str[0], name, path, DS_PATH_MAX + 1));
}

static bool
net_fill(const struct probe_sample *sample, struct ds_event *ev)
{
	const struct sample *s = sample->s;

	ev->num[DS_NUM_PROTO] = s->proto;
	if (s->family == AF_UNIX) {
		ev->num[DS_NUM_PROTO] = 0;
		set_unix(sample, ev);
		return true;
	}
	if (s->family != AF_INET && s->family != AF_INET6)
		return false;
	ev->num[DS_NUM_SPORT] = s->sport;
	ev->num[DS_NUM_DPORT] = s->dport;
	set_address(ev, DS_STR_DADDR, s, s->daddr);
	if (s->kind == DS_EVENT_CONNECT || s->kind == DS_EVENT_ACCEPT)
		set_address(ev, DS_STR_SADDR, s, s->saddr);
	return true;
}

#define N CALL_NONE

static const struct probe_point points[] = {
	{ "net_connect", "sys_exit_connect", 0, false, true },
	{ "net_accept", "sys_exit_accept4", 0, false, false },
	{ "net_accept", "sys_exit_accept", 0, false, false },
	{ "net_listen", "sys_exit_listen", 0, false, false },
	{ "net_bind", "sys_exit_bind", 0, false, false },
	{ "net_send", "sys_exit_sendto", CALL(0, N, 4, N, N, N), false, false },
	{ "net_send", "sys_exit_sendmsg", CALL(0, N, N, 1, N, N), false, false },
	{ "net_send", "sys_exit_sendmmsg", CALL(0, N, N, 1, N, N), false, false },
	{ NULL, NULL, 0, false, false },
};

static const struct probe_topic topic = {
	.name = "net", .sensor = SENSOR_NET, .points = points, .fill = net_fill
};

static int
net_open(void)
{
	return probe_open(&topic);
}

#define KIND(k) (UINT64_C(1) << DS_EVENT_##k)

PROBE_SENSOR(net, net_open, NULL, KIND(CONNECT) | KIND(ACCEPT) | KIND(LISTEN) | KIND(SEND),
    "sockets of io_uring and of 32-bit programs, raw packets");
