#ifndef MORO_MODULES_IMAGE_PNG_H
#define MORO_MODULES_IMAGE_PNG_H

/*
 * What of a PNG the library gets to see. Its texts and its profile may be
 * packed, a thousandfold, and the library unpacks all of them with the header.
 */

#include <stddef.h>
#include <stdint.h>

/* Bytes that they may take in one image: a long book, or any profile. */
#define IMAGE_PNG_EXTRAS_MAX ((size_t)8 << 20)

/*
 * Looks whether the texts and the profile take more, or a chunk claims bytes
 * that are not there. If so, *copy is the image without the first that does and
 * all that follow, to be free()d, and *copy_len its length; else *copy is NULL.
 * Returns 0, or -1 without memory.
 */
int image_png_sift(const uint8_t *bytes, size_t len, uint8_t **copy,
    size_t *copy_len);

#endif
