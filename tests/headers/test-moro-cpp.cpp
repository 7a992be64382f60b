// moro.h alone in C++, then the adapter.
#include "moro.h"

#include "moro-event.h"

int
main()
{
	struct event_base *base = event_base_new();
	struct moro *m = moro_new();
	struct moro_event *e = moro_event_new(m, base);
	moro_code code = moro_error(m);
	bool good = e != nullptr && code == MORO_OK;

	moro_event_free(e);
	moro_free(m);
	event_base_free(base);
	return good ? 0 : 1;
}
