/* What clients ask for, right and wrong. */
#include "tests/simulation/sim.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/fdpass.h"
#include "tests/simulation/packet.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A request that is being written. */
struct ask {
	struct peer *peer;
	struct packet to;
	struct request *request; /* NULL: a notification */
	uint32_t msgid;
};

static const char *const ask_types[] = {"debug:echo", "debug:echo",
    "debug:echo", "debug:sleep", "debug:spin", "debug:fail", "debug:work",
    "debug:work", "sim:program", "sim:dial", "sim:other", "no:such"};

/* The next msgid; now and then one that is taken. 0: there are no more. */
static uint32_t
ask_msgid(struct peer *p)
{
	if (p->n_requests > 0 && sim_one_in(40))
		return 1 + sim_random(p->n_requests);
	return p->n_requests < SIM_REQUESTS ? ++p->n_requests : 0;
}

/* Begins a request or notification. False: there is no room. */
static bool
ask_begin(struct ask *a, struct peer *p, const char *method, uint32_t params,
    bool notify)
{
	a->peer = p;
	a->to = (struct packet){p->out + p->out_len, p->out + SIM_OUT, false};
	a->request = NULL;
	a->msgid = 0;
	if (!peer_is_there(p) || p->quiet || p->held > 0 || p->serves ||
	    p->asks_serve)
		return false;
	if (!notify && (a->msgid = ask_msgid(p)) == 0)
		return false;
	packet_array(&a->to, notify ? 3 : 4);
	packet_uint(&a->to, notify ? 2 : 0);
	if (!notify)
		packet_uint(&a->to, a->msgid);
	packet_str(&a->to, method);
	packet_array(&a->to, params);
	if (!notify)
		a->request = &p->requests[a->msgid];
	return true;
}

/* Some messages come in two parts. */
static void
ask_hold(struct peer *p, size_t len)
{
	if (sim.calm || !sim_one_in(25))
		return;
	p->held = 1 + sim_random((uint32_t)len);
	p->held_ms = seam_now_ms();
}

/* It is written: it goes out with the next bytes. False: it did not fit. */
static bool
ask_end(struct ask *a)
{
	struct peer *p = a->peer;
	size_t len = (size_t)(a->to.at - p->out) - p->out_len;

	if (a->to.full || (p->honest && len > sim.dispatcher.limits.frame))
		return false;
	p->out_len += len;
	/* of two under one msgid nobody can tell which answer it is */
	if (a->request != NULL && ++a->request->sent > 1) {
		a->request->is_echo = false;
		a->request->elements = 0;
		a->request->timeout_ms = 0;
	}
	sim.n_requests++;
	sim_note("ask", p->serial, a->msgid, len);
	ask_hold(p, len);
	return true;
}

/* Bytes of data: mostly few. */
static uint32_t
ask_size(void)
{
	static const uint32_t sizes[] = {0, 0, 0, 10, 60, 61, 300, 1000, 1100,
	    3000, 9000, 20000, 70000};

	if (!sim_one_in(4))
		return sim_random(40);
	return sizes[sim_random(COUNT(sizes))];
}

/* Data: [nonce, bytes]. */
static void
ask_data(struct ask *a, uint32_t nonce, uint32_t size)
{
	packet_array(&a->to, 2);
	packet_uint(&a->to, nonce);
	packet_bin(&a->to, (uint8_t)nonce, size);
}

static void
ask_number(struct ask *a, const char *key, uint32_t n)
{
	packet_str(&a->to, key);
	packet_uint(&a->to, n);
}

static void
ask_bool(struct ask *a, const char *key, bool value)
{
	packet_str(&a->to, key);
	packet_byte(&a->to, value ? PACKET_TRUE : PACKET_FALSE);
}

/* One of the options by its number; *timeout is set if it is that. */
static void
ask_option(struct ask *a, int option, uint32_t *timeout)
{
	static const char *const priorities[] = {"high", "normal", "low"};
	char id[8];

	switch (option) {
	case 0:
		packet_str(&a->to, "priority");
		packet_str(&a->to, priorities[sim_random(3)]);
		break;
	case 1:
		*timeout = 1 + sim_random(sim_one_in(3) ? 3000 : 30);
		ask_number(a, "timeout", *timeout);
		break;
	case 2:
		ask_number(a, "runTimeout", 1 + sim_random(40));
		break;
	case 3:
		ask_number(a, "queueTimeout", 1 + sim_random(40));
		break;
	case 4:
		packet_str(&a->to, "id");
		snprintf(id, sizeof id, "t%u", sim_random(12));
		packet_str(&a->to, id);
		break;
	case 5:
		ask_bool(a, "progress", sim_random(2));
		break;
	case 6:
		ask_bool(a, "idempotent", sim_random(2));
		break;
	case 7:
		packet_str(&a->to, "onFull");
		packet_str(&a->to, sim_one_in(2) ? "wait" : "refuse");
		break;
	case 8:
		ask_number(a, "cancelGrace", sim_random(30));
		break;
	case 9:
		packet_str(&a->to, "retry");
		packet_map(&a->to, 3);
		ask_number(a, "max", sim_random(4));
		ask_number(a, "backoffMs", sim_random(2) * sim_random(90));
		packet_str(&a->to, "on");
		packet_array(&a->to, 2);
		packet_str(&a->to, "crash");
		packet_str(&a->to, "error");
		break;
	default:
		packet_str(&a->to, "bogus");
		packet_uint(&a->to, 1);
	}
}

