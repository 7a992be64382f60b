/* The clients: their connections, and what they may be told. */
#include "tests/simulation/sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/envelope.h"
#include "proto/reader.h"
#include "tests/simulation/packet.h"

#define WILD_MANY 1000000 /* errors that may come to who sends rubbish */

bool
peer_is_there(const struct peer *p)
{
	return p->fd != -1 && !p->ended;
}

uint32_t
peer_waits_for(const struct peer *p)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= p->n_requests; i++)
		n += (uint32_t)(p->requests[i].sent - p->requests[i].answered);
	return n;
}

void
peer_forget(struct peer *p)
{
	memset(p->requests, 0, (p->n_requests + 1) * sizeof p->requests[0]);
	p->fd = -1;
	p->n_requests = p->serial = 0;
	p->honest = p->deaf = p->quiet = p->spoilt = false;
	p->seen = p->ended = p->serves = p->asks_serve = false;
	p->fd_feature = false;
	p->held = p->out_len = p->in_len = 0;
}

void
peer_connect(struct peer *p, bool honest, uid_t uid)
{
	const struct limits limits = {LIMIT_FRAME_MAX, LIMIT_DEPTH_MAX,
	    LIMIT_VALUES_MAX, LIMIT_METHOD_MAX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		sim_fail("no socket: %s", strerror(errno));
	peer_forget(p);
	p->serial = ++sim.serials;
	p->uid = uid;
	p->honest = honest;
	/* one that there is no place for is told so under msgid 0 */
	p->wild = honest ? 1 : WILD_MANY;
	scan_init(&p->scan, &limits);
	if (connect(fd, (const struct sockaddr *)&sim.addr, sim.addr_len) == -1)
		sim_fail("connect: %s", strerror(errno));
	p->fd = fd;
	sim_note("connect", p->serial, honest, uid);
}

void
peer_excuse(struct peer *p)
{
	p->honest = false;
	p->wild = WILD_MANY;
}

void
peer_close(struct peer *p)
{
	if (p->fd == -1)
		return;
	sim_note("close", p->serial, 0, 0);
	close(p->fd);
	p->fd = -1;
	hand_unserve(p);
}

void
peer_send(struct peer *p)
{
	ssize_t n;

	if (p->fd == -1 || p->out_len == p->held)
		return;
	n = send(p->fd, p->out, p->out_len - p->held,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n <= 0)
		return;
	p->out_len -= (size_t)n;
	memmove(p->out, p->out + n, p->out_len);
}

void
peer_release(struct peer *p)
{
	p->held = 0;
	peer_send(p);
}

/* An error under a msgid that nobody waits for: not to an honest one. */
static void
peer_stray(struct peer *p, uint64_t msgid, bool error)
{
	if (!error || p->wild == 0)
		sim_fail("client %u: an answer too many, msgid %llu%s",
		    p->serial, (unsigned long long)msgid,
		    error ? ", an error" : "");
	p->wild--;
}

/* The value must be what the request sent, or what rogue workers say. */
static void
peer_check_value(const struct peer *p, uint64_t msgid, const uint8_t *at,
    size_t len, uint32_t nonce)
{
	struct reader r;
	struct item item;

	reader_init(&r, at, len);
	item = reader_next(&r);
	if (item.type == READER_BOOL)
		return;
	if (item.type == READER_ARRAY)
		item = reader_next(&r);
	if (item.type != READER_UINT || item.n != nonce)
		sim_fail("client %u: msgid %llu has another one's result",
		    p->serial, (unsigned long long)msgid);
}

/* Each element has a result or an error, in their order. */
static void
peer_check_batch(const struct peer *p, uint64_t msgid, const uint8_t *at,
    size_t len)
{
	const struct request *q = &p->requests[msgid];
	struct reader r;
	struct item item;

	reader_init(&r, at, len);
	item = reader_next(&r);
	if (item.type != READER_ARRAY || item.n != q->elements - 1u)
		sim_fail("client %u: batch %llu has another length", p->serial,
		    (unsigned long long)msgid);
	for (uint32_t i = 0; i + 1 < q->elements; i++) {
		const uint8_t *value;
		struct item map = reader_next(&r), key = reader_next(&r);
		size_t n = reader_skip(&r, &value);

		if (map.type != READER_MAP || map.n != 1)
			sim_fail("an element is no map of one pair");
		if (reader_is(&key, "result"))
			peer_check_value(p, msgid, value, n, q->nonce + i);
	}
}

/* After rubbish nothing is sure: it may have become a message. */
static void
peer_answer(struct peer *p, const uint8_t *bytes, const struct frame *f)
{
	bool error = bytes[f->error.at] != ENVELOPE_NIL;
	struct request *q;

	sim.n_answers++;
	sim_note("answer", p->serial, f->msgid, error);
	if (sim.trace && error)
		printf("     %.*s\n", (int)f->error.len,
		    (const char *)bytes + f->error.at);
	if (p->spoilt || sim.starved)
		return;
	if (f->msgid == 0 || f->msgid > p->n_requests ||
	    p->requests[f->msgid].answered == p->requests[f->msgid].sent) {
		peer_stray(p, f->msgid, error);
		return;
	}
	q = &p->requests[f->msgid];
	q->answered++;
	if (p->asks_serve && f->msgid == p->serve_msgid) {
		p->asks_serve = false;
		p->serves = !error;
	}
	if (error)
		return;
	if (q->elements > 0)
		peer_check_batch(p, f->msgid, bytes + f->result.at,
		    f->result.len);
	else if (q->is_echo)
		peer_check_value(p, f->msgid, bytes + f->result.at,
		    f->result.len, q->nonce);
}

/* Progress is told of what is not answered, and pressure of no request. */
static void
peer_notified(struct peer *p, const uint8_t *bytes, const struct frame *f)
{
	struct reader r;
	struct item msgid;

	sim_note("told", p->serial, f->method.len, 0);
	if (p->spoilt || sim.starved || f->method.len != strlen("progress"))
		return;
	reader_init(&r, bytes + f->data.at, f->data.len);
	msgid = reader_next(&r);
	if (msgid.type != READER_UINT || msgid.n == 0 ||
	    msgid.n > p->n_requests ||
	    p->requests[msgid.n].answered == p->requests[msgid.n].sent)
		sim_fail("client %u: progress of nothing", p->serial);
}

static void
peer_frame(struct peer *p, const uint8_t *bytes, const struct frame *f)
{
	if (f->kind == FRAME_RESPONSE)
		peer_answer(p, bytes, f);
	else if (f->kind == FRAME_REQUEST && p->serves)
		hand_serve(p, bytes, f);
	else if (f->kind == FRAME_NOTIFY)
		peer_notified(p, bytes, f);
	else if (!p->spoilt && !sim.starved)
		sim_fail("client %u: a request of the dispatcher", p->serial);
}

/* Looks through what was read. */
static void
peer_scan(struct peer *p)
{
	size_t at = 0;
	struct frame f;
	enum scan_status rc = SCAN_MORE;

	while (at < p->in_len && (rc = scan_next(&p->scan, p->in + at,
				      p->in_len - at, &f)) == SCAN_FRAME) {
		peer_frame(p, p->in + at, &f);
		at += f.size;
	}
	if (rc == SCAN_BAD && sim.starved) {
		/* without memory half an answer may stand there */
		p->spoilt = true;
		at = p->in_len;
		scan_reset(&p->scan);
	} else if (rc == SCAN_BAD)
		sim_fail("client %u: the dispatcher sends rubbish", p->serial);
	p->in_len -= at;
	memmove(p->in, p->in + at, p->in_len);
}

/* The dispatcher has closed the connection: it must have had a reason. */
static void
peer_ended(struct peer *p)
{
	bool turned_away =
	    !p->seen && sim.dispatcher.counters.clients_refused > 0;

	p->ended = true;
	sim_note("end", p->serial, p->honest, p->quiet);
	hand_unserve(p);
	if (!p->honest || !sim.alive || p->serves || turned_away ||
	    sim.stopping || (p->quiet && peer_waits_for(p) == 0))
		return;
	sim_fail("client %u is closed and waits for %u answers", p->serial,
	    peer_waits_for(p));
}

size_t
peer_read(struct peer *p)
{
	ssize_t n;

	if (!peer_is_there(p) || p->deaf)
		return 0;
	if (p->in_len == SIM_IN)
		sim_fail("client %u: a message that is too long", p->serial);
	n = recv(p->fd, p->in + p->in_len, SIM_IN - p->in_len, MSG_DONTWAIT);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		peer_ended(p);
		return 0;
	}
	p->in_len += (size_t)n;
	peer_scan(p);
	return (size_t)n;
}
