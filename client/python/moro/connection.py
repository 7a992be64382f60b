"""The connection of the client that waits: made, shared by threads, ended."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any, List, Optional, TypeVar, cast

from . import channel, forks
from .ends import End
from .errors import Closed, Error, Forked, Garbled, WaitTimeout
from .pending import Task
from .session import HELLO, Event, Path, Session, place, waiting

if TYPE_CHECKING:
    from .client import Client

Self = TypeVar("Self", bound="Connection")
_CONNECT = 10.0  # seconds that connecting may take if nothing is said


class Connection(End):
    _shown = "moro.Client"
    _sock: socket.socket  # type: ignore[assignment]  # there is one as long as _dead is None

    def __init__(
        self, path: Optional[Path] = None, *, timeout: Optional[float] = None, name: Optional[str] = None,
        reconnect: bool = False,
    ) -> None:
        self.path, self.timeout = place(path), waiting(timeout)
        self._name = name
        self._reconnect = reconnect
        self._dead: Optional[Error] = Closed("the client is not connected")
        self._lock = threading.RLock()  # of everything below, never held while waiting
        self._changed = threading.Condition(self._lock)
        self._reading = False  # somebody reads, for all
        self._followers = 0  # those who wait for them
        self._making = threading.RLock()  # held while a connection is made
        forks.watch(self)
        self.connect()

    # ---- The connection

    def connect(self) -> None:
        """Connects, anew if there is a connection."""
        with self._making:
            self._connect()

    def _connect(self) -> None:
        if isinstance(self._dead, Forked):
            raise self._dead.again()
        self._end(Closed("the client was connected anew"))
        limit = _CONNECT if self.timeout is None else self.timeout
        sock = channel.connect(self.path, limit)
        with self._lock:
            self._sock = sock
            self._session = Session(self._name)
            self._outbox = channel.Outbox()
            self._dead = None
            hello: Task[Any] = Task(cast("Client", self))
            self._session.pending[HELLO] = hello
            self._outbox.put(self._session.greeting(), [])
        try:
            self._flush(None)
            self._wait_or_raise(hello, limit)
            if hello._error is not None:
                raise hello._error
            self._session.greeted(hello._result)
        except BaseException as e:
            self._end(e if isinstance(e, Error) else Closed("the client was interrupted"))
            raise

    def close(self) -> None:
        """Ends the connection; tasks that have no answer get Closed, and the server stops them."""
        self._end(Closed("the client was closed"), final=True)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _forked(self) -> None:
        """In a child: lets go of the connection, and of locks that others may have held."""
        self._dead = forks.error()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._making = threading.RLock()
        self._reading = False
        if self._sock is not None:
            self._sock.close()
            self._session.abandon(self._dead)

    def _end(self, error: Error, final: bool = False) -> None:
        """The connection is over: everybody who waits is told."""
        with self._lock:
            if self._dead is not None:
                if final and not isinstance(self._dead, Forked):
                    self._dead = error
                return
            self._dead = error
            channel.close(self._sock)
            self._outbox.clear()
            events = self._session.abandon(error)
            self._changed.notify_all()
        self._run(events)

    def _usable(self) -> None:
        """Raises if there is no connection, and makes one if that is wanted."""
        dead = self._dead
        if dead is None:
            return
        if not self._reconnect or isinstance(dead, (Closed, Forked)):
            raise dead.again()
        with self._making:
            if self._dead is not None:
                self._connect()

    # ---- Input and output

    def _alive(self) -> None:
        if self._dead is not None:
            raise self._dead.again()

    def _flush(self, deadline: Optional[float]) -> None:
        """Sends all; reads meanwhile, because the server may want that first."""
        while True:
            with self._lock:
                if self._dead is not None:
                    return  # the task has the error
                try:
                    if self._outbox.send(self._sock):
                        return
                except OSError:
                    pass  # there may be answers still; the end is read below
            if channel.late(deadline):
                return
            self._read_once(deadline, True)

    def _wait(self, task: Task[Any], timeout: Optional[float]) -> None:
        """Reads until the task has its answer, for at most so long."""
        end = channel.deadline(timeout)
        while not task._done:
            self._read_once(end, self._outbox.size > 0, task)
            if channel.late(end):
                return

    def _wait_or_raise(self, task: Task[Any], timeout: Optional[float]) -> None:
        self._wait(task, timeout)
        if not task._done:
            raise WaitTimeout(f"no answer within {timeout} s")

    def _read_once(self, deadline: Optional[float], write: bool, task: Optional[Task[Any]] = None) -> None:
        """
        Waits for one piece of news. One thread at a time reads for all; others wait for it, and one
        of them goes on when it has what it wanted. Callbacks run when reading is over: they may call.
        """
        with self._lock:
            if self._dead is not None or (task is not None and task._done):
                return
            sock, session = self._sock, self._session
            follow = self._reading
            if follow and not write:
                self._followers += 1
                self._changed.wait(None if deadline is None else max(0.0, deadline - channel.now()))
                self._followers -= 1
                return
            self._reading = True
        if follow:
            # Not for long: when the one who reads has what it wants, somebody else must go on.
            channel.wait_room(sock, 0.05)
            return
        events: List[Event] = []
        try:
            events = self._read(sock, session, deadline, write)
        finally:
            with self._lock:
                self._reading = False
                if self._followers:
                    self._changed.notify_all()
        self._run(events)

    def _read(
        self, sock: socket.socket, session: Session, deadline: Optional[float], write: bool
    ) -> List[Event]:
        try:
            channel.wait(sock, write, deadline)
        except (OSError, ValueError):
            return []  # closed meanwhile by another thread
        events: List[Event] = []
        with self._lock:
            if self._dead is not None or session is not self._session:
                return []
            data = channel.receive(sock)
            if data is None:
                return []
            try:
                session.feed(data, events)
                if data:
                    return events
                error: Error = session.lost(f"{self.path}: the server closed the connection")
            except Garbled as e:
                error = e
        self._end(error)
        return events
