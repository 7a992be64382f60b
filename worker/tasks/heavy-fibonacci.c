/* fibonacci: exact numbers, by GMP. */

#include "worker/tasks/heavy.h"

#include <stdlib.h>
#include <string.h>

#include <gmp.h>

/*
 * Two million digits, a quarter of a second. GMP aborts where it gets no
 * memory, and cannot be interrupted: this bounds both.
 */
#define FIBONACCI_MAX 10000000
#define FIBONACCI_STEPS 2
#define FIBONACCI_BASE 10

static const struct field fibonacci_fields[] = {
    {.name = "n",
	.kinds = FIELD_INT,
	.required = true,
	.max = FIBONACCI_MAX,
	.about = "fibonacci: which one; the 0th is 0, the 1st is 1."},
    {.name = NULL},
};

/* Packs the number's digits, and how many they are. */
static int
fibonacci_pack(struct call *call, const mpz_t number)
{
	/* one for a sign that is not there, one for the NUL */
	size_t room = mpz_sizeinbase(number, FIBONACCI_BASE) + 2;
	char *digits = malloc(room);

	if (digits == NULL)
		return call_no_memory(call);
	mpz_get_str(digits, FIBONACCI_BASE, number);
	msgpack_pack_map(&call->pk, 2);
	call_pack_str(call, "value");
	call_pack_str(call, digits);
	call_pack_str(call, "digits");
	msgpack_pack_uint64(&call->pk, strlen(digits));
	free(digits);
	return 0;
}

static int
fibonacci_run(struct call *call, const msgpack_object *const *args)
{
	mpz_t number;
	int rc;

	mpz_init(number);
	mpz_fib_ui(number, (unsigned long)call_int(args[0], 0));
	rc = heavy_step(call, 1, FIBONACCI_STEPS);
	if (rc == 0)
		rc = fibonacci_pack(call, number);
	mpz_clear(number);
	return rc;
}

const struct heavy_operation heavy_fibonacci = {"fibonacci", fibonacci_fields,
    fibonacci_run};
