#ifndef MORO_TESTS_UNIT_SEAM_H
#define MORO_TESTS_UNIT_SEAM_H

/*
 * The allocator of a libmoro that is compiled for a test: one allocation fails
 * when the test wants it, and what is not given back is counted.
 */

/* Has the nth allocation from now on fail, the first is 1; 0: none. */
void seam_fail(unsigned int nth);

/* Whether one has failed since then. */
int seam_failed(void);

/* How many allocations there are that were not freed. */
int seam_living(void);

#endif
