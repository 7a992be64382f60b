#ifndef MORO_H
#define MORO_H

/*
 * libmoro: the C client of morod.
 *
 *	struct moro *m = moro_new();
 *	struct moro_reply *r;
 *
 *	moro_connect(m, NULL);
 *	r = moro_hash_data(m, "hello", MORO_TEXT, "sha256", NULL);
 *	if (moro_reply_ok(r))
 *		puts(moro_reply_text(r, NULL));
 *	else
 *		fprintf(stderr, "%s: %s\n", moro_reply_code_name(r),
 *		    moro_reply_message(r));
 *	moro_reply_free(r);
 *	moro_free(m);
 *
 * Rules that hold everywhere:
 *
 * - Whatever goes wrong is told by the reply: a refusal of the server, a task
 *   that failed, a server that is gone. A program that checks only
 *   moro_reply_ok() misses nothing, not even a failed moro_connect().
 * - Every reply a program is given is its own, until moro_reply_free(). A
 *   NULL reply means "out of memory", and every moro_reply_ function takes it.
 * - What a program passes in is borrowed until the function returns.
 * - A connection is used by one thread at a time. Different connections are
 *   independent of each other.
 * - In a child of fork() a connection is closed when it is used, or connected
 *   anew; none of its callbacks is called there, and the parent's goes on.
 * - The library never logs, never exits, raises no SIGPIPE, starts no thread,
 *   and its descriptors are close-on-exec. Signals do not end its waits.
 * - What has gone through it is wiped: a request once it is sent (one that may
 *   be sent again, once it is answered), a map or a list, and a reply, when
 *   they are freed. A program that wipes its own copy of a key, and is linked
 *   with -z now (ld.so(8)), so that no register is saved meanwhile, has none
 *   left. Details of errors, and objects of msgpack-c, are not wiped.
 * - Text is UTF-8. Times are milliseconds. Lengths are bytes.
 *
 * The wire, and all that the server answers: proto/PROTOCOL.md. The data and
 * the result of every task: worker/TASKS.md. More examples:
 * client/REFERENCE.md.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* msgpack-c's value; include <msgpack.h> to look inside. */
struct msgpack_object;

/* One connection to a server. */
struct moro;

/* One answer. */
struct moro_reply;

/* How a task is to be run. */
struct moro_options;

/* A MessagePack map or array under construction. */
struct moro_map;
struct moro_list;

/*
 * What an answer is. Values up to 99 are the codes of the wire
 * (proto/PROTOCOL.md, section 6), values from 100 on come from this library:
 * the server did not answer. Codes may be added: have a default branch.
 */
enum moro_code {
	MORO_OK = 0,
	MORO_TIMEOUT = 1, /* a limit of the task was reached */
	MORO_QUEUE_FULL = 2, /* details "limit", "retryAfterMs" */
	MORO_WORKER_ERROR = 3, /* the task failed; see the reason */
	MORO_CANCELLED = 4,
	MORO_UNKNOWN_TASK = 5,
	MORO_UNKNOWN_METHOD = 6,
	MORO_INVALID_ARGUMENT = 7, /* detail "field" names what is wrong */
	MORO_INVALID_OPTION = 8, /* detail "option" */
	MORO_TOO_LARGE = 9, /* details "limit", "size" */
	MORO_DUPLICATE_ID = 10,
	MORO_NOT_FOUND = 11,
	MORO_UNSUPPORTED = 12,
	MORO_PERMISSION_DENIED = 13,
	MORO_SHUTTING_DOWN = 14,
	MORO_PROTOCOL_ERROR = 15,
	MORO_INTERNAL = 16,

	MORO_NO_SERVER = 100, /* nobody listens on the socket */
	MORO_LOST = 101, /* the server went away; what was sent may have run,
			  * but with the reason "unsent" it did not */
	MORO_GARBLED = 102, /* the peer is not a morod, or a broken one */
	MORO_WAIT_LIMIT = 103, /* moro_set_wait_ms() was reached */
	MORO_CLOSED = 104, /* moro_close(), or never connected */
	MORO_NO_MEMORY = 105,
	MORO_SYSTEM = 106, /* a system call failed */
};

enum moro_priority {
	MORO_PRIORITY_DEFAULT = 0, /* the server's: normal */
	MORO_PRIORITY_HIGH = 1,
	MORO_PRIORITY_NORMAL = 2,
	MORO_PRIORITY_LOW = 3,
};

/* What moro_options_set_retry() takes; or-ed together. */
enum moro_retry {
	MORO_RETRY_CRASH = 1, /* the task's worker died */
	MORO_RETRY_ERROR = 2, /* the task answered MORO_WORKER_ERROR */
};

/* The most retries. */
#define MORO_RETRY_MAX 100

/* What moro_events() gives; or-ed together. */
enum moro_events {
	MORO_READ = 1,
	MORO_WRITE = 2,
};

/*
 * In place of a length, in the functions on tasks below: the bytes are text
 * that ends with a NUL, and go as a string. With a length they go as bytes.
 */
