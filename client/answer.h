#ifndef MORO_CLIENT_ANSWER_H
#define MORO_CLIENT_ANSWER_H

struct moro;

/*
 * Takes all whole messages out of what was read and gives the answers to
 * those who asked. Callbacks run; the connection may end. Returns how many
 * answers there were.
 */
int answer_all(struct moro *m);

#endif
