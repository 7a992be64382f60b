#include "worker/module-table.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker/field.h"
#include "worker/module-run.h"

#define TABLE_DEPTH 4 /* maps in maps that a table may describe */
#define TABLE_ALIGN ((size_t)16)
#define TABLE_TYPES_MAX 64
#define TABLE_TEXT_MAX 4096 /* bytes of one text, its NUL included */
#define TABLE_MEASURED (MORO_KIND_NUMBER | MORO_KIND_TEXT | MORO_KIND_ARRAY)

_Static_assert((unsigned int)MORO_KIND_NIL == FIELD_NIL &&
		   (unsigned int)MORO_KIND_ANY == FIELD_ANY &&
		   (unsigned int)MORO_KIND_MAP == FIELD_MAP,
    "kinds are the same bits in both headers");

/* What the making of a table is about, for its errors. */
struct table {
	struct module_arena *arena;
	const struct moro_module *module;
	const struct moro_type *type;
	char *why;
	size_t size;
};

/* Says what is wrong with the type, or with the field of it. */
static void *
table_refuse(struct table *t, const struct moro_field *f, const char *what)
{
	snprintf(t->why, t->size, "%s%s%s: %s",
	    t->type != NULL && t->type->name != NULL ? t->type->name : "?",
	    f != NULL ? ": field " : "", f != NULL ? f->name : "", what);
	return NULL;
}

void
module_arena_trim(struct module_arena *a)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t used = (a->used + page - 1) / page * page;

	if (used < a->size && munmap(a->at + used, a->size - used) == 0)
		a->size = used;
}

void *
module_arena_take(struct module_arena *a, size_t size)
{
	size_t at = (a->used + TABLE_ALIGN - 1) & ~(TABLE_ALIGN - 1);

	if (at > a->size || size > a->size - at)
		return NULL;
	a->used = at + size;
	return memset(a->at + at, 0, size);
}

static void *
table_take(struct table *t, size_t size)
{
	void *at = module_arena_take(t->arena, size);

	if (at == NULL)
		table_refuse(t, NULL,
		    "the module's types need too much memory");
	return at;
}

/* Copies a text; NULL stays NULL. False: there is no room. */
static bool
table_copy(struct table *t, const char **to, const char *text)
{
	size_t len;
	char *copy;

	*to = NULL;
	if (text == NULL)
		return true;
	len = strnlen(text, TABLE_TEXT_MAX);
	if (len == TABLE_TEXT_MAX)
		return table_refuse(t, NULL, "a text is too long") != NULL;
	copy = table_take(t, len + 1);
	if (copy == NULL)
		return false;
	memcpy(copy, text, len);
	fault_clean(copy);
	if (memcmp(copy, text, len) != 0)
		return table_refuse(t, NULL,
			   "a text is no UTF-8, or has control characters") !=
		       NULL;
	*to = copy;
	return true;
}

/* Whether a name, which may be NULL, can be shown and typed. */
static bool
table_is_name(const char *name)
{
	size_t n = 0;

	while (name != NULL && isgraph((unsigned char)name[n]))
		n++;
	return name == NULL || (n > 0 && name[n] == '\0');
}

/* The same for a list of texts. */
static bool
table_copy_list(struct table *t, const char *const **to,
    const char *const *list)
{
	const char **copy;
	size_t n = 0;

	*to = NULL;
	if (list == NULL)
		return true;
	while (list[n] != NULL)
		n++;
	copy = table_take(t, (n + 1) * sizeof *copy);
	for (size_t i = 0; copy != NULL && i < n; i++) {
		if (!table_copy(t, &copy[i], list[i]))
			return false;
	}
	*to = copy;
	return copy != NULL;
}

/* What is wrong with a field that can be seen at once, or NULL. */
static const char *
table_field_flaw(const struct moro_field *f)
{
	if (f->kinds == 0 || (f->kinds & ~(unsigned int)MORO_KIND_ANY) != 0)
		return "kinds are some of enum moro_kind";
	if ((f->kinds & MORO_KIND_OTHER) != 0 && f->kinds != MORO_KIND_ANY)
		return "MORO_KIND_OTHER is for fields that take anything";
	if (!table_is_name(f->name) || !table_is_name(f->alias))
		return "a name has printable characters of ASCII alone";
	if ((f->flags & ~(unsigned int)(MORO_REQUIRED | MORO_STREAMED)) != 0)
		return "a flag is not known";
	if (f->min > f->max)
		return "min is over max";
	if ((f->min != 0 || f->max != 0) && (f->kinds & TABLE_MEASURED) == 0)
		return "min and max are for numbers, text, bytes and arrays";
	if (f->allowed != NULL && f->kinds != MORO_KIND_STR)
		return "allowed is for fields of MORO_KIND_STR";
	if ((f->flags & MORO_STREAMED) != 0 && (f->kinds & MORO_KIND_BIN) == 0)
		return "only bytes can be streamed";
	if (f->fields != NULL && f->kinds != MORO_KIND_MAP)
		return "fields are for those of MORO_KIND_MAP";
	if ((f->flags & MORO_REQUIRED) != 0 && f->fallback != NULL)
		return "it is required, and has a fallback";
	if (f->fallback != NULL && f->otherwise != NULL)
		return "it has a fallback, and one in words";
	return NULL;
}

