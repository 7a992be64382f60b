#include "proto/code.h"

#include <string.h>

static const struct {
	const char *name;
	bool retryable;
	bool from_worker;
} codes[CODE_N] = {
    [CODE_NONE] = {"NONE", false, false},
    [CODE_TIMEOUT] = {"TIMEOUT", true, false},
    [CODE_QUEUE_FULL] = {"QUEUE_FULL", true, false},
    [CODE_WORKER_ERROR] = {"WORKER_ERROR", false, true},
    [CODE_CANCELLED] = {"CANCELLED", false, false},
    [CODE_UNKNOWN_TASK] = {"UNKNOWN_TASK", false, true},
    [CODE_UNKNOWN_METHOD] = {"UNKNOWN_METHOD", false, false},
    [CODE_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", false, true},
    [CODE_INVALID_OPTION] = {"INVALID_OPTION", false, false},
    [CODE_TOO_LARGE] = {"TOO_LARGE", false, true},
    [CODE_DUPLICATE_ID] = {"DUPLICATE_ID", false, false},
    [CODE_NOT_FOUND] = {"NOT_FOUND", false, true},
    [CODE_UNSUPPORTED] = {"UNSUPPORTED", false, true},
    [CODE_PERMISSION_DENIED] = {"PERMISSION_DENIED", false, true},
    [CODE_SHUTTING_DOWN] = {"SHUTTING_DOWN", true, false},
    [CODE_PROTOCOL_ERROR] = {"PROTOCOL_ERROR", false, false},
    [CODE_INTERNAL] = {"INTERNAL", false, true},
};

const char *
code_name(enum code code)
{
	return codes[code < CODE_N ? code : CODE_NONE].name;
}

enum code
code_parse(const char *name, size_t len)
{
	for (int i = CODE_NONE + 1; i < CODE_N; i++) {
		if (strlen(codes[i].name) == len &&
		    memcmp(codes[i].name, name, len) == 0)
			return (enum code)i;
	}
	return CODE_NONE;
}

bool
code_retryable(enum code code)
{
	return code < CODE_N && codes[code].retryable;
}

bool
code_from_worker(enum code code)
{
	return code < CODE_N && codes[code].from_worker;
}
