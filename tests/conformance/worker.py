"""The kit as morod's side of section 10, for a program that is a worker."""

import os
import socket
import time

import msgpack

from . import notation
from .notation import NOTIFICATION, REQUEST, RESPONSE
from .process import Command
from .running import CannotStart, Failure, Run, Skip
from .stream import Stream

_ECHO = "conform:echo"  # without it nothing can be tested
HELLO = 0  # the msgid of hello
CHANNELS = ("fd", "stdio")
_TIME_MAX_MS = (1 << 32) - 1
_FD = 3  # the number that morod's own programs find
_OTHER_FD = 9
_EXIT_S = 1  # until a worker that has closed its channel has exited, if it does


def _reserve():
    """Takes the numbers at which workers find their socket, so that nothing of the kit's own comes there."""
    for number in (_FD, _OTHER_FD):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)


def _is_time(value):
    return type(value) is int and 1 <= value <= _TIME_MAX_MS


# what a type's map may say, and of what kind; other keys are for later versions
_KEYS = {
    "name": (lambda value: isinstance(value, str), "a string"),
    "about": (lambda value: isinstance(value, str), "a string"),
    "timeout": (_is_time, "an integer of milliseconds, 1 or more"),
    "idempotent": (lambda value: isinstance(value, bool), "true or false"),
    "softCancel": (lambda value: isinstance(value, bool), "true or false"),
    "progress": (lambda value: isinstance(value, bool), "true or false"),
}


def announced(types):
    """What a worker says of its types, by name; morod refuses a worker for what is a failure here."""
    if not isinstance(types, list):
        raise Failure(f"types takes an array, not {notation.show(types)}")
    found = {}
    for one in types:
        said = one if isinstance(one, dict) else {"name": one}
        for key, (fits, takes) in _KEYS.items():
            if said.get(key) is not None and not fits(said[key]):
                raise Failure(f"{key} of a type takes {takes}, not {notation.show(said[key])}")
        if said.get("name") is None:
            raise Failure(f"types takes names, or maps with a name, not {notation.show(one)}")
        found[said["name"]] = said
    return found


