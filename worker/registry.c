#include "worker/registry.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <sodium.h>

#include "proto/limit.h"
#include "proto/page.h"
#include "worker/call.h"
#include "worker/field.h"
#include "worker/module.h"
#include "worker/tasks/aead.h"
#include "worker/tasks/analytics.h"
#include "worker/tasks/compress.h"
#include "worker/tasks/debug.h"
#include "worker/tasks/decompress.h"
#include "worker/tasks/hash.h"
#include "worker/tasks/heavy.h"
#include "worker/tasks/keygen.h"
#include "worker/tasks/password.h"
#include "worker/tasks/random.h"
#include "worker/tasks/token.h"
#include "worker/tasks/transform.h"
#include "worker/wipe.h"

#define REGISTRY_LIMITS 5
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A limit of a type, as it is packed. */
struct registry_limit {
	const char *key;
	uint32_t value;
};

static const struct task_type *const registry_types[] = {
    &hash_type,
    &aead_encrypt_type,
    &aead_decrypt_type,
    &random_type,
    &keygen_type,
    &password_hash_type,
    &password_verify_type,
    &token_sign_type,
    &token_verify_type,
    &compress_type,
    &decompress_type,
    &transform_type,
    &analytics_type,
    &heavy_type,
    &debug_echo_type,
    &debug_sleep_type,
    &debug_spin_type,
    &debug_fail_type,
    &debug_crash_type,
    &debug_tally_type,
    &debug_print_type,
    &debug_allocate_type,
    &debug_fork_type,
    &debug_work_type,
};

/* Those of modules, behind the others. */
static const struct task_type *registry_added[PAGE_TYPES];
static size_t registry_n_added;

const struct task_type *
registry_at(size_t i)
{
	if (i < COUNT(registry_types))
		return registry_types[i];
	i -= COUNT(registry_types);
	return i < registry_n_added ? registry_added[i] : NULL;
}

/* Whether a name, which may be NULL, is the one that is looked for. */
static bool
registry_is(const char *known, const char *name, size_t len)
{
	return known != NULL && strlen(known) == len &&
	       memcmp(known, name, len) == 0;
}

const struct task_type *
registry_find(const char *name, size_t len)
{
	const struct task_type *type;

	for (size_t i = 0; (type = registry_at(i)) != NULL; i++) {
		if (registry_is(type->name, name, len) ||
		    registry_is(type->alias, name, len))
			return type;
	}
	return NULL;
}

/*
 * Whether a name can be a type's: one without a colon is a control method's,
 * and a longer one is refused before it is looked up.
 */
static bool
registry_is_name(const char *name)
{
	const char *colon = name != NULL ? strchr(name, ':') : NULL;

	return colon != NULL && colon > name && colon[1] != '\0' &&
	       strlen(name) <= LIMIT_METHOD_MAX;
}

/* Why a type cannot be one, or NULL. */
static const char *
registry_flaw(const struct task_type *type)
{
	if (!registry_is_name(type->name))
		return "a type's name is FAMILY:VERB";
	if (type->alias != NULL && !registry_is_name(type->alias))
		return "a type's alias is FAMILY:VERB, as its name";
	if (registry_find(type->name, strlen(type->name)) != NULL)
		return "there is a type of that name";
	if (type->alias != NULL &&
	    registry_find(type->alias, strlen(type->alias)) != NULL)
		return "there is a type of its alias's name";
	if (type->run == NULL)
		return "the type has no function";
	if (type->fields != NULL && field_count(type->fields) > CALL_FIELDS_MAX)
		return "the type has too many fields";
	if (COUNT(registry_types) + registry_n_added >= PAGE_TYPES)
		return "there are too many types";
	return NULL;
}

int
registry_add(const struct task_type *type, char *why, size_t size)
{
	const char *flaw = registry_flaw(type);

	if (flaw == NULL) {
		registry_added[registry_n_added++] = type;
		return 0;
	}
	snprintf(why, size, "%s: %s", type->name != NULL ? type->name : "?",
	    flaw);
	return -1;
}

unsigned int
registry_index(const struct task_type *type)
{
	unsigned int i = 0;

	while (registry_at(i) != type)
		i++;
	return i;
}

static void
registry_pack_str(msgpack_packer *pk, const char *text)
{
	msgpack_pack_str_with_body(pk, text, strlen(text));
}

/* Packs a key and its text; nothing when there is no text. */
static void
registry_pack_text(msgpack_packer *pk, const char *key, const char *text)
{
	if (text == NULL)
		return;
	registry_pack_str(pk, key);
	registry_pack_str(pk, text);
}

static void
registry_pack_bool(msgpack_packer *pk, const char *key, bool value)
{
	registry_pack_str(pk, key);
	if (value)
		msgpack_pack_true(pk);
	else
		msgpack_pack_false(pk);
}

/* Packs least and most, if they are checked. */
static void
registry_pack_range(msgpack_packer *pk, const struct field *f)
{
	if (f->min == 0 && f->max == 0)
		return;
	registry_pack_str(pk, "min");
	msgpack_pack_int64(pk, f->min);
	registry_pack_str(pk, "max");
	msgpack_pack_int64(pk, f->max);
}

static void
registry_pack_allowed(msgpack_packer *pk, const struct field *f)
{
	size_t n = 0;

	if (f->allowed == NULL)
		return;
	while (f->allowed[n] != NULL)
		n++;
	registry_pack_str(pk, "allowed");
	msgpack_pack_array(pk, n);
	for (size_t i = 0; i < n; i++)
		registry_pack_str(pk, f->allowed[i]);
}

