#ifndef MORO_WORKER_ISOLATE_H
#define MORO_WORKER_ISOLATE_H

/*
 * What a process that does tasks leaves behind when it begins: the terminal,
 * stdin, stdout and stderr of morod. Each ends the process where it cannot.
 */

/*
 * Leaves the terminal: its Ctrl-C is for the master, and nothing that a library
 * asks there must stop a worker. The process leads a group of its own then.
 */
void isolate_terminal(void);

/* Makes stdin /dev/null: nothing that a library asks can be answered. */
void isolate_input(void);

/*
 * Puts the pipe in the place of stdout and stderr. Our own lines go there too:
 * the dispatcher gives them a head, and has them for the obituary.
 */
void isolate_output(int pipe);

/*
 * Forgets the environment, which a caller's program might read (jq's `env`) and
 * a library might obey: but for the time zone, which local times need.
 */
void isolate_environment(void);

/* Leaves no core file: it would hold what callers entrusted to us. */
void isolate_core(void);

/*
 * Nothing of its memory can be had by others, not even by a program that takes
 * cores through a pipe: for which no limit counts.
 */
void isolate_dumps(void);

#endif
