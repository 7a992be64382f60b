#ifndef MORO_TOOLS_BENCH_TEXT_H
#define MORO_TOOLS_BENCH_TEXT_H

/* Text as programs compress it: lines of JSON, made of noise. */

#include <stddef.h>
#include <stdint.h>

/* Fills bytes; the state goes on from call to call and begins as 0. */
void text_fill(char *out, size_t len, uint64_t *state);

#endif