/* Some of the options; a wrong one now and then. */
static void
ask_options(struct ask *a, bool batch, bool limited, uint32_t *timeout)
{
	uint32_t chosen = (uint32_t)limited << 1, n = batch;

	for (int i = 0; i < 10; i++)
		chosen |= (uint32_t)sim_one_in(4) << i;
	chosen |= (uint32_t)sim_one_in(60) << 10;
	for (int i = 0; i <= 10; i++)
		n += chosen >> i & 1;
	packet_map(&a->to, n);
	if (batch)
		ask_bool(a, "batch", true);
	for (int i = 0; i <= 10; i++) {
		if (chosen >> i & 1)
			ask_option(a, i, timeout);
	}
}

/* The parts of a batch. */
static void
ask_elements(struct ask *a, uint32_t nonce, uint32_t n)
{
	packet_array(&a->to, n);
	for (uint32_t i = 0; i < n; i++)
		ask_data(a, nonce + i, sim_random(30));
}

void
ask_task(struct peer *p)
{
	const char *type = ask_types[sim_random(COUNT(ask_types))];
	/* where nobody may dial in ever, all give a limit */
	bool dials = strncmp(type, "sim:", 4) == 0;
	bool notify = sim_one_in(12), options = dials || sim_one_in(2);
	bool batch = options && sim_one_in(6);
	uint32_t nonce = sim_random(1u << 30), timeout = 0;
	uint32_t n = sim_random(sim_one_in(8) ? 300 : 6);
	struct ask a;

	if (!ask_begin(&a, p, type, 1 + options, notify))
		return;
	if (batch)
		ask_elements(&a, nonce, n);
	else
		ask_data(&a, nonce, ask_size());
	if (options)
		ask_options(&a, batch, dials, &timeout);
	if (!ask_end(&a) || a.request == NULL || a.request->sent > 1)
		return;
	a.request->nonce = nonce;
	a.request->is_echo = !batch;
	a.request->elements = (uint16_t)(batch ? n + 1 : 0);
	a.request->timeout_ms = timeout;
}

static int ask_good = -1, ask_bad = -1; /* a regular file, and none */

void
ask_init(void)
{
	ask_good = memfd_create("file", MFD_CLOEXEC);
	ask_bad = eventfd(0, EFD_CLOEXEC);
}

void
ask_files(struct peer *p)
{
	uint32_t n = 1 + sim_random(3), sends = n;
	uint32_t nonce = sim_random(1u << 30);
	int fds[FDPASS_MAX];
	struct ask a;
	ssize_t sent;

	if (!peer_is_there(p) || p->out_len > 0 || !p->fd_feature)
		return;
	if (!p->honest && sim_one_in(4))
		sends = sim_random(FDPASS_MAX + 1);
	for (uint32_t i = 0; i < sends; i++)
		fds[i] = sim_one_in(9) ? ask_bad : ask_good;
	if (!ask_begin(&a, p, ask_types[sim_random(4)], 2, sim_one_in(9)))
		return;
	ask_data(&a, nonce, sim_random(1200));
	packet_map(&a.to, 2);
	ask_number(&a, "fds", n);
	ask_number(&a, sim_one_in(2) ? "resultFd" : "timeout", sim_random(3));
	if (!ask_end(&a))
		return;
	if (a.request != NULL) {
		a.request->nonce = nonce;
		a.request->is_echo = a.request->sent == 1;
	}
	/* with its first byte; what does not go now goes without them */
	p->held = 0;
	sent = fdpass_send(p->fd, p->out, p->out_len, fds, sends,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent <= 0) {
		peer_excuse(p);
		return;
	}
	p->out_len -= (size_t)sent;
	memmove(p->out, p->out + sent, p->out_len);
}

void
ask_cancel(struct peer *p)
{
	bool other = sim_one_in(4), by_id = sim_one_in(3);
	char id[8];
	struct ask a;

	if (!ask_begin(&a, p, "cancel", 1, sim_one_in(8)))
		return;
	packet_map(&a.to, 1u + other);
	if (by_id) {
		packet_str(&a.to, "id");
		snprintf(id, sizeof id, "t%u", sim_random(12));
		packet_str(&a.to, id);
	} else {
		ask_number(&a, "msgid", sim_random(p->n_requests + 2));
	}
	if (other)
		ask_number(&a, "client", sim_random(sim.serials + 2));
	ask_end(&a);
}

