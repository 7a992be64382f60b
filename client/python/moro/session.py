"""
What a connection knows, without any I/O: which requests wait for an answer, what goes out, and what
comes of bytes that came in. Both clients drive one of these.
"""

from __future__ import annotations

import itertools
import os
import sys
from functools import partial
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, Union

from . import options as _options
from . import wire
from .errors import ConnectionLost, Error, Garbled, InvalidArgument, InvalidOption, NoServer, TooLarge, from_wire
from .files import Luggage
from .tasks import Call

HELLO = 0  # the msgid of hello, and of answers that are about the connection


class Progress(NamedTuple):
    """How far a task is, in a unit of its own."""

    done: float
    total: Optional[float] = None
    note: Optional[str] = None


Event = Callable[[], Any]


class Entry:
    """
    A request that waits; the clients' tasks are entries. It is told at once what came, and gives what
    is to be called later: callbacks of the program, which may do anything.
    """

    def settle(self, error: Optional[Error], result: Any) -> List[Event]:
        raise NotImplementedError

    def report(self, progress: Progress) -> List[Event]:
        raise NotImplementedError


Parcel = Tuple[bytes, List[int]]
Path = Union[str, bytes, "os.PathLike[str]"]


def default_path() -> str:
    """Where morod listens: $MORO_SOCKET, else for root /run/moro/morod.sock, else $XDG_RUNTIME_DIR/morod.sock."""
    path = os.environ.get("MORO_SOCKET")
    if path:
        return path
    if os.geteuid() == 0:
        return "/run/moro/morod.sock"
    folder = os.environ.get("XDG_RUNTIME_DIR")
    if folder:
        return os.path.join(folder, "morod.sock")
    raise NoServer("neither MORO_SOCKET nor XDG_RUNTIME_DIR is set; give the path of the socket")


def place(path: Optional[Path]) -> str:
    """The socket's path that a client was given, or the default."""
    if path is None:
        return default_path()
    try:
        return os.fsdecode(path)
    except TypeError:
        raise InvalidArgument(f"path takes the path of a socket, not {path!r}", field="path") from None


def waiting(timeout: Any) -> Optional[float]:
    """How long a client waits, as it was given."""
    number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if timeout is not None and not (number and timeout > 0):
        raise InvalidArgument(f"timeout takes seconds, more than 0, or None, not {timeout!r}", field="timeout")
    return None if timeout is None else float(timeout)


def who(name: Optional[str]) -> str:
    """A client's name, by default the program's, as far as the server takes it."""
    if name is not None and not isinstance(name, str):
        raise InvalidArgument(f"name takes a str, not {name!r}", field="name")
    name = name or os.path.basename(sys.argv[0] or "python") or "python"
    return name.encode("utf-8", "replace")[:64].decode("utf-8", "ignore")


def named(msgid: Optional[int], id: Optional[str], client: Optional[int]) -> Dict[str, Any]:
    """What cancel is told of the task that is meant."""
    if (msgid is None) == (id is None):
        raise InvalidArgument("cancel takes msgid or id, one of both", field="msgid")
    given = {"msgid": msgid, "id": id, "client": client}
    return {key: value for key, value in given.items() if value is not None}


