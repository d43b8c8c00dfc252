/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load_agent - many small agents in one process, for tests of the server: enrols them, sends
 * batches whose contents follow from (agent, sequence, index), goes on after every cut, and
 * afterwards checks in the store that each event is there exactly once.
 *
 *   load_agent token STATE_DIR ADDRESS    (prints an enrolment token of any number of uses)
 *   load_agent run TOKEN DIR AGENTS BATCHES EVENTS   (keys below DIR; ends when all is
 * acknowledged) load_agent verify STATE_DIR AGENTS BATCHES EVENTS
 */
#include "lib/batch.h"
#include "lib/clock.h"
#include "lib/conn.h"
#include "lib/tls.h"
#include "lib/zip.h"
#include "server/store/store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW   16 /* batches sent and not acknowledged */
#define AGAIN_MS 50
#define TIME0    1790000000000000ull
#define PATHS    64

struct agent {
	unsigned index;
	struct ds_conn *conn;
	struct event *again;
	struct ds_tls *tls;
	char dir[512];
	uint64_t sent, acked;
	bool is_enrolling, is_open;
};

static struct event_base *base;
static struct ds_token token;
static const char *top_dir;
static bool wide; /* LOAD_WIDE: paths that do not repeat */
static unsigned agents_len, batches, events, finished, connects;
static struct ds_conn_limits limits;
static struct ds_batch_builder *builder;
static struct ds_buf packed, message;

static void
die(const char *what, int r)
{
	fprintf(stderr, "load_agent: %s: %s\n", what, strerror(-r));
	exit(2);
}

static void
check(const char *what, int r)
{
	if (r < 0)
		die(what, r);
}

static void
make_batch(const struct agent *a, uint64_t seq)
{
	char path[64];
	int n;

	ds_batch_builder_clear(builder);
	for (unsigned i = 0; i < events; i++) {
		struct ds_event ev = { .time_us = TIME0 + seq * 1000000 + i * 10,
			.count = 1,
			.kind = DS_EVENT_FILE_WRITE,
			.daemon = { "nginx.service", 13 } };

		ev.num[DS_NUM_PID] = i;
		ev.num[DS_NUM_INODE] = seq;
		n = snprintf(path, sizeof(path), "/var/lib/app/%u/file-%u", a->index % 7,
		    (unsigned)((seq * 31 + i) % PATHS));
		if (wide)
			n = snprintf(path, sizeof(path), "/var/lib/app/%08lx%08lx%08lx", random(),
			    random(), random());
		ds_event_set_str(&ev, DS_STR_PATH, path, (size_t)n);
		ds_event_set_str(&ev, DS_STR_EXE, "/usr/sbin/nginx", 15);
		check("add", ds_batch_add(builder, &ev));
	}
	ds_buf_clear(&packed);
	check("pack", ds_batch_pack(builder, 1, &packed));
}

static void
send_batches(struct agent *a)
{
	while (a->is_open && a->sent < batches && a->sent - a->acked < WINDOW) {
		struct ds_batch_frame m = { .lane = DS_LANE_BULK, .epoch = 1, .seq = a->sent + 1 };

		make_batch(a, m.seq);
		m.packed = packed.data;
		m.size = packed.len;
		ds_buf_clear(&message);
		check("frame", ds_batch_frame_put(&message, &m));
		if (ds_conn_send(a->conn, DS_FRAME_BATCH, 0, message.data, message.len) < 0)
			return;
		a->sent++;
	}
}

static void
try_again(struct agent *a)
{
	struct timeval tv = { .tv_usec = (AGAIN_MS + rand() % AGAIN_MS) * 1000 };

	a->is_open = false;
	event_add(a->again, &tv);
}

static void
fill_hello(const struct agent *a, struct ds_hello *h)
{
	*h = (struct ds_hello){ .version_min = 1,
		.version_max = 1,
		.epoch = 1,
		.now_us = ds_clock_wall_us(),
		.agent_version = "load",
		.os = "test" };
	snprintf(h->hostname, sizeof(h->hostname), "load-%u", a->index);
	snprintf(h->machine_id, sizeof(h->machine_id), "machine-%u", a->index);
}

static void
send_enrol(struct agent *a)
{
	struct ds_enrol m = { 0 };
	struct ds_tls_key *key;
	char file[600], why[200];
	unsigned char *csr;

	snprintf(file, sizeof(file), "%s/host.key", a->dir);
	key = ds_tls_key_open(file, true, why, sizeof(why));
	if (!key)
		die(why, -EIO);
	csr = ds_tls_request(key, &m.csr_size);
	m.csr = csr;
	memcpy(m.token_id, token.id, sizeof(m.token_id));
	memcpy(m.secret, token.secret, sizeof(m.secret));
	fill_hello(a, &m.facts);
	ds_buf_clear(&message);
	check("enrol", ds_enrol_put(&message, &m));
	(void)!ds_conn_send(a->conn, DS_FRAME_ENROL, 0, message.data, message.len);
	OPENSSL_free(csr);
	ds_tls_key_free(key);
}