void
ask_control(struct peer *p)
{
	static const char *const methods[] = {"hello", "hello", "ping", "stats",
	    "types", "ls", "slow", "clients", "subscribe", "unsubscribe",
	    "nvim_set_client_info", "nothing"};
	static const char *const shapes[] = {"map", "string", "pair", "ring"};
	const char *method = methods[sim_random(COUNT(methods))];
	bool hello = strcmp(method, "hello") == 0;
	bool topic = strstr(method, "subscribe") != NULL;
	struct ask a;

	if (!ask_begin(&a, p, method, hello || topic, sim_one_in(12)))
		return;
	if (topic)
		packet_str(&a.to, "backpressure");
	if (hello) {
		packet_map(&a.to, 2);
		packet_str(&a.to, "errors");
		packet_str(&a.to, shapes[sim_random(COUNT(shapes))]);
		packet_str(&a.to, "features");
		packet_array(&a.to, 1);
		packet_str(&a.to, "fd");
	}
	if (ask_end(&a) && hello)
		p->fd_feature = true;
}

void
ask_admin(struct peer *p)
{
	static const char *const methods[] = {"pause", "resume", "resume",
	    "drain", "scale", "poison", "log", "reload", "pause", "resume"};
	static const char *const whats[] = {"debug:echo", "debug:sleep",
	    "sim:dial", "low", "normal", "high", "none:such"};
	static const char *const levels[] = {"error", "debug", "loud"};
	const char *method = methods[sim_random(COUNT(methods))];
	bool what = !sim_one_in(4);
	struct ask a;

	if (strcmp(method, "reload") == 0 || strcmp(method, "drain") == 0)
		what = false;
	if (!ask_begin(&a, p, method, what, sim_one_in(12)))
		return;
	if (what && strcmp(method, "scale") == 0)
		packet_uint(&a.to, sim_random(5));
	else if (what && strcmp(method, "log") == 0)
		packet_str(&a.to, levels[sim_random(COUNT(levels))]);
	else if (what)
		packet_str(&a.to, whats[sim_random(COUNT(whats))]);
	ask_end(&a);
}

void
ask_resume(struct peer *p)
{
	struct ask a;

	if (ask_begin(&a, p, "resume", 0, false))
		ask_end(&a);
}

void
ask_shutdown(struct peer *p)
{
	struct ask a;

	if (!ask_begin(&a, p, "shutdown", 1, sim_one_in(4)))
		return;
	packet_map(&a.to, 1);
	ask_bool(&a, "now", sim_one_in(2));
	ask_end(&a);
}

void
ask_serve(struct peer *p)
{
	static const char *const types[] = {"sim:dial", "sim:other",
	    "debug:echo"};
	uint32_t n = 1 + sim_random(2);
	struct ask a;

	/* what it sends behind it would be a worker's messages */
	if (p->out_len > 0 || p->n_requests == SIM_REQUESTS ||
	    peer_waits_for(p) > 0)
		return;
	if (!ask_begin(&a, p, "serve", 2, false))
		return;
	packet_array(&a.to, n);
	for (uint32_t i = 0; i < n; i++)
		packet_str(&a.to, types[sim_random(sim_one_in(9) ? 3 : 2)]);
	packet_map(&a.to, 1);
	packet_str(&a.to, "pool");
	packet_str(&a.to, sim_one_in(9) ? "default" : "dial");
	if (!ask_end(&a))
		return;
	p->asks_serve = true;
	p->serve_msgid = a.msgid;
	p->held = 0;
	peer_send(p);
}

void
ask_rubbish(struct peer *p)
{
	struct packet to = {p->out + p->out_len, p->out + SIM_OUT, false};
	uint32_t n = 1 + sim_random(40);

	if (!peer_is_there(p) || p->honest || p->quiet || p->serves)
		return;
	sim_note("rubbish", p->serial, n, 0);
	p->spoilt = true;
	switch (sim_random(4)) {
	case 0: /* an answer */
		packet_array(&to, 4);
		packet_uint(&to, 1);
		packet_uint(&to, n);
		packet_byte(&to, PACKET_NIL);
		packet_byte(&to, PACKET_NIL);
		break;
	case 1: /* more than there may be */
		packet_raw(&to,
		    "\x94\x00\x01\xa6"
		    "debug:\x91\xc6\xff\xff",
		    15);
		break;
	case 2: /* deeper */
		packet_raw(&to,
		    "\x94\x00\x02\xa3"
		    "a:b",
		    7);
		while (n-- > 0)
			packet_byte(&to, 0x91);
		break;
	default:
		while (n-- > 0)
			packet_byte(&to, sim_random(256));
	}
	p->out_len = (size_t)(to.at - p->out);
	p->held = 0;
}
