#ifndef MORO_MODULES_IMAGE_TYPES_H
#define MORO_MODULES_IMAGE_TYPES_H

#include <moro_module.h>

/* A PNG image of one pixel in base64, for the types' examples. */
#define IMAGE_EXAMPLE                                    \
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAA" \
	"AACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg=="

extern const struct moro_type image_resize_type;
extern const struct moro_type image_thumbnail_type;
extern const struct moro_type image_info_type;

#endif
