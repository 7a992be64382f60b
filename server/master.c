#include "server/master.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/channel.h"
#include "server/config-keys.h"
#include "server/confine.h"
#include "server/dispatcher.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/now.h"
#include "server/process.h"
#include "server/reload.h"
#include "server/roster.h"
#include "server/user.h"
#include "server/users.h"
#include "worker/isolate.h"
#include "worker/module.h"
#include "worker/registry.h"

#define MASTER_STOP_GRACE_MS 500 /* for the last answers, then SIGKILL */
#define MASTER_SHORT_LIFE_MS 1000 /* of a dispatcher */
#define MASTER_PACE_MS 1000 /* before the next one, after a short life */

enum master_phase {
	MASTER_RUNNING,
	MASTER_DRAINING, /* accepted tasks are finished, no new ones */
	MASTER_STOPPING, /* all processes are on their way out */
};

struct master {
	const struct config *config;
	struct config *reloaded; /* the same, if it is not that of the start */
	struct listener listener;
	struct roster *roster;
	sigset_t signals;
	int signal_fd;
	int channel; /* to the dispatcher; -1: there is none */
	pid_t dispatcher; /* 0: there is none */
	uint64_t dispatcher_started; /* ms */
	uint64_t dispatcher_at; /* while there is none: ms, when to start it */
	enum master_phase phase;
	uint64_t deadline; /* of a phase that is not RUNNING: ms */
	bool at_once; /* while STOPPING: no task may clean up */
	bool announced; /* "ready" was said */
};

/* Sends the dispatcher a message with one number. */
static void
master_tell(struct master *m, enum message_type type, uint64_t n)
{
	struct message msg = {.type = type, .n = n};

	if (m->channel != -1 &&
	    channel_send(m->channel, &msg, NULL, 0, 0) == -1)
		log_debug("dispatcher is gone, ignoring: %s", strerror(errno));
}

/* The dispatcher's side of the fork; does not return. */
static _Noreturn void
master_child(struct master *m, int channel)
{
	int keep[] = {m->listener.fd, channel};
	struct dispatcher_setup setup = {
	    .config = m->config,
	    .listen_fd = m->listener.fd,
	    .socket_group = m->listener.group,
	    .channel = channel,
	};

	process_name("dispatcher");
	if (process_close_others(keep, 2) == -1)
		fatal("cannot close descriptors: %s", strerror(errno));
	isolate_environment();
	isolate_core();
	if (user_become() == -1)
		fatal("cannot become the user: %s", strerror(errno));
	module_exit_others(dispatcher_main(&setup));
}

/* Starts the dispatcher; a failure is tried again later. */
static void
master_start_dispatcher(struct master *m, uint64_t now)
{
	int pair[2];
	pid_t pid;

	if (channel_pair(pair) == -1) {
		log_error("cannot start the dispatcher: %s", strerror(errno));
		m->dispatcher_at = now + MASTER_PACE_MS;
		return;
	}
	module_before_fork();
	pid = process_fork();
	if (pid == 0)
		master_child(m, pair[1]);
	close(pair[1]);
	if (pid == -1) {
		log_error("cannot start the dispatcher: %s", strerror(errno));
		close(pair[0]);
		m->dispatcher_at = now + MASTER_PACE_MS;
		return;
	}
	roster_reset(m->roster);
	m->dispatcher = pid;
	m->dispatcher_started = now;
	m->channel = pair[0];
}

/*
 * Goes to the last phase: the dispatcher answers what is left, and exits. Tasks
 * that ask for it may clean up, unless it is to be `at_once`.
 */
static void
master_stop(struct master *m, bool at_once, uint64_t now)
{
	uint64_t grace = at_once ? 0 : m->config->cancel_grace_ms;

	if (m->phase == MASTER_STOPPING && (!at_once || m->at_once))
		return;
	m->phase = MASTER_STOPPING;
	m->at_once = at_once;
	m->deadline = now + grace + MASTER_STOP_GRACE_MS;
	roster_expect_exits(m->roster);
	master_tell(m, MSG_MASTER_STOP, at_once);
}

/*
 * Goes to the draining phase; from there on to the next: cancelling, and at
 * last killing.
 */
static void
master_drain(struct master *m, const char *why, uint64_t now)
{
	if (m->phase != MASTER_RUNNING) {
		log_info("%s: %s", why,
		    m->phase == MASTER_STOPPING ? "stopping at once"
						: "cancelling what runs");
		master_stop(m, m->phase == MASTER_STOPPING, now);
		return;
	}
	log_info("%s: finishing what is accepted", why);
	m->phase = MASTER_DRAINING;
	m->deadline = now + m->config->shutdown_timeout_ms;
	master_tell(m, MSG_MASTER_DRAIN, 0);
	if (m->dispatcher == 0)
		master_stop(m, true, now); /* nobody has accepted anything */
}

