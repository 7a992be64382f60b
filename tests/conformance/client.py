"""The kit as the server of a client: section 1 to 8 of PROTOCOL.md, seen from the other end."""

import os
import socket
import tempfile

import msgpack

from . import notation, outcomes
from .notation import NOTIFICATION, REQUEST, RESPONSE
from .process import Driver
from .running import Failure, Run, Skip
from .stream import Stream

_LENGTHS = {REQUEST: 4, RESPONSE: 4, NOTIFICATION: 3}
_MOST_MSGID = 1 << 53
_OPTIONS = {
    "id", "priority", "timeout", "runTimeout", "queueTimeout", "fds", "resultFd", "onFull", "cancelGrace",
    "progress", "idempotent", "retry", "batch",
}


class ClientRun(Run):
    """`shape` is that of errors, as the client asked for it."""

    def __init__(self, book, vector, deadline_s, words):
        super().__init__(book, vector, deadline_s)
        self.folder = tempfile.TemporaryDirectory(prefix="moro-conformance-")
        self.path = os.path.join(self.folder.name, "s")
        self.listener = None
        self.shape = "string"
        self.greeted = False  # whether the client said hello
        self.open = set()  # msgids that have no answer yet
        self.asked = False  # whether the kit has sent a request
        self.waits_for_message = False
        if vector.given.get("listen", True):
            self._listen()
        self.command = Driver(words, {"MORO_SOCKET": self.path})

    def _listen(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.setblocking(False)

    def _stop_listening(self):
        if self.listener:
            self.listener.close()
            self.listener = None

    def close(self):
        super().close()
        self._stop_listening()
        self.folder.cleanup()

    # ---- Steps

    def step_tell(self, step):
        self.log.append(f"tell {step['tell']}")
        self.must_not_be(self.command.tell(step["tell"], self.until))

    def step_outcome(self, step):
        """Takes the driver's next line, which must be as the vector wants it."""
        wanted = step["outcome"]
        self.pump_until(lambda: self.command.outcomes, f"the outcome {wanted} was expected")
        got = self.command.outcomes.pop(0)
        self.log.append(f"outcome {outcomes.short(got)}")
        if not outcomes.fits(wanted, got, self.shape):
            raise Failure(f"the outcome {wanted} was expected", f"the driver said: {outcomes.short(got)}")

    def step_send(self, step):
        if not step.get("raw"):
            step = {**step, "send": self._shaped(step["send"])}
        super().step_send(step)
        self._sent(step["send"])

    def step_end(self, step):
        """"server": nobody listens any more either."""
        if step["end"] == "server":
            self._stop_listening()
        super().step_end(step)

    # ---- The wire

    def sources(self):
        if self.listener:
            return [*super().sources(), self.command, _Accepting(self)]
        return [*super().sources(), self.command]

    def take(self, choices, what):
        """The same, unless the driver says that there will be nothing."""
        self.waits_for_message = True
        try:
            return super().take(choices, what)
        finally:
            self.waits_for_message = False

    def pump(self, seconds):
        super().pump(seconds)
        if not self.waits_for_message:
            return
        for outcome in self.command.outcomes:
            outcomes.check_supported(outcome)
            if "error" in outcome:
                raise Failure("a message was expected, not an error", f"the driver said: {outcomes.short(outcome)}")

    def heard(self):
        """What came on the wire, and what the driver said of itself."""
        if not self.command.outcomes and not self.command.ended:
            self.command.read()
        said = [f"the driver said: {outcomes.short(outcome)}" for outcome in self.command.outcomes]
        return "; ".join([super().heard(), *said])

    def is_over(self):
        return self.command.ended

    def over(self):
        status = self.command.wait(1)
        return [f"the driver has ended with status {status}"]

    def accept(self):
        sock, _ = self.listener.accept()
        if self.stream:
            self.stream.close()
        self.stream = Stream(sock)
        self.open.clear()
        first = self.vector.given.get("accepted")
        if first:
            self._say(first)

    def arrived(self, messages):
        super().arrived(messages)
        for message in messages:
            self._check(message.value)
            if self._answer_by_itself(message.value):
                self.stream.came.remove(message)

    def _check(self, value):
        """What holds for each message of a client."""
        if not isinstance(value, list) or not value or type(value[0]) is not int:
            raise Failure("what came is no message", notation.show(value))
        kind = value[0]
        if _LENGTHS.get(kind) != len(value) or (kind == RESPONSE and not self.asked):
            raise Failure("what came is no request and no notification", notation.show(value))
        if kind == RESPONSE:
            return
        if kind == REQUEST:
            self._check_msgid(value[1])
        method, params = value[-2:]
        if not isinstance(method, (str, bytes)):
            raise Failure("a method is str or bin", notation.show(value))
        if not isinstance(params, list):
            raise Failure("params is an array", notation.show(value))
        self._check_options(str(method), params)

    def _check_msgid(self, msgid):
        if type(msgid) is not int or not 0 <= msgid <= _MOST_MSGID:
            raise Failure("a msgid is an integer from 0 to 2^53", notation.show(msgid))
        if msgid in self.open:
            raise Failure(f"msgid {msgid} is that of a request that has no answer yet")
        self.open.add(msgid)

    def _check_options(self, method, params):
        if ":" not in method or len(params) < 2 or params[1] is None:
            return
        if len(params) > 2 or not isinstance(params[1], dict):
            raise Failure("a task takes [data] or [data, options]", notation.show(params))
        unknown = set(params[1]) - _OPTIONS
        if unknown:
            raise Failure(f"no option is called {sorted(map(str, unknown))[0]}", notation.show(params))

    def _answer_by_itself(self, value):
        """hello, and what clients may ask of themselves; True: it was that."""
        kind, method = value[0], value[-2]
        if kind == RESPONSE:
            return True
        if method == "nvim_set_client_info":
            self.shape = "pair"
            return True
        if kind == REQUEST and method == "hello":
            self._greet(value[1], value[3])
            return True
        if kind == REQUEST and (method == "types" or self.vector.given.get("answers")):
            self.open.discard(value[1])
            self._write(msgpack.packb([RESPONSE, value[1], None, []]), 0)
            return True
        if "hello" in self.vector.given and not self.greeted:
            raise Skip("says no hello")
        return False

    def _greet(self, msgid, params):
        self.greeted = True
        asked = params[0] if params and isinstance(params[0], dict) else {}
        self.shape = asked.get("errors", "map")
        self.open.discard(msgid)
        self.names["hello"] = msgid
        self._say(self.vector.given.get("hello", self.book.common["hello"]))

    def _say(self, reply):
        """Sends what a vector has for a certain moment: bytes, or the end of the connection, or both."""
        if "send" in reply:
            self._write(notation.fill(reply["send"], self.names), reply.get("pieces", 0))
        if reply.get("end"):
            self.stream.close()

    def _write(self, data, pieces):
        self.note(">", data)
        self.must_not_be(self.stream.send(data, pieces, self.until))

    def _shaped(self, text):
        """The same answer, with its error in the shape that the client asked for."""
        if self.shape == "map":
            return text
        try:
            messages = notation.messages(notation.fill(text, self.names))
        except ValueError:
            return text
        return b"".join(msgpack.packb(self._shape(m)) for m in messages).hex() if any(
            _has_error_map(m) for m in messages
        ) else text

    def _shape(self, message):
        if not _has_error_map(message):
            return message
        error = f"{message[2].get('code')}: {message[2].get('message', '')}"
        return [*message[:2], [0, error] if self.shape == "pair" else error, message[3]]

    def _sent(self, text):
        """What was answered is open no more."""
        try:
            messages = notation.messages(notation.fill(text, self.names))
        except ValueError:
            return
        for message in messages:
            if isinstance(message, list) and len(message) == _LENGTHS[RESPONSE] and message[0] == RESPONSE:
                self.open.discard(message[1])
            elif isinstance(message, list) and message and message[0] == REQUEST:
                self.asked = True


class _Accepting:
    """The listener, as something that is read."""

    def __init__(self, run):
        self._run = run

    def fileno(self):
        return self._run.listener.fileno()

    def read(self):
        self._run.accept()


def _has_error_map(message):
    return isinstance(message, list) and message[:1] == [RESPONSE] and isinstance(message[2], dict)