#define MORO_TEXT SIZE_MAX

/* Of moro_compress_data(): the format's own default. */
#define MORO_LEVEL_DEFAULT INT32_MIN

/* Of moro_wait() and moro_wait_any(): what moro_set_wait_ms() says. */
#define MORO_WAIT_DEFAULT (-1)

/*
 * Takes an answer; the reply is the callback's own. It is called exactly once
 * for each request, out of moro_dispatch(), moro_wait(), moro_wait_any(),
 * moro_call() and its helpers, moro_close(), moro_connect() or moro_free(),
 * never out of moro_submit(). It may call every function here: submit more,
 * call and wait (answers to others then arrive in between), close, connect
 * again, and free the connection, after which `m` is gone for the callback's
 * program as well, although the library lets go of it a little later.
 */
typedef void (
    *moro_reply_cb)(struct moro *m, struct moro_reply *reply, void *user);

/*
 * Is told when moro_events(), moro_fd() or what moro_next_ms() waits for has
 * changed. A descriptor is never changed for another without `events` being 0
 * in between, while the old one is still open.
 */
typedef void (*moro_events_cb)(struct moro *m, int events, void *user);

/* The library's version, "0.1.0". */
const char *moro_version(void);

/* The code's name as it stands on the wire, "QUEUE_FULL"; never NULL. */
const char *moro_code_name(enum moro_code code);

/* ---- Connections ---- */

/* Gives a connection that is not connected yet, or NULL: out of memory. */
struct moro *moro_new(void);

/*
 * Closes and releases. Requests that have no answer yet get MORO_CLOSED.
 * NULL is ignored.
 */
void moro_free(struct moro *m);

/*
 * The name under which the server lists this client, at most 64 bytes, copied;
 * NULL: the program's name. Takes effect at the next connect. Returns 0, or
 * -1: it is longer.
 */
int moro_set_name(struct moro *m, const char *name);

/*
 * The longest time that one moro_call(), moro_wait(), moro_wait_any() or
 * moro_connect() waits, whatever the server does; 0, the default: no limit,
 * but 10 s for connecting. It does not stop the task: for that the server has
 * the options `timeout`, `run_timeout` and `queue_timeout`.
 */
void moro_set_wait_ms(struct moro *m, uint64_t ms);

/*
 * Connects to the Unix socket at path and waits for the server's greeting.
 * NULL: moro_default_path(). A connection that is open is closed first; one
 * that was lost may be made anew this way. Returns 0, or -1: see moro_error();
 * all calls will then fail with that error too.
 */
int moro_connect(struct moro *m, const char *path);

/*
 * The same without waiting for the greeting, for event loops: what is
 * submitted meanwhile is sent behind it. If the greeting turns out to be bad,
 * all requests are answered MORO_GARBLED.
 */
int moro_start(struct moro *m, const char *path);

/* As moro_connect(), on a connected stream socket, which is taken over. */
int moro_connect_fd(struct moro *m, int fd);

/*
 * Ends the connection. Requests that have no answer yet get MORO_CLOSED; the
 * server drops what is queued and stops what runs. The handle can be connected
 * again. NULL is ignored.
 */
void moro_close(struct moro *m);

/*
 * Has a connection that is lost made anew, on the path that moro_connect() or
 * moro_start() used; moro_connect_fd() has none. Off by default. first_ms is the
 * pause before the first attempt, which doubles with each one up to max_ms (less
 * than first_ms counts as first_ms); each is cut by up to half, by chance. An
 * absence longer than limit_ms ends the connection (0: it goes on for ever).
 * first_ms of 0: off again; a connection that is away then ends at the next
 * turn. Returns 0, or -1: a time is over 2^32 - 1 ms, and nothing is changed.
 *
 * While the server is away:
 *
 * - What was not sent, or is submitted now, waits and is sent later.
 * - What was sent, and may run twice, is sent again, on up to three more
 *   connections: tasks with moro_options_set_idempotent(), or
 *   moro_options_set_retry() for crashes, that have no result file (the first
 *   run may still write there), and the methods that only ask. A copy of their
 *   data and descriptors is kept until they are answered.
 * - All else is answered MORO_LOST at once: it may have run.
 * - `timeout` and `queue_timeout` go on: MORO_TIMEOUT while the server is away,
 *   and the new server is told what is left of them.
 * - moro_set_wait_ms() holds. A moro_call() that reached its limit before it was
 *   sent is never sent.
 * - moro_cancel() answers what waits here, as the server would.
 *
 * Request numbers and callbacks stay. News of "backpressure" are subscribed to
 * again. moro_server_hello() and the like are the new server's, and a request
 * that is too large for it gets MORO_TOO_LARGE. MORO_GARBLED and a refused
 * greeting are final, as is moro_close(). moro_connect() and moro_start() make
 * attempts in the same way: the former until the server is there, but no longer
 * than moro_set_wait_ms() says (or 10 s).
 */
