#include "server/log-limit.h"

#include <inttypes.h>
#include <stdio.h>

void
log_limit_init(struct log_limit *l, uint32_t most)
{
	*l = (struct log_limit){.most = most};
}

bool
log_limit_has_room(struct log_limit *l, uint64_t now)
{
	if (now - l->from >= LOG_LIMIT_MS) {
		l->from = now;
		l->n = 0;
	}
	return l->n < l->most;
}

bool
log_limit_take(struct log_limit *l, uint64_t now)
{
	if (log_limit_has_room(l, now)) {
		l->n++;
		return true;
	}
	l->left_out++;
	return false;
}

uint64_t
log_limit_wait(const struct log_limit *l, uint64_t now)
{
	uint64_t gone = now - l->from;

	return gone < LOG_LIMIT_MS ? LOG_LIMIT_MS - gone : 0;
}

uint64_t
log_limit_left_out(struct log_limit *l)
{
	uint64_t n = l->left_out;

	l->left_out = 0;
	return n;
}

void
log_limit_more(struct log_limit *l, char out[LOG_LIMIT_MORE])
{
	uint64_t left_out = log_limit_left_out(l);

	out[0] = '\0';
	if (left_out > 0)
		snprintf(out, LOG_LIMIT_MORE,
		    "; %" PRIu64 " more were left out before", left_out);
}
