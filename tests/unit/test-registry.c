/* The table of types: names, what `types` answers, what stands in it. */

#include "tests/unit/tasking.h"

#include <stdlib.h>
#include <string.h>

#include "proto/limit.h"
#include "worker/field.h"

/* Names that programs rely on, spelled exactly so. */
static const char *const names[] = {"crypto:hash", "crypto:encrypt",
    "crypto:decrypt", "crypto:random", "crypto:keygen", "password:hash",
    "password:verify", "jwt:sign", "jwt:verify", "data:compress",
    "data:decompress", "json:transform", "analytics:process",
    "heavy:computation", "debug:echo", "debug:sleep", "debug:spin",
    "debug:fail", "debug:crash", "debug:tally", "debug:print", "debug:allocate",
    "debug:fork", "debug:work"};

#define N (sizeof names / sizeof names[0])

static void
test_names(void **state)
{
	for (size_t i = 0; i < N; i++) {
		const struct task_type *t = registry_at(i);

		assert_string_equal(t->name, names[i]);
		assert_ptr_equal(registry_find(names[i], strlen(names[i])), t);
	}
	assert_null(registry_at(N));
	assert_null(registry_at(SIZE_MAX));
	assert_null(registry_find("crypto:hash", 10));
	assert_null(registry_find("crypto:hashx", 12));
	assert_null(registry_find("", 0));
	assert_null(registry_find("Crypto:hash", 11));
}

static void
test_flags(void **state)
{
	for (size_t i = 0; i < N; i++) {
		const struct task_type *t = registry_at(i);

		assert_int_equal((t->flags & TYPE_DEBUG) != 0,
		    strncmp(t->name, "debug:", 6) == 0);
		assert_int_equal((t->flags & TYPE_SECRET) != 0,
		    strncmp(t->name, "crypto:", 7) == 0 ||
			strncmp(t->name, "jwt:", 4) == 0 ||
			strncmp(t->name, "password:", 9) == 0 ||
			strcmp(t->name, "heavy:computation") == 0);
	}
}

static void
check_table(const struct field *fields)
{
	assert_true(field_count(fields) <= CALL_FIELDS_MAX);
	for (const struct field *f = fields; f->name != NULL; f++) {
		assert_int_not_equal(f->kinds, 0);
		assert_non_null(f->about);
		assert_true(f->min <= f->max);
		if (f->fields != NULL)
			check_table(f->fields);
	}
}

static void
test_tables(void **state)
{
	for (size_t i = 0; i < N; i++) {
		const struct task_type *t = registry_at(i);

		assert_non_null(t->about);
		assert_non_null(t->result);
		assert_non_null(t->example);
		assert_non_null(t->run);
		if (t->fields != NULL)
			check_table(t->fields);
	}
}