class Session:
    def __init__(self, name: Optional[str]) -> None:
        self.hello: Dict[str, Any] = {}
        self.limits: Dict[str, int] = {}
        self.pending: Dict[int, Entry] = {}
        self.listeners: List[Callable[[Dict[str, Any]], Any]] = []
        self._name = who(name)
        self._stream = wire.Stream()
        self._numbers = itertools.count(1)
        self._last_words: Optional[Error] = None

    # ---- out

    def greeting(self) -> bytes:
        from . import __version__

        us = {"client": self._name, "version": __version__, "proto": 1, "errors": "map", "features": ["fd"]}
        return wire.pack([0, HELLO, "hello", [us]])

    def greeted(self, hello: Any) -> None:
        """Takes the server's answer to the greeting."""
        if not isinstance(hello, dict) or not isinstance(hello.get("limits"), dict):
            raise Garbled("the peer does not greet as a morod")
        self.hello, self.limits = hello, hello["limits"]

    def request(self, entry: Entry, method: str, params: List[Any]) -> Tuple[int, bytes]:
        """A request of a control method; from now on the entry waits for its answer."""
        number = next(self._numbers)
        packed = self._checked([0, number, method, params], params, None)
        self.pending[number] = entry
        return number, packed

    def task(
        self, entry: Optional[Entry], what: Union[str, Call[Any]], data: Any, given: Dict[str, Any]
    ) -> Tuple[int, Parcel]:
        """A request of a task, or with no entry a notification, and the files that go with it."""
        if isinstance(what, Call):
            what, data, given = what.method, what.params[0], {**what.options, **given}
        if not isinstance(what, str) or ":" not in what:
            raise InvalidArgument(f"type takes the name of a task type, as 'crypto:hash', not {what!r}", field="type")
        if len(what) > self.limits.get("maxMethod", 128):
            raise TooLarge(f"type has {len(what)} characters; the limit is {self.limits['maxMethod']}", field="type")
        for option in ("progress", "batch"):
            if entry is None and given.get(option):
                raise InvalidOption(f"option {option} does not go with notify(): nothing comes back", option=option)
        given = dict(given)
        result_file = given.pop("result_file", None)
        options = _options.to_wire(given)
        luggage = Luggage()
        number = next(self._numbers) if entry is not None else 0
        # Data is packed first: it decides how many files there are, which stands behind it.
        head = [0, number, what] if entry is not None else [2, what]
        packed = self._checked(data, data, luggage.pack)
        if result_file is not None:
            options = {**(options or {}), "resultFd": luggage.add(result_file, "result_file")}
        if luggage.fds:
            options = {**(options or {}), "fds": len(luggage.fds)}
        frame = _frame(head, packed, options)
        self._check_size(len(frame))
        if entry is not None:
            self.pending[number] = entry
        return number, (frame, luggage.fds)

    def cancellation(self, number: int) -> bytes:
        """A notification: nobody waits for what it finds."""
        return wire.pack([2, "cancel", [{"msgid": number}]])

    def _checked(self, message: Any, data: Any, default: Optional[Callable[[Any], Any]]) -> bytes:
        """Packs what the server would take: it ends the connection for what is over its limits."""
        try:
            packed = wire.pack(message, default)
        except (TypeError, ValueError, OverflowError) as e:
            if isinstance(e, Error):
                raise
            raise wire.why_not(data) or InvalidArgument(f"data cannot be packed: {e}", field="data") from None
        self._check_size(len(packed))
        depth, values = self.limits.get("maxDepth", 32), self.limits.get("maxValues", 1_000_000)
        if len(packed) > depth:  # a container takes a byte at least
            count = wire.measure(data, depth)
            if count > values - 16:  # the envelope and the options count, too
                raise TooLarge(f"data has {count} values; the limit is {values} in a message", limit=values)
        return packed

    def _check_size(self, size: int) -> None:
        most = self.limits.get("maxFrame", 67_108_864)
        if size > most:
            raise TooLarge(f"the request has {size} bytes; the limit is {most}", limit=most, size=size)

    # ---- in

    def feed(self, data: bytes, events: List[Event]) -> None:
        """Takes bytes that came: tells the entries, and adds what is to be called, also if it raises then."""
        self._stream.feed(data)
        for message in self._stream.messages():
            if type(message) is not list or not 3 <= len(message) <= 4:
                raise Garbled("what came is no MessagePack-RPC message")
            if message[0] == 1 and len(message) == 4:
                self._answer(message, events)
            elif message[0] == 2 and len(message) == 3:
                self._news(message[1], message[2], events)
            else:
                raise Garbled("what came is no response and no notification")

    def _answer(self, message: List[Any], events: List[Event]) -> None:
        _, number, error, result = message
        entry = self.pending.pop(number, None)
        failure = None if error is None else from_wire(error)
        if entry is not None:
            events += entry.settle(failure, result)
        elif number == HELLO and failure is not None:
            self._last_words = failure  # it is about the connection, which ends now

    def _news(self, method: Any, params: Any, events: List[Event]) -> None:
        # What has another shape is news of a later server, and passed over like what has another name.
        if method == "progress" and _shaped(params, int, dict) and "done" in params[1]:
            entry = self.pending.get(params[0])
            if entry is not None:
                events += entry.report(Progress(**{key: params[1].get(key) for key in Progress._fields}))
        elif method == "backpressure" and _shaped(params, dict):
            for listener in list(self.listeners):
                events.append(partial(listener, params[0]))

    def lost(self, why: str) -> Error:
        """The error that a connection has which ended without being closed."""
        last = self._last_words
        if last is None:
            return ConnectionLost(why)
        error = ConnectionLost(f"{why}: {last}", reason=last.reason)
        error.details = {"cause": last.code, **last.details}
        return error

    def abandon(self, error: Error) -> List[Event]:
        """Everybody who waits gets the error."""
        waiting, self.pending = self.pending, {}
        return [event for entry in waiting.values() for event in entry.settle(error, None)]


def _shaped(params: Any, *kinds: type) -> bool:
    """Whether params begin with values of these kinds."""
    return isinstance(params, list) and len(params) >= len(kinds) and all(map(isinstance, params, kinds))


def _frame(head: List[Any], data: bytes, options: Optional[Dict[str, Any]]) -> bytes:
    """[*head, [data, options]] with data that is packed already."""
    parts = [bytes((0x90 + len(head) + 1,)), *map(wire.pack, head)]
    parts += [b"\x91", data] if options is None else [b"\x92", data, wire.pack(options)]
    return b"".join(parts)