/* Reads the configuration again; a wrong one changes nothing. */
static void
master_reload(struct master *m)
{
	struct config *new;

	if (m->phase != MASTER_RUNNING) {
		/* who asked is answered all the same */
		master_tell(m, MSG_MASTER_RELOADED, 0);
		return;
	}
	new = reload_read(m->config, m->channel);
	if (new == NULL)
		return;
	if (new->log_level != m->config->log_level)
		log_set_level((enum log_level) new->log_level);
	roster_configure(m->roster, new);
	/* that of the start stays: but not what its keys were */
	config_keys_close((struct config *)(uintptr_t)m->config);
	m->config = new;
	if (m->reloaded != NULL)
		config_clear(m->reloaded);
	free(m->reloaded);
	m->reloaded = new;
}

/* Says once that morod is ready; on stderr whatever the log level is. */
static void
master_ready(struct master *m)
{
	if (m->announced) {
		log_info("the new dispatcher serves %s", m->config->socket);
		return;
	}
	m->announced = true;
	log_say(LEVEL_INFO, "ready on %s (%llu workers)", m->config->socket,
	    (unsigned long long)roster_wants(m->roster));
	confine_say_root(m->config);
	confine_say_modules();
}

static void
master_message(struct master *m, const struct message *msg, uint64_t now)
{
	switch (msg->type) {
	case MSG_DISPATCHER_READY:
		master_ready(m);
		break;
	case MSG_DISPATCHER_KILLED:
		roster_wanted(m->roster, msg->slot, msg->generation);
		break;
	case MSG_DISPATCHER_RELOAD:
		master_reload(m);
		break;
	case MSG_DISPATCHER_WANT:
		roster_want(m->roster, msg->slot, (enum channel_wish)msg->n,
		    now);
		break;
	case MSG_DISPATCHER_SHUTDOWN:
		if (m->phase == MASTER_RUNNING && msg->n == 0)
			master_drain(m, "shutdown by a client", now);
		else if (msg->n != 0)
			master_stop(m, false, now);
		break;
	case MSG_DISPATCHER_LOG_LEVEL:
		if (msg->n <= LEVEL_DEBUG)
			log_set_level((enum log_level)msg->n);
		break;
	case MSG_DISPATCHER_DRAINED:
		/* nothing is left to cancel: it ends, which may take a while */
		master_stop(m, false, now);
		break;
	default:
		log_error("message %d from the dispatcher, ignoring",
		    (int)msg->type);
		break;
	}
}

/*
 * The channel is at its end: the dispatcher is dead, on its way out, or hung.
 * Its death tells all else.
 */
static void
master_channel_ended(struct master *m)
{
	close(m->channel);
	m->channel = -1;
	if (m->phase != MASTER_STOPPING && m->dispatcher != 0)
		kill(m->dispatcher, SIGKILL);
}

/* Reads all that the dispatcher has sent. */
static void
master_read_channel(struct master *m, uint64_t now)
{
	struct message msg;
	int fds[FDPASS_MAX];
	size_t n;

	while (m->channel != -1) {
		int rc = channel_receive(m->channel, &msg, fds, &n);

		if (rc == -1 && errno == EAGAIN)
			return;
		if (rc <= 0) {
			master_channel_ended(m);
			return;
		}
		while (n > 0)
			close(fds[--n]); /* it has none to give */
		master_message(m, &msg, now);
	}
}

/*
 * The dispatcher died. Its workers belong to tasks whose callers are cut off:
 * they are killed and replaced together with it.
 */
static void
master_dispatcher_died(struct master *m, int status, uint64_t now)
{
	bool short_life = now - m->dispatcher_started < MASTER_SHORT_LIFE_MS;

	if (m->channel != -1)
		close(m->channel);
	m->channel = -1;
	if (m->phase != MASTER_RUNNING) {
		/* the workers see the end, and exit */
		master_stop(m, true, now);
		return;
	}
	roster_kill_all(m->roster);
	if (WIFSIGNALED(status))
		log_error("the dispatcher was killed by %s",
		    process_signal_name(WTERMSIG(status)));
	else
		log_error("the dispatcher exited with status %d",
		    WEXITSTATUS(status));
	m->dispatcher_at = now + (short_life ? MASTER_PACE_MS : 0);
}

/* Takes the deaths of all children that there are. */
static void
master_reap(struct master *m, uint64_t now)
{
	int status;
	pid_t pid;

	while ((pid = process_dead()) > 0) {
		/* what the dispatcher said of this death was sent before it */
		master_read_channel(m, now);
		status = process_reap(pid);
		if (pid == m->dispatcher) {
			m->dispatcher = 0; /* another may have its number now */
			master_dispatcher_died(m, status, now);
			continue;
		}
		roster_reaped(m->roster, pid, status, m->channel, now);
	}
}

static void
master_signal(struct master *m, int sig, uint64_t now)
{
	char why[32];

	if (sig == SIGCHLD) {
		master_reap(m, now);
		return;
	}
	if (sig == SIGHUP) {
		log_info("SIGHUP: reading the configuration again");
		master_reload(m);
		return;
	}
	if (sig == SIGTTIN || sig == SIGTTOU) {
		log_info("%s", process_signal_name(sig));
		master_tell(m, MSG_MASTER_SCALE,
		    (uint64_t)(sig == SIGTTIN ? 1 : -1));
		return;
	}
	snprintf(why, sizeof why, "%s", process_signal_name(sig));
	master_drain(m, why, now);
}