/* Describes a type; the object is the unpacked's. */
static const msgpack_object *
describe(const struct task_type *t, msgpack_unpacked *u)
{
	msgpack_sbuffer buf;
	msgpack_packer pk;
	size_t off = 0;

	msgpack_sbuffer_init(&buf);
	msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
	registry_describe(t, NULL, &pk);
	assert_int_equal(msgpack_unpack_next(u, buf.data, buf.size, &off),
	    MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(off, buf.size);
	/* strings of the object point into buf, so it lives on in the zone */
	msgpack_zone_push_finalizer(u->zone, free, buf.data);
	return &u->data;
}

static void
test_describe_all(void **state)
{
	for (size_t i = 0; i < N; i++) {
		msgpack_unpacked u;
		const msgpack_object *d;

		msgpack_unpacked_init(&u);
		d = describe(registry_at(i), &u);
		tasking_assert_str(tasking_get(d, "type"), names[i]);
		assert_non_null(tasking_get(d, "about"));
		assert_non_null(tasking_get(d, "result"));
		assert_non_null(tasking_get(d, "example"));
		assert_int_equal(tasking_get(d, "idempotent")->type,
		    MSGPACK_OBJECT_BOOLEAN);
		msgpack_unpacked_destroy(&u);
	}
}

static void
test_describe_fields(void **state)
{
	msgpack_unpacked u;
	const msgpack_object *fields, *f;

	msgpack_unpacked_init(&u);
	fields = tasking_get(describe(registry_find("data:compress", 13), &u),
	    "fields");
	assert_int_equal(fields->via.array.size, 5);
	f = &fields->via.array.ptr[0];
	tasking_assert_str(tasking_get(f, "name"), "input");
	tasking_assert_str(tasking_get(f, "alias"), "data");
	tasking_assert_str(tasking_get(f, "takes"), "a string or bytes");
	assert_true(tasking_get(f, "required")->via.boolean);
	f = &fields->via.array.ptr[1];
	assert_int_equal(tasking_get(f, "allowed")->via.array.size, 4);
	tasking_assert_str(tasking_get(f, "default"), "zstd");
	f = &fields->via.array.ptr[2];
	assert_int_equal(tasking_get(f, "min")->via.i64, 0);
	assert_int_equal(tasking_get(f, "max")->via.i64, 19);
	msgpack_unpacked_destroy(&u);
	msgpack_unpacked_init(&u);
	fields =
	    tasking_get(describe(registry_find("jwt:sign", 8), &u), "fields");
	fields = tasking_get(&fields->via.array.ptr[2], "fields");
	tasking_assert_str(tasking_get(&fields->via.array.ptr[1], "name"),
	    "expiresIn");
	tasking_assert_str(tasking_get(&fields->via.array.ptr[1], "takes"),
	    "a string or an integer");
	msgpack_unpacked_destroy(&u);
}

/* Digits of numbers that a client gave where a password should be. */
#define DIGITS "482913"
#define DIGITS_N 3 /* such numbers */

/* Whether a type refuses a value under a key without telling what it is. */
static void
check_untold(const struct task_type *t, const char *prefix,
    const msgpack_object *map)
{
	msgpack_object key = tasking_str(prefix, strlen(prefix));
	msgpack_object_kv kv = {key, *map};
	const msgpack_object outer = {.type = MSGPACK_OBJECT_MAP,
	    .via.map = {1, &kv}};

	assert_int_equal(tasking_run(t->name, prefix[0] != '\0' ? &outer : map,
			     TASKING_RESULT_MAX),
	    -1);
	if (strstr(tasking_fault()->message, DIGITS) != NULL ||
	    strstr(tasking_detail(tasking_fault(), "field"), DIGITS) != NULL)
		fail_msg("%s: %s", t->name, tasking_fault()->message);
}

/* The numbers, as whoever has a password of digits may send them. */
static msgpack_object
digits(int i)
{
	const msgpack_object all[DIGITS_N] = {
	    {.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = 482913},
	    {.type = MSGPACK_OBJECT_NEGATIVE_INTEGER, .via.i64 = -482913},
	    {.type = MSGPACK_OBJECT_FLOAT64, .via.f64 = 482913.0},
	};

	return all[i];
}

/* Gives each field of a table, and those inside, each of the numbers. */
static void
check_secrets(const struct task_type *t, const struct field *fields,
    const char *prefix)
{
	for (const struct field *f = fields; f->name != NULL; f++) {
		for (int i = 0; i < DIGITS_N; i++) {
			msgpack_object_kv kv = {tasking_str(f->name,
						    strlen(f->name)),
			    digits(i)};
			const msgpack_object map = {.type = MSGPACK_OBJECT_MAP,
			    .via.map = {1, &kv}};

			/* what takes numbers is no secret, and told */
			if ((f->kinds & FIELD_NUMBER) == 0)
				check_untold(t, prefix, &map);
		}
		if (f->fields != NULL)
			check_secrets(t, f->fields, f->name);
	}
}

/* A number where a type of secrets wants text may be one: it is not told. */
static void
test_secrets_are_untold(void **state)
{
	for (size_t i = 0; i < N; i++) {
		const struct task_type *t = registry_at(i);

		if ((t->flags & TYPE_SECRET) == 0)
			continue;
		check_secrets(t, t->fields, "");
		for (int j = 0; j < DIGITS_N; j++) {
			const msgpack_object n = digits(j);
			msgpack_object_kv kv = {n, n};
			const msgpack_object map = {.type = MSGPACK_OBJECT_MAP,
			    .via.map = {1, &kv}};

			check_untold(t, "", &n);
			check_untold(t, "", &map);
		}
	}
	tasking_assert_contains(tasking_refuses("password", "password:hash",
				    "{'password': 482913}")
				    ->message,
	    ", not an integer");
	tasking_assert_contains(tasking_refuses("secret", "jwt:sign",
				    "{'secret': 12345, 'payload': {}}")
				    ->message,
	    ", not an integer");
	tasking_assert_contains(tasking_refuses("length", "crypto:random",
				    "{'length': 0}")
				    ->message,
	    ", not 0");
}

/* A type has a colon in its name, and in its alias if there is one. */
static void
test_names_that_are_none(void **state)
{
	char why[2 * LIMIT_METHOD_MAX], longer[LIMIT_METHOD_MAX + 2];
	struct task_type type = *registry_at(0);
	const char *const wrong[] = {"ping", "", longer};

	memset(longer, ':', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		type.name = wrong[i];
		type.alias = NULL;
		assert_int_equal(registry_add(&type, why, sizeof why), -1);
		tasking_assert_contains(why, "name is FAMILY:VERB");
		type.name = "test:type";
		type.alias = wrong[i];
		assert_int_equal(registry_add(&type, why, sizeof why), -1);
		tasking_assert_contains(why, "alias is FAMILY:VERB");
	}
	assert_null(registry_at(N));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_describe_all),
	    cmocka_unit_test(test_describe_fields),
	    cmocka_unit_test(test_names_that_are_none),
	    cmocka_unit_test(test_secrets_are_untold),
	};

	return cmocka_run_group_tests(tests, tasking_setup, NULL);
}
