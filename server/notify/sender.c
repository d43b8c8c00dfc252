/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sender - see sender.h. */
#include "server/notify/sender.h"

#include "server/notify/private_address.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TIMEOUT_S  20L
#define CONNECT_S  10L
#define ANSWER_MAX 4096u /* bytes kept of an answer */

struct flight {
	bool used;
	CURL *easy;
	struct curl_slist *headers, *to;
	struct ds_buf body;
	size_t read; /* of the body, by libcurl */
	char answer[ANSWER_MAX];
	size_t answer_len;
	char why[CURL_ERROR_SIZE];
	const struct channel_kind *kind;
	bool is_mail, allow_private, refused;
	bool may_refuse, has_others; /* of a mail's addresses */
	void *ctx;
};

struct sender {
	CURLM *multi;
	struct flight flights[SENDER_MAX];
	unsigned busy;
};

struct sender *
sender_new(void)
{
	struct sender *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		s->multi = curl_multi_init();
	if (s->multi == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

static void
land(struct sender *s, struct flight *f)
{
	if (!f->used)
		return;
	(void)curl_multi_remove_handle(s->multi, f->easy);
	curl_easy_cleanup(f->easy);
	curl_slist_free_all(f->headers);
	curl_slist_free_all(f->to);
	ds_buf_done(&f->body);
	*f = (struct flight){ 0 };
	s->busy--;
}

void
sender_free(struct sender *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < SENDER_MAX; i++)
		land(s, &s->flights[i]);
	(void)curl_multi_cleanup(s->multi);
	free(s);
}

unsigned
sender_busy(const struct sender *s)
{
	return s->busy;
}

/* ---- what may be reached */

static curl_socket_t
open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct flight *f = ctx;
	uint8_t a[16] = { [10] = 0xff, [11] = 0xff };

	(void)purpose;
	if (address->family == AF_INET)
		memcpy(a + 12,
		    &((const struct sockaddr_in *)(const void *)&address->addr)->sin_addr, 4);
	else if (address->family == AF_INET6)
		memcpy(
		    a, &((const struct sockaddr_in6 *)(const void *)&address->addr)->sin6_addr, 16);
	else
		return CURL_SOCKET_BAD;
	if (!f->allow_private && (private_address(a) || own_address(a))) {
		f->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- a request */

static size_t
read_body(char *to, size_t size, size_t len, void *ctx)
{
	struct flight *f = ctx;
	size_t n = DS_MIN(size * len, f->body.len - f->read);

	memcpy(to, f->body.data + f->read, n);
	f->read += n;
	return n;
}

static size_t
write_answer(char *data, size_t size, size_t len, void *ctx)
{
	struct flight *f = ctx;
	size_t n = DS_MIN(size * len, sizeof(f->answer) - 1 - f->answer_len);

	memcpy(f->answer + f->answer_len, data, n);
	f->answer_len += n;
	f->answer[f->answer_len] = '\0';
	return size * len; /* the rest is of no interest */
}

/* The last refusal of a mail server: "550 5.1.1 <ops@example.org>: unknown". */
static size_t
hear_refusal(char *data, size_t size, size_t len, void *ctx)
{
	struct flight *f = ctx;
	size_t n = DS_MIN(size * len, sizeof(f->answer) - 1);

	if (n < 3 || (data[0] != '4' && data[0] != '5'))
		return size * len;
	memcpy(f->answer, data, n);
	f->answer_len = n;
	f->answer[n] = '\0';
	f->answer[strcspn(f->answer, "\r\n")] = '\0';
	return size * len;
}

static bool
append(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (longer != NULL)
		*list = longer;
	return longer != NULL;
}

static bool
set_protocols(CURL *e, bool is_mail)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, is_mail ? "smtp,smtps" : "http,https") ==
	       CURLE_OK;
#else
	return curl_easy_setopt(e, CURLOPT_PROTOCOLS,
		   is_mail ? (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS)
			   : (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
}

#define SET(option, value) (good = good && curl_easy_setopt(f->easy, option, value) == CURLE_OK)

static bool
set_common(struct flight *f, const struct channel_config *cfg, const char *url)
{
	bool good = set_protocols(f->easy, f->is_mail);

	SET(CURLOPT_URL, url);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_TIMEOUT, TIMEOUT_S);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	SET(CURLOPT_ERRORBUFFER, f->why);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, f);
	SET(CURLOPT_WRITEFUNCTION, write_answer);
	SET(CURLOPT_WRITEDATA, f);
	SET(CURLOPT_PRIVATE, f);
	SET(CURLOPT_PROXY, "");
	/* Another channel's connection was checked by its ca_file and its allow_private, not ours:
	 * libcurl takes it all the same, for SMTP whatever the former is. */
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	if (*cfg->ca_file)
		SET(CURLOPT_CAINFO, cfg->ca_file);
	return good;
}

static bool
set_mail(struct flight *f, const struct channel_config *cfg, const char *secret,
    const struct channel_request *r)
{
	bool good = true;

	for (unsigned i = 0; i < r->to_len; i++)
		good = good && append(&f->to, r->to[i]);
	SET(CURLOPT_MAIL_FROM, r->from);
	SET(CURLOPT_MAIL_RCPT, f->to);
	SET(CURLOPT_MAIL_RCPT_ALLLOWFAILS, r->may_refuse ? 1L : 0L);
	SET(CURLOPT_HEADERFUNCTION, hear_refusal);
	SET(CURLOPT_HEADERDATA, f);
	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_READFUNCTION, read_body);
	SET(CURLOPT_READDATA, f);
	SET(CURLOPT_USE_SSL, cfg->starttls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
	if (*cfg->user) {
		SET(CURLOPT_USERNAME, cfg->user);
		SET(CURLOPT_PASSWORD, secret);
	}
	return good;
}

