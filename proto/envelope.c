#include "proto/envelope.h"

#include <assert.h>
#include <string.h>

#include "proto/number.h"
#include "proto/scan.h"

/* Writes n bytes of v, big-endian, behind a first byte. */
static size_t
envelope_number(uint8_t *out, uint8_t first, uint64_t v, unsigned int n)
{
	out[0] = first;
	number_put(out + 1, n, v);
	return n + 1u;
}

/* Bytes behind the first one of an integer, as few as can be. */
static unsigned int
envelope_width(uint64_t v)
{
	if (v < 0x80)
		return 0;
	if (v <= UINT8_MAX)
		return 1;
	if (v <= UINT16_MAX)
		return 2;
	return v <= UINT32_MAX ? 4 : 8;
}

static size_t
envelope_uint(uint8_t *out, uint64_t v)
{
	switch (envelope_width(v)) {
	case 0:
		out[0] = (uint8_t)v;
		return 1;
	case 1:
		return envelope_number(out, 0xcc, v, 1);
	case 2:
		return envelope_number(out, 0xcd, v, 2);
	case 4:
		return envelope_number(out, 0xce, v, 4);
	default:
		return envelope_number(out, 0xcf, v, 8);
	}
}

static size_t
envelope_str(uint8_t *out, const char *text, size_t len)
{
	size_t n;

	if (len < 32) {
		out[0] = (uint8_t)(0xa0u | len);
		n = 1;
	} else if (len <= UINT8_MAX) {
		n = envelope_number(out, 0xd9, len, 1);
	} else {
		n = envelope_number(out, 0xda, len, 2);
	}
	memcpy(out + n, text, len);
	return n + len;
}

/* Writes the method and the head of params, which end every request. */
static size_t
envelope_call(uint8_t *out, const char *method, size_t len, unsigned int params)
{
	size_t n = envelope_str(out, method, len);

	assert(params < 16);
	out[n] = (uint8_t)(0x90u | params);
	return n + 1;
}

size_t
envelope_response(uint8_t *out, uint64_t msgid)
{
	out[0] = 0x94;
	out[1] = FRAME_RESPONSE;
	return 2 + envelope_uint(out + 2, msgid);
}

size_t
envelope_response_len(uint64_t msgid)
{
	return 3 + envelope_width(msgid); /* array, kind, the msgid's first */
}

size_t
envelope_request(uint8_t *out, uint64_t msgid, const char *method,
    size_t method_len, unsigned int n_params)
{
	size_t n = 2;

	out[0] = 0x94;
	out[1] = FRAME_REQUEST;
	n += envelope_uint(out + n, msgid);
	return n + envelope_call(out + n, method, method_len, n_params);
}

void
envelope_set_msgid(uint8_t *request, uint32_t msgid)
{
	assert(request[2] == 0xce && msgid > UINT16_MAX);
	envelope_number(request + 2, 0xce, msgid, 4);
}

size_t
envelope_notify(uint8_t *out, const char *method, size_t method_len,
    unsigned int n_params)
{
	out[0] = 0x93;
	out[1] = FRAME_NOTIFY;
	return 2 + envelope_call(out + 2, method, method_len, n_params);
}