int moro_set_reconnect(struct moro *m, uint64_t first_ms, uint64_t max_ms,
    uint64_t limit_ms);

/*
 * Whether there is a connection that is not known to be lost. With
 * moro_set_reconnect() it is 0 until the server has greeted.
 */
int moro_connected(const struct moro *m);

/*
 * Where morod listens by default: $MORO_SOCKET, else for root
 * /run/moro/morod.sock, else $XDG_RUNTIME_DIR/morod.sock. Writes at most size
 * bytes, NUL included. Returns 0, or -1: there is no such path, or it does not
 * fit.
 */
int moro_default_path(char *out, size_t size);

/*
 * The error that a connection has, and a sentence about it: the one that ended
 * it, which stays until the next connect, else that of the last function that
 * returned an error. MORO_OK and "" before the first one. The text is valid
 * until the next call with m.
 */
enum moro_code moro_error(const struct moro *m);
const char *moro_errstr(const struct moro *m);

/*
 * What the server said in its greeting: its version ("0.1.0"), and one of its
 * limits by name ("maxFrame", "maxDepth", ...; proto/PROTOCOL.md, section 5). NULL
 * and -1: not connected yet, or it said nothing of the kind. The version
 * stays valid until the next connect, or reconnect.
 */
const char *moro_server_version(const struct moro *m);
int64_t moro_server_limit(const struct moro *m, const char *name);

/*
 * Whether the server named a feature ("fd") in its greeting. 0 before the
 * greeting.
 */
int moro_server_has(const struct moro *m, const char *feature);

/*
 * The whole greeting, a map, as the reply it was; borrowed, valid until the
 * next connect, or reconnect. NULL: not connected yet.
 */
struct moro_reply *moro_server_hello(const struct moro *m);

/* ---- Calls ---- */

/*
 * Calls a task type ("crypto:hash") or a control method ("stats") and waits
 * for the answer. The data are the len bytes of one MessagePack value; NULL:
 * no data. Options may be NULL. Callbacks of other requests may run meanwhile.
 * Returns the reply, never NULL but when memory is out.
 */
struct moro_reply *moro_call(struct moro *m, const char *type, const void *data,
    size_t len, const struct moro_options *options);

/* The same with an object of msgpack-c; NULL: no data. */
struct moro_reply *moro_call_object(struct moro *m, const char *type,
    const struct msgpack_object *data, const struct moro_options *options);

/*
 * Sends a request and does not wait. With a callback the answer goes there;
 * with NULL it is kept for moro_wait() or moro_wait_any(). What cannot be
 * written at once is written by later calls: have moro_events() looked at.
 * There may be as many requests outstanding as the server allows
 * (moro_server_limit(m, "maxClientTasks")); answers come in any order.
 * Returns the request's number, or 0: see moro_error(), nothing was sent.
 */
uint64_t moro_submit(struct moro *m, const char *type, const void *data,
    size_t len, const struct moro_options *options, moro_reply_cb cb,
    void *user);

/* The same with an object of msgpack-c; NULL: no data. */
uint64_t moro_submit_object(struct moro *m, const char *type,
    const struct msgpack_object *data, const struct moro_options *options,
    moro_reply_cb cb, void *user);

/*
 * Waits for the answer to one request that was submitted without a callback,
 * at most wait_ms; 0: only looks at what has come. Returns the reply, once;
 * or NULL, see moro_error(): MORO_WAIT_LIMIT, and the request stays
 * outstanding; MORO_NOT_FOUND, there is no such request.
 */
struct moro_reply *moro_wait(struct moro *m, uint64_t number, int64_t wait_ms);

/*
 * Waits for the next answer to any request submitted without a callback, and
 * tells whose it is in *number, which may be NULL. MORO_NOT_FOUND: none is
 * outstanding.
 */
struct moro_reply *moro_wait_any(struct moro *m, uint64_t *number,
    int64_t wait_ms);

/*
 * Loses interest in a request: its answer is thrown away, its callback not
 * called, no more progress told. The task itself goes on, unless it is
 * cancelled (moro_cancel_soon()), before or after. Unknown numbers are ignored.
 */
void moro_forget(struct moro *m, uint64_t number);

/*
 * Cancels a request of this connection by its number, in whatever state it is,
 * and waits for the server's word on it: a map, whose "state" is "queued" (it
 * waited, and is gone), "running" (it is being stopped), "done" (it was
 * answered already; nothing happened) or "unknown" (the server knows of no
 * such request). The request itself gets its own answer where it gets any,
 * before or after this reply, and exactly one: MORO_CANCELLED with the reason
 * "client", or what it came to when that was first. So moro_wait() on it
 * and its callback work as ever; one that was forgotten can be cancelled as
 * well. A number that was never given, 0 too, is answered MORO_NOT_FOUND and
 * nothing is sent.
 */
struct moro_reply *moro_cancel(struct moro *m, uint64_t number);

