#include "tests/fuzz/spare.h"

#include <stddef.h>
#include <string.h>

#include "worker/call.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Fields that make work long: by one of their words, or over a number. */
static const struct {
	const char *type;
	const char *map; /* field whose value has the field, or NULL: data */
	const char *field;
	const char *word; /* NULL: see most */
	uint64_t most;
} spare_costs[] = {
    {"password:hash", NULL, "cost", "sensitive", 0},
    {"password:hash", NULL, "cost", "moderate", 0},
    {"password:hash", NULL, "memory", NULL, 16 << 20},
    {"password:hash", NULL, "iterations", NULL, 2},
    {"crypto:encrypt", "kdf", "cost", "sensitive", 0},
    {"crypto:encrypt", "kdf", "cost", "moderate", 0},
    {"crypto:encrypt", "kdf", "memory", NULL, 16 << 20},
    {"crypto:encrypt", "kdf", "iterations", NULL, 2},
    {"crypto:keygen", NULL, "bits", NULL, 2048},
};

/* Programs that end, and quickly, whatever they are run on. */
static const char *const spare_programs[] = {".", ".[]", ".[0]", "keys",
    "length", "map(.)", "to_entries", "tojson", "fromjson?", "..", "type",
    "add", "sort", "group_by(.)", "unique", "reverse", "tostring", "tonumber?",
    "paths", "flatten", "min", "max", "first", "last", "error", "empty",
    "ascii_downcase?", "explode?", "implode?", "ltrimstr(\"a\")", "not",
    "with_entries(.)", "del(.[0]?)", "[.[]?]", "{a: .}", "@base64?", "@json",
    "@html", "@csv?", "isvalid(.)", "input", "$__loc__", "1/0", "infinite",
    "nan", "-0", "[limit(3; .[]?)]", "transpose?", "env", "halt"};

/* A field of a map, or NULL. */
static msgpack_object *
spare_field(const msgpack_object *map, const char *name)
{
	if (map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		if (call_is(&map->via.map.ptr[i].key, name))
			return &map->via.map.ptr[i].val;
	}
	return NULL;
}

bool
spare_is_costly(const struct task_type *type, const msgpack_object *data)
{
	for (size_t i = 0; i < COUNT(spare_costs); i++) {
		const msgpack_object *value = data;

		if (strcmp(type->name, spare_costs[i].type) != 0)
			continue;
		if (spare_costs[i].map != NULL)
			value = spare_field(value, spare_costs[i].map);
		if (value != NULL)
			value = spare_field(value, spare_costs[i].field);
		if (value == NULL)
			continue;
		if (spare_costs[i].word != NULL) {
			if (call_is(value, spare_costs[i].word))
				return true;
		} else if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
			   value->via.u64 > spare_costs[i].most) {
			return true;
		}
	}
	return false;
}

void
spare_replace(const struct task_type *type, msgpack_object *data,
    uint8_t choice)
{
	msgpack_object *filter;
	const char *program = spare_programs[choice % COUNT(spare_programs)];

	if (strcmp(type->name, "json:transform") != 0)
		return;
	filter = spare_field(data, "filter");
	if (filter == NULL)
		return;
	filter->type = MSGPACK_OBJECT_STR;
	filter->via.str.ptr = program;
	filter->via.str.size = (uint32_t)strlen(program);
}