static void
master_read_signals(struct master *m, uint64_t now)
{
	struct signalfd_siginfo info;

	while (read(m->signal_fd, &info, sizeof info) == sizeof info)
		master_signal(m, (int)info.ssi_signo, now);
}

/* Does what has come due. */
static void
master_timers(struct master *m, uint64_t now)
{
	if (m->phase == MASTER_DRAINING && m->deadline <= now) {
		log_warning("tasks, or answers that are not taken, are left "
			    "after the shutdown timeout: cancelling");
		master_stop(m, false, now);
	}
	if (m->phase == MASTER_STOPPING) {
		if (m->deadline <= now) {
			if (m->dispatcher != 0)
				kill(m->dispatcher, SIGKILL);
			roster_kill_all(m->roster);
			m->deadline = now + MASTER_STOP_GRACE_MS;
		}
		return;
	}
	if (m->dispatcher == 0 && m->dispatcher_at <= now)
		master_start_dispatcher(m, now);
	if (m->dispatcher != 0)
		roster_fill(m->roster, m->channel, now);
}

/* Milliseconds until master_timers() has something to do; -1: never. */
static int
master_wait(const struct master *m, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	if (m->phase != MASTER_RUNNING)
		next = m->deadline;
	if (m->phase != MASTER_STOPPING) {
		uint64_t start = m->dispatcher == 0 ? m->dispatcher_at
						    : roster_next(m->roster);

		next = start < next ? start : next;
	}
	if (next == UINT64_MAX)
		return -1;
	next = next > now ? next - now : 0;
	return next < INT32_MAX ? (int)next : INT32_MAX;
}

/* Runs until all processes are gone. */
static void
master_loop(struct master *m)
{
	uint64_t now = now_ms();

	for (;;) {
		struct pollfd fds[2];

		master_timers(m, now);
		if (m->phase == MASTER_STOPPING && m->dispatcher == 0 &&
		    roster_alive(m->roster) == 0)
			return;
		fds[0] = (struct pollfd){m->signal_fd, POLLIN, 0};
		fds[1] = (struct pollfd){m->channel, POLLIN, 0};
		poll(fds, 2, master_wait(m, now));
		now = now_ms();
		if (fds[1].revents != 0)
			master_read_channel(m, now);
		if (fds[0].revents != 0)
			master_read_signals(m, now);
	}
}

/* Blocks the signals that are read from a descriptor. */
static int
master_signals(struct master *m)
{
	sigemptyset(&m->signals);
	sigaddset(&m->signals, SIGCHLD);
	sigaddset(&m->signals, SIGTERM);
	sigaddset(&m->signals, SIGINT);
	sigaddset(&m->signals, SIGHUP);
	sigaddset(&m->signals, SIGTTIN);
	sigaddset(&m->signals, SIGTTOU);
	if (sigprocmask(SIG_BLOCK, &m->signals, NULL) == -1)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	/* A parent that ignores SIGCHLD would leave us without statuses. */
	signal(SIGCHLD, SIG_DFL);
	m->signal_fd = signalfd(-1, &m->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signal_fd == -1 ? -1 : 0;
}

/* Lets the dispatcher have as many connections as the system allows. */
static void
master_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl); /* the old one will do: ignoring */
}

/* Opens the socket as the configuration has it. */
static int
master_listen(struct master *m)
{
	static const mode_t modes[] = {
	    [MODE_OWNER] = 0600,
	    [MODE_GROUP] = 0660,
	    [MODE_ALL] = 0666,
	};
	struct listener_place place = {
	    .path = m->config->socket,
	    .make_folder = m->config->default_socket,
	    .has_group = m->config->socket_group != NULL,
	    .mode = modes[m->config->socket_mode],
	};

	if (place.has_group) {
		users_group(m->config->socket_group, &place.group);
	} else if (user_group() != (gid_t)-1) {
		place.has_group = true;
		place.group = user_group();
	}
	return listener_open(&m->listener, &place);
}

int
master_main(const struct config *config)
{
	struct master m = {.config = config, .channel = -1};
	const char *why;

	process_name("master");
	master_descriptors();
	m.roster = roster_new(config);
	if (m.roster == NULL)
		fatal("out of memory");
	if (registry_init(&why) == -1)
		fatal("cannot set up the tasks: %s", why);
	if (!confine_make(config) || master_listen(&m) == -1) {
		roster_free(m.roster);
		return EXIT_FAILURE;
	}
	if (master_signals(&m) == -1)
		fatal("cannot read signals: %s", strerror(errno));
	master_loop(&m);
	listener_close(&m.listener);
	close(m.signal_fd);
	roster_free(m.roster);
	if (m.reloaded != NULL)
		config_clear(m.reloaded);
	free(m.reloaded);
	log_info("stopped");
	return EXIT_SUCCESS;
}
