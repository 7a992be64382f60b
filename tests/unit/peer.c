#include "tests/unit/peer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
peer_pack_text(msgpack_packer *pk, const char *text)
{
	msgpack_pack_str_with_body(pk, text, strlen(text));
}

void
peer_greet(struct peer *p, uint64_t number, int frame, const char *feature)
{
	msgpack_sbuffer b;
	msgpack_packer pk;

	msgpack_sbuffer_init(&b);
	msgpack_packer_init(&pk, &b, msgpack_sbuffer_write);
	msgpack_pack_array(&pk, 4);
	msgpack_pack_int(&pk, 1);
	msgpack_pack_uint64(&pk, number);
	msgpack_pack_nil(&pk);
	msgpack_pack_map(&pk, 3);
	peer_pack_text(&pk, "version");
	peer_pack_text(&pk, "9.8.7");
	peer_pack_text(&pk, "features");
	msgpack_pack_array(&pk, feature == NULL ? 0 : 1);
	if (feature != NULL)
		peer_pack_text(&pk, feature);
	peer_pack_text(&pk, "limits");
	msgpack_pack_map(&pk, 2);
	peer_pack_text(&pk, "maxFrame");
	msgpack_pack_int(&pk, frame);
	peer_pack_text(&pk, "maxDepth");
	msgpack_pack_int(&pk, 8);
	peer_write(p, b.data, b.size);
	msgpack_sbuffer_destroy(&b);
}

void
peer_open(struct peer *p)
{
	p->m = moro_new();
	p->fd = -1;
	p->leaves = false;
	assert_non_null(p->m);
	/* a test that waits for what does not come fails and does not hang */
	moro_set_wait_ms(p->m, PEER_WAIT_MS);
	peer_connect(p, PEER_HELLO);
}

void
peer_connect(struct peer *p, uint64_t number)
{
	uint8_t hello[4096];
	int pair[2];

	if (p->fd != -1)
		close(p->fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	p->fd = pair[1];
	peer_greet(p, number, PEER_FRAME, NULL);
	assert_int_equal(moro_connect_fd(p->m, pair[0]), 0);
	assert_true(peer_read(p, hello, sizeof hello) > 0);
}

void
peer_hang_up(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
}

void
peer_close(struct peer *p)
{
	moro_free(p->m);
	if (p->fd != -1)
		close(p->fd);
}

int
peer_setup(void **state)
{
	struct peer *p = malloc(sizeof *p);

	peer_open(p);
	*state = p;
	return 0;
}

int
peer_teardown(void **state)
{
	peer_close(*state);
	free(*state);
	return 0;
}

void
peer_leave(const struct peer *p)
{
	if (p->leaves)
		pthread_exit(NULL);
}

void
peer_write(struct peer *p, const void *bytes, size_t len)
{
	ssize_t n = send(p->fd, bytes, len, MSG_NOSIGNAL);

	if (n == -1)
		peer_leave(p);
	assert_int_equal(n, len);
}

size_t
peer_pack(uint8_t *out, uint64_t number, const char *text)
{
	msgpack_sbuffer b;
	msgpack_packer pk;
	size_t len;

	msgpack_sbuffer_init(&b);
	msgpack_packer_init(&pk, &b, msgpack_sbuffer_write);
	msgpack_pack_array(&pk, 4);
	msgpack_pack_int(&pk, 1);
	msgpack_pack_uint64(&pk, number);
	msgpack_pack_nil(&pk);
	peer_pack_text(&pk, text);
	len = b.size;
	memcpy(out, b.data, len);
	msgpack_sbuffer_destroy(&b);
	return len;
}

void
peer_answer(struct peer *p, uint64_t number, const char *text)
{
	uint8_t bytes[1024];

	peer_write(p, bytes, peer_pack(bytes, number, text));
}

void
peer_refuse(struct peer *p, uint64_t number, const char *code)
{
	msgpack_sbuffer b;
	msgpack_packer pk;

	msgpack_sbuffer_init(&b);
	msgpack_packer_init(&pk, &b, msgpack_sbuffer_write);
	msgpack_pack_array(&pk, 4);
	msgpack_pack_int(&pk, 1);
	msgpack_pack_uint64(&pk, number);
	msgpack_pack_map(&pk, 6);
	peer_pack_text(&pk, "code");
	peer_pack_text(&pk, code);
	peer_pack_text(&pk, "message");
	peer_pack_text(&pk, "because");
	peer_pack_text(&pk, "reason");
	peer_pack_text(&pk, "count");
	peer_pack_text(&pk, "retryable");
	msgpack_pack_true(&pk);
	peer_pack_text(&pk, "limit");
	msgpack_pack_int(&pk, 1000);
	peer_pack_text(&pk, "signal");
	peer_pack_text(&pk, "SIGKILL");
	msgpack_pack_nil(&pk);
	peer_write(p, b.data, b.size);
	msgpack_sbuffer_destroy(&b);
}

size_t
peer_read(struct peer *p, uint8_t *bytes, size_t size)
{
	ssize_t n = recv(p->fd, bytes, size, MSG_DONTWAIT);

	if (n == -1)
		assert_int_equal(errno, EAGAIN);
	return n > 0 ? (size_t)n : 0;
}

void
peer_read_all(int fd, uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, bytes, len);

		assert_true(n > 0);
		bytes += n;
		len -= (size_t)n;
	}
}

uint64_t
peer_submit(struct moro *m, const char *text, moro_reply_cb cb, void *user)
{
	struct msgpack_object o = {.type = MSGPACK_OBJECT_STR};

	o.via.str.ptr = text;
	o.via.str.size = (uint32_t)strlen(text);
	return moro_submit_object(m, "debug:echo", &o, NULL, cb, user);
}

void
peer_expect(struct moro_reply *reply, const char *text)
{
	size_t len;

	assert_true(moro_reply_ok(reply));
	assert_non_null(moro_reply_text(reply, &len));
	assert_string_equal(moro_reply_text(reply, NULL), text);
	assert_int_equal(len, strlen(text));
	moro_reply_free(reply);
}

void
peer_expect_error(struct moro_reply *reply, enum moro_code code)
{
	assert_false(moro_reply_ok(reply));
	assert_int_equal(moro_reply_code(reply), code);
	assert_string_not_equal(moro_reply_message(reply), "");
	assert_null(moro_reply_result(reply, NULL));
	moro_reply_free(reply);
}
