#include "server/config-parts.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_VAL 256 /* getopt's values of our options: no characters */
#define ARGS_NAME 64
#define IN_ARGS (IN_START | IN_SERVER)

/* Whether it may be given without a value. */
static bool
args_is_bare(const struct option_entry *e)
{
	return e->kind == OPTION_COMMAND || e->kind == OPTION_FLAG;
}

/* Fills getopt's table from ours; its last entry is left zero. */
static void
args_long_options(struct option *options)
{
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];

		if (!(e->where & IN_ARGS))
			continue;
		options->name = e->name;
		options->has_arg = required_argument;
		if (args_is_bare(e))
			options->has_arg = e->kind == OPTION_FLAG
					       ? optional_argument
					       : no_argument;
		/* each its own, or an abbreviation is not seen to be ambiguous */
		options->val = ARGS_VAL + (int)i;
		options++;
	}
}

/*
 * Finds the entry of a long option as it was typed, or NULL; and how many
 * options it may be an abbreviation of: 1 for a whole name.
 */
static const struct option_entry *
args_typed(const char *typed, int *n)
{
	const struct option_entry *found = NULL;
	size_t len = strcspn(typed, "=");

	*n = 0;
	if (len <= 2 || typed[0] != '-' || typed[1] != '-')
		return NULL;
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];

		if (!(e->where & IN_ARGS) ||
		    strncmp(typed + 2, e->name, len - 2) != 0)
			continue;
		if (found == NULL || e->name[len - 2] == '\0')
			found = e;
		if (e->name[len - 2] == '\0') {
			*n = 1;
			break;
		}
		(*n)++;
	}
	return found;
}

/* Says that an option is not known, and which one may be meant. */
static void
args_unknown(struct config_errors *errors, const char *typed)
{
	const char *typed_name;
	char name[ARGS_NAME];
	struct config_near near;

	typed_name = typed + strspn(typed, "-");
	snprintf(name, sizeof name, "%.*s", (int)strcspn(typed_name, "="),
	    typed_name);
	config_near_init(&near, name);
	if (typed[0] == '-' && typed[1] == '-')
		config_near_entries(&near, IN_ARGS);
	if (near.best != NULL)
		config_error(errors,
		    "unknown option %s; did you mean --%s? morod --help lists "
		    "them all",
		    typed, near.best);
	else
		config_error(errors,
		    "unknown option %s; morod --help lists them", typed);
}

/* Says why getopt refused an option. */
static void
args_refuse(struct config_errors *errors, const char *typed, bool missing)
{
	char takes[CONFIG_VALUE];
	int n;
	const struct option_entry *e = args_typed(typed, &n);

	if (n > 1) {
		config_error(errors,
		    "option %s may be one of several; morod --help lists them",
		    typed);
		return;
	}
	if (e == NULL) {
		args_unknown(errors, typed);
		return;
	}
	config_value_takes(e, takes, sizeof takes);
	config_error(errors, "--%s takes %s%s", e->name, takes,
	    missing ? ", and nothing was given" : "");
}

/* Stores what the command line or the environment says. */
static int
args_store(struct config *config, struct config_errors *errors,
    const struct option_entry *e, const char *text, enum config_from from)
{
	struct config_section s = config_section_server(config, e);
	struct config_origin origin = {.from = from};
	char takes[CONFIG_VALUE], name[ARGS_NAME];

	if (config_section_add(&s, e, text, from, 0) == 0)
		return 0;
	config_value_takes(e, takes, sizeof takes);
	config_error_origin(errors, e, &origin, name, sizeof name);
	config_error(errors, "%s takes %s, not \"%s\"", name, takes, text);
	return -1;
}

/* Reads the command line. */
static int
args_options(struct config *config, struct config_errors *errors)
{
	struct option options[CONFIG_KEYS_MAX + 1] = {0};
	int c;

	args_long_options(options);
	opterr = 0;
	optind = 0; /* anew: it may have been read before */
	while ((c = getopt_long(config->argc, config->argv, ":", options,
		    NULL)) != -1) {
		const struct option_entry *e;

		if (c < ARGS_VAL) {
			args_refuse(errors, config->argv[optind - 1], c == ':');
			return -1;
		}
		e = &config_table[c - ARGS_VAL];
		if (args_store(config, errors, e,
			optarg == NULL ? "yes" : optarg, FROM_ARGUMENTS) == -1)
			return -1;
	}
	if (optind < config->argc) {
		config_error(errors, "takes no argument, and \"%s\" was given",
		    config->argv[optind]);
		return -1;
	}
	return 0;
}

/* Reads the environment; an empty variable counts as not set. */
static int
args_environment(struct config *config, struct config_errors *errors)
{
	int rc = 0;

	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];
		char name[ARGS_NAME];
		const char *text;

		if (!(e->where & IN_ARGS) || e->kind == OPTION_COMMAND)
			continue;
		config_value_variable(e, name, sizeof name);
		text = getenv(name);
		if (text != NULL && text[0] != '\0' &&
		    args_store(config, errors, e, text, FROM_ENVIRONMENT) == -1)
			rc = -1;
	}
	return rc;
}

int
config_args_read(struct config *config, struct config_errors *errors)
{
	if (args_options(config, errors) == -1)
		return -1;
	return args_environment(config, errors);
}
