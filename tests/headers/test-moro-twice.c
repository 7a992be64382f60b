/* The adapter brings moro.h along, and both may be included twice. */
#include "moro-event.h"

#include "moro-event.h"
#include "moro.h"

int
main(void)
{
	struct event_base *base = event_base_new();
	struct moro *m = moro_new();
	struct moro_event *e = moro_event_new(m, base);
	int bad = e == NULL || moro_error(m) != MORO_OK;

	moro_event_free(e);
	moro_free(m);
	event_base_free(base);
	return bad;
}
