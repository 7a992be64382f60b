#ifndef MORO_TOOLS_MOROCTL_FIELDS_H
#define MORO_TOOLS_MOROCTL_FIELDS_H

/* Options of commands as fields of a task's data. */

#include "tools/moroctl.h"

/* How an option's value is to be understood. */
enum field_form {
	FORM_TEXT,
	FORM_WORDS, /* an array of texts, with commas between them */
	FORM_NUMBER, /* a whole one */
	FORM_SIZE, /* bytes: 64M */
	FORM_SECONDS, /* a duration, as whole seconds */
	FORM_TIME, /* seconds, or anything else as the server reads it */
	FORM_TRUE, /* a flag: true */
	FORM_FALSE, /* a flag: false */
	FORM_COST, /* a map: {"cost": "moderate"} */
	FORM_JSON,
	FORM_FILE, /* the bytes of the file of that name */
	FORM_ALGORITHMS, /* an array of all that --algorithm was given */
};

/* A table of them ends where name is NULL. */
struct ctl_field {
	enum ctl_option option;
	enum field_form form;
	const char *name; /* of the field */
};

/* Adds the fields whose options were given. Gives the exit code. */
int fields_add(const struct ctl *c, struct moro_map *map,
    const struct ctl_field *fields);

/* Adds one value of JSON; `what` it is for complaints. Gives the exit code. */
int fields_add_json(struct moro_map *map, const char *name, const char *what,
    const char *text, size_t len);

#endif
