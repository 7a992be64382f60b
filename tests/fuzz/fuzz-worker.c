/*
 * What the dispatcher reads from a worker. A client has asked for a few tasks,
 * single ones and a batch, and the worker holds them. The first byte has bits:
 * whether it is a program, whether the next bytes are words of the page that it
 * shares, and whether it is ready. The rest is what it sends before it dies.
 * Whatever it is: each request has exactly one answer, and the dispatcher clears
 * up without a rest.
 */

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/scan.h"
#include "server/fdset.h"
#include "tests/fuzz/fuzz.h"
#include "tests/stage/stage.h"

#define REQUESTS 6
#define SHORT_NS 100 /* so that it is handed more than one */

enum choice {
	CHOICE_PROGRAM = 1,
	CHOICE_TURN = 2, /* 8 bytes of the page: the task that was begun */
	CHOICE_OUT = 4, /* 2 bytes: how much of the rest is in the page, too */
	CHOICE_SILENT = 8, /* it does not say that it is ready */
	CHOICE_STOP = 16, /* morod stops before it is dead */
};

static const char own[] = "[morod]\nworkers = 1\ndebug-tasks = yes\n"
			  "prefetch-us = 1000\n";
static const char program[] = "[morod]\nworkers = 1\n"
			      "[pool default]\nworkers = 1\n"
			      "[pool program]\ncommand = /bin/true\n"
			      "types = fuzz:program\nworkers = 1\n";

/* Packed params: data and options. */
static const struct {
	const char *params;
	size_t len;
} asked[REQUESTS] = {
#define PARAMS(text)                   \
	{                              \
		text, sizeof(text) - 1 \
	}
    PARAMS("\x91\x01"),
    PARAMS("\x92\x02\x81\xa8progress\xc3"),
    PARAMS("\x92\x03\x81\xa5retry\x82\xa3max\x01\xa2on\x91\xa5"
	   "error"),
    PARAMS("\x92\x93\x01\x02\x03\x82\xa5"
	   "batch\xc3\xa8progress\xc3"),
    PARAMS("\x92\x04\x81\xaaidempotent\xc3"),
    PARAMS("\x91\x05"),
};

/* Counts the answers that came, each under a msgid that was asked. */
static void
take_answers(struct stage *s, unsigned int answers[REQUESTS + 1])
{
	static uint8_t in[1 << 20];
	struct limits limits = LIMITS_DEFAULT;
	size_t at = 0, len = 0;
	struct scan scan;
	struct frame f;
	ssize_t n;

	while ((n = recv(s->client, in + len, sizeof in - len, 0)) > 0)
		len += (size_t)n;
	scan_init(&scan, &limits);
	while (at < len) {
		assert(scan_next(&scan, in + at, len - at, &f) == SCAN_FRAME);
		if (f.kind == FRAME_RESPONSE) {
			assert(f.msgid >= 1 && f.msgid <= REQUESTS);
			answers[f.msgid]++;
			assert(answers[f.msgid] == 1);
		}
		at += f.size;
	}
}

/* Writes the words that the input has for the page. Returns the rest. */
static size_t
scribble(struct stage *s, unsigned int choice, const uint8_t *bytes, size_t len)
{
	uint64_t turn;
	uint16_t ready;
	size_t at = 0;

	if (choice & CHOICE_TURN && len >= at + sizeof turn) {
		memcpy(&turn, bytes + at, sizeof turn);
		atomic_store(&s->page->turn, turn);
		at += sizeof turn;
	}
	if (choice & CHOICE_OUT && len >= at + sizeof ready) {
		memcpy(&ready, bytes + at, sizeof ready);
		at += sizeof ready;
		memcpy(s->page->out, bytes + at, len - at);
		page_set_ready(s->page, ready);
	}
	return at;
}

/* The worker has the tasks, as far as it can be told to. */
static void
prepare(struct stage *s, unsigned int choice)
{
	const char *type =
	    choice & CHOICE_PROGRAM ? "fuzz:program" : "debug:echo";

	stage_turns(s);
	/* the program's pool is the second one */
	s->slot = choice & CHOICE_PROGRAM ? s->config.pools[0].slots : 0;
	stage_spawn(s);
	for (unsigned int t = 0; t < PAGE_TYPES; t++)
		page_learn(s->page, t, 0, SHORT_NS);
	if ((choice & (CHOICE_SILENT | CHOICE_PROGRAM)) == 0)
		stage_ready(s);
	for (unsigned int i = 0; i < REQUESTS; i++)
		stage_ask(s, i + 1, type, asked[i].params, asked[i].len);
	stage_turns(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	unsigned int answers[REQUESTS + 1] = {0};
	struct stage s;
	size_t at;

	if (len == 0)
		return 0;
	stage_init(&s, bytes[0] & CHOICE_PROGRAM ? program : own);
	prepare(&s, bytes[0]);
	at = 1 + scribble(&s, bytes[0], bytes + 1, len - 1);
	if (len > at && send(s.worker, bytes + at, len - at,
			    MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		abort();
	stage_turns(&s);
	take_answers(&s, answers);
	if ((bytes[0] & CHOICE_STOP) == 0)
		stage_reap(&s, SIGKILL);
	take_answers(&s, answers);
	stage_stop(&s);
	stage_end(&s);
	take_answers(&s, answers);
	for (unsigned int i = 1; i <= REQUESTS; i++)
		assert(answers[i] == 1);
	assert(fdset_held() == 0);
	stage_clear(&s);
	return 0;
}
