/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire - frames between agent and server, and the messages in them.
 *
 * schema/wire.md is the contract: a fixed 12-byte header (magic "DS", version, type, flags,
 * length), then a message of tagged fields, so that a peer skips what it does not know.  Nothing
 * here does I/O.
 */
#ifndef LIB_WIRE_H
#define LIB_WIRE_H

#include "lib/buf.h"

#define DS_WIRE_VERSION      1
#define DS_FRAME_HEADER      12u
#define DS_FRAME_PAYLOAD_MAX (4u << 20) /* bytes */

enum ds_frame_type {
	DS_FRAME_HELLO = 1,   /* agent -> server, first frame of a session */
	DS_FRAME_WELCOME = 2, /* server -> agent: cursors, intervals */
	DS_FRAME_BATCH = 3,   /* agent -> server */
	DS_FRAME_ACK = 4,     /* server -> agent: committed up to here */
	DS_FRAME_PING = 5,    /* either; answered with PONG, same payload */
	DS_FRAME_PONG = 6,
	DS_FRAME_ERROR = 7,       /* either, then the link closes */
	DS_FRAME_ENROL = 8,       /* agent without certificate -> server */
	DS_FRAME_CERTIFICATE = 9, /* server -> agent: answer to ENROL and RENEW */
	DS_FRAME_RENEW = 10,      /* agent with certificate -> server: fresh CSR */
	DS_FRAME_ORDER = 11,      /* server -> agent: opaque signed bytes for the guard */
	DS_FRAME_RESULT = 12,     /* agent -> server: opaque bytes of the guard */
	DS_FRAME_TRUST = 13,      /* server -> agent: which authorities to trust from now on */
	DS_FRAME_TRUSTS = 14,     /* agent -> server: which it trusts now */
};

/* A receiver that does not know the type of a frame with this flag closes; without it, it skips the
 * frame. */
#define DS_FRAME_CRITICAL 0x01u

struct ds_frame {
	uint8_t type;
	uint8_t flags;
	const uint8_t *payload; /* borrows from the buffer it was read from */
	size_t size;
};

/* Appends a whole frame. */
DS_MUST_CHECK int ds_frame_put(
    struct ds_buf *b, uint8_t type, uint8_t flags, const void *payload, size_t size);
/* Reads a frame from the front: 1 and *ret, or 0 when more bytes are needed, or -EBADMSG (bad
 * magic), -EFBIG, -EPROTONOSUPPORT.  *ret_need: bytes of the whole frame when 0 is returned and the
 * header is there, else 0. */
DS_MUST_CHECK int ds_frame_get(struct ds_buf *b, struct ds_frame *ret, size_t *ret_need);

/* Two lanes, each with sequence numbers of its own: what is urgent overtakes what is bulk. */
enum ds_lane { DS_LANE_URGENT = 0, DS_LANE_BULK = 1, DS_LANES = 2 };

/* After a power loss an agent goes on so far above the last number it knows: holes are counted
 * modulo this. */
#define DS_SEQ_SKIP (UINT64_C(1) << 20)

#define DS_GENERATIONS 32 /* that an agent remembers of its sessions */

#define DS_HOST_ID_SIZE 16 /* bytes; a random UUID given at enrolment */

struct ds_cursor {
	uint64_t epoch; /* of the agent's spool: grows when a spool is made anew */
	uint64_t seq;   /* last sequence number committed, 0 for none */
};

struct ds_hello {
	uint32_t version_min, version_max; /* of the protocol */
	uint64_t epoch;                    /* of the spool */
	uint64_t boot_time_us;             /* wall clock */
	uint64_t now_us;                   /* the agent's wall clock */
	char agent_version[32];
	char hostname[256];
	char os[128]; /* PRETTY_NAME */
	char kernel[128];
	char arch[32];
	char machine_id[64]; /* hash of it: a name, not a secret */
	char boot_id[64];
	char sensors[512]; /* what runs and what it cannot see, for status */
	char labels[512];  /* comma-separated, from the agent's configuration */
	/* The lineage of the agent's state: a random number for this session, and those of the
	 * sessions before it, big-endian, newest first.  0: not told. */
	uint64_t generation;
	uint8_t before[8 * DS_GENERATIONS];
	uint8_t trusts[96];    /* SHA-256 of the keys of up to three authorities that it trusts */
	char alert_email[256]; /* who else is told of its alerts, from the agent's configuration */
};

struct ds_welcome {
	uint32_t version;
	uint64_t now_us;
	uint32_t ping_s;    /* how often to ping */
	uint32_t batch_max; /* largest packed batch taken, bytes */
	struct ds_cursor
	    cursor[DS_LANES]; /* what the server has committed of this agent, for its epoch */
	char server_version[32];
	uint64_t renew_after_us; /* wall clock: renew the certificate from then on; 0: not known */
};

