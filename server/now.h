#ifndef MORO_SERVER_NOW_H
#define MORO_SERVER_NOW_H

#include <stdint.h>

/* Monotonic time in milliseconds; in microseconds; wall-clock seconds. */
uint64_t now_ms(void);
uint64_t now_us(void);
uint64_t now_wall(void);

#endif