/* Reads a number; false when it is none of this kind. */
static bool
table_read_int(const char *text, msgpack_object *out)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		return false;
	out->type = value < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER
			      : MSGPACK_OBJECT_POSITIVE_INTEGER;
	out->via.i64 = value;
	return true;
}

static bool
table_read_float(const char *text, msgpack_object *out)
{
	char *end;

	errno = 0;
	out->type = MSGPACK_OBJECT_FLOAT64;
	out->via.f64 = strtod(text, &end);
	return errno == 0 && end != text && *end == '\0';
}

static bool
table_read_bool(const char *text, msgpack_object *out)
{
	out->type = MSGPACK_OBJECT_BOOLEAN;
	out->via.boolean = strcmp(text, "true") == 0;
	return out->via.boolean || strcmp(text, "false") == 0;
}

static bool
table_read_text(const char *text, msgpack_object *out)
{
	out->type = MSGPACK_OBJECT_STR;
	out->via.str.ptr = text;
	out->via.str.size = (uint32_t)strlen(text);
	return true;
}

/* In this order: text is what is nothing else. */
static const struct {
	unsigned int kind;
	bool (*read)(const char *text, msgpack_object *out);
} table_reads[] = {
    {FIELD_INT, table_read_int},
    {FIELD_FLOAT, table_read_float},
    {FIELD_BOOL, table_read_bool},
    {FIELD_TEXT, table_read_text},
};

/* Makes a value of a field's fallback, which is as good as one given. */
static bool
table_fallback(const struct field *f, msgpack_object *out)
{
	for (size_t i = 0; i < sizeof table_reads / sizeof *table_reads; i++) {
		if ((f->kinds & table_reads[i].kind) != 0 &&
		    table_reads[i].read(f->fallback, out))
			return field_in_range(f, out) && field_allows(f, out);
	}
	return false;
}

/* What only fields of the type itself may have. */
static const char *
table_inner_flaw(const struct moro_field *f)
{
	if ((f->flags & MORO_STREAMED) != 0)
		return "a field in a map cannot be streamed";
	if (f->fallback != NULL)
		return "a field in a map has no fallback; otherwise tells it "
		       "in words";
	return NULL;
}

/* Whether the i-th field goes by a name that one before it has. */
static bool
table_is_twice(const struct moro_field *fields, size_t i)
{
	const char *const names[] = {fields[i].name, fields[i].alias};

	for (size_t k = 0; k <= i; k++) {
		const struct moro_field *f = &fields[k];

		for (int n = 0; n < 2 && names[n] != NULL; n++) {
			if (k < i && strcmp(names[n], f->name) == 0)
				return true;
			if ((k < i || n == 0) && f->alias != NULL &&
			    strcmp(names[n], f->alias) == 0)
				return true;
		}
	}
	return false;
}

static const struct field *table_fields(struct table *t,
    const struct moro_field *from, unsigned int depth);

/* Copies one field. */
static bool
table_field(struct table *t, const struct moro_field *from, struct field *to,
    unsigned int depth)
{
	const char *flaw = table_field_flaw(from);

	if (flaw == NULL && depth > 0)
		flaw = table_inner_flaw(from);
	if (flaw != NULL) {
		table_refuse(t, from, flaw);
		return false;
	}
	to->kinds = from->kinds; /* the same bits */
	to->required = (from->flags & MORO_REQUIRED) != 0;
	to->streams = (from->flags & MORO_STREAMED) != 0;
	to->min = from->min;
	to->max = from->max;
	if (!table_copy(t, &to->name, from->name) ||
	    !table_copy(t, &to->alias, from->alias) ||
	    !table_copy(t, &to->noun, from->noun) ||
	    !table_copy(t, &to->about, from->about) ||
	    !table_copy(t, &to->fallback,
		from->fallback != NULL ? from->fallback : from->otherwise) ||
	    !table_copy_list(t, &to->allowed, from->allowed))
		return false;
	if (from->fields == NULL)
		return true;
	to->fields = table_fields(t, from->fields, depth + 1);
	return to->fields != NULL;
}