struct ds_batch_frame {
	uint8_t lane;
	uint64_t epoch, seq;
	const uint8_t *packed; /* borrows */
	size_t size;
};

struct ds_ack {
	uint8_t lane;
	uint64_t epoch, seq;
};

enum ds_wire_error {
	DS_WIRE_BAD_FRAME = 1,
	DS_WIRE_BAD_VERSION,
	DS_WIRE_REVOKED,
	DS_WIRE_PENDING,
	DS_WIRE_BUSY,
	DS_WIRE_TOKEN_UNKNOWN,
	DS_WIRE_TOKEN_USED,
	DS_WIRE_TOKEN_EXPIRED,
	DS_WIRE_CSR,
	DS_WIRE_IDENTITY,
	DS_WIRE_DISK_FULL,
	DS_WIRE_SHUTDOWN,
	DS_WIRE_INTERNAL,
	DS_WIRE_DUPLICATE,
	DS_WIRE_TOKEN_ADDRESS, /* not from this address */
	DS_WIRE_COPY,          /* another machine has this identity */
};

struct ds_error {
	uint32_t code; /* enum ds_wire_error */
	uint32_t retry_after_s;
	char text[256];
};

struct ds_enrol {
	char token_id[64];
	uint8_t secret[32];
	const uint8_t *csr; /* DER; borrows when decoded */
	size_t csr_size;
	struct ds_hello facts;
};

struct ds_certificate {
	uint8_t host_id[DS_HOST_ID_SIZE];
	const uint8_t *cert; /* DER; borrows when decoded */
	size_t cert_size;
	const uint8_t *ca; /* DER of the CA certificate */
	size_t ca_size;
	uint64_t renew_after_us;
};

struct ds_renew {
	const uint8_t *csr; /* DER; borrows */
	size_t csr_size;
};

struct ds_trust {
	const uint8_t *authorities; /* DER, one behind the other; borrows when decoded */
	size_t size;
	uint64_t renew_after_us; /* as in WELCOME; 0: as it was */
};

struct ds_trusts {
	uint8_t pins[96]; /* as in HELLO */
};

/* Each pair: put appends the message (payload only, no frame header); get checks and reads a
 * payload: 0, or -EBADMSG. Texts longer than their array are cut by put and refused by get. */
DS_MUST_CHECK int ds_hello_put(struct ds_buf *b, const struct ds_hello *m);
DS_MUST_CHECK int ds_hello_get(const void *data, size_t size, struct ds_hello *ret);
DS_MUST_CHECK int ds_welcome_put(struct ds_buf *b, const struct ds_welcome *m);
DS_MUST_CHECK int ds_welcome_get(const void *data, size_t size, struct ds_welcome *ret);
DS_MUST_CHECK int ds_batch_frame_put(struct ds_buf *b, const struct ds_batch_frame *m);
DS_MUST_CHECK int ds_batch_frame_get(const void *data, size_t size, struct ds_batch_frame *ret);
DS_MUST_CHECK int ds_ack_put(struct ds_buf *b, const struct ds_ack *m);
DS_MUST_CHECK int ds_ack_get(const void *data, size_t size, struct ds_ack *ret);
DS_MUST_CHECK int ds_error_put(struct ds_buf *b, const struct ds_error *m);
DS_MUST_CHECK int ds_error_get(const void *data, size_t size, struct ds_error *ret);
DS_MUST_CHECK int ds_enrol_put(struct ds_buf *b, const struct ds_enrol *m);
DS_MUST_CHECK int ds_enrol_get(const void *data, size_t size, struct ds_enrol *ret);
DS_MUST_CHECK int ds_certificate_put(struct ds_buf *b, const struct ds_certificate *m);
DS_MUST_CHECK int ds_certificate_get(const void *data, size_t size, struct ds_certificate *ret);
DS_MUST_CHECK int ds_renew_put(struct ds_buf *b, const struct ds_renew *m);
DS_MUST_CHECK int ds_renew_get(const void *data, size_t size, struct ds_renew *ret);
DS_MUST_CHECK int ds_trust_put(struct ds_buf *b, const struct ds_trust *m);
DS_MUST_CHECK int ds_trust_get(const void *data, size_t size, struct ds_trust *ret);
DS_MUST_CHECK int ds_trusts_put(struct ds_buf *b, const struct ds_trusts *m);
DS_MUST_CHECK int ds_trusts_get(const void *data, size_t size, struct ds_trusts *ret);

#endif
