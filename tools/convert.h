#ifndef MORO_TOOLS_CONVERT_H
#define MORO_TOOLS_CONVERT_H

/*
 * JSON to MessagePack and back. Integers are exact from -2^63 to 2^64 - 1 in
 * both directions; bytes are {"$bin": base64}; extension values are shown as
 * {"$ext": [type, base64]}.
 */

#include <stddef.h>
#include <stdio.h>

#include <msgpack.h>

#define CONVERT_ERROR 200 /* bytes of an error's text */

/*
 * Packs the one value that the JSON text is. Duplicate names in an object are
 * refused. Returns 0, or -1 with a sentence in error.
 */
int convert_from_json(const char *text, size_t len, msgpack_packer *pk,
    char error[CONVERT_ERROR]);

/*
 * Prints a value as JSON on one line, without a newline. Returns 0, or -1
 * with a sentence in error: JSON has no such value.
 */
int convert_to_json(FILE *out, const msgpack_object *value,
    char error[CONVERT_ERROR]);

#endif
