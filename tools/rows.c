#include "tools/rows.h"

#include <inttypes.h>
#include <string.h>

#include "tools/columns.h"

const char *
rows_number(char out[ROWS_NUMBER], value map, const char *name)
{
	if (!view_has_number(map, name))
		return strcpy(out, "-");
	snprintf(out, ROWS_NUMBER, "%" PRIu64, view_number(map, name));
	return out;
}

void
rows_id(FILE *out, value task, int max)
{
	char id[VIEW_TEXT], cut[VIEW_TEXT];

	if (view_field(task, "id") != NULL) {
		columns_fit(cut, sizeof cut, view_text(id, task, "id"), max);
		fprintf(out, " %s", cut);
	}
	fputc('\n', out);
}

void
rows_task(FILE *out, value t)
{
	char client[ROWS_NUMBER], msgid[ROWS_NUMBER], slot[ROWS_NUMBER];
	char state[VIEW_TEXT], type[VIEW_TEXT], priority[VIEW_TEXT];
	char wait[VIEW_WORDS], run[VIEW_WORDS], bytes[VIEW_WORDS];

	fprintf(out, "%6s%9s %s %s %s%7s%7s%5s%6s",
	    rows_number(client, t, "client"), rows_number(msgid, t, "msgid"),
	    view_fit(state, t, "state", 7), view_fit(type, t, "type", 15),
	    view_fit(priority, t, "priority", 6), view_ms_of(wait, t, "waitMs"),
	    view_ms_of(run, t, "runMs"), rows_number(slot, t, "slot"),
	    view_size_of(bytes, t, "bytes"));
	rows_id(out, t, 8);
}

void
rows_worker(FILE *out, value w)
{
	char state[VIEW_TEXT], task[VIEW_TEXT], since[VIEW_WORDS];
	char rss[VIEW_WORDS], cpu[VIEW_WORDS], age[VIEW_WORDS];
	char done[VIEW_WORDS];

	fprintf(out,
	    "%4" PRIu64 "%8" PRIu64 "  %s%s%7s%7s%7s%7s%8s%6" PRIu64 "\n",
	    view_number(w, "slot"), view_number(w, "pid"),
	    view_fit(state, w, "state", 9), view_fit(task, w, "task", 15),
	    view_ms_of(since, w, "sinceMs"), view_size_of(rss, w, "rss"),
	    view_ms_of(cpu, w, "cpuMs"), view_ms_of(age, w, "ageMs"),
	    view_count(done, view_number(w, "tasksDone")),
	    view_number(w, "restarts"));
}
