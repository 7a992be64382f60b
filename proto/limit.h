#ifndef MORO_PROTO_LIMIT_H
#define MORO_PROTO_LIMIT_H

/*
 * The limits both ends of a socket agree on; `hello` reports the ones in
 * force. A change of a default is a change of proto/PROTOCOL.md, section 7.
 */

#include <stddef.h>
#include <stdint.h>

#define LIMIT_FRAME_DEFAULT ((size_t)64 << 20) /* bytes of one message */
#define LIMIT_FRAME_MIN ((size_t)4 << 10)
#define LIMIT_FRAME_MAX ((size_t)1 << 30)

/*
 * Containers nested inside one parameter. 32 is compiled into msgpack-c,
 * which reports the 33rd as out of memory.
 */
#define LIMIT_DEPTH_DEFAULT 32u
#define LIMIT_DEPTH_MAX 32u

/* Values in a message: each costs msgpack-c 24 bytes. */
#define LIMIT_VALUES_DEFAULT 1000000u
#define LIMIT_VALUES_MAX 100000000u

#define LIMIT_METHOD_DEFAULT 128u /* bytes of a method's name */
#define LIMIT_METHOD_MAX 1024u

#define LIMIT_MSGID_MAX ((uint64_t)1 << 53) /* exact in a double */
#define LIMIT_TIME_MS_MAX ((uint64_t)UINT32_MAX) /* about 49 days */

#define LIMIT_ID 256u /* bytes of option `id` */

#define LIMIT_FILE_MAX ((uint64_t)1 << 50) /* of a range of a file: 1 PiB */

/*
 * What an answer may be longer than a request: a result as large as the
 * largest input still has an envelope around it.
 */
#define LIMIT_ANSWER_SLACK ((size_t)64 << 10)

/* What one message may be; the scanner refuses what is over it. */
struct limits {
	size_t frame; /* bytes of the whole message */
	uint32_t depth; /* containers nested in one parameter or result */
	uint32_t values; /* values of all kinds in the message */
	uint32_t method; /* bytes of the method's name */
};

#define LIMITS_DEFAULT                                         \
	{                                                      \
		LIMIT_FRAME_DEFAULT, LIMIT_DEPTH_DEFAULT,      \
		    LIMIT_VALUES_DEFAULT, LIMIT_METHOD_DEFAULT \
	}

#endif