/* Copies a table of fields. */
static const struct field *
table_fields(struct table *t, const struct moro_field *from, unsigned int depth)
{
	struct field *to;
	size_t n = 0;

	while (n <= CALL_FIELDS_MAX && from[n].name != NULL)
		n++;
	if (n > CALL_FIELDS_MAX)
		return table_refuse(t, NULL, "a table has at most 24 fields");
	if (depth == TABLE_DEPTH)
		return table_refuse(t, NULL,
		    "maps of fields are in too many "
		    "others");
	to = table_take(t, (n + 1) * sizeof *to);
	for (size_t i = 0; to != NULL && i < n; i++) {
		if (table_is_twice(from, i))
			return table_refuse(t, &from[i],
			    "there is a field of that name");
		if (!table_field(t, &from[i], &to[i], depth))
			return NULL;
	}
	return to;
}

/* Makes the values of fields that are not given. */
static bool
table_fallbacks(struct table *t, struct module_type *to)
{
	const struct moro_field *from = t->type->fields;
	size_t n = field_count(to->type.fields);

	to->fallbacks = table_take(t, (n + 1) * sizeof *to->fallbacks);
	if (to->fallbacks == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		to->fallbacks[i].type = MSGPACK_OBJECT_NIL;
		if (from[i].fallback == NULL ||
		    table_fallback(&to->type.fields[i], &to->fallbacks[i]))
			continue;
		table_refuse(t, &from[i],
		    "its fallback is no value that it takes");
		return false;
	}
	return true;
}

/* Flags, in both words. */
static const struct {
	unsigned int from, to;
} table_flags[] = {
    {MORO_IDEMPOTENT, TYPE_IDEMPOTENT},
    {MORO_SOFT_CANCEL, TYPE_SOFT_CANCEL},
    {MORO_PROGRESS, TYPE_PROGRESS},
    {MORO_SECRET, TYPE_SECRET},
    {MORO_URGENT, TYPE_URGENT},
};

/* Takes the flags over; false: one is not known. */
static bool
table_take_flags(unsigned int from, unsigned int *to)
{
	for (size_t i = 0; i < sizeof table_flags / sizeof *table_flags; i++) {
		if ((from & table_flags[i].from) != 0)
			*to |= table_flags[i].to;
		from &= ~table_flags[i].from;
	}
	return from == 0;
}

/* Copies the texts of a type; those it does not have are made up. */
static bool
table_texts(struct table *t, struct module_type *to)
{
	const struct moro_type *from = t->type;

	return table_copy(t, &to->type.name, from->name) &&
	       table_copy(t, &to->type.alias, from->alias) &&
	       table_copy(t, &to->type.about, from->about) &&
	       table_copy(t, &to->type.result,
		   from->result != NULL ? from->result : "A value.") &&
	       table_copy(t, &to->type.example,
		   from->example != NULL ? from->example : "{}") &&
	       table_copy(t, &to->module, t->module->name);
}

/* Makes one type. NULL with why. */
static struct module_type *
table_type(struct table *t)
{
	const struct moro_type *from = t->type;
	struct module_type *to;

	if (from->name == NULL || from->about == NULL)
		return table_refuse(t, NULL, "a type has a name and an about");
	if (!table_is_name(from->name) || !table_is_name(from->alias))
		return table_refuse(t, NULL,
		    "a name has printable characters of ASCII alone");
	if (from->run == NULL)
		return table_refuse(t, NULL, "the type has no function");
	to = table_take(t, sizeof *to);
	if (to == NULL || !table_texts(t, to))
		return NULL;
	if (!table_take_flags(from->flags, &to->type.flags))
		return table_refuse(t, NULL, "a flag is not known");
	to->type.timeout_ms = from->timeout_ms;
	to->type.run = module_run;
	to->own = from;
	if (from->fields == NULL)
		return to;
	to->type.fields = table_fields(t, from->fields, 0);
	if (to->type.fields == NULL || !table_fallbacks(t, to))
		return NULL;
	return to;
}

/* How many types there are; more than TABLE_TYPES_MAX are not counted. */
static size_t
table_count(const struct moro_module *module)
{
	size_t n = 0;

	while (n <= TABLE_TYPES_MAX && module->types[n] != NULL)
		n++;
	return n;
}

struct module_type **
module_table_make(const struct moro_module *module, struct module_arena *arena,
    size_t *n, char *why, size_t size)
{
	struct table t = {arena, module, NULL, why, size};
	struct module_type **types;

	if (module->name == NULL || module->types == NULL) {
		snprintf(why, size, "it has no name, or no types");
		return NULL;
	}
	*n = table_count(module);
	if (*n == 0 || *n > TABLE_TYPES_MAX) {
		snprintf(why, size, "it has no types, or more than %d",
		    TABLE_TYPES_MAX);
		return NULL;
	}
	types = table_take(&t, *n * sizeof(struct module_type *));
	for (size_t i = 0; types != NULL && i < *n; i++) {
		t.type = module->types[i];
		types[i] = table_type(&t);
		if (types[i] == NULL)
			return NULL;
	}
	return types;
}
