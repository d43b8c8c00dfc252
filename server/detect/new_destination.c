/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * new_destination - a daemon connects, or sends, to where it never did.
 *
 * A key is a network and a port (key.h).  What generalises: three known networks of the same /16
 * (IPv6: /48) and port, or eight anywhere with the port, make every further one of them normal, as
 * behind a content network.  A new network alone says little: it waits (tier.h), as do ports on
 * which half the world listens.  Told is a port that is neither known to the daemon, nor common,
 * nor one where a daemon of this host listens; and a shell that opens a connection itself, whoever
 * runs it: shells have no other use for that than to obey it.
 */
#include "lib/clock.h"
#include "server/detect/fact.h"
#include "server/detect/program.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEIGHBOURS_MIN 3u
#define NETWORKS_MIN   8u

static const uint16_t common_ports[] = { 22, 25, 53, 67, 80, 88, 110, 111, 123, 143, 161, 162, 389,
	443, 445, 464, 465, 514, 546, 547, 587, 636, 853, 873, 993, 995, 1514, 2049, 2181, 2379,
	3128, 3268, 3306, 4317, 4318, 5044, 5353, 5355, 5432, 5671, 5672, 6379, 6514, 8080, 8086,
	8125, 8443, 9090, 9092, 9200, 11211, 11371, 27017 };
/* Of nobody's business, so that a shell that asks them is no surprise: names and accounts. */
static const uint16_t lookup_ports[] = { 53, 88, 389, 636, 853, 5353, 5355 };

