/* What the table says of itself: --help, the default file, the page. */
#include "server/config-parts.h"

#include <ctype.h>
#include <string.h>

#define HELP_WIDTH 79
#define HELP_INDENT 28 /* where the meanings begin */
#define HELP_TEXT 1024

/* Writes words in lines; each but the first begins with `indent`. */
static void
help_wrap(FILE *out, const char *text, const char *indent, size_t column)
{
	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (column + 1 + len > HELP_WIDTH) {
			fprintf(out, "\n%s", indent);
			column = strlen(indent);
		} else {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)len, text);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

/* The default in words; NULL: there is none to tell. */
static const char *
help_default(const struct option_entry *e)
{
	return e->fallback != NULL ? e->fallback : e->otherwise;
}

static void
help_option(FILE *out, const struct option_entry *e)
{
	char left[HELP_INDENT + 8], text[HELP_TEXT], indent[HELP_INDENT];
	const char *value = help_default(e);
	char takes[CONFIG_VALUE] = "";

	snprintf(left, sizeof left, "  --%s%s%s", e->name,
	    e->metavar != NULL ? " " : "",
	    e->metavar != NULL ? e->metavar : "");
	if (e->kind == OPTION_CHOICE)
		config_value_takes(e, takes, sizeof takes);
	snprintf(text, sizeof text, "%s%s%s%s%s%s", e->about,
	    takes[0] != '\0' ? ": " : "", takes,
	    value != NULL ? " (default " : "", value != NULL ? value : "",
	    value != NULL ? ")" : "");
	memset(indent, ' ', sizeof indent);
	indent[HELP_INDENT - 1] = '\0';
	fprintf(out, "%-*s", HELP_INDENT - 2, left);
	help_wrap(out, text, indent, HELP_INDENT - 2);
}

void
config_help(FILE *out)
{
	fprintf(out,
	    "morod runs CPU-heavy tasks for other programs: it takes them "
	    "over a Unix\nsocket and hands them to worker processes. It "
	    "stays in the foreground.\n\nusage: morod [OPTION...]\n\n");
	for (size_t i = 0; i < config_table_n; i++) {
		if (config_table[i].where & (IN_START | IN_SERVER))
			help_option(out, &config_table[i]);
	}
	fprintf(out,
	    "\nSIZE is bytes, or with K, M or G; DUR is a number with ms, s, "
	    "m, h, d or w.\nAn option without a value takes =no as well. What "
	    "is not given is taken from\nthe environment (MORO_MAX_FRAME for "
	    "--max-frame), then from section [morod] of\nthe configuration "
	    "file; it may have sections [pool NAME], [task TYPE] and\n[module "
	    "NAME], too.\n"
	    "\nTry it:  morod --socket /tmp/m.sock --debug-tasks &\n"
	    "         moroctl --socket /tmp/m.sock hash README.md\n");
}

/* Writes a text as comment lines. */
static void
help_comment(FILE *out, const char *text)
{
	fputc('#', out);
	help_wrap(out, text, "# ", 1);
}

/* Writes a key with what it means, commented out. */
static void
help_key(FILE *out, const struct option_entry *e)
{
	char takes[CONFIG_VALUE], text[HELP_TEXT];

	config_value_takes(e, takes, sizeof takes);
	snprintf(text, sizeof text, "%s. Takes %s.%s", e->about, takes,
	    e->live ? "" : " Needs a restart.");
	text[0] = (char)toupper((unsigned char)text[0]);
	fputc('\n', out);
	help_comment(out, text);
	if (e->fallback == NULL) {
		snprintf(text, sizeof text, "Default: %s.", e->otherwise);
		help_comment(out, text);
	}
	fprintf(out, "#%s =%s%s\n", e->name, e->fallback != NULL ? " " : "",
	    e->fallback != NULL ? e->fallback : "");
}

static void
help_keys(FILE *out, unsigned int where)
{
	for (size_t i = 0; i < config_table_n; i++) {
		if (config_table[i].where & where)
			help_key(out, &config_table[i]);
	}
}

