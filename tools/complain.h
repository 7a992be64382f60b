#ifndef MORO_TOOLS_COMPLAIN_H
#define MORO_TOOLS_COMPLAIN_H

/* How moroctl ends when something went wrong. */

/* What moroctl exits with. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* the task failed, or its output was not written */
	EXIT_USAGE = 2, /* wrong options, arguments or input */
	EXIT_NO_SERVER = 3,
	EXIT_TIMEOUT = 4,
	EXIT_QUEUE_FULL = 5,
	EXIT_REFUSED = 6, /* any other refusal */
};

/* Prints the one line "moroctl: CODE: message" on stderr. */
void complain(const char *code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same under the code USAGE; gives EXIT_USAGE. */
int complain_usage(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* The same under the code OUTPUT; gives EXIT_FAILED. */
int complain_output(const char *what, int error);

#endif
