#include "server/config-parts.h"

#include <stdlib.h>
#include <string.h>

struct config_section
config_section_server(struct config *config, const struct option_entry *e)
{
	struct config_section s = {
	    .where = IN_SERVER,
	    .base = config,
	    .origins = config->origins,
	};

	if (e->where & IN_POOL) {
		s.base = &config->pool;
		s.origins = config->pool.origins;
	}
	return s;
}

struct config_section
config_section_pool(struct pool_config *p)
{
	struct config_section s = {IN_POOL, p, p->origins};

	return s;
}

struct config_section
config_section_task(struct task_config *t)
{
	struct config_section s = {IN_TASK, t, t->origins};

	return s;
}

struct config_section
config_section_module(struct module_config *m)
{
	struct config_section s = {IN_MODULE, m, m->origins};

	return s;
}

struct config_section
config_section_key(struct key_config *k)
{
	struct config_section s = {IN_KEY, k, k->origins};

	return s;
}

void
config_section_clear(const struct config_section *s)
{
	for (size_t i = 0; i < config_table_n; i++) {
		const struct option_entry *e = &config_table[i];

		if (e->where & s->where)
			config_value_clear(config_section_value(s, e), e);
	}
}

void *
config_section_value(const struct config_section *s,
    const struct option_entry *e)
{
	return (char *)s->base + e->offset;
}

struct config_origin *
config_section_origin(const struct config_section *s,
    const struct option_entry *e)
{
	return &s->origins[e - config_table];
}

/* Whether the entry takes a text: it is read to a place of no consequence. */
static int
section_try(const struct option_entry *e, const char *text)
{
	union {
		bool flag;
		uint64_t number;
		struct config_range range;
		char *text;
	} scratch = {.range = {0, 0}};
	int rc = config_value_parse(&scratch, e, text);

	config_value_clear(&scratch, e);
	return rc;
}

int
config_section_set(const struct config_section *s, const struct option_entry *e,
    const char *text, enum config_from from, unsigned int line)
{
	struct config_origin *origin = config_section_origin(s, e);

	if (line != 0)
		origin->line = line;
	if (origin->from > from)
		return section_try(e, text);
	if (config_value_parse(config_section_value(s, e), e, text) == -1)
		return -1;
	origin->from = from;
	return 0;
}

/* Has a list more words. Returns 0, or -1: it does not take them. */
static int
section_append(const struct config_section *s, const struct option_entry *e,
    const char *text, enum config_from from, unsigned int line)
{
	char *const *before = config_section_value(s, e);
	char *both;
	int rc;

	if (asprintf(&both, "%s,%s", *before, text) == -1)
		return -1;
	rc = config_section_set(s, e, both, from, line);
	free(both);
	return rc;
}

int
config_section_add(const struct config_section *s, const struct option_entry *e,
    const char *text, enum config_from from, unsigned int line)
{
	const struct config_origin *origin = config_section_origin(s, e);

	if (e->list && origin->from == from)
		return section_append(s, e, text, from, line);
	return config_section_set(s, e, text, from, line);
}
