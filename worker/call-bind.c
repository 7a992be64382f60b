/* call_bind(): a map's pairs against a table of fields. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "worker/call.h"
#include "worker/field.h"

#define BIND_NAME 64 /* bytes of a name in an error, its NUL included */
#define BIND_LIST 240 /* bytes of the list of fields in an error */

/* Gives a field's name as errors spell it: prefix and name. */
static void
bind_name(char *out, size_t size, const char *prefix, const char *name)
{
	snprintf(out, size, "%s%s", prefix, name);
}

/* The place of the field that a key names, or -1. */
static int
bind_find(const struct field *fields, const msgpack_object *key)
{
	for (int i = 0; fields[i].name != NULL; i++) {
		if (call_is(key, fields[i].name))
			return i;
		if (fields[i].alias != NULL && call_is(key, fields[i].alias))
			return i;
	}
	return -1;
}

/* Writes the names of all fields: "input, algorithm". */
static void
bind_list(const struct field *fields, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; fields[i].name != NULL && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s",
		    i == 0 ? "" : ", ", fields[i].name);
}

/*
 * Tells what was given. Where a type's data are secret, a number in place of
 * text is not told: it may be a password of digits. One that a field takes
 * numbers for is none, and is. NULL: no field takes the value.
 */
static void
bind_given(const struct call *call, const struct field *f,
    const msgpack_object *value, char *out, size_t size)
{
	bool number = f != NULL && (f->kinds & FIELD_NUMBER) != 0;

	if ((call->type->flags & TYPE_SECRET) != 0 && !number)
		field_given_kind(value, out, size);
	else
		field_given(value, out, size);
}

/* Refuses a key that no field has. */
static int
bind_unknown(struct call *call, const struct field *fields,
    const msgpack_object *key, const char *prefix)
{
	char list[BIND_LIST], name[BIND_NAME], full[2 * BIND_NAME];

	bind_list(fields, list, sizeof list);
	if ((field_kind(key) & FIELD_TEXT) == 0) {
		bind_given(call, NULL, key, name, sizeof name);
		return call_invalid(call, name,
		    "a field's name is a string, not %s; known are: %s", name,
		    list);
	}
	call_text(key, name, sizeof name);
	bind_name(full, sizeof full, prefix, name);
	return call_invalid(call, full, "unknown field \"%s\"; %s takes: %s",
	    full, prefix[0] != '\0' ? "the map" : call->type->name, list);
}

/* Refuses a field that stands in the map twice, maybe by two names. */
static int
bind_duplicate(struct call *call, const struct field *f, const char *name)
{
	if (f->alias == NULL)
		return call_invalid(call, name, "%s is given twice", name);
	return call_invalid(call, name, "%s is given twice (%s is the same)",
	    name, f->alias);
}

/* Refuses a string that is not in the field's list. */
static int
bind_not_allowed(struct call *call, const struct field *f, const char *name,
    const msgpack_object *value)
{
	char takes[FIELD_WORDS], given[BIND_NAME];

	field_takes(f, takes, sizeof takes);
	call_text(value, given, sizeof given);
	return call_invalid(call, name, "Unknown %s \"%s\": %s takes %s",
	    f->noun != NULL ? f->noun : name, given, name, takes);
}

/*
 * Bytes where only text is meant count as text: clients exist that send all
 * strings so (proto/PROTOCOL.md, section 2). The value is the call's own, and
 * from here on it is the string that it stands for.
 */
static void
bind_as_text(const struct field *f, const msgpack_object *value)
{
	msgpack_object *own = (msgpack_object *)(uintptr_t)value;
	msgpack_object_bin bin = value->via.bin;

	if (value->type != MSGPACK_OBJECT_BIN ||
	    (f->kinds & FIELD_TEXT) != FIELD_STR)
		return;
	own->type = MSGPACK_OBJECT_STR;
	own->via.str.size = bin.size;
	own->via.str.ptr = bin.ptr;
}

/* A range of a file, where bytes are meant: checks it, or reads it. */
static int
bind_range(struct call *call, const struct field *f, const char *prefix,
    const msgpack_object *value)
{
	char name[2 * BIND_NAME];
	struct range range;

	bind_name(name, sizeof name, prefix, f->name);
	if (f->streams)
		return files_check(call, name, value, &range);
	return files_load(call, name, (msgpack_object *)(uintptr_t)value);
}

/* Refuses a map that names no key. */
static int
bind_no_key(struct call *call, const char *name, const char *what)
{
	return call_invalid(call, name,
	    "%s takes a map with the name of a key, and its version where it "
	    "must be that one: {\"name\": \"session\"}; %s",
	    name, what);
}

/* Reads the map that stands for a key. */
static int
bind_key_map(struct call *call, const char *name, const msgpack_object *map,
    const msgpack_object **key, const msgpack_object **version)
{
	*key = *version = NULL;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];
		const msgpack_object **to = call_is(&kv->key, "name") ? key
					    : call_is(&kv->key, "version")
						? version
						: NULL;

		if (to == NULL || *to != NULL)
			return bind_no_key(call, name,
			    to == NULL ? "it has another field"
				       : "it has a field twice");
		if ((field_kind(&kv->val) & FIELD_TEXT) == 0)
			return bind_no_key(call, name, "both are strings");
		*to = &kv->val;
	}
	return *key != NULL ? 0 : bind_no_key(call, name, "it has no name");
}

