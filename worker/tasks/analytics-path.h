#ifndef MORO_TASKS_ANALYTICS_PATH_H
#define MORO_TASKS_ANALYTICS_PATH_H

/* Where a value stands in an event: names with points between them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#define ANALYTICS_TEXT_MAX 256 /* bytes of a path or a name */
#define ANALYTICS_PATH_PARTS 8 /* names in a path */

#define ANALYTICS_PATH_TAKES                                    \
	"a path of 1 to 8 names with points between them, 256 " \
	"bytes at most"

/* A path; the text is borrowed. */
struct analytics_path {
	const char *text;
	uint32_t len;
	uint32_t n;
	struct {
		const char *name;
		uint32_t len;
	} parts[ANALYTICS_PATH_PARTS];
};

/* Takes a path apart; false: it is none. */
bool analytics_path_read(struct analytics_path *p, const char *text,
    size_t len);

/*
 * The value in an event, which is a map; NULL when there is none, or nil. Of
 * equal names in a map the first counts.
 */
const msgpack_object *analytics_path_find(const struct analytics_path *p,
    const msgpack_object *event);

#endif
