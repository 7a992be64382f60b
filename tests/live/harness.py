"""A real morod for each test, and an independent client: Debian's msgpack."""

import os
import pathlib
import shlex
import signal
import socket
import subprocess
import tempfile
import time

import msgpack

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MORO_BUILD", ROOT / "build")).resolve()
DEADLINE = 20  # seconds that anything may take before the test fails
SANITIZED = os.environ.get("MORO_SANITIZED") == "1"
# What every morod runs by, such as valgrind: see tools/analyse.
WRAP = shlex.split(os.environ.get("MORO_WRAP", ""))


class TaskError(Exception):
    """An error answer; `error` is its map."""

    def __init__(self, error):
        super().__init__(str(error))
        self.error = error
        if isinstance(error, dict):
            self.code = error.get("code")
            self.message = error.get("message")
            self.reason = error.get("reason")


def wait_until(condition, what="the condition", deadline=DEADLINE):
    """Polls until the condition gives something true, and gives that."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true in {deadline} s")
        time.sleep(0.002)


class Pending:
    """A request that was sent; its answer may be there or not."""

    def __init__(self, client, msgid):
        self.client = client
        self.msgid = msgid
        self.answer = None

    def wait(self, deadline=DEADLINE):
        self.client.read_until(lambda: self.answer is not None, deadline)
        return self.answer

    def result(self, deadline=DEADLINE):
        error, result = self.wait(deadline)
        if error is not None:
            raise TaskError(error)
        return result

    def error(self, deadline=DEADLINE):
        error, result = self.wait(deadline)
        assert error is not None, f"an error was expected, not {result!r}"
        return error


class Client:
    """One connection. Errors are maps once hello was said."""

    def __init__(self, path, hello=True):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(str(path))
        self.unpacker = msgpack.Unpacker(
            raw=False, strict_map_key=False, max_buffer_size=1 << 30
        )
        self.pending = {}
        self.order = []  # msgids in the order of their answers
        self.unasked = []  # messages that are no responses
        self.extra = []  # answers that nobody waits for (any more)
        self.closed = False
        self.next_id = 1
        self.server = self.request("hello", {"client": "pytest"}) if hello else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send_bytes(self, data):
        self.sock.sendall(data)

    def _take(self, message):
        if message[0] != 1:
            self.unasked.append(message)
            return
        _, msgid, error, result = message
        self.order.append(msgid)
        if msgid not in self.pending:
            self.extra.append(message)
            return
        self.pending.pop(msgid).answer = (error, result)

    def read_until(self, condition, deadline=DEADLINE):
        """Reads answers until the condition holds."""
        end = time.monotonic() + deadline
        while not condition():
            left = end - time.monotonic()
            assert left > 0, "no answer in time"
            assert not self.closed, "the server closed the connection"
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(1 << 20)
            except socket.timeout:
                continue
            except ConnectionResetError:
                data = b""
            if not data:
                self.closed = True
            self.unpacker.feed(data)
            for message in self.unpacker:
                self._take(message)

    def read_closed(self, deadline=DEADLINE):
        """Reads until the server closes the connection."""
        self.read_until(lambda: self.closed, deadline)

    def start(self, method, *params, msgid=None):
        """Sends a request as it stands."""
        if msgid is None:
            msgid = self.next_id
            self.next_id += 1
        pending = Pending(self, msgid)
        self.pending[msgid] = pending
        self.send_bytes(msgpack.packb([0, msgid, method, list(params)]))
        return pending

    def request(self, method, *params):
        return self.start(method, *params).result()

    def notify(self, method, *params):
        self.send_bytes(msgpack.packb([2, method, list(params)]))

    def submit(self, task, data=None, **options):
        if options:
            return self.start(task, data, options)
        return self.start(task, data)

    def call(self, task, data=None, **options):
        return self.submit(task, data, **options).result()

    def stats(self):
        return self.request("stats")


def option_words(options):
    """workers=2, debug_tasks=True -> --workers 2 --debug-tasks"""
    words = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append("--" + name.replace("_", "-"))
        if value == "no":
            words[-1] += "=no"  # of what is yes or no: it takes no word of its own
        elif value is not True:
            words.append(str(value))
    return words


class Daemon:
    """A running morod in a folder of its own; `wrap` is a command to run it by."""

    def __init__(self, args=(), wait=True, env=None, path=None, wrap=(), stderr=None,
                 **options):
        self.folder = tempfile.TemporaryDirectory(prefix="moro-")
        self.socket = path or os.path.join(self.folder.name, "m.sock")
        self.build = BUILD
        self.log_path = os.path.join(self.folder.name, "log")
        self.log_file = open(self.log_path, "wb")
        options = {"workers": 1, "debug_tasks": True, **options}
        self.process = subprocess.Popen(
            WRAP + list(wrap) + [BUILD / "server" / "morod", "--socket", self.socket]
            + option_words(options)
            + list(args),
            stdin=subprocess.DEVNULL,
            stdout=self.log_file,
            stderr=self.log_file if stderr is None else stderr,
            start_new_session=True,
            env=env,
        )
        if wait:
            try:
                self.wait_ready()
            except BaseException:  # nobody would end it
                self.kill_group()
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self.process.send_signal(signal.SIGTERM)
                self.process.wait(DEADLINE)
        finally:
            self.kill_group()
            log = self.log()
            if kind is not None:
                print(log)
            self.log_file.close()
            self.folder.cleanup()
        if kind is None:
            assert "Sanitizer" not in log and "runtime error" not in log, log

    def kill_group(self):
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def wait_log(self, text):
        return wait_until(lambda: text in self.log(), f"{text!r} in the log")

    def wait_ready(self):
        wait_until(
            lambda: "ready on" in self.log() or self.process.poll() is not None,
            "morod ready",
        )
        assert self.process.poll() is None, self.log()

    def client(self, hello=True):
        return Client(self.socket, hello)

    def stats(self):
        with self.client() as c:
            return c.stats()

    def wait(self, condition, begun=True):
        """
        Waits until the statistics fulfil the condition, and gives them; with
        `begun` until busy workers have begun as well: a kill before that
        would have the task done by another one.
        """
        with self.client() as c:

            def look():
                s = c.stats()
                workers = [w for p in s["pools"] for w in p["workers"]]
                if begun and any(w["state"] == "busy" and not w["begun"] for w in workers):
                    return None
                return s if condition(s) else None

            return wait_until(look, "the condition on stats")

    def workers(self):
        return [w for p in self.stats()["pools"] for w in p["workers"]]

    def worker_pids(self):
        return [w["pid"] for w in self.workers() if w["pid"]]

    def pids(self):
        """All processes of this morod, by the socket in the master's place."""
        return children_of(self.process.pid)

    def dispatcher_pid(self):
        return wait_until(
            lambda: next(
                (p for p in self.pids() if title(p) == "morod: dispatcher"), None
            ),
            "a dispatcher",
        )

    def stop(self, sig=signal.SIGTERM):
        """Sends the signal and gives the exit status."""
        self.process.send_signal(sig)
        return self.process.wait(DEADLINE)


def title(pid):
    """A process's title as ps shows it; "" when it is gone."""
    try:
        raw = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return raw.split(b"\0")[0].decode(errors="replace")


def children_of(pid):
    """Living children, zombies left out."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = stat.rpartition(")")[2].split()
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def process_state(pid):
    """The letter of /proc/PID/stat; "" when it is gone."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[0]


def alive(pid):
    """Whether a process exists and is no zombie."""
    return process_state(pid) not in ("", "Z")


def cpu_seconds(pids):
    """CPU time that processes have used; dead ones count nothing."""
    ticks = 0
    for pid in pids:
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = stat.rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