/* Chooses the version. */
static int
bind_key_version(struct call *call, const char *name,
    const msgpack_object *version)
{
	const struct keyring_key *key = call->key;
	size_t len;
	const uint8_t *text;

	call->version = &key->versions[0];
	call->pinned = version != NULL;
	if (version == NULL)
		return 0;
	text = call_bytes(version, &len);
	call->version = keyring_version_text(key, (const char *)text, len);
	if (call->version != NULL)
		return 0;
	return call_invalid(call, name,
	    "%s names a version that key \"%s\" does not have; method keys "
	    "lists them",
	    name, key->name);
}

/* A map in place of a key: finds the key that it names. */
static int
bind_key(struct call *call, const struct field *f, const char *prefix,
    const msgpack_object *map, const msgpack_object **arg)
{
	const msgpack_object *key, *version;
	char name[2 * BIND_NAME], given[BIND_NAME];
	size_t len;

	bind_name(name, sizeof name, prefix, f->name);
	if (bind_key_map(call, name, map, &key, &version) < 0)
		return -1;
	call_text(key, given, sizeof given);
	call_bytes(key, &len);
	call->key = len < sizeof given ? keyring_find(given, len) : NULL;
	if (call->key == NULL)
		return call_invalid(call, name,
		    "%s names the key \"%s\", which this server does not "
		    "have; method keys lists them",
		    name, given);
	if (!keyring_allows(call->key, call->type->name))
		return call_invalid(call, name,
		    "%s names the key \"%s\", which is not for %s (types in "
		    "the section of the key)",
		    name, given, call->type->name);
	if (bind_key_version(call, name, version) < 0)
		return -1;
	*arg = &call->version->value;
	/* how long it is is nobody's business */
	if (field_in_range(f, *arg))
		return 0;
	return call_invalid(call, name,
	    "%s names the key \"%s\", which is not as long as %s takes them",
	    name, given, call->type->name);
}

/* Checks a value against its field. */
static int
bind_check(struct call *call, const struct field *f, const char *prefix,
    const msgpack_object *value)
{
	char takes[FIELD_WORDS], given[FIELD_WORDS], name[2 * BIND_NAME];

	if ((f->kinds & FIELD_BIN) != 0 && files_is_range(value)) {
		if (bind_range(call, f, prefix, value) < 0)
			return -1;
		if (f->streams)
			return 0;
	}
	if (field_takes_kind(f, value) && field_in_range(f, value) &&
	    field_allows(f, value))
		return 0;
	bind_name(name, sizeof name, prefix, f->name);
	if (field_takes_kind(f, value) && f->allowed != NULL)
		return bind_not_allowed(call, f, name, value);
	field_takes(f, takes, sizeof takes);
	bind_given(call, f, value, given, sizeof given);
	return call_invalid(call, name, "%s takes %s, not %s", name, takes,
	    given);
}

/* Refuses the first required field that is not there. */
static int
bind_missing(struct call *call, const struct field *fields, const char *prefix,
    const msgpack_object **args)
{
	char takes[FIELD_WORDS], name[2 * BIND_NAME];

	for (size_t i = 0; fields[i].name != NULL; i++) {
		if (!fields[i].required || args[i] != NULL)
			continue;
		bind_name(name, sizeof name, prefix, fields[i].name);
		field_takes(&fields[i], takes, sizeof takes);
		return call_refuse(call, name, takes, NULL);
	}
	return 0;
}

/* Refuses data that is no map at all. */
static int
bind_not_map(struct call *call, const struct field *fields,
    const msgpack_object *given, const char *prefix)
{
	char list[BIND_LIST], words[FIELD_WORDS], name[BIND_NAME];

	/* "options." without its point is the name of the map itself */
	snprintf(name, sizeof name, "%.*s",
	    prefix[0] != '\0' ? (int)strlen(prefix) - 1 : 4,
	    prefix[0] != '\0' ? prefix : "data");
	bind_list(fields, list, sizeof list);
	bind_given(call, NULL, given, words, sizeof words);
	return call_invalid(call, name,
	    "%s takes a map, not %s; its fields are: %s", name, words, list);
}

int
call_bind(struct call *call, const struct field *fields,
    const msgpack_object *map, const char *prefix, const msgpack_object **args)
{
	char name[2 * BIND_NAME];

	memset(args, 0, field_count(fields) * sizeof args[0]);
	if (map->type != MSGPACK_OBJECT_MAP)
		return bind_not_map(call, fields, map, prefix);
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];
		int at = bind_find(fields, &kv->key);

		if (at < 0)
			return bind_unknown(call, fields, &kv->key, prefix);
		if (args[at] != NULL) {
			bind_name(name, sizeof name, prefix, fields[at].name);
			return bind_duplicate(call, &fields[at], name);
		}
		if (fields[at].named && kv->val.type == MSGPACK_OBJECT_MAP) {
			if (bind_key(call, &fields[at], prefix, &kv->val,
				&args[at]) < 0)
				return -1;
			continue;
		}
		bind_as_text(&fields[at], &kv->val);
		if (bind_check(call, &fields[at], prefix, &kv->val) < 0)
			return -1;
		args[at] = &kv->val;
	}
	return bind_missing(call, fields, prefix, args);
}