/* The same by the id of the task, see moro_options_set_id(). */
struct moro_reply *moro_cancel_id(struct moro *m, const char *id);

/*
 * Cancels without waiting and without a word in return: only the request's
 * own answer tells what came of it. Writes at once what can be; runs no
 * callbacks; so it is for event loops and for callbacks, but not for signal
 * handlers, which interrupt other functions here. Returns 0, or -1: see
 * moro_error(), nothing was sent (MORO_NOT_FOUND as above).
 */
int moro_cancel_soon(struct moro *m, uint64_t number);

/* How many requests have no answer yet. */
size_t moro_outstanding(const struct moro *m);

/* ---- Event loops ---- */

/*
 * The descriptor to watch, for this connection's life; -1: not connected. One
 * that is made anew (moro_set_reconnect()) has another one.
 */
int moro_fd(const struct moro *m);

/*
 * What to watch it for: MORO_READ, and MORO_WRITE while there is something to
 * write; 0: not connected. Changes with every call on m: look again before
 * each poll(), or have moro_on_events() tell.
 */
int moro_events(const struct moro *m);

/*
 * In how many ms moro_dispatch() is to be called although the descriptor is not
 * ready, for poll() to wait no longer; -1: not at all. It is so while a
 * connection is made anew, and when moro_cancel_soon() answered a request.
 */
int64_t moro_next_ms(const struct moro *m);

/* Has cb called when one of these three has changed; NULL: nobody. */
void moro_on_events(struct moro *m, moro_events_cb cb, void *user);

/*
 * Writes and reads what can be without waiting, makes an attempt at connecting
 * when one is due, and calls the callbacks of what was answered. To be called
 * when the descriptor is ready, and after moro_next_ms(); calling it more often
 * does no harm. Returns how many answers came, or -1: there is no connection
 * (any more), nor will be, see moro_error().
 */
int moro_dispatch(struct moro *m);

/* ---- News: what the server says unasked ---- */

/*
 * Is told how far the request of that number is: `done` of `total`, in
 * whatever unit the task counts; total is -1 when it is not known. The note is
 * text, borrowed until the callback returns, or NULL. Called for requests with
 * moro_options_set_progress() that have no answer yet, at most 20 times a
 * second each, out of the same functions as moro_reply_cb, and may do the
 * same. News can be lost: only the answer tells that a task is done.
 */
typedef void (*moro_progress_cb)(struct moro *m, uint64_t number, double done,
    double total, const char *note, void *user);

/* Has cb called; NULL: nobody. It stays when the connection is made anew. */
void moro_on_progress(struct moro *m, moro_progress_cb cb, void *user);

/*
 * Asks for news and waits for the answer, which is how things are now; and has
 * enough of them. There is one topic, "backpressure", whose answer is an array
 * with a map for each pool. Subscriptions end with the connection.
 */
struct moro_reply *moro_subscribe(struct moro *m, const char *topic);
struct moro_reply *moro_unsubscribe(struct moro *m, const char *topic);

/*
 * Is told when a pool's queue has risen past its high mark (`high` is 1:
 * submit less), and when it has fallen below the low one (0). `queued` of at
 * most `limit` tasks wait there. The pool's name is borrowed until the callback
 * returns. Called as moro_progress_cb is, once the topic is subscribed to.
 */
typedef void (*moro_backpressure_cb)(struct moro *m, const char *pool, int high,
    uint64_t queued, uint64_t limit, void *user);

/* Has cb called; NULL: nobody. It stays when the connection is made anew. */
void moro_on_backpressure(struct moro *m, moro_backpressure_cb cb, void *user);

/*
 * The same as a level: 1 when any pool was high by the latest news that were
 * read, 0 when none was, -1 when there are no news: not subscribed.
 */
int moro_backpressure(const struct moro *m);

/* ---- Options of a task ---- */

/* Gives a set of options that says nothing, or NULL: out of memory. */
struct moro_options *moro_options_new(void);

/* NULL is ignored. Options may be used for any number of calls. */
void moro_options_free(struct moro_options *o);

/* Who goes first. Returns 0, or -1: no such priority. */
int moro_options_set_priority(struct moro_options *o, enum moro_priority p);

/*
 * The caller's own name for the task, 1 to 256 bytes, unique among the
 * connection's unfinished ones; copied. Returns 0, or -1: too long or empty.
 */
int moro_options_set_id(struct moro_options *o, const char *id);

/*
 * Limits in ms, 1 to 2^32 - 1, 0: none. `timeout` counts from acceptance to the
 * answer, `run_timeout` execution alone, `queue_timeout` waiting alone. The
 * answer is then MORO_TIMEOUT, and a task that runs is really stopped. Return
 * 0, or -1: out of range.
 */
int moro_options_set_timeout(struct moro_options *o, uint64_t ms);
int moro_options_set_run_timeout(struct moro_options *o, uint64_t ms);
int moro_options_set_queue_timeout(struct moro_options *o, uint64_t ms);

