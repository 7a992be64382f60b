/* moro_module.h alone, as the first and only header of a C program. */
#include "moro_module.h"

int
main(void)
{
	return MORO_MODULE_ABI == 0 || MORO_KIND_ANY < MORO_KIND_OTHER;
}