void
config_help_file(FILE *out)
{
	fprintf(out,
	    "# morod.conf: all keys with their defaults. A key counts when the "
	    "# before it\n# is taken away; what stands behind a blank and a "
	    "semicolon is a comment, too.\n# morod --check-config says what is "
	    "wrong with it.\n\n"
	    "[" CONFIG_SECTION_SERVER "]\n");
	help_keys(out, IN_SERVER);
	fprintf(out,
	    "\n# A pool: its workers do the tasks that are sent to it. What is "
	    "not said here\n# is as in [" CONFIG_SECTION_SERVER
	    "]. The pool \"" CONFIG_POOL_DEFAULT "\" is always there.\n"
	    "#[" CONFIG_SECTION_POOL " " CONFIG_POOL_DEFAULT "]\n");
	help_keys(out, IN_POOL);
	fprintf(out,
	    "\n# A type of task.\n#[" CONFIG_SECTION_TASK " crypto:hash]\n");
	help_keys(out, IN_TASK);
	fprintf(out, "\n# A module with more types of task: this section loads "
		     "it.\n#[" CONFIG_SECTION_MODULE " image]\n");
	help_keys(out, IN_MODULE);
	fprintf(out, "\n# A key that tasks use by its name.\n"
		     "#[" CONFIG_SECTION_KEY " session]\n");
	help_keys(out, IN_KEY);
}

/* Writes a row of the reference page. */
static void
help_row(FILE *out, const struct option_entry *e, unsigned int where)
{
	const char *dashes = where & (IN_START | IN_SERVER) ? "--" : "";
	const char *value = help_default(e);
	const char *reload = e->live ? "live" : "restart";
	char takes[CONFIG_VALUE];

	config_value_takes(e, takes, sizeof takes);
	fprintf(out, "| `%s%s%s%s` | %s | %s | %s | %s%s%s |\n", dashes,
	    e->name, e->metavar != NULL ? " " : "",
	    e->metavar != NULL ? e->metavar : "", takes,
	    value != NULL ? value : "", where & IN_START ? "" : reload,
	    e->about, e->more != NULL ? ". " : "",
	    e->more != NULL ? e->more : "");
}

static void
help_table(FILE *out, unsigned int where)
{
	fprintf(out, "\n| key | takes | default | reload | meaning |\n"
		     "|---|---|---|---|---|\n");
	for (size_t i = 0; i < config_table_n; i++) {
		if (config_table[i].where & where)
			help_row(out, &config_table[i], where);
	}
}

void
config_help_page(FILE *out)
{
	fprintf(out,
	    "# morod: options and configuration\n\n"
	    "Made from the table in server/config-table.c; "
	    "[MOROD.md](MOROD.md#configuration) says how the file is read.\n\n"
	    "SIZE is a number of bytes, or one with K, M or G (powers of "
	    "1,024). DUR is a number with ms, s, m, h, d or w, at most\n"
	    "2^32 - 1 ms. \"reload\" says whether SIGHUP changes the value, or "
	    "a restart is needed.\n\n"
	    "## The server\n\n"
	    "Each is an option, a variable (`--max-frame` is "
	    "`MORO_MAX_FRAME`) and a key of section `[morod]`.\n");
	help_table(out, IN_SERVER);
	fprintf(out, "\nThese are no keys of the file:\n");
	help_table(out, IN_START);
	fprintf(out, "\n## `[pool NAME]`\n\n"
		     "What is not said is as in `[morod]`.\n");
	help_table(out, IN_POOL);
	fprintf(out, "\n## `[task TYPE]`\n");
	help_table(out, IN_TASK);
	fprintf(out,
	    "\n## `[module NAME]`\n\n"
	    "The section loads the module, as `--module NAME` does.\n");
	help_table(out, IN_MODULE);
	fprintf(out, "\n## `[key NAME]`\n\n"
		     "A key that tasks use by its name: see [named keys]"
		     "(MOROD.md#named-keys).\n");
	help_table(out, IN_KEY);
}