/*
 * How long a task that was cancelled may take to end by itself once it was
 * told, in ms, up to 2^32 - 1; 0: it is not told, but killed at once. For types
 * that ask to be told only (softCancel in moro_types()); without this option
 * the server's choice holds. Returns 0, or -1: out of range.
 */
int moro_options_set_cancel_grace(struct moro_options *o, uint64_t ms);

/*
 * Has the server tell how far the task is, see moro_on_progress(). Only some
 * types report any.
 */
void moro_options_set_progress(struct moro_options *o, int flag);

/*
 * Says that the task may run twice without harm: when its worker crashes, it
 * is run once more, and moro_set_reconnect() has it sent again. For the former
 * types that are so by nature need not be told, for the latter they need.
 */
void moro_options_set_idempotent(struct moro_options *o, int flag);

/*
 * Has the task run again, up to max times (up to MORO_RETRY_MAX; 0: this
 * option says nothing), after what `on` names, MORO_RETRY_ or-ed (0: crashes
 * alone). The first time after backoff_ms, then after twice as long each time,
 * but no longer than max_backoff_ms (0: a day). It takes the place of
 * moro_options_set_idempotent(). Returns 0, or -1: out of range (times up to
 * 2^32 - 1 ms), and nothing is changed.
 */
int moro_options_set_retry(struct moro_options *o, uint32_t max,
    uint64_t backoff_ms, uint64_t max_backoff_ms, unsigned int on);

/* Waits for room where the answer were MORO_QUEUE_FULL. */
void moro_options_set_wait_when_full(struct moro_options *o, int flag);

/*
 * The data is an array of up to 100,000 elements, each of them data of the type,
 * which the workers share among them. The result is an array in the same order,
 * of maps with one key: "result" or "error". `timeout`, the id, progress (which
 * counts elements) and waiting when it is full are for the whole, the other
 * options for each element. Goes without descriptors.
 */
void moro_options_set_batch(struct moro_options *o, int flag);

/*
 * Descriptors that go with the task, for data that are in a file already: at
 * most 8 regular files or memfds. The first gives fd's index, to be named in
 * the data by moro_map_file(). The second is where a result of bytes or text
 * is to go: the file, which must be open for writing and not for appending,
 * then holds just that, from its start, and the answer tells where
 * (moro_reply_file()). fd is borrowed: it must be open whenever the options are
 * used in a call or submit, no longer. Return the index, or 0; -1: there are 8
 * already, or fd is negative. A server without the feature "fd" (see
 * moro_server_has()) answers MORO_UNSUPPORTED.
 */
int moro_options_add_file(struct moro_options *o, int fd);
int moro_options_set_result_file(struct moro_options *o, int fd);

/* Forgets all descriptors, the result's too: the next one has index 0. */
void moro_options_clear_files(struct moro_options *o);

/* ---- Replies ---- */

/* Releases a reply and all that was borrowed from it. NULL is ignored. */
void moro_reply_free(struct moro_reply *r);

/* Whether there is a result; else the functions on errors below say more. */
int moro_reply_ok(const struct moro_reply *r);

/*
 * MORO_OK, or what went wrong; and its name, "WORKER_ERROR". A code of a later
 * server, which this library does not know, is MORO_WORKER_ERROR under its own
 * name.
 */
enum moro_code moro_reply_code(const struct moro_reply *r);
const char *moro_reply_code_name(const struct moro_reply *r);

/* What went wrong, a sentence for people; "" when nothing did. Never NULL. */
const char *moro_reply_message(const struct moro_reply *r);

/* The same for programs: "crashed", "run", ...; "" when there is none. */
const char *moro_reply_reason(const struct moro_reply *r);

/* Whether the same request may well succeed later. */
int moro_reply_retryable(const struct moro_reply *r);

/*
 * A detail of an error ("limit", "retryAfterMs", "field", "signal", ...): the
 * number goes to *out, which is left alone when there is none; the text is
 * borrowed. Return 0 or -1; the text or NULL.
 */
int moro_reply_detail_number(const struct moro_reply *r, const char *name,
    int64_t *out);
const char *moro_reply_detail_text(const struct moro_reply *r,
    const char *name);

/* How many details there are; the name of one of them, or NULL. */
size_t moro_reply_details(const struct moro_reply *r);
const char *moro_reply_detail_name(const struct moro_reply *r, size_t i);

/*
 * The result as the MessagePack bytes that came, borrowed; *len may be NULL.
 * NULL: there is none.
 */
const void *moro_reply_result(const struct moro_reply *r, size_t *len);

/*
 * The result as a value of msgpack-c, borrowed; made at the first call. NULL:
 * there is none, or memory is out.
 */
const struct msgpack_object *moro_reply_object(struct moro_reply *r);

/*
 * The payload of a result that is a string or bytes, borrowed. A NUL follows
 * that *len (which may be NULL) does not count. NULL: it is something else.
 */
const char *moro_reply_text(const struct moro_reply *r, size_t *len);

