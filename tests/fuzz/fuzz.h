#ifndef MORO_FUZZ_H
#define MORO_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* What every target defines: libFuzzer's entry, which the replayer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
