/* jwt:verify */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "worker/tasks/token.h"
#include "worker/tasks/value.h"

#define VERIFY_NAME 64 /* bytes of an option's name, its NUL included */
#define VERIFY_TOLERANCE_MAX 31536000 /* one year in seconds */
#define VERIFY_ALGORITHMS_MAX 8 /* names in the list */
#define VERIFY_ALL 0x7u /* one bit for each of token_algorithms */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum verify_field { VERIFY_TOKEN, VERIFY_SECRET, VERIFY_OPTIONS };

enum verify_option {
	VERIFY_ALGORITHMS,
	VERIFY_ISSUER,
	VERIFY_AUDIENCE,
	VERIFY_SUBJECT,
	VERIFY_CLOCK_TOLERANCE,
	VERIFY_IGNORE_EXPIRATION,
	VERIFY_N,
};

static const struct field verify_options[] = {
    [VERIFY_ALGORITHMS] = {.name = "algorithms",
	.kinds = FIELD_ARRAY,
	.min = 1,
	.max = VERIFY_ALGORITHMS_MAX,
	.fallback = "HS256, HS384, HS512",
	.about = "The algorithms that a token may have."},
    [VERIFY_ISSUER] = {.name = "issuer",
	.kinds = FIELD_STR | FIELD_ARRAY,
	.about = "What iss must be: a string, or one of an array."},
    [VERIFY_AUDIENCE] = {.name = "audience",
	.kinds = FIELD_STR | FIELD_ARRAY,
	.about = "What aud must name: a string, or one of an array."},
    [VERIFY_SUBJECT] = {.name = "subject",
	.kinds = FIELD_STR,
	.min = 1,
	.max = TOKEN_STRING_MAX,
	.about = "What sub must be."},
    [VERIFY_CLOCK_TOLERANCE] = {.name = "clockTolerance",
	.kinds = FIELD_INT,
	.max = VERIFY_TOLERANCE_MAX,
	.fallback = "0",
	.about = "Seconds by which exp and nbf may be missed."},
    [VERIFY_IGNORE_EXPIRATION] = {.name = "ignoreExpiration",
	.kinds = FIELD_BOOL,
	.fallback = "false",
	.about = "Does not look at exp."},
    [VERIFY_N] = {.name = NULL},
};

static const struct field verify_fields[] = {
    [VERIFY_TOKEN] = {.name = "token",
	.kinds = FIELD_TEXT,
	.required = true,
	.about = "The token; over 65,536 bytes it is never valid."},
    [VERIFY_SECRET] = {.name = "secret",
	.kinds = FIELD_TEXT,
	.required = true,
	.min = 1,
	.max = TOKEN_SECRET_MAX,
	.about = "The shared secret; no key in PEM."},
    [VERIFY_OPTIONS] = {.name = "options",
	.kinds = FIELD_MAP,
	.about = "What else must hold.",
	.fields = verify_options},
    {.name = NULL},
};

/* Claims that must be as expected, in the order they are looked at. */
static const struct {
	enum verify_option option;
	const char *claim;
	bool many; /* the claim may be an array: one of it is enough */
	const char *error;
	const char *separator; /* between the strings that were expected */
} verify_claims[] = {
    {VERIFY_AUDIENCE, "aud", true, "jwt audience invalid. expected: ", " or "},
    {VERIFY_ISSUER, "iss", false, "jwt issuer invalid. expected: ", ","},
    {VERIFY_SUBJECT, "sub", false, "jwt subject invalid. expected: ", ","},
};

/* One verification. */
struct verify {
	struct call *call;
	const msgpack_object *options[VERIFY_N]; /* NULL where not given */
	struct token_secret secret;
	unsigned int algorithms; /* one bit for each that is allowed */
	json_t *expected[COUNT(verify_claims)]; /* owned; NULL: anything */
	struct token token;
	/* Why the token is not valid; NULL: it is. */
	const char *error;
	const json_t *named; /* strings behind the error, or NULL */
	const char *separator; /* between them */
};

/* Reads the list of algorithms. */
static int
verify_read_algorithms(struct verify *v)
{
	const msgpack_object *arg = v->options[VERIFY_ALGORITHMS];

	v->algorithms = arg == NULL ? VERIFY_ALL : 0;
	for (uint32_t i = 0; arg != NULL && i < arg->via.array.size; i++) {
		const msgpack_object *one = &arg->via.array.ptr[i];
		int at = -1;

		if (one->type == MSGPACK_OBJECT_STR)
			at = token_algorithm(one->via.str.ptr,
			    one->via.str.size);
		if (at < 0)
			return call_invalid(v->call, "options.algorithms",
			    "options.algorithms takes an array of \"HS256\", "
			    "\"HS384\" and \"HS512\" only");
		v->algorithms |= 1u << at;
	}
	return 0;
}

/* Reads what claims are expected to be. */
static int
verify_read_expected(struct verify *v)
{
	char name[VERIFY_NAME];

	for (size_t i = 0; i < COUNT(verify_claims); i++) {
		enum verify_option option = verify_claims[i].option;
		const msgpack_object *arg = v->options[option];

		if (arg == NULL)
			continue;
		snprintf(name, sizeof name, "options.%s",
		    verify_options[option].name);
		v->expected[i] = token_strings(v->call, name, arg, true);
		if (v->expected[i] == NULL)
			return -1;
	}
	return 0;
}

/* Reads all that was given, the token apart. */
static int
verify_read(struct verify *v)
{
	struct call *call = v->call;
	const msgpack_object *options = call->args[VERIFY_OPTIONS];

	if (options != NULL && call_bind(call, verify_options, options,
				   "options.", v->options) < 0)
		return -1;
	if (token_secret(call, call->args[VERIFY_SECRET], &v->secret) < 0)
		return -1;
	if (verify_read_algorithms(v) < 0)
		return -1;
	return verify_read_expected(v);
}

