#ifndef MORO_TASKS_BASE64URL_H
#define MORO_TASKS_BASE64URL_H

/* base64url without padding (RFC 4648, section 5), read strictly. */

#include <stddef.h>
#include <stdint.h>

/*
 * Undoes base64url: only its 64 characters, no padding, unused bits zero, so
 * that no two texts give the same bytes. The caller frees with wipe_free().
 * NULL with errno EINVAL: it is none; ENOMEM: no memory.
 */
uint8_t *base64url_decode(const char *text, size_t text_len, size_t *len);

#endif
