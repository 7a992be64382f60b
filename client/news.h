#ifndef MORO_CLIENT_NEWS_H
#define MORO_CLIENT_NEWS_H

/* What the server says unasked: progress, and how full its queues are. */

#include <stdbool.h>
#include <sys/queue.h>

#include "client/lookup.h"
#include "client/moro.h"
#include "proto/scan.h"

/* What is known of one pool's queue. */
struct level {
	SLIST_ENTRY(level) link;
	bool high; /* past the high mark */
	char pool[]; /* its name */
};

/* Whom to tell, and what was told last. */
struct news {
	moro_progress_cb progress_cb; /* or NULL */
	void *progress_user;
	moro_backpressure_cb pressure_cb; /* or NULL */
	void *pressure_user;
	bool subscribed; /* the program wants to know how full queues are */
	uint64_t asked; /* number of the request that says so once more, or 0 */
	SLIST_HEAD(, level) levels;
};

/* Asks a server that greeted us anew for the news that the last one gave. */
void subscribe_again(struct moro *m);

/* Forgets what the server said, as a new connection must. */
void news_reset(struct news *n);

/*
 * Takes the notification that `frame` describes off the head of the input, and
 * tells whom it concerns. What is not known, or not as it should be, is
 * ignored: later servers may say more.
 */
void news_take(struct moro *m, const struct frame *frame);

/*
 * Notes the state that the answer to a subscription tells: a map, or an array
 * of them, one for each pool. What news have told since goes before it.
 */
void news_begin(struct news *n, struct value state);

#endif