class WorkerRun(Run):
    """`open` holds the requests that have no answer yet: msgid -> whether progress is wanted."""

    def __init__(self, book, vector, deadline_s, words, channel):
        super().__init__(book, vector, deadline_s)
        self.open = {}
        self.answered = set()
        self.types = None  # what the worker announced, by name; None: it said nothing of types
        self.ended_at = None
        self._sent = notation.new_unpacker()
        _reserve()
        ours, theirs = socket.socketpair()
        self.stream = Stream(ours)
        try:
            self.command = self._start(words, vector.given.get("channel", channel), theirs)
        finally:
            theirs.close()

    def _start(self, words, channel, theirs):
        env = {"MORO_POOL": "conform", "MORO_WORKER": "1", "MORO_SOCKET": "/nonexistent"}
        if channel == "stdio":
            return Command(words, {**env, "MORO_CHANNEL": "stdio"}, theirs, theirs)
        number = _OTHER_FD if channel == "fd9" else _FD
        os.dup2(theirs.fileno(), number)
        try:
            return Command(words, {**env, "MORO_FD": str(number)}, pass_fds=(number,))
        finally:
            os.close(number)

    def play(self):
        if self.vector.given.get("greet", True):
            self._greet()
        super().play()
        if self.ended_at is None:
            self._hear_the_rest()

    # ---- Before and after the steps

    def _greet(self):
        """Says hello, and takes what the worker says of its types."""
        self.at = "hello"
        self.step_send(self.book.common["hello"])
        self.take([[RESPONSE, HELLO, notation.Hole("any"), notation.Hole("any")]],
                  "the answer to hello was expected")
        self._check_needs()

    def _take_types(self, number, error, result):
        """What the answer to hello says of types, if it is that."""
        if number == HELLO and error is None and isinstance(result, dict) and result.get("types") is not None:
            self.types = announced(result["types"])

    def _check_needs(self):
        if self.types is not None and _ECHO not in self.types:
            raise CannotStart(f"it does not offer {_ECHO}, but {', '.join(self.types) or 'no types'}")
        needed = self.vector.given.get("needs")
        if not needed:
            return
        if self.types is None or needed not in self.types:
            raise Skip(f"has no task type {needed}")
        for flag in self.vector.given.get("declared", ()):
            if self.types[needed].get(flag) is not True:
                raise Skip(f"{needed} is not declared {flag}")

    def _hear_the_rest(self):
        """What a worker still says when the channel ends must not be an answer: each task has one."""
        self.at = "the end"
        self.stream.end_writing()
        self.pump_until(lambda: self.stream.ended, "the worker ends its side when morod has ended its own")

    # ---- Steps

    def step_send(self, step):
        data = notation.fill(step["send"], self.names)
        self.note(">", data)
        self._remember(data)
        if "file" in step:
            self._send_with_file(data, step["file"].encode())
        else:
            self.must_not_be(self.stream.send(data, step.get("pieces", 0), self.until))

    def step_end(self, step):
        self.ended_at = time.monotonic()
        super().step_end(step)

    def step_gone(self, step):
        """The program exits, within so many seconds after the end of its channel if the vector says so."""
        status = self.command.wait(self.until - time.monotonic())
        if status is None:
            raise Failure(f"the program did not exit in {self.deadline_s:g} s")
        took = time.monotonic() - (self.ended_at or time.monotonic())
        if took > step.get("within", self.deadline_s):
            raise Failure(f"the program exited after {took:.1f} s")

    def _remember(self, data):
        """Requests that are whole now wait for an answer."""
        try:
            self._sent.feed(data)
            for message in self._sent:
                if isinstance(message, list) and message[:1] == [REQUEST]:
                    info = message[3][1] if len(message[3]) > 1 else {}
                    self.open[message[1]] = info.get("progress") is True
        except (msgpack.UnpackException, ValueError):
            pass  # a vector that sends what is no message

    def _send_with_file(self, data, content):
        fd = os.memfd_create("conformance")
        try:
            os.write(fd, content)
            socket.send_fds(self.stream.sock, [data], [fd])
        finally:
            os.close(fd)

    # ---- What comes

    def must_not_be(self, wrong):
        if wrong and self.command.wait(_EXIT_S) is not None:
            raise Failure(wrong, *self.over(), self.heard())
        super().must_not_be(wrong)

    def over(self):
        status = self.command.wait(_EXIT_S)
        return ["the worker has closed its channel" + ("" if status is None else f", and exited with status {status}")]

    def arrived(self, messages):
        super().arrived(messages)
        for message in messages:
            if not self._check(message.value):
                self.stream.came.remove(message)

    def _check(self, value):
        """What holds for each message of a worker; False: it is to be passed over."""
        if not isinstance(value, list) or not value or type(value[0]) is not int:
            raise Failure("what came is no message", notation.show(value))
        kind = value[0]
        if kind == RESPONSE and len(value) == 4:
            self._check_answer(*value[1:])
            self._take_types(*value[1:])
            return True
        if kind == NOTIFICATION and len(value) == 3:
            return self._check_notification(*value[1:])
        if kind == REQUEST and len(value) == 4:
            return False  # of its own: morod passes it over
        raise Failure("what came is no MessagePack-RPC message", notation.show(value))

    def _check_answer(self, number, error, result):
        if number in self.answered:
            raise Failure(f"request {notation.show(number)} was answered twice")
        if number not in self.open:
            raise Failure(f"request {notation.show(number)} was answered, and never sent")
        if error is not None and result is not None:
            raise Failure("error or result is nil", f"{notation.show(error)}, {notation.show(result)}")
        del self.open[number]
        self.answered.add(number)

    def _check_notification(self, method, params):
        if method != "progress":
            return False  # as `ready` of morod's own workers
        if not isinstance(params, list) or len(params) != 2 or not isinstance(params[1], dict) or (
            "done" not in params[1]
        ):
            raise Failure("progress is [2, \"progress\", [n, {done}]]", notation.show(params))
        if params[0] in self.open and not self.open[params[0]]:
            raise Failure("progress came, and nobody wants to hear of it")
        return params[0] in self.open
