#ifndef MORO_PROTO_SCAN_QUICK_H
#define MORO_PROTO_SCAN_QUICK_H

#include "proto/scan.h"

/*
 * Takes a whole message of the usual shape in one straight pass: a request
 * with data and perhaps options, or a response without an error, whose values
 * are plain, or one map or array of plain ones. False: it is another one, or
 * not complete, or over a limit, and scan_feed() has to say what.
 */
bool scan_quick(const struct limits *limits, const uint8_t *buf, size_t len,
    struct frame *frame);

#endif
