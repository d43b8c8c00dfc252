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
 *
 * A common port is told, too, where it is no accident: of an address of the outside that connected
 * to this host just before (visitors.h); as the first address of the outside for a daemon that had
 * none for a day; as one of several ports that all are new to the daemon, within minutes.
 */
#include "lib/clock.h"
#include "server/detect/address.h"
#include "server/detect/fact.h"
#include "server/detect/program.h"
#include "server/detect/ready.h"
#include "server/detect/version.h"
#include "server/detect/visitors.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEIGHBOURS_MIN 3u
#define NETWORKS_MIN   8u
#define ODD_PORTS_MIN  8u /* known destinations of ports that are not common: any port may be */
#define SWEEP_MIN      5u /* different ports, all new to the daemon ... */
#define SWEEP_US       (600 * DS_US_PER_S)   /* ... within so long */
#define HOME_US        (86400 * DS_US_PER_S) /* without an address of the outside */
#define CLOCK_PORT     123u

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
		"tor", "openvpn", "tinyproxy", "sniproxy", "stunnel", "vsftpd", "proftpd",
		"pure-ftpd" };

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

/* Whom all daemons ask for names and the time changes with the host's configuration. */
static bool
is_everybodys(uint64_t port)
{
	return port == CLOCK_PORT || is_one_of(lookup_ports, DS_LEN(lookup_ports), port);
}

static bool
is_loopback(struct ds_str a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return (a.len == 4 && a.ptr[0] == 127) || (a.len == 16 && memcmp(a.ptr, one, 16) == 0);
}

/* How much what is known has in common with a new key ("tcp 10.1.2.0/24 port 443"), and what else
 * is new. */
struct nearness {
	unsigned same_port, neighbours;
	unsigned odd_ports; /* known destinations of ports that are not common */
	unsigned outside;   /* networks of the outside that are known, or wait */
	unsigned sweep;     /* other ports that were not known either, lately; at most SWEEP_MIN */
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

static unsigned
port_of(const char *key, size_t size)
{
	const char *port = memmem(key, size, " port ", 6);
	unsigned n = 0;

	for (port = port != NULL ? port + 6 : key + size; port < key + size; port++)
		n = n * 10 + (unsigned)(*port - '0');
	return n;
}

static bool
is_outside(const char *key, size_t size)
{
	const char *from = memchr(key, ' ', size), *to = memchr(key, '/', size);
	char text[INET6_ADDRSTRLEN];
	uint8_t raw[16];

	if (from == NULL || to == NULL || to - from >= (ptrdiff_t)sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)(to - from - 1), from + 1);
	if (strchr(text, ':') != NULL)
		return inet_pton(AF_INET6, text, raw) == 1 && !address_is_private(raw, 16);
	return inet_pton(AF_INET, text, raw) == 1 && !address_is_private(raw, 4);
}

/* Counts the port of a destination that is new as well, unless another had it. */
static void
count_sweep(struct nearness *n, unsigned seen[SWEEP_MIN], unsigned port)
{
	for (unsigned i = 0; i < n->sweep; i++)
		if (seen[i] == port)
			return;
	if (n->sweep < SWEEP_MIN)
		seen[n->sweep++] = port;
}