/*
 * A result that was written to the file given for it: the index of that
 * descriptor, and the range that the result takes there. Returns 0, or -1 and
 * leaves all three alone: the result is in the answer.
 */
int moro_reply_file(const struct moro_reply *r, int *index, uint64_t *offset,
    uint64_t *len);

/*
 * A result that is an integer, or an integer in a result that is a map (name
 * NULL: the result itself). In this and what follows a name with points goes
 * into maps that are inside: "payload.userId". Returns 0, or -1 and leaves *out
 * alone.
 */
int moro_reply_number(const struct moro_reply *r, const char *name,
    int64_t *out);

/* The same of a number that may be a float. */
int moro_reply_real(const struct moro_reply *r, const char *name, double *out);

/* Whether the result is true, or `name` in a result that is a map is. */
int moro_reply_true(const struct moro_reply *r, const char *name);

/*
 * Text or bytes under a name in a result that is a map, borrowed; *len, which
 * may be NULL, is needed: no NUL follows. NULL: there is no such thing.
 */
const char *moro_reply_string(const struct moro_reply *r, const char *name,
    size_t *len);

/* The bytes of one value in a result that is a map, borrowed, or NULL. */
const void *moro_reply_field(const struct moro_reply *r, const char *name,
    size_t *len);

/*
 * Of the answer to a batch (moro_options_set_batch()): how many elements it has
 * (0 also for what is no array), and what the next of them came to, as a reply
 * of its own that bears the element's result or error. NULL: that was the last
 * one; or memory is out, when it comes before as many as there are elements,
 * and then the next call gives the same element, if it can. An element that is
 * neither result nor error bears MORO_GARBLED.
 */
size_t moro_reply_elements(const struct moro_reply *r);
struct moro_reply *moro_reply_next(struct moro_reply *r);

/* ---- Maps: the data of a task without msgpack-c ---- */

/* Gives an empty map, or NULL: out of memory. */
struct moro_map *moro_map_new(void);

/* Wipes and releases. NULL is ignored. */
void moro_map_free(struct moro_map *map);

/*
 * Put one pair in; names are not checked for duplicates (the server does).
 * All of them copy; a text that is NULL goes as nil. Out of memory is
 * remembered: moro_map_data() is then NULL. They take a NULL map, too, so that
 * only the end has to be checked.
 */
void moro_map_text(struct moro_map *map, const char *name, const char *text);
void moro_map_bytes(struct moro_map *map, const char *name, const void *bytes,
    size_t len);
void moro_map_number(struct moro_map *map, const char *name, int64_t number);
void moro_map_real(struct moro_map *map, const char *name, double number);
void moro_map_flag(struct moro_map *map, const char *name, int flag);

/* An array of strings; the list ends with NULL. */
void moro_map_texts(struct moro_map *map, const char *name,
    const char *const *texts);

/*
 * A range of a file in place of bytes: `len` bytes from `offset` of the
 * descriptor that moro_options_add_file() gave this index. A wrong index counts
 * as memory that ran out.
 */
void moro_map_file(struct moro_map *map, const char *name, int index,
    uint64_t offset, uint64_t len);

/* All pairs of another map, behind those that are there; NULL: none. */
void moro_map_merge(struct moro_map *map, const struct moro_map *other);

/* Another map, an array; and one value that is MessagePack already. */
void moro_map_map(struct moro_map *map, const char *name,
    const struct moro_map *inner);
void moro_map_list(struct moro_map *map, const char *name,
    const struct moro_list *inner);
void moro_map_value(struct moro_map *map, const char *name, const void *value,
    size_t len);

/*
 * The map's MessagePack bytes and how many they are; borrowed, valid until the
 * map is changed. NULL and 0: memory ran out, or the map is NULL.
 */
const void *moro_map_data(const struct moro_map *map);
size_t moro_map_size(const struct moro_map *map);

/*
 * ---- Arrays: events, the data of a batch ----
 *
 * As maps, but for the names.
 */

struct moro_list *moro_list_new(void);
void moro_list_free(struct moro_list *list);
void moro_list_text(struct moro_list *list, const char *text);
void moro_list_bytes(struct moro_list *list, const void *bytes, size_t len);
void moro_list_number(struct moro_list *list, int64_t number);
void moro_list_real(struct moro_list *list, double number);
void moro_list_map(struct moro_list *list, const struct moro_map *map);
void moro_list_value(struct moro_list *list, const void *value, size_t len);
const void *moro_list_data(const struct moro_list *list);
size_t moro_list_size(const struct moro_list *list);

/*
 * ---- Tasks and methods by name, all blocking ----
 *
 * The length of text or bytes (not of a payload) may be MORO_TEXT.
 */

/*
 * The guide's executeTask({id, type, data, priority, timeout}). `id` may be
 * NULL, timeout_ms 0; data as in moro_call().
 */
struct moro_reply *moro_execute_task(struct moro *m, const char *id,
    const char *type, const void *data, size_t len, enum moro_priority priority,
    uint64_t timeout_ms);

