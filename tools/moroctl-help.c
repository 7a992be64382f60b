#include "tools/moroctl-help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/complain.h"
#include "tools/moroctl-options.h"

#define HELP_INDENT 24 /* columns before what an option does */
#define HELP_NAME 17 /* columns of a command's name */

/* The options that every command takes: those of the simplest one. */
#define HELP_GLOBAL (ctl_commands[0].takes)

/* Prints text of several lines, the later ones indented. */
static void
help_text(FILE *out, const char *text, int indent)
{
	for (; *text != '\0'; text++) {
		fputc(*text, out);
		if (*text == '\n')
			fprintf(out, "%*s", indent, "");
	}
	fputc('\n', out);
}

/* Prints one option. */
static void
help_option(FILE *out, const struct ctl_option_row *row)
{
	char left[HELP_INDENT * 2];
	int n;

	n = snprintf(left, sizeof left, "  %c%c --%s%s%s",
	    row->letter != 0 ? '-' : ' ', row->letter != 0 ? row->letter : ' ',
	    row->name, row->takes != NULL ? " " : "",
	    row->takes != NULL ? row->takes : "");
	fprintf(out, "%-*s", HELP_INDENT - 1, left);
	if (n >= HELP_INDENT - 1)
		fprintf(out, "\n%*s", HELP_INDENT - 1, "");
	fputc(' ', out);
	help_text(out, row->about, HELP_INDENT);
}

/* Prints the options of a set. */
static void
help_options(FILE *out, const char *title, ctl_options_set set)
{
	if (set == 0)
		return;
	fprintf(out, "\n%s:\n", title);
	for (int i = 0; i < CTL_OPTION_N; i++) {
		if (set & CTL_BIT(i))
			help_option(out, &ctl_options[i]);
	}
}

/* Flushes, and complains when what was printed did not arrive. */
static int
help_done(void)
{
	if (fflush(stdout) == 0)
		return EXIT_DONE;
	return complain_output("standard output", errno);
}

int
help_version(void)
{
	printf("moroctl %s\n", moro_version());
	return help_done();
}

int
help_all(void)
{
	FILE *out = stdout;

	fputs("usage: moroctl [OPTIONS] COMMAND [ARGUMENTS] [OPTIONS]\n\n"
	      "commands:\n",
	    out);
	for (const struct ctl_command *k = ctl_commands; k->name != NULL; k++)
		fprintf(out, "  %-*s%s\n", HELP_NAME, k->name, k->about);
	help_options(out, "options of all commands", HELP_GLOBAL);
	fputs("\nexit codes: 0 done, 1 the task failed, 2 usage, 3 no server, "
	      "4 TIMEOUT,\n5 QUEUE_FULL, 6 any other refusal\n"
	      "\nexample: moroctl hash 'some text'\n"
	      "moroctl COMMAND --help says more about each.\n",
	    out);
	return help_done();
}

bool
help_group(const char *word, int *rc)
{
	size_t len = strlen(word);
	bool any = false;

	for (const struct ctl_command *k = ctl_commands; k->name != NULL; k++) {
		if (strncmp(k->name, word, len) != 0 || k->name[len] != ' ')
			continue;
		printf("  %-*s%s\n", HELP_NAME, k->name, k->about);
		any = true;
	}
	if (any)
		*rc = help_done();
	return any;
}

int
help_command(const struct ctl_command *k)
{
	FILE *out = stdout;

	fprintf(out, "usage: moroctl %s%s%s [OPTIONS]\n\n%s\n", k->name,
	    k->arguments[0] != '\0' ? " " : "", k->arguments, k->about);
	if (k->more != NULL)
		fprintf(out, "\n%s\n", k->more);
	fprintf(out, "\nexample: %s\n", k->example);
	help_options(out, "options", k->takes & ~HELP_GLOBAL);
	help_options(out, "options of all commands", HELP_GLOBAL);
	return help_done();
}