static struct nearness
look_near(const struct sighting *s)
{
	const char *key = (const char *)s->key.data;
	size_t wide = wide_len(key, s->key.size);
	unsigned port = port_of(key, s->key.size), seen[SWEEP_MIN];
	struct nearness n = { 0 };

	for (const struct behaviour *b = s->daemon->behaviours; b != NULL; b = b->next) {
		const char *other = (const char *)b->key;
		unsigned its;

		if ((b->kind != DS_EVENT_CONNECT && b->kind != DS_EVENT_SEND) ||
		    b->key[0] != KEY_PLAIN || memmem(other, b->key_size, " port ", 6) == NULL)
			continue;
		its = port_of(other, b->key_size);
		/* What waits was not told: the daemon has business there, as far as is known. */
		n.outside += (b->learnt || b->waits) && !is_everybodys(its) &&
			     is_outside(other, b->key_size);
		if (!b->learnt) {
			if (its != port && s->time_us < b->first_us + SWEEP_US)
				count_sweep(&n, seen, its);
			continue;
		}
		n.odd_ports += !is_one_of(common_ports, DS_LEN(common_ports), its);
		if (its != port)
			continue;
		n.same_port++;
		n.neighbours += b->key_size > wide && memcmp(other, key, wide) == 0;
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

/* Why a common port is no accident. */
enum reason { REASON_NONE, REASON_VISITOR, REASON_OUTSIDE, REASON_SWEEP };

static bool
listens_itself(const struct daemon_profile *d, uint64_t port)
{
	for (const struct behaviour *b = d->behaviours; b != NULL; b = b->next)
		if (b->learnt && b->kind == DS_EVENT_LISTEN &&
		    port_of((const char *)b->key, b->key_size) == port)
			return true;
	return false;
}

static enum reason
reason_of(const struct sighting *s, const struct nearness *near)
{
	const struct ds_event *ev = s->event;
	struct ds_str to = DS_EVENT_STR(ev, DS_STR_DADDR);
	const uint8_t *address = (const uint8_t *)to.ptr;
	uint64_t port = ev->num[DS_NUM_DPORT];

	if (is_proxy(s->daemon->class) || port == 0 || near->same_port >= NETWORKS_MIN)
		return REASON_NONE;
	if (visitors_has(s->daemon->host->visitors, address, to.len, s->time_us) &&
	    !listens_itself(s->daemon, port))
		return REASON_VISITOR;
	if (is_everybodys(port) || (s->kind == DS_EVENT_CONNECT && ev->num[DS_NUM_PROTO] != 6) ||
	    version_is_warm(s->daemon, s->time_us))
		return REASON_NONE;
	if (near->outside == 0 && is_outside((const char *)s->key.data, s->key.size) &&
	    daemon_watched_us(s->daemon, s->time_us) >= HOME_US &&
	    !daemon_is_episodic(s->daemon, s->time_us))
		return REASON_OUTSIDE;
	return near->same_port == 0 && near->sweep + 1 >= SWEEP_MIN ? REASON_SWEEP : REASON_NONE;
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
	if (reason_of(s, &near) != REASON_NONE)
		return NOVEL_TELL;
	/* Resolvers connect datagram sockets only to see which address would be used. */
	if (near.same_port > 0 || near.odd_ports >= ODD_PORTS_MIN ||
	    is_one_of(common_ports, DS_LEN(common_ports), port) || is_proxy(s->daemon->class) ||
	    port == 0 || (s->kind == DS_EVENT_CONNECT && ev->num[DS_NUM_PROTO] != 6))
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

/* Of an ordinary connection; what the title says of it. */
static const char *
say_why(const struct sighting *s, struct fact *f)
{
	static const struct {
		const char *what, *title, *technique;
		double more;
	} rows[] = {
		[REASON_VISITOR] = { "an address of the outside that had connected to this host "
				     "just before",
		    ", which had just connected to this host", "T1071", 10 },
		[REASON_OUTSIDE] = { "the first address outside of the site that it ever connected "
				     "to",
		    ", outside of the site", "T1071", 2 },
		[REASON_SWEEP] = { "one of several ports, all new to it, within ten minutes",
		    ", one port after the other", "T1046", 4 },
	};
	struct nearness near = look_near(s);
	enum reason why = reason_of(s, &near);

	if (why != REASON_NONE) {
		f->what = rows[why].what;
		f->technique[0] = rows[why].technique;
		f->score += rows[why].more;
		return rows[why].title;
	}
	if (is_one_of(common_ports, DS_LEN(common_ports), s->event->num[DS_NUM_DPORT])) {
		f->what = "a place where it has no known business"; /* told before, and why */
		f->technique[0] = "T1071";
	}
	return "";
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
	const char *more = "";
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
	} else {
		more = say_why(s, &f);
	}
	f.root = key_hash(15, f.what, strlen(f.what));
	snprintf(f.title, sizeof(f.title), "%s connected to %s%s", s->daemon->class, peer, more);
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
