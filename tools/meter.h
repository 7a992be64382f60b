#ifndef MORO_TOOLS_METER_H
#define MORO_TOOLS_METER_H

/*
 * Draws on standard error how far something is, and erases it at the end. There
 * is one meter, as there is one terminal; all of this does nothing when it is
 * off, which it is at first.
 */

#include <stdbool.h>
#include <stdint.h>

#define METER_UNKNOWN (-1.0) /* a total that is not known */

/* When a meter may be drawn for the first time. */
#define METER_AT_ONCE 0
#define METER_IF_SLOW 500 /* ms: what is quick needs none */

/*
 * Turns it on. SIGINT and SIGTERM, where they end the program, then erase the
 * line first.
 */
void meter_enable(void);
bool meter_enabled(void);

/* Begins to measure; `bytes`: they are counted. Ends what was measured. */
void meter_begin(bool bytes, double total, uint64_t delay_ms);

/* Takes how far it is, and draws when the last time is long enough ago. */
void meter_set(double done);

/* The same with a new total and a note, which is copied; NULL: none. */
void meter_tell(double done, double total, const char *note);

/* Ms until there is something to draw, -1: never; draws it if it is time. */
int meter_due(void);
void meter_tick(void);

/* Erases the line, if there is one, and measures no longer. */
void meter_end(void);

#endif