static int
on_ready(struct ds_conn *c, void *ctx)
{
	struct agent *a = ctx;
	struct ds_hello h;

	if (a->is_enrolling) {
		send_enrol(a);
		return 0;
	}
	fill_hello(a, &h);
	ds_buf_clear(&message);
	check("hello", ds_hello_put(&message, &h));
	return ds_conn_send(c, DS_FRAME_HELLO, 0, message.data, message.len);
}

static int
save_certificate(struct agent *a, const struct ds_frame *f)
{
	struct ds_certificate m;
	char file[600];

	check("certificate", ds_certificate_get(f->payload, f->size, &m));
	snprintf(file, sizeof(file), "%s/ca.crt", a->dir);
	check(file, ds_tls_save_cert(file, m.ca, m.ca_size, NULL, 0));
	snprintf(file, sizeof(file), "%s/host.crt", a->dir);
	check(file, ds_tls_save_cert(file, m.cert, m.cert_size, NULL, 0));
	return -ECONNRESET; /* again, with it */
}

/* Everything is acknowledged: ends, or stays connected for LOAD_HOLD seconds. */
static void
stay(void)
{
	const char *hold = getenv("LOAD_HOLD");
	struct timeval tv = { .tv_sec = hold ? (time_t)strtoul(hold, NULL, 10) : 0 };

	printf("all acknowledged\n");
	fflush(stdout);
	event_base_loopexit(base, &tv);
}

static int
on_frame(struct ds_conn *c, const struct ds_frame *f, void *ctx)
{
	struct agent *a = ctx;
	struct ds_welcome welcome;
	struct ds_error error;
	struct ds_ack ack;

	(void)c;
	switch (f->type) {
	case DS_FRAME_CERTIFICATE:
		return save_certificate(a, f);
	case DS_FRAME_WELCOME:
		check("welcome", ds_welcome_get(f->payload, f->size, &welcome));
		a->is_open = true;
		a->sent = a->acked = welcome.cursor[DS_LANE_BULK].seq;
		break;
	case DS_FRAME_ACK:
		check("ack", ds_ack_get(f->payload, f->size, &ack));
		a->acked = ack.seq;
		break;
	case DS_FRAME_ERROR:
		check("error", ds_error_get(f->payload, f->size, &error));
		if (error.code != DS_WIRE_SHUTDOWN)
			fprintf(stderr, "load_agent: agent %u: %s\n", a->index, error.text);
		return -ECONNRESET;
	default:
		return 0;
	}
	send_batches(a);
	if (a->is_open && a->acked >= batches && ++finished == agents_len)
		stay();
	return 0;
}

static void
on_closed(struct ds_conn *c, const struct ds_conn_end *end, void *ctx)
{
	struct agent *a = ctx;

	if (getenv("LOAD_DEBUG"))
		fprintf(stderr, "agent %u: %s\n", a->index, end->text);
	a->conn = NULL;
	ds_conn_free(c);
	if (a->acked < batches || a->is_enrolling)
		try_again(a);
}

static const struct ds_conn_ops ops = { .ready = on_ready, .frame = on_frame, .closed = on_closed };