/* The number of pairs that registry_pack_field() packs. */
static size_t
registry_field_pairs(const struct field *f)
{
	size_t n = 3; /* name, takes, required */

	n += f->alias != NULL ? 1 : 0;
	n += f->fallback != NULL ? 1 : 0;
	n += f->min != 0 || f->max != 0 ? 2 : 0;
	n += f->allowed != NULL ? 1 : 0;
	n += f->about != NULL ? 1 : 0;
	n += f->fields != NULL ? 1 : 0;
	return n;
}

/* Packs a table of fields; a map's own fields stand inside it. */
static void
registry_pack_fields(msgpack_packer *pk, const struct field *fields)
{
	char takes[FIELD_WORDS];

	registry_pack_str(pk, "fields");
	msgpack_pack_array(pk, field_count(fields));
	for (const struct field *f = fields; f->name != NULL; f++) {
		field_takes(f, takes, sizeof takes);
		msgpack_pack_map(pk, registry_field_pairs(f));
		registry_pack_text(pk, "name", f->name);
		registry_pack_text(pk, "alias", f->alias);
		registry_pack_text(pk, "takes", takes);
		registry_pack_bool(pk, "required", f->required);
		registry_pack_text(pk, "default", f->fallback);
		registry_pack_range(pk, f);
		registry_pack_allowed(pk, f);
		registry_pack_text(pk, "about", f->about);
		if (f->fields != NULL)
			registry_pack_fields(pk, f->fields);
	}
}

/* The limits that a type has, as keys and values. Returns how many. */
static size_t
registry_limits(const struct registry_rules *rules,
    struct registry_limit out[REGISTRY_LIMITS])
{
	const struct registry_limit limits[REGISTRY_LIMITS] = {
	    {"timeout", rules->timeout_ms},
	    {"runTimeout", rules->run_timeout_ms},
	    {"queueTimeout", rules->queue_timeout_ms},
	    {"maxRunning", rules->max_running},
	    {"maxQueued", rules->max_queued},
	};
	size_t n = 0;

	for (size_t i = 0; i < REGISTRY_LIMITS; i++) {
		if (limits[i].value != 0)
			out[n++] = limits[i];
	}
	return n;
}

static void
registry_pack_rules(msgpack_packer *pk, const struct registry_rules *rules,
    const struct registry_limit *limits, size_t n)
{
	registry_pack_text(pk, "pool", rules->pool);
	registry_pack_text(pk, "priority", rules->priority);
	for (size_t i = 0; i < n; i++) {
		registry_pack_str(pk, limits[i].key);
		msgpack_pack_uint32(pk, limits[i].value);
	}
}

void
registry_describe(const struct task_type *type,
    const struct registry_rules *rules, msgpack_packer *pk)
{
	struct registry_limit limits[REGISTRY_LIMITS];
	size_t n = rules != NULL ? registry_limits(rules, limits) : 0;
	size_t pairs =
	    7 + (type->fields != NULL ? 1 : 0) + (type->alias != NULL ? 1 : 0);

	msgpack_pack_map(pk, pairs + (rules != NULL ? 2 + n : 0));
	registry_pack_text(pk, "type", type->name);
	registry_pack_text(pk, "alias", type->alias);
	registry_pack_text(pk, "about", type->about);
	registry_pack_text(pk, "result", type->result);
	registry_pack_text(pk, "example", type->example);
	if (type->fields != NULL)
		registry_pack_fields(pk, type->fields);
	registry_pack_bool(pk, "idempotent",
	    (type->flags & TYPE_IDEMPOTENT) != 0);
	registry_pack_bool(pk, "softCancel",
	    (type->flags & TYPE_SOFT_CANCEL) != 0);
	registry_pack_bool(pk, "progress", (type->flags & TYPE_PROGRESS) != 0);
	if (rules != NULL)
		registry_pack_rules(pk, rules, limits, n);
}

static int
registry_init_sodium(void)
{
	return sodium_init() < 0 ? -1 : 0;
}

/* The configuration file is not read: what it may load is not foreseeable. */
static int
registry_init_openssl(void)
{
	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 ? 0
									   : -1;
}

/* Own randomness, because the library would open a file for it. */
static int
registry_init_json(void)
{
	uint32_t seed; /* of more, the library takes these bits alone */

	do
		randombytes_buf(&seed, sizeof seed);
	while (seed == 0); /* 0 means "choose one" */
	json_object_seed(seed);
	return 0;
}

static int
registry_init_wipe(void)
{
	wipe_install();
	return 0;
}

static int
registry_init_time(void)
{
	tzset();
	return 0;
}

/* What is done, in this order. */
static const struct {
	int (*init)(void);
	const char *why; /* what a failure means */
} registry_steps[] = {
    {registry_init_wipe, "the wiping allocator does not start"},
    {registry_init_sodium, "libsodium does not start"},
    {registry_init_openssl, "OpenSSL does not start"},
    {registry_init_json, "the JSON library does not start"},
    {registry_init_time, "the time zone cannot be read"},
    {analytics_init, "no random number for analytics:process"},
    {debug_init, "there is no memory"},
    {hash_init, "OpenSSL offers no SHA-256"},
    {keygen_init, "OpenSSL makes no key of P-256"},
    {token_init, "tokens cannot be signed and verified"},
    {aead_init, "OpenSSL offers no cipher of crypto:encrypt"},
    {heavy_init, "the table of computations is too small"},
};

int
registry_init(const char **why)
{
	_Static_assert(COUNT(registry_types) <= PAGE_TYPES,
	    "the page has a place for each");

	for (size_t i = 0; i < COUNT(registry_steps); i++) {
		if (registry_steps[i].init() < 0) {
			*why = registry_steps[i].why;
			return -1;
		}
	}
	return module_preload(why);
}
