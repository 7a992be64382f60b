#ifndef MORO_TOOLS_BENCH_ECHO_H
#define MORO_TOOLS_BENCH_ECHO_H

/* Scenarios of echo under a full window: pipeline, payload, strict. */

#include "tools/bench.h"

void echo_pipeline(struct bench *b);
void echo_payload(struct bench *b);
void echo_strict(struct bench *b);

#endif