static bool
set_post(struct flight *f, const struct channel_request *r)
{
	bool good = append(&f->headers, "Expect:");

	for (unsigned i = 0; i < r->headers_len; i++)
		good = good && append(&f->headers, r->headers[i]);
	SET(CURLOPT_HTTPHEADER, f->headers);
	SET(CURLOPT_USERAGENT, "DaemonSec/" PACKAGE_VERSION);
	SET(CURLOPT_POSTFIELDSIZE, (long)f->body.len);
	SET(CURLOPT_POSTFIELDS, (const char *)f->body.data);
	return good;
}

int
sender_start(struct sender *s, const struct channel_config *cfg, const char *secret,
    struct channel_request *request, void *ctx)
{
	struct flight *f = s->flights;
	bool good;

	while (f < s->flights + SENDER_MAX && f->used)
		f++;
	if (f == s->flights + SENDER_MAX)
		return -EAGAIN;
	*f = (struct flight){ .used = true,
		.kind = channel_kind(cfg),
		.is_mail = request->is_mail,
		.allow_private = cfg->allow_private,
		.may_refuse = request->may_refuse,
		.has_others = request->to_len > 1,
		.ctx = ctx };
	f->body = request->body;
	ds_buf_init(&request->body, CHANNEL_TEXT_MAX);
	s->busy++;
	f->easy = curl_easy_init();
	good = f->easy != NULL && set_common(f, cfg, request->url);
	if (good)
		good = f->is_mail ? set_mail(f, cfg, secret, request) : set_post(f, request);
	if (good && curl_multi_add_handle(s->multi, f->easy) == CURLM_OK)
		return 0;
	land(s, f);
	return -ENOMEM;
}

void
sender_run(struct sender *s, int wait_ms)
{
	int running;

	(void)curl_multi_perform(s->multi, &running);
	(void)curl_multi_poll(s->multi, NULL, 0, wait_ms, NULL);
	(void)curl_multi_perform(s->multi, &running);
}

void
sender_wake(struct sender *s)
{
	(void)curl_multi_wakeup(s->multi);
}

/* ---- the end of one */

/* In words.  Only of what is about the host or its certificate are libcurl's own told: others may
 * have the URL, and the address of a webhook is its secret. */
static const char *
name_of(const struct flight *f, CURLcode code)
{
	bool told = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
		    code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_USE_SSL_FAILED;

	return told && *f->why ? f->why : curl_easy_strerror(code);
}

static void
one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ')
			*text = ' ';
}

/* What a mail server said last when it did not take all of it. */
static enum sender_end
judge_mail(struct flight *f, CURLcode code, long status, struct sender_result *ret)
{
	if (code == CURLE_OK) {
		if (f->may_refuse && f->answer_len > 0)
			snprintf(ret->error, sizeof(ret->error), "some were told; answered %.150s",
			    f->answer);
		return SENDER_SENT;
	}
	if (code == CURLE_LOGIN_DENIED || status < 500 || status > 599) {
		snprintf(ret->error, sizeof(ret->error), "%.70s%s%.100s", name_of(f, code),
		    f->answer_len > 0 ? ": answered " : "", f->answer);
		return SENDER_RETRY;
	}
	snprintf(ret->error, sizeof(ret->error), "answered %.150s", f->answer);
	/* Once more, without those whom the server refuses. */
	return f->has_others && !f->may_refuse ? SENDER_RETRY : SENDER_DEAD;
}

static enum sender_end
judge_post(struct flight *f, CURLcode code, long status, struct sender_result *ret)
{
	curl_off_t wait_s = 0;

	if (code != CURLE_OK) {
		snprintf(ret->error, sizeof(ret->error), "%s", name_of(f, code));
		return SENDER_RETRY;
	}
	if (status >= 200 && status < 300)
		return SENDER_SENT;
	snprintf(ret->error, sizeof(ret->error), "answered %ld: %.120s", status, f->answer);
	(void)curl_easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &wait_s);
	if (wait_s == 0 && status == 429 && f->kind->retry_after != NULL)
		wait_s = f->kind->retry_after(f->answer, f->answer_len);
	ret->wait_s = wait_s > 0 && wait_s < 86400 ? (unsigned)wait_s : 0;
	return status == 408 || status == 429 || status >= 500 ? SENDER_RETRY : SENDER_DEAD;
}

static enum sender_end
judge(struct flight *f, CURLcode code, struct sender_result *ret)
{
	enum sender_end end;
	long status = 0;

	if (f->refused && code != CURLE_OK) {
		snprintf(ret->error, sizeof(ret->error),
		    "its address is this machine's or a private one: allow_private = true, if meant");
		return SENDER_DEAD;
	}
	(void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	end = f->is_mail ? judge_mail(f, code, status, ret) : judge_post(f, code, status, ret);
	one_line(ret->error);
	return end;
}

bool
sender_next(struct sender *s, struct sender_result *ret)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(s->multi, &left)) != NULL) {
		struct flight *f = NULL;

		if (m->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f) != CURLE_OK ||
		    f == NULL)
			continue;
		*ret = (struct sender_result){ .ctx = f->ctx };
		ret->end = judge(f, m->data.result, ret);
		land(s, f);
		return true;
	}
	return false;
}