static int
dial(void)
{
	const char *colon = strrchr(token.address, ':');
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket", -errno);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
start(evutil_socket_t unused, short what, void *arg)
{
	struct agent *a = arg;
	char key[600], cert[600], ca[600], why[200];
	int fd;

	(void)unused;
	(void)what;
	snprintf(key, sizeof(key), "%s/host.key", a->dir);
	snprintf(cert, sizeof(cert), "%s/host.crt", a->dir);
	snprintf(ca, sizeof(ca), "%s/ca.crt", a->dir);
	a->is_enrolling = access(cert, R_OK) < 0;
	ds_tls_free(a->tls);
	a->tls = a->is_enrolling ? ds_tls_client_new(NULL, NULL, NULL, token.pin, why, sizeof(why))
				 : ds_tls_client_new(cert, key, ca, NULL, why, sizeof(why));
	if (!a->tls)
		die(why, -EIO);
	connects++;
	fd = dial();
	a->conn = fd < 0 ? NULL : ds_conn_new(base, a->tls, false, fd, &ops, &limits, a);
	if (!a->conn)
		try_again(a);
}

static int
run(void)
{
	struct agent *agents = calloc(agents_len, sizeof(*agents));
	uint64_t begin = ds_clock_monotonic_ms(), ms;

	base = event_base_new();
	builder = ds_batch_builder_new();
	if (!agents || !base || !builder)
		die("start", -ENOMEM);
	limits = ds_conn_default_limits;
	ds_buf_init(&packed, DS_BATCH_PACKED_MAX);
	ds_buf_init(&message, DS_FRAME_PAYLOAD_MAX);
	for (unsigned i = 0; i < agents_len; i++) {
		struct agent *a = &agents[i];

		a->index = i;
		a->again = event_new(base, -1, 0, start, a);
		snprintf(a->dir, sizeof(a->dir), "%s/%u", top_dir, i);
		if (mkdir(a->dir, 0700) < 0 && errno != EEXIST)
			die(a->dir, -errno);
		start(-1, 0, a);
	}
	event_base_dispatch(base);
	ms = ds_clock_monotonic_ms() - begin;
	printf("agents=%u events=%llu connects=%u ms=%llu\n", agents_len,
	    (unsigned long long)agents_len * batches * events, connects, (unsigned long long)ms);
	return 0;
}

struct tally {
	struct ds_batch *batch;
	uint8_t *seen; /* a count for each (host, seq, index) */
	uint64_t total, twice, foreign;
};

static int
count_segment(const struct segment_row *row, const struct segment_position *at, void *ctx)
{
	struct tally *t = ctx;
	const uint64_t *index, *seq;

	(void)at;
	check("decode", ds_batch_decode(t->batch, row->packed, row->packed_size));
	index = ds_batch_nums(t->batch, DS_NUM_PID);
	seq = ds_batch_nums(t->batch, DS_NUM_INODE);
	for (size_t i = 0; i < ds_batch_len(t->batch); i++) {
		size_t n;

		if (row->host > agents_len || seq[i] == 0 || seq[i] > batches ||
		    index[i] >= events) {
			t->foreign++;
			continue;
		}
		n = ((size_t)(row->host - 1) * batches + (size_t)seq[i] - 1) * events +
		    (size_t)index[i];
		t->total++;
		t->twice += t->seen[n]++ > 0;
	}
	return 0;
}

static int
verify(const char *state_dir)
{
	const struct store_backend *b = store_lookup("sqlite");
	const struct store_config cfg = { .dir = state_dir };
	uint64_t expected = (uint64_t)agents_len * batches * events;
	struct tally t = { .batch = ds_batch_new(), .seen = calloc(1, expected) };
	struct scan_stats stats = { 0 };
	struct reader *r;

	check("open", b->reader_open(&cfg, &r));
	check("scan", b->each_segment(r, &(struct segment_filter){ 0 }, count_segment, &t, &stats));
	b->reader_close(r);
	ds_batch_free(t.batch);
	free(t.seen);
	ds_zip_thread_done();
	printf("expected=%llu total=%llu twice=%llu foreign=%llu segments=%llu bytes=%llu\n",
	    (unsigned long long)expected, (unsigned long long)t.total, (unsigned long long)t.twice,
	    (unsigned long long)t.foreign, (unsigned long long)stats.read,
	    (unsigned long long)stats.bytes_read);
	return t.total == expected && t.twice == 0 && t.foreign == 0 ? 0 : 1;
}

/* Puts a token straight into the store of a server, and prints it. */
static int
make_token(const char *state_dir, const char *address)
{
	struct ds_cert_info ca;
	char file[600], text[700];
	sqlite3_stmt *st;
	uint8_t hash[32];
	sqlite3 *db;

	snprintf(file, sizeof(file), "%s/pki/ca.crt", state_dir);
	check(file, ds_tls_file_info(file, &ca));
	snprintf(token.address, sizeof(token.address), "%s", address);
	snprintf(token.id, sizeof(token.id), "tok_%llx", (unsigned long long)ds_clock_wall_us());
	memcpy(token.pin, ca.pin, sizeof(token.pin));
	check("random", ds_random(token.secret, sizeof(token.secret)));
	SHA256(token.secret, sizeof(token.secret), hash);
	check("format", ds_token_format(&token, text, sizeof(text)));
	snprintf(file, sizeof(file), "%s/control.db", state_dir);
	if (sqlite3_open(file, &db) != SQLITE_OK)
		die(file, -EIO);
	sqlite3_busy_timeout(db, 10000);
	if (sqlite3_prepare_v2(db,
		"INSERT INTO token(id, label, secret_hash, created_us, expires_us, uses_max, uses, "
		"require_approval, revoked) VALUES (?, 'load', ?, 0, 1 << 60, 1 << 30, 0, 0, 0)",
		-1, &st, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db), -EIO);
	sqlite3_bind_text(st, 1, token.id, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, hash, sizeof(hash), SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		die(sqlite3_errmsg(db), -EIO);
	sqlite3_finalize(st);
	sqlite3_close(db);
	printf("%s\n", text);
	return 0;
}

int
main(int argc, char **argv)
{
	bool is_run = argc == 7 && strcmp(argv[1], "run") == 0;

	if (argc == 4 && strcmp(argv[1], "token") == 0)
		return make_token(argv[2], argv[3]);
	if (!is_run && !(argc == 6 && strcmp(argv[1], "verify") == 0)) {
		fprintf(stderr, "usage: load_agent token STATE_DIR ADDRESS\n"
				"       load_agent run TOKEN DIR AGENTS BATCHES EVENTS\n"
				"       load_agent verify STATE_DIR AGENTS BATCHES EVENTS\n");
		return 2;
	}
	agents_len = (unsigned)strtoul(argv[argc - 3], NULL, 10);
	batches = (unsigned)strtoul(argv[argc - 2], NULL, 10);
	events = (unsigned)strtoul(argv[argc - 1], NULL, 10);
	if (!is_run)
		return verify(argv[2]);
	check("token", ds_token_parse(argv[2], &token));
	top_dir = argv[3];
	wide = getenv("LOAD_WIDE") != NULL;
	return run();
}