/*
 * Has the workers share a list of data for one type: see
 * moro_options_set_batch(), and moro_reply_next() for what came of each.
 */
struct moro_reply *moro_call_batch(struct moro *m, const char *type,
    const struct moro_list *list, const struct moro_options *options);

/*
 * Digest of bytes, in hexadecimal digits. Algorithms: sha256 (NULL), sha384,
 * sha512, sha3-256, blake2b and others (worker/TASKS.md).
 */
struct moro_reply *moro_hash_data(struct moro *m, const void *input, size_t len,
    const char *algorithm, const struct moro_options *options);

/*
 * Encrypts to a text envelope, and gives back what is in one: text if text
 * went in, bytes if bytes did. The key is 32 bytes; or with MORO_TEXT 64
 * hexadecimal digits, or a long secret that is hashed to a key.
 */
struct moro_reply *moro_encrypt_data(struct moro *m, const void *data,
    size_t len, const void *key, size_t key_len,
    const struct moro_options *options);
struct moro_reply *moro_decrypt_data(struct moro *m, const void *data,
    size_t len, const void *key, size_t key_len,
    const struct moro_options *options);

/*
 * Hashes a password, to be stored: the result's text is a PHC string. cost,
 * which may be NULL, holds cost ("interactive", "moderate", "sensitive"), or
 * memory (bytes) and iterations.
 */
struct moro_reply *moro_hash_password(struct moro *m, const void *password,
    size_t len, const struct moro_map *cost,
    const struct moro_options *options);

/*
 * Checks a password against a hash, an old one of bcrypt and others too. The
 * result is a map: ask moro_reply_true(r, "valid"), and then "needsRehash":
 * whether a new hash ought to be stored. cost, which may be NULL, is what one
 * costs today.
 */
struct moro_reply *moro_verify_password(struct moro *m, const void *password,
    size_t len, const char *hash, const struct moro_map *cost,
    const struct moro_options *options);

/* len random bytes. */
struct moro_reply *moro_random_bytes(struct moro *m, size_t len,
    const struct moro_options *options);

/*
 * A key for moro_encrypt_data(), 64 hexadecimal digits (type NULL), or a pair of
 * them for tokens: a map of privateKey and publicKey in PEM ("rsa", "ec").
 */
struct moro_reply *moro_generate_key(struct moro *m, const char *type,
    const struct moro_options *options);

/*
 * Makes a token, the result's text. The payload is a MessagePack map
 * (moro_map_data(), moro_map_size()). The secret is a shared one, or for RS and
 * ES a private key in PEM. jwt, which may be NULL, holds algorithm, expiresIn
 * ("7d", or seconds), notBefore, issuer, audience, subject, jwtid, keyid,
 * header, noTimestamp.
 */
struct moro_reply *moro_sign_jwt(struct moro *m, const void *payload,
    size_t payload_len, const void *secret, size_t secret_len,
    const struct moro_map *jwt, const struct moro_options *options);

/*
 * Checks a token. The result is a map: {valid: true, payload} or
 * {valid: false, error}; so ask moro_reply_true(r, "valid"), not
 * moro_reply_ok() alone. The secret is the shared one, or the public key in
 * PEM. jwt, which may be NULL, holds algorithms (a list), issuer, audience,
 * subject, jwtid, nonce, typ, maxAge, clockTolerance (seconds),
 * ignoreExpiration, complete.
 */
struct moro_reply *moro_verify_jwt(struct moro *m, const char *token,
    const void *secret, size_t secret_len, const struct moro_map *jwt,
    const struct moro_options *options);

/*
 * Compresses bytes. Format: "zstd" (NULL), "gzip", "deflate" or "brotli";
 * level: that of the format, or MORO_LEVEL_DEFAULT. A dictionary and other
 * fields: worker/TASKS.md, with moro_call().
 */
struct moro_reply *moro_compress_data(struct moro *m, const void *input,
    size_t len, const char *format, int32_t level,
    const struct moro_options *options);

/*
 * The original of compressed bytes. Format NULL: told by the bytes themselves,
 * but for brotli, which cannot be;
 * max_output: the most bytes it may give, 0: the server's limit.
 */
struct moro_reply *moro_decompress_data(struct moro *m, const void *input,
    size_t len, const char *format, uint64_t max_output,
    const struct moro_options *options);

/*
 * Runs a jq program on a value, the MessagePack bytes of which are given; for
 * each element of it, an array, if `each` is not 0. The result is what the
 * program gives: of each element all outputs, else exactly one.
 */
struct moro_reply *moro_transform_json(struct moro *m, const void *data,
    size_t len, const char *filter, int each,
    const struct moro_options *options);

/*
 * Computes: "primes", "fibonacci", "matrix-multiply", "monte-carlo-pi",
 * "statistics", "sort", "mandelbrot", or what a task type of that name does.
 * params may be NULL.
 */
struct moro_reply *moro_heavy_computation(struct moro *m, const char *operation,
    const struct moro_map *params, const struct moro_options *options);

