#ifndef MORO_PROTO_ENVELOPE_H
#define MORO_PROTO_ENVELOPE_H

/*
 * The heads of messages, written byte by byte: what follows them is forwarded
 * as it came. Arrays are fixarrays and integers as small as they can be, for
 * clients that accept nothing else (proto/PROTOCOL.md, section 2).
 */

#include <stddef.h>
#include <stdint.h>

#define ENVELOPE_HEAD_MAX 32 /* bytes that any head takes, names apart */
#define ENVELOPE_NIL 0xc0
#define ENVELOPE_NO_OPTIONS 0x80 /* an empty map */

/*
 * Writes [1, msgid, ... : error and result follow. Returns its length, which
 * envelope_response_len() tells before. (So it is written to its place, and not
 * copied there: to read at once what was written byte by byte stalls the
 * processor.)
 */
size_t envelope_response(uint8_t *out, uint64_t msgid);
size_t envelope_response_len(uint64_t msgid);

/*
 * Writes [0, msgid, method, [ ... : an array of n_params values follows.
 * `out` has room for ENVELOPE_HEAD_MAX + method_len. Returns its length.
 */
size_t envelope_request(uint8_t *out, uint64_t msgid, const char *method,
    size_t method_len, unsigned int n_params);

/*
 * Changes the msgid of a request that was written with one over 2^16 and up to
 * 2^32 - 1, for another one in that range.
 */
void envelope_set_msgid(uint8_t *request, uint32_t msgid);

/* Writes [2, method, [ ... likewise. */
size_t envelope_notify(uint8_t *out, const char *method, size_t method_len,
    unsigned int n_params);

#endif
