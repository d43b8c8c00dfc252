/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write - transactions of the react thread's own: made, handed to the writer, tried again. */
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/map.h"
#include "server/react/react_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MAX 4096u
#define TRIES_MAX 600u /* rounds */

static struct ds_log_rate rate;

void
react_write_free(struct react_write *w)
{
	if (w == NULL)
		return;
	free(w->finding.json);
	free(w->body);
	free(w);
}

static int
run_write(struct write_request *request, const struct store_backend *b, struct store *store)
{
	struct react_write *w = DS_CONTAINER(request, struct react_write, request);

	return w->run(w, b, store);
}

/* On the writer's thread. */
static void
done_write(struct write_request *request, int result)
{
	struct react_write *w = DS_CONTAINER(request, struct react_write, request);
	struct react *r = w->react;

	w->result = result;
	if (ds_mailbox_put(r->mailbox, &w->back.mail) == 0)
		return;
	r->rescan = true; /* what was committed is found by the sweep */
	r->dropped += result < 0;
	react_write_free(w);
}

struct react_write *
react_write_new(struct react *r,
    int (*run)(struct react_write *w, const struct store_backend *b, struct store *store),
    size_t size)
{
	struct react_write *w = calloc(1, sizeof(*w));

	if (w != NULL && size > 0)
		w->body = malloc(size);
	if (w == NULL || (size > 0 && w->body == NULL)) {
		react_write_free(w);
		r->dropped++;
		return NULL;
	}
	w->request = (struct write_request){
		.run = run_write, .done = done_write, .is_control = true, .with = r->with
	};
	w->back = (struct react_mail){ .kind = REACT_MAIL_WRITTEN, .is_part = true, .write = w };
	w->react = r;
	w->run = run;
	w->size = size;
	w->issuer = react_issuer(r);
	return w;
}

int
react_write_plans(struct react_write *w, const struct store_backend *b, struct store *store)
{
	uint64_t now_us = ds_clock_wall_us();
	int r = 0;

	for (size_t i = 0; i < w->size / sizeof(w->body->plans[0]) && r >= 0; i++)
		r = issue_reaction(b, store, &w->issuer, &w->body->plans[i], now_us);
	return r < 0 ? r : 0;
}

void
react_write_settle(struct react *r, const struct react_write *w)
{
	if (w->id[0] == '\0')
		r->here_due = r->here_due || w->host == 0 || w->size == sizeof(struct issue_plan);
	else if (ds_map_remove(r->here_busy, w->id, strlen(w->id)) != NULL)
		r->here_due = true;
}

void
react_write_later(struct react_write *w)
{
	struct react *r = w->react;

	if (r->retry_len >= RETRY_MAX || w->tries++ >= TRIES_MAX) {
		r->dropped++;
		if (ds_log_pass(&rate, 5))
			ds_log(ERROR, "a reaction could not be recorded, so it is not done",
			    "why=\"%s\"", strerror(-w->result));
		react_write_settle(r, w);
		react_write_free(w);
		return;
	}
	w->next = r->retry;
	r->retry = w;
	r->retry_len++;
}

void
react_write_post(struct react_write *w)
{
	if (w == NULL || writer_post(w->react->cfg.writer, &w->request) == 0)
		return;
	w->result = -EAGAIN;
	react_write_later(w);
}

static void
answer_done(struct write_request *request, int result)
{
	(void)result;
	free(request);
}

void
react_write_answer(struct react *r)
{
	struct write_request *answer = malloc(sizeof(*answer));

	if (answer == NULL)
		return; /* it is waited for in vain, for a moment */
	*answer = (struct write_request){ .done = answer_done, .with = r->with, .is_answer = true };
	if (writer_post(r->cfg.writer, answer) < 0)
		free(answer);
}

void
react_write_retry(struct react *r)
{
	struct react_write *w = r->retry, *next;

	r->retry = NULL;
	r->retry_len = 0;
	for (; w != NULL; w = next) {
		next = w->next;
		react_write_post(w);
	}
}
