"""What is common to the three sides: the steps of a vector, its deadline, and what is said of a failure."""

import select
import time

from . import notation
from .process import CANNOT_RUN
from .stream import Garbled


class Failure(Exception):
    """The vector is not passed; lines that say why."""

    def __init__(self, *lines):
        super().__init__("\n".join(lines))
        self.lines = list(lines)


class Skip(Exception):
    """What the vector needs is not there, and need not be."""


class CannotStart(Exception):
    """The command cannot be started at all, or offers nothing that could be tested."""


class Run:
    """
    One vector, played once. `stream` is the connection to what is tested, once there is one; `names` are
    the values of holes.
    """

    def __init__(self, book, vector, deadline_s):
        self.book = book
        self.vector = vector
        self.deadline_s = deadline_s
        self.until = time.monotonic() + deadline_s
        self.names = {}
        self.stream = None
        self.command = None
        self.at = "start"
        self.log = []  # for --verbose: what went to and fro

    def play(self):
        """Plays the steps. Raises Failure or Skip."""
        for number, step in enumerate(self.vector.steps, 1):
            if "if" in step and step["if"] not in self.names:
                continue
            kind = next(key for key in step if key in STEP_METHODS)
            self.at = f"step {number}, {kind}"
            getattr(self, STEP_METHODS[kind])(step)

    def close(self):
        """Ends what was started."""
        if self.stream:
            self.stream.close()
        if self.command:
            self.command.end()

    # ---- Steps

    def step_send(self, step):
        data = notation.fill(step["send"], self.names)
        self.note(">", data)
        self.must_not_be(self.stream.send(data, step.get("pieces", 0), self.until))

    def step_expect(self, step):
        """Takes the first message that has come and is what was wanted, and waits for it."""
        wanted = [notation.pattern(text) for text in [step["expect"], *step.get("or", [])]]
        found = []
        for position in range(len(wanted[0])):
            choices = [messages[position] for messages in wanted]
            found.append(self.take(choices, f"{self.describe(choices)} was expected"))
        self.check_bytes(step["expect"], b"".join(message.raw for message in found))

    def step_end(self, step):
        """The kit ends the connection, or its writing side."""
        self.note(">", b"", "end of " + step["end"])
        if step["end"] == "write":
            self.stream.end_writing()
        else:
            self.stream.close()

    def step_gone(self, _step):
        """What is tested ends the connection."""
        self.pump_until(lambda: self.stream and self.stream.ended, "the end of the connection was expected")
        if self.stream.came:
            raise Failure("a message came before the end of the connection", self.heard())

    def step_tell(self, step):
        raise Failure(f"{self.vector.side}: there is no driver to be told anything")

    step_outcome = step_tell

    # ---- For the steps

    def take(self, choices, what):
        """The first message that came and that is one of the choices; waits for it."""
        def look():
            for message in self.stream.came if self.stream else ():
                for wanted in choices:
                    names = dict(self.names)
                    if notation.match(wanted, message.value, names):
                        self.names = names
                        self.stream.came.remove(message)
                        return message
                if any(_answers_the_same(wanted, message.value) for wanted in choices):
                    raise Failure(what, self.heard())
            return None

        return self.pump_until(look, what)

    def check_bytes(self, text, raw):
        """For the side whose answers are exact to the byte."""

    def pump_until(self, condition, what):
        """Reads until the condition gives something, and gives that; at the deadline it is a failure."""
        while True:
            found = condition()
            if found:
                return found
            if self.is_over():
                raise Failure(what, *self.over(), self.heard())
            left = self.until - time.monotonic()
            if left <= 0:
                raise Failure(f"{what}, and did not come in {self.deadline_s:g} s", self.heard())
            self.pump(left)

    def is_over(self):
        """Whether nothing more can come."""
        return self.stream is not None and self.stream.ended

    def over(self):
        """Why, for people."""
        return ["the connection has ended"]

    def sources(self):
        """What is waited for: objects with fileno() and read()."""
        return [self.stream] if self.stream and not self.stream.closed and not self.stream.ended else []

    def pump(self, seconds):
        """Waits for something, and takes it."""
        ready, _, _ = select.select(self.sources(), [], [], seconds)
        for source in ready:
            before = len(self.stream.came) if self.stream else 0
            try:
                source.read()
            except (Garbled, ValueError) as e:
                raise Failure(str(e)) from None
            if source is self.stream:
                self.arrived(self.stream.came[before:])

    def arrived(self, messages):
        """Messages have come; what is never right is a failure at once."""
        for message in messages:
            self.note("<", message.raw, notation.show(message.value))

    def must_not_be(self, wrong):
        if wrong:
            raise Failure(wrong, self.heard())

    def describe(self, choices):
        return " or ".join(notation.show(choice) for choice in choices)

    def heard(self):
        """What has come and was not what was expected."""
        if not self.stream or not self.stream.came:
            rest = self.stream.rest() if self.stream else b""
            return f"what came: {notation.hexadecimal(rest)} (not whole)" if rest else "what came: nothing"
        return "what came: " + "; ".join(
            f"{notation.show(m.value)} ({notation.hexadecimal(m.raw)})" for m in self.stream.came
        )

    def note(self, direction, data, text=None):
        if text is None:
            try:
                text = " ".join(notation.show(value) for value in notation.messages(data))
            except ValueError:
                text = "(no whole messages)"
        self.log.append(f"{direction} {notation.hexadecimal(data)}  {text}")

    def check_started(self):
        """A command that the shell does not find is no failure of a vector."""
        if self.command and self.command.process.poll() in CANNOT_RUN:
            raise CannotStart(self.command.said() or f"status {self.command.process.returncode}")


def _answers_the_same(wanted, value):
    """Whether both are responses to one request: there will be no other."""
    return isinstance(wanted, list) and wanted[0] == notation.RESPONSE and type(wanted[1]) is int and value[:2] == wanted[:2]


STEP_METHODS = {
    "send": "step_send", "expect": "step_expect", "tell": "step_tell", "outcome": "step_outcome",
    "end": "step_end", "gone": "step_gone",
}
