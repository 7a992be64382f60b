// moro_module.h alone in C++: a table, and a handler.
#include "moro_module.h"

static int
run(struct moro_task *task)
{
	moro_put_nil(task);
	return 0;
}

// what is called of morod is not there in a program
void
moro_put_nil(struct moro_task *)
{
}

static const moro_type type = {"test:type", nullptr, "For tests.", nullptr,
    nullptr, MORO_IDEMPOTENT, 0, nullptr, run};

int
main()
{
	return type.run(nullptr);
}
