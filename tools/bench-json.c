#include "tools/bench-json.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>

#include "tools/bench-cleanup.h"

#define JSON_PRECISION 6

/* The figures of all rounds, in their order. */
static json_t *
json_samples(const struct samples *s)
{
	json_t *array = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(array, json_real(s->v[i]));
	return array;
}

static const char *
json_unit(enum unit unit)
{
	static const char *const names[] = {
	    [UNIT_RATE] = "per_second",
	    [UNIT_US] = "us",
	    [UNIT_MS] = "ms",
	    [UNIT_S] = "s",
	    [UNIT_BYTES] = "bytes",
	    [UNIT_KIB] = "kib",
	    [UNIT_COUNT] = "count",
	};

	return names[unit];
}

/* One row. */
static json_t *
json_row(const struct row *row)
{
	json_t *o = json_object();

	json_object_set_new(o, "value", json_real(row->value));
	json_object_set_new(o, "min", json_real(row->min));
	json_object_set_new(o, "max", json_real(row->max));
	json_object_set_new(o, "must",
	    row->target != NULL ? json_real(row->target->must) : json_null());
	json_object_set_new(o, "met",
	    row->target != NULL ? json_boolean(row->met) : json_null());
	if (row->target != NULL)
		json_object_set_new(o, "bound",
		    json_string(row->target->at_least ? "least" : "most"));
	json_object_set_new(o, "unit", json_string(json_unit(row->unit)));
	json_object_set_new(o, "morod", json_samples(&row->morod));
	json_object_set_new(o, "reference", json_samples(&row->reference));
	json_object_set_new(o, "against",
	    row->against != NULL ? json_string(row->against) : json_null());
	if (row->placement != NULL) {
		json_object_set_new(o, "placement",
		    json_string(row->placement));
		json_object_set_new(o, "all_ratio", json_real(row->all_ratio));
	}
	if (row->note[0] != '\0')
		json_object_set_new(o, "note", json_string(row->note));
	return o;
}

void
json_print(const struct bench *b)
{
	json_t *top = json_object(), *results = json_object();
	struct utsname u;

	uname(&u);
	json_object_set_new(top, "version", json_string(MORO_VERSION));
	json_object_set_new(top, "rounds", json_integer(b->rounds));
	json_object_set_new(top, "workers", json_integer(b->workers));
	json_object_set_new(top, "seconds", json_real(b->seconds));
	json_object_set_new(top, "cpus",
	    json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	json_object_set_new(top, "kernel", json_string(u.release));
	json_object_set_new(top, "machine", json_string(u.machine));
	json_object_set_new(top, "wallSeconds", json_real(b->wall_s));
	json_object_set_new(top, "othersCpus", json_real(b->others));
	for (size_t i = 0; i < b->report.n; i++)
		json_object_set_new(results, b->report.rows[i].name,
		    json_row(&b->report.rows[i]));
	json_object_set_new(top, "results", results);
	if (json_dumpf(top, stdout,
		JSON_INDENT(2) | JSON_REAL_PRECISION(JSON_PRECISION)) < 0 ||
	    fputc('\n', stdout) == EOF || fflush(stdout) != 0)
		cleanup_die("cannot write standard output");
	json_decref(top);
}
