/* The configuration in force, as a file that makes it again. */
#include "server/config-parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "worker/type.h"

#define TEXT_NAME 64
#define TEXT_LINE 180 /* a line of the file may have a little more */

/* Where a value is from, as a comment. */
static void
text_origin(const struct option_entry *e, const struct config_origin *origin,
    char *out, size_t size)
{
	char name[TEXT_NAME];

	switch (origin->from) {
	case FROM_DEFAULT:
		snprintf(out, size, "default");
		break;
	case FROM_SERVER:
		snprintf(out, size, "line %u, of [" CONFIG_SECTION_SERVER "]",
		    origin->line);
		break;
	case FROM_FILE:
		snprintf(out, size, "line %u", origin->line);
		break;
	case FROM_ENVIRONMENT:
		config_value_variable(e, name, sizeof name);
		snprintf(out, size, "environment, %s", name);
		break;
	case FROM_ARGUMENTS:
		snprintf(out, size, "command line, --%s", e->name);
		break;
	}
}

/* Whether it is a pool's key, and the pool is one that programs dial in to. */
static bool
text_is_ours(const struct config_section *s, const struct option_entry *e)
{
	const struct pool_config *p = s->base;

	return s->where == IN_POOL && e->ours && p->serve != NULL;
}

/*
 * Whether a value is only told of. Said in a file, what a type has of its own
 * would hold for tasks with files, too; and what is for programs alone, or not
 * for those that dial in, would be refused.
 */
static bool
text_is_told(const struct config_section *s, const struct option_entry *e)
{
	const struct config_origin *origin = config_section_origin(s, e);

	if (text_is_ours(s, e))
		return true;
	return origin->from == FROM_DEFAULT &&
	       (s->where == IN_TASK || e->program);
}

/* Writes a list that is too long for a line as several. */
static void
text_list(FILE *out, const struct option_entry *e, const char *value)
{
	while (*value != '\0') {
		size_t len = strcspn(value, ",");

		fprintf(out, "%s = %.*s\n", e->name, (int)len, value);
		value += len + (value[len] == ',');
	}
}

/* Writes one key. */
static void
text_key(FILE *out, const struct config_section *s,
    const struct option_entry *e)
{
	const struct config_origin *origin = config_section_origin(s, e);
	bool told = text_is_told(s, e);
	char value[PATH_MAX], from[CONFIG_VALUE];

	config_value_text(config_section_value(s, e), e, value, sizeof value);
	text_origin(e, origin, from, sizeof from);
	if (strlen(e->name) + strlen(value) + strlen(from) > TEXT_LINE) {
		fprintf(out, "# %s\n", from);
		if (e->list)
			text_list(out, e, value);
		else
			fprintf(out, "%s = %s\n", e->name, value);
		return;
	}
	fprintf(out, "%s%s = %s ; %s\n", told || value[0] == '\0' ? "#" : "",
	    e->name, value, from);
}

static void
text_section(FILE *out, const struct config_section *s)
{
	for (size_t i = 0; i < config_table_n; i++) {
		if (config_table[i].where & s->where)
			text_key(out, s, &config_table[i]);
	}
}

static void
text_server(FILE *out, struct config *config)
{
	fprintf(out, "[" CONFIG_SECTION_SERVER "]\n");
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];
		struct config_section s = config_section_server(config, e);

		if (e->where & IN_SERVER)
			text_key(out, &s, e);
	}
}

/* Whether a type is shown: debug types are when they are offered or set. */
static bool
text_shows(const struct config *config, const struct task_config *t)
{
	return config->debug_tasks || t->line != 0 ||
	       !(t->type->flags & TYPE_DEBUG);
}

/* Writes it all; nothing of the configuration is changed. */
static void
text_write(FILE *out, struct config *config)
{
	fprintf(out, "# morod " MORO_VERSION ": the configuration in force\n");
	if (config->file_read)
		fprintf(out, "# lines are those of %s\n",
		    config->file != NULL ? config->file : CONFIG_FILE);
	fputc('\n', out);
	text_server(out, config);
	for (size_t i = 0; i < config->n_pools; i++) {
		struct config_section s =
		    config_section_pool(&config->pools[i]);

		fprintf(out, "\n[" CONFIG_SECTION_POOL " %s]\n",
		    config->pools[i].name);
		text_section(out, &s);
	}
	for (size_t i = 0; i < config->n_modules; i++) {
		struct config_section s =
		    config_section_module(&config->modules[i]);

		fprintf(out, "\n[" CONFIG_SECTION_MODULE " %s]\n",
		    config->modules[i].name);
		text_section(out, &s);
	}
	for (size_t i = 0; i < config->n_keys; i++) {
		struct config_section s = config_section_key(&config->keys[i]);

		fprintf(out, "\n[" CONFIG_SECTION_KEY " %s]\n",
		    config->keys[i].name);
		text_section(out, &s);
	}
	for (size_t i = 0; i < config->n_tasks; i++) {
		struct task_config *t = &config->tasks[i];
		struct config_section s = config_section_task(t);

		if (!text_shows(config, t))
			continue;
		fprintf(out, "\n[" CONFIG_SECTION_TASK " %s]\n",
		    config_task_name(t));
		text_section(out, &s);
	}
}

char *
config_text(const struct config *config)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool failed;

	if (out == NULL)
		return NULL;
	/* a section is a place to write to as well, and is read here alone */
	text_write(out, (struct config *)(uintptr_t)config);
	failed = ferror(out) != 0;
	if (fclose(out) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}
