"""The command that is tested: started through the shell, in a session of its own, and ended for certain."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time

CANNOT_RUN = (126, 127)  # what the shell ends with when there is no such program
_TAIL = 1500  # characters of its stderr that are shown
_READ = 1 << 16


class Command:
    """A running command; what it says on stderr is kept."""

    def __init__(self, words, env, stdin=subprocess.DEVNULL, stdout=None, pass_fds=()):
        self.stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", words], env={**os.environ, **env}, stdin=stdin,
            stdout=self.stderr if stdout is None else stdout, stderr=self.stderr, pass_fds=pass_fds,
            start_new_session=True,
        )

    def wait(self, seconds):
        """Its exit status; None: it has not ended by then."""
        try:
            return self.process.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            return None

    def said(self):
        """The last of what it wrote to stderr."""
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")[-_TAIL:].strip()

    def end(self):
        """Ends it and what it has started: nothing else is in its group."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self.stderr.close()


class Driver(Command):
    """A command that takes instructions and tells outcomes, a line of JSON each."""

    def __init__(self, words, env):
        super().__init__(words, env, subprocess.PIPE, subprocess.PIPE)
        os.set_blocking(self.process.stdin.fileno(), False)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.outcomes = []
        self.ended = False
        self._line = bytearray()

    def fileno(self):
        return self.process.stdout.fileno()

    def tell(self, instruction, until):
        """Gives what is wrong, or None."""
        view = memoryview(json.dumps(instruction).encode() + b"\n")
        while view:
            left = until - time.monotonic()
            if left <= 0:
                return "the driver does not read its instructions"
            select.select([], [self.process.stdin], [], left)
            try:
                view = view[os.write(self.process.stdin.fileno(), view):]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return "the driver has ended"
        return None

    def read(self):
        """Takes what it has written. Raises ValueError for a line that is no outcome."""
        try:
            data = os.read(self.fileno(), _READ)
        except BlockingIOError:
            return
        if not data:
            self.ended = True
            return
        self._line += data
        if b"\n" in data:
            *lines, rest = self._line.split(b"\n")
            self._line = bytearray(rest)
            self.outcomes += [self._outcome(line) for line in lines if line.strip()]

    @staticmethod
    def _outcome(line):
        try:
            outcome = json.loads(line)
        except ValueError:
            outcome = None
        if not isinstance(outcome, dict):
            raise ValueError(f"the driver wrote no outcome: {line[:200].decode(errors='replace')}")
        return outcome
