#ifndef MORO_TOOLS_BENCH_FORM_H
#define MORO_TOOLS_BENCH_FORM_H

/*
 * A request that is encoded once and sent many times, with another number in
 * it each time, and what its answer must look like. Either a MessagePack-RPC
 * request, or a frame of the bare relay: nothing but the payload.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORM_NOWHERE SIZE_MAX
#define FORM_ID_BYTES 4
/* The low bits of a number: its place among those outstanding. */
#define FORM_PLACE_BITS 20
#define FORM_PLACE_MASK ((1u << FORM_PLACE_BITS) - 1)

struct form {
	uint8_t *head; /* owned; copied for each request */
	size_t head_len;
	uint8_t *tail; /* owned; sent from where it is, the same for all */
	size_t tail_len;
	const int *fds; /* borrowed; by place: its input; NULL: none */
	const int *result_fds; /* borrowed; by place; NULL: in the answer */
	size_t id_at; /* in head: the number, 4 bytes, high byte first */
	size_t stamp_at; /* the number again, in the payload; or FORM_NOWHERE */
	size_t bare; /* bytes of a frame of the relay; 0: RPC */
	/* RPC: how the result's bytes begin, before the stamp if there is one */
	uint8_t expect[16];
	size_t expect_len;
	size_t result_len; /* bytes of the result; 0: those of the first */
};

/* A frame of the relay. */
void form_bare(struct form *f, size_t payload);

/* Another type that gives back its data; borrowed. */
void form_set_echo(const char *type);

/* debug:echo of bytes, or that; priority: "high", "low", or NULL. */
void form_echo(struct form *f, size_t payload, const char *priority);

/*
 * A task with data already encoded: `data`, and behind it tail_len bytes of
 * `tail`; both are copied. With each request goes one of fds, which data name
 * by a range (no tail then), and one of result_fds for the result: others for
 * each place, as a caller needs who fills them anew. They stay the caller's.
 * NULL: none.
 */
struct form_task {
	const char *type;
	const void *data;
	size_t data_len;
	const void *tail;
	size_t tail_len;
	const char *priority; /* or NULL */
};
void form_task(struct form *f, const struct form_task *task, const int *fds,
    const int *result_fds);

void form_clear(struct form *f);

/* Bytes of one request. */
size_t form_size(const struct form *f);

/* Writes the number in a copy of the head. */
void form_number(const struct form *f, uint8_t *head, uint32_t id);

/* Fills bytes with noise, the same each time. */
void form_noise(uint8_t *out, size_t len);

#endif
