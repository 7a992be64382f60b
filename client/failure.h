#ifndef MORO_CLIENT_FAILURE_H
#define MORO_CLIENT_FAILURE_H

/* Why something did not work: a fault of the wire, or one of our own. */

#include "client/moro.h"
#include "proto/fault.h"

struct failure {
	enum moro_code code; /* MORO_OK: none */
	struct fault fault; /* its own code is not used */
};

/* Sets the code and the sentence; details can be added to f->fault. */
void failure_set(struct failure *f, enum moro_code code, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* Sets the reason, which is the sentence for programs. */
void failure_reason(struct failure *f, const char *reason);

/* Adds to the sentence; what is too long is cut. */
void failure_append(struct failure *f, const char *text);

#endif
