#ifndef MORO_CLIENT_IO_H
#define MORO_CLIENT_IO_H

/*
 * Bytes in and out. It reads while it cannot write: a server that waits for
 * us to read before it reads on would otherwise wait for ever.
 */

#include <stdbool.h>
#include <stdint.h>

struct moro;

#define IO_NEVER UINT64_MAX /* a deadline that is not reached */

/* Monotonic milliseconds. */
uint64_t io_now(void);

/* Monotonic ms after which wait_ms from now have passed; 0: IO_NEVER. */
uint64_t io_deadline(uint64_t wait_ms);

/* Writes what can be written without waiting. */
void io_flush(struct moro *m);

/*
 * Reads once; with `wait` until there is something. Returns 1, 0 when there
 * is nothing, or -1: the connection has ended, callbacks have run.
 */
int io_read(struct moro *m, bool wait);

/*
 * Writes and reads something, waiting until it can; or waits for a connection
 * that is to be made anew. Returns 1, 0 when the deadline was reached, or -1 as
 * above.
 */
int io_turn(struct moro *m, uint64_t deadline);

#endif
