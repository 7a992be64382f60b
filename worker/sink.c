#include "worker/sink.h"

#include <string.h>

#include "worker/call.h"
#include "worker/files.h"

#define SINK_WHOLE ((uint64_t)3 << 19) /* bytes that are made in one piece */

/* What goes to a file next; one task runs at a time. */
static uint8_t sink_piece[FILES_PIECE];

/* What comes next goes to the file piece by piece. */
static void
sink_use_piece(struct sink *s)
{
	s->placed = false;
	s->at = sink_piece;
	s->room = sizeof sink_piece;
}

/* Makes what goes to the file in its place, or piece by piece. */
static void
sink_begin_file(struct sink *s)
{
	if (s->limit > s->call->files->max)
		s->limit = s->call->files->max;
	s->at = files_place(s->call, sizeof sink_piece, &s->room);
	s->placed = s->at != NULL;
	if (!s->placed)
		sink_use_piece(s);
}

/* Begins; what surely has at most `most_sure` bytes is made in one piece. */
static int
sink_begin(struct sink *s, struct call *call, uint64_t expected, uint64_t limit,
    uint64_t most_sure)
{
	size_t most = call_room(call);

	memset(s, 0, sizeof *s);
	s->call = call;
	s->limit = limit;
	s->to_file = files_take_result(call) &&
		     (most_sure > SINK_WHOLE || most_sure > most);
	if (s->to_file) {
		sink_begin_file(s);
		return 0;
	}
	if (s->limit > most)
		s->limit = most;
	s->room = (size_t)(expected < s->limit ? expected : s->limit);
	s->at = call_begin(call, &s->room);
	return s->at != NULL ? 0 : -1;
}

int
sink_init(struct sink *s, struct call *call, uint64_t expected, uint64_t limit)
{
	return sink_begin(s, call, expected, limit, limit);
}

int
sink_init_said(struct sink *s, struct call *call, uint64_t said, uint64_t limit)
{
	return sink_begin(s, call, said, limit, said < limit ? said : limit);
}

/* Writes what there is to the file. */
static int
sink_flush(struct sink *s)
{
	if (s->used > s->limit - s->before)
		return call_too_large(s->call, "output", s->limit);
	if (s->placed)
		files_go_on(s->call, s->used);
	else if (files_write(s->call, s->at, s->used) < 0)
		return -1;
	s->before += s->used;
	s->used = 0;
	sink_use_piece(s);
	return 0;
}

int
sink_more(struct sink *s)
{
	if (s->to_file)
		return sink_flush(s);
	if (s->room >= s->limit)
		return call_too_large(s->call, "output", s->limit);
	s->room = s->room > FILES_PIECE ? 2 * s->room : 2 * FILES_PIECE;
	if (s->room > s->limit)
		s->room = (size_t)s->limit;
	s->at = call_begin(s->call, &s->room);
	return s->at != NULL ? 0 : -1;
}

int
sink_end(struct sink *s)
{
	if (!s->to_file) {
		call_end(s->call, s->used);
		return 0;
	}
	return sink_flush(s) < 0 ? -1 : files_end(s->call);
}