/* Forward what others ask for: wherever the configuration says. */
static bool
is_proxy(const char *class)
{
	static const char *const names[] = { "nginx", "apache2", "httpd", "haproxy", "caddy",
		"traefik", "lighttpd", "squid", "envoy", "varnish", "docker", "containerd", "sshd",
		"tor", "openvpn", "tinyproxy" };

	for (size_t i = 0; i < DS_LEN(names); i++)
		if (strncmp(class, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool
is_one_of(const uint16_t *ports, size_t len, uint64_t port)
{
	for (size_t i = 0; i < len; i++)
		if (ports[i] == port)
			return true;
	return false;
}

static bool
is_loopback(struct ds_str a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return (a.len == 4 && a.ptr[0] == 127) || (a.len == 16 && memcmp(a.ptr, one, 16) == 0);
}

/* How much two keys of networks ("tcp 10.1.2.0/24 port 443") have in common. */
struct nearness {
	unsigned same_port, neighbours;
};

/* The length of "tcp 10.1." of a key, or of "tcp 2001:db8:1:" */
static size_t
wide_len(const char *text, size_t len)
{
	unsigned dots = 0;
	const char *space = memchr(text, ' ', len);
	char mark = memchr(text, ':', len) != NULL ? ':' : '.';

	for (size_t i = space != NULL ? (size_t)(space - text) : 0; i < len; i++)
		if (text[i] == mark && ++dots == (mark == '.' ? 2 : 3))
			return i + 1;
	return len;
}

static struct nearness
look_near(const struct sighting *s)
{
	const char *key = (const char *)s->key.data;
	const char *port = memmem(key, s->key.size, " port ", 6);
	struct nearness n = { 0, 0 };
	size_t port_len, wide;

	if (port == NULL)
		return n;
	port_len = s->key.size - (size_t)(port - key);
	wide = wide_len(key, s->key.size);
	for (const struct behaviour *b = s->daemon->behaviours; b != NULL; b = b->next) {
		if (!b->learnt || (b->kind != DS_EVENT_CONNECT && b->kind != DS_EVENT_SEND) ||
		    b->key_size <= port_len ||
		    memcmp(b->key + b->key_size - port_len, port, port_len) != 0)
			continue;
		n.same_port++;
		n.neighbours += b->key_size > wide && memcmp(b->key, key, wide) == 0;
	}
	return n;
}

static enum novelty
judge_unix(struct ds_str path, bool ready)
{
	static const char *const runtimes[] = { "docker.sock", "containerd.sock", "crio.sock",
		"podman.sock" };

	for (size_t i = 0; ready && i < DS_LEN(runtimes); i++) {
		size_t len = strlen(runtimes[i]);

		if (path.len > len && memcmp(path.ptr + path.len - len, runtimes[i], len) == 0)
			return NOVEL_TELL;
	}
	return NOVEL_LEARN;
}

/* A shell that connects itself: bash's /dev/tcp and its like. */
static bool
is_shell(const struct sighting *s)
{
	struct ds_str exe = DS_EVENT_STR(s->event, DS_STR_EXE);
	uint64_t port = s->event->num[DS_NUM_DPORT];
	char path[KEY_MAX];

	if (s->kind != DS_EVENT_CONNECT || s->event->num[DS_NUM_PROTO] != 6 ||
	    DS_EVENT_STR(s->event, DS_STR_PATH).len > 0 ||
	    is_one_of(lookup_ports, DS_LEN(lookup_ports), port))
		return false;
	key_path(exe, path, sizeof(path));
	return strstr(path, "busybox") == NULL && program_info(path).sort == PROGRAM_SHELL;
}

static enum novelty
judge_inet(struct turn *t, const struct sighting *s)
{
	const struct ds_event *ev = s->event;
	uint64_t port = ev->num[DS_NUM_DPORT];
	struct nearness near = look_near(s);
	enum attack_sort sort;

	if (!turn_is_common(t, s) && turn_attack(t, s, &sort) != NULL)
		return NOVEL_TELL;
	if (near.neighbours >= NEIGHBOURS_MIN || near.same_port >= NETWORKS_MIN ||
	    s->time_us < s->daemon->start_until_us || turn_is_common(t, s))
		return NOVEL_LEARN;
	if (is_loopback(DS_EVENT_STR(ev, DS_STR_DADDR)) && host_listens(s->daemon->host, port))
		return NOVEL_LEARN;
	/* Resolvers connect datagram sockets only to see which address would be used. */
	if (near.same_port > 0 || is_one_of(common_ports, DS_LEN(common_ports), port) ||
	    is_proxy(s->daemon->class) || port == 0 ||
	    (s->kind == DS_EVENT_CONNECT && ev->num[DS_NUM_PROTO] != 6))
		return NOVEL_WAIT;
	return NOVEL_TELL;
}

static bool
is_child(const struct sighting *s)
{
	struct ds_str exe = DS_EVENT_STR(s->event, DS_STR_EXE);
	char path[KEY_MAX];

	return !daemon_is_own(s->daemon, path, key_path(exe, path, sizeof(path)));
}

static enum novelty
judge(struct turn *t, const struct sighting *s, bool ready)
{
	struct ds_str path = DS_EVENT_STR(s->event, DS_STR_PATH);
	enum attack_sort sort;

	if (is_shell(s) && !(daemon_is_judged(s->daemon) && !ready))
		return NOVEL_TELL;
	/* Where an attacker is never becomes normal by itself. */
	if (!ready && daemon_is_judged(s->daemon) && turn_attack(t, s, &sort) != NULL)
		return NOVEL_WAIT;
	if (!ready || !daemon_is_judged(s->daemon))
		return NOVEL_LEARN;
	if (path.len > 0)
		return judge_unix(path, ready);
	return judge_inet(t, s);
}

static void
say_peer(const struct ds_event *ev, char *ret, size_t size)
{
	struct ds_str a = DS_EVENT_STR(ev, DS_STR_DADDR), path = DS_EVENT_STR(ev, DS_STR_PATH);
	char text[INET6_ADDRSTRLEN] = "somewhere";

	if (path.len > 0) {
		fact_text(path, ret, size);
		return;
	}
	if (a.len == 4 || a.len == 16)
		inet_ntop(a.len == 4 ? AF_INET : AF_INET6, a.ptr, text, sizeof(text));
	snprintf(ret, size, a.len == 16 ? "[%s]:%llu" : "%s:%llu", text,
	    (unsigned long long)ev->num[DS_NUM_DPORT]);
}

static int
tell(struct turn *t, const struct sighting *s)
{
	struct fact f = { .kind = "new_destination",
		.severity = "medium",
		.score = is_child(s) ? 74 : 68,
		.feature = "destination",
		.what = "a port that is neither common nor known to this host",
		.technique = { "T1571", NULL, NULL } };
	char peer[160];
	enum attack_sort sort;

	say_peer(s->event, peer, sizeof(peer));
	if (DS_EVENT_STR(s->event, DS_STR_PATH).len > 0) {
		f.severity = "high";
		f.score = 86;
		f.what = "the socket of a container runtime, as good as root";
		f.technique[0] = "T1611";
	} else if (is_shell(s)) {
		f.severity = "high";
		f.score = 93;
		f.what = "a shell that opens a connection itself";
		f.technique[0] = "T1059.004";
		f.technique[1] = "T1095";
		f.whoever = !daemon_is_judged(s->daemon);
	} else if (turn_attack(t, s, &sort) != NULL) {
		f.what = sort == ATTACK_SOURCE ? "an address that came to a decoy"
					       : "where attackers of a honeypot went";
		f.technique[0] = "T1071";
	}
	f.root = key_hash(15, f.what, strlen(f.what));
	snprintf(f.title, sizeof(f.title), "%s connected to %s", s->daemon->class, peer);
	snprintf(f.never, sizeof(f.never), "connected to such an address and port as %s", peer);
	snprintf(f.did, sizeof(f.did), "connected to %s, %s", peer, f.what);
	snprintf(f.observed, sizeof(f.observed), "%s", peer);
	return fact_tell(t, s, &f);
}

const struct detector detect_new_destination = {
	.name = "new_destination",
	.kinds = UINT64_C(1) << DS_EVENT_CONNECT | UINT64_C(1) << DS_EVENT_SEND,
	.judge = judge,
	.tell = tell,
};