/* Checks that the token was signed with the secret, as it should be. */
static const char *
verify_signature(const struct verify *v)
{
	const json_t *name = json_object_get(v->token.header, "alg");
	int at = -1;

	if (json_is_string(name))
		at = token_algorithm(json_string_value(name),
		    json_string_length(name));
	if (at < 0 || (v->algorithms & 1u << at) == 0)
		return "invalid algorithm";
	return token_genuine(&v->token, at, &v->secret) ? NULL
							: "invalid signature";
}

/* Checks nbf and exp. */
static const char *
verify_times(const struct verify *v)
{
	const json_t *nbf = json_object_get(v->token.payload, "nbf");
	const json_t *exp = json_object_get(v->token.payload, "exp");
	double leeway = (double)call_int(v->options[VERIFY_CLOCK_TOLERANCE], 0);
	double now = (double)time(NULL);

	if (nbf != NULL && !json_is_number(nbf))
		return "invalid nbf value";
	if (nbf != NULL && json_number_value(nbf) > now + leeway)
		return "jwt not active";
	if (exp == NULL ||
	    call_bool(v->options[VERIFY_IGNORE_EXPIRATION], false))
		return NULL;
	if (!json_is_number(exp))
		return "invalid exp value";
	return now >= json_number_value(exp) + leeway ? "jwt expired" : NULL;
}

/* Whether a string is the expected one, or one of the expected ones. */
static bool
verify_is_expected(const json_t *expected, const json_t *value)
{
	if (!json_is_string(value))
		return false;
	if (json_is_string(expected))
		return json_equal(expected, value);
	for (size_t i = 0; i < json_array_size(expected); i++) {
		if (json_equal(json_array_get(expected, i), value))
			return true;
	}
	return false;
}

/* Whether a claim is as expected. */
static bool
verify_claim(size_t at, const json_t *expected, const json_t *claim)
{
	if (!verify_claims[at].many || !json_is_array(claim))
		return verify_is_expected(expected, claim);
	for (size_t i = 0; i < json_array_size(claim); i++) {
		if (verify_is_expected(expected, json_array_get(claim, i)))
			return true;
	}
	return false;
}

/* Checks the claims that the caller has expectations of. */
static const char *
verify_expectations(struct verify *v)
{
	for (size_t i = 0; i < COUNT(verify_claims); i++) {
		const json_t *claim =
		    json_object_get(v->token.payload, verify_claims[i].claim);

		if (v->expected[i] == NULL ||
		    verify_claim(i, v->expected[i], claim))
			continue;
		v->named = v->expected[i];
		v->separator = verify_claims[i].separator;
		return verify_claims[i].error;
	}
	return NULL;
}

/* Looks at the token; the signature comes before all that it vouches for. */
static void
verify_judge(struct verify *v)
{
	size_t len;
	const uint8_t *text = call_bytes(v->call->args[VERIFY_TOKEN], &len);

	v->error = token_parse(&v->token, text, len);
	if (v->error == NULL)
		v->error = verify_signature(v);
	if (v->error == NULL)
		v->error = verify_times(v);
	if (v->error == NULL)
		v->error = verify_expectations(v);
}

/* The i-th string of what was expected, or NULL past the last. */
static const json_t *
verify_named(const struct verify *v, size_t i)
{
	if (json_is_array(v->named))
		return json_array_get(v->named, i);
	return i == 0 ? v->named : NULL;
}

/* Packs the error, with what was expected behind it. */
static void
verify_pack_error(const struct verify *v)
{
	msgpack_packer *pk = &v->call->pk;
	size_t len = strlen(v->error), gap = 0;
	const json_t *one;

	for (size_t i = 0; (one = verify_named(v, i)) != NULL; i++) {
		gap = i > 0 ? strlen(v->separator) : 0;
		len += gap + json_string_length(one);
	}
	msgpack_pack_str(pk, len);
	msgpack_pack_str_body(pk, v->error, strlen(v->error));
	for (size_t i = 0; (one = verify_named(v, i)) != NULL; i++) {
		if (i > 0)
			msgpack_pack_str_body(pk, v->separator,
			    strlen(v->separator));
		msgpack_pack_str_body(pk, json_string_value(one),
		    json_string_length(one));
	}
}

/* Packs the verdict: {valid, payload} or {valid, error}. */
static void
verify_pack(const struct verify *v)
{
	msgpack_packer *pk = &v->call->pk;

	msgpack_pack_map(pk, 2);
	call_pack_str(v->call, "valid");
	if (v->error == NULL) {
		msgpack_pack_true(pk);
		call_pack_str(v->call, "payload");
		value_pack(v->token.payload, pk);
	} else {
		msgpack_pack_false(pk);
		call_pack_str(v->call, "error");
		verify_pack_error(v);
	}
}

static int
verify_run(struct call *call)
{
	struct verify v = {.call = call};
	int rc = verify_read(&v);

	if (rc == 0) {
		verify_judge(&v);
		verify_pack(&v);
	}
	token_clear(&v.token);
	for (size_t i = 0; i < COUNT(verify_claims); i++)
		json_decref(v.expected[i]);
	return rc;
}

const struct task_type token_verify_type = {
    .name = "jwt:verify",
    .about = "Checks a JSON web token.",
    .result = "{valid: true, payload} or {valid: false, error}.",
    .example = "{\"token\": \"eyJ...\", \"secret\": \"s3cret\", "
	       "\"options\": {\"issuer\": \"me\"}}",
    .flags = TYPE_SECRET | TYPE_URGENT | TYPE_IDEMPOTENT,
    .timeout_ms = 5000,
    .fields = verify_fields,
    .run = verify_run,
};