/*
 * Counts and measures events, maps, by groups. how, which may be NULL, holds
 * groupBy, metrics, interval, timeField, partial and others. Results that were
 * asked for with partial become one by moro_merge_analytics(): the list holds
 * the bytes of each (moro_reply_result(), moro_list_value()).
 */
struct moro_reply *moro_process_analytics(struct moro *m,
    const struct moro_list *events, const struct moro_map *how,
    const struct moro_options *options);
struct moro_reply *moro_merge_analytics(struct moro *m,
    const struct moro_list *partials, const struct moro_options *options);

/*
 * Resizes a JPEG, PNG or WebP; the result is bytes. A width or height of 0
 * follows from the other. how, which may be NULL, holds fit, format, quality and
 * others. For servers with the module image; others answer MORO_UNSUPPORTED.
 */
struct moro_reply *moro_resize_image(struct moro *m, const void *image,
    size_t len, uint32_t width, uint32_t height, const struct moro_map *how,
    const struct moro_options *options);
struct moro_reply *moro_thumbnail_image(struct moro *m, const void *image,
    size_t len, uint32_t size, const struct moro_map *how,
    const struct moro_options *options);

/* Tells what an image is: a map of format, width, height and more. */
struct moro_reply *moro_image_info(struct moro *m, const void *image,
    size_t len, const struct moro_options *options);

/*
 * Hashing and compressing of a whole file (a regular one or a memfd, open for
 * reading), of any size that the server allows ("maxFile"): its bytes go past
 * the server to the worker. With out_fd (-1: none) the result goes there, see
 * moro_options_set_result_file(); without one it comes in the answer. The
 * descriptors are borrowed.
 */
struct moro_reply *moro_hash_file(struct moro *m, int fd, const char *algorithm,
    const struct moro_options *options);
struct moro_reply *moro_compress_file(struct moro *m, int fd, int out_fd,
    const char *format, int32_t level, const struct moro_options *options);
struct moro_reply *moro_decompress_file(struct moro *m, int fd, int out_fd,
    const char *format, uint64_t max_output,
    const struct moro_options *options);

/* "pong"; the server's loop is alive. */
struct moro_reply *moro_ping(struct moro *m);

/* What the server does at the moment, a map (proto/PROTOCOL.md, section 5). */
struct moro_reply *moro_stats(struct moro *m);

/* The task types, an array of maps; with a name: of one map. */
struct moro_reply *moro_types(struct moro *m, const char *name);

/* Has the server finish what it accepted and end; true. */
struct moro_reply *moro_shutdown(struct moro *m);

/*
 * ---- For admins (morod's option admin), all blocking ----
 *
 * Others are answered MORO_PERMISSION_DENIED, as by moro_shutdown(). What the
 * answers hold: proto/PROTOCOL.md, section 5.
 */

/* Has the server end without finishing: tasks get MORO_CANCELLED. */
struct moro_reply *moro_shutdown_now(struct moro *m);

/*
 * Has the server refuse new tasks (MORO_SHUTTING_DOWN) and finish what it
 * accepted, but not end.
 */
struct moro_reply *moro_drain(struct moro *m);

/*
 * Has tasks of a type wait in the queue, NULL: all; and run again. Resuming all
 * ends moro_drain() as well.
 */
struct moro_reply *moro_pause(struct moro *m, const char *type);
struct moro_reply *moro_resume(struct moro *m, const char *type);

/*
 * Sets how many workers a pool has, the same in min and max: exactly so many;
 * NULL: the server's only or default pool.
 */
struct moro_reply *moro_scale(struct moro *m, const char *pool, uint32_t min,
    uint32_t max);

/* Has the server read its configuration again. */
struct moro_reply *moro_reload(struct moro *m);

/* Sets the level of the log ("debug", "info", ...); NULL: asks for it. */
struct moro_reply *moro_log_level(struct moro *m, const char *level);

/*
 * The tasks that run and wait, an array of maps. The filter may hold state,
 * type, client and limit; NULL: all.
 */
struct moro_reply *moro_list(struct moro *m, const struct moro_map *filter);

/*
 * Cancels a task of any client, by the numbers that moro_list() tells; the reply
 * is as moro_cancel()'s, its caller gets MORO_CANCELLED, reason "admin".
 */
struct moro_reply *moro_cancel_other(struct moro *m, uint64_t client,
    uint64_t msgid);

/* The n slowest tasks of late, an array of maps; 0: as many as is usual. */
struct moro_reply *moro_slow(struct moro *m, uint32_t n);

/* The tasks that crashed their workers to the last try, an array of maps. */
struct moro_reply *moro_poison(struct moro *m);

/*
 * The named keys and their versions, an array of maps; never what is in them.
 * Also for who may submit.
 */
struct moro_reply *moro_keys(struct moro *m);

/* The clients, an array of maps. */
struct moro_reply *moro_clients(struct moro *m);

#ifdef __cplusplus
}
#endif

#endif
