#ifndef MORO_TOOLS_TOP_H
#define MORO_TOOLS_TOP_H

/*
 * moroctl top: what is known of the server (top-data.c), what is shown of it
 * (top-screen.c), and the keys (moroctl-top.c).
 */

#include <stdbool.h>
#include <stdint.h>

#include "client/moro.h"
#include "tools/view.h"

#define TOP_TASKS 2000 /* that are asked for */
#define TOP_MESSAGE 200 /* bytes */

enum top_sort {
	TOP_AS_IT_RUNS, /* the server's order */
	TOP_BY_WAIT,
	TOP_BY_RUN,
	TOP_BY_TYPE,
	TOP_BY_CLIENT,
	TOP_BY_BYTES,
	TOP_SORTS,
};

/* What is asked before it is done. */
enum top_question {
	TOP_NOTHING,
	TOP_CANCEL,
	TOP_PAUSE,
	TOP_RESUME,
};

struct top {
	struct moro *moro;
	const char *path; /* of the socket, or NULL */
	bool connected;
	struct moro_reply *stats; /* the last answers, or NULL */
	struct moro_reply *list;
	uint64_t looked_ms; /* when stats came */
	uint64_t ended; /* tasks, by then */
	double rate; /* tasks that ended in a second */
	value *tasks; /* those of list, sorted */
	uint32_t n_tasks;
	uint32_t selected; /* of tasks */
	uint32_t first; /* that is shown */
	uint32_t page; /* tasks that fit the screen */
	uint64_t client; /* of the selected one: it stays selected */
	uint64_t msgid;
	enum top_sort sort;
	enum top_question question;
	uint64_t asked_client; /* TOP_CANCEL: the task it is about, which */
	uint64_t asked_msgid; /* may be gone, and another one selected */
	bool help;
	char message[TOP_MESSAGE]; /* what was done, or went wrong */
};

/* Asks the server for everything; connects anew if need be. */
void top_look(struct top *t);

/* Sorts what is known, and keeps what was selected. */
void top_sort(struct top *t);

/* Selects the i-th task. */
void top_select(struct top *t, uint32_t i);

/* Does what was asked and agreed to; the message says what came of it. */
void top_do(struct top *t, enum top_question what);

/* Whether any pool is paused. */
bool top_is_paused(const struct top *t);

/* Frees what is known. */
void top_forget(struct top *t);

/* Draws all of it. */
void top_draw(struct top *t);

#endif
