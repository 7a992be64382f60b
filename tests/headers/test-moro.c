/* moro.h alone, as the first and only header of a C program. */
#include "moro.h"

int
main(void)
{
	return moro_version() == 0;
}
