"""The client for asyncio: the same names as moro.Client, to be awaited."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Callable, Dict, List, Optional, Sequence, TypeVar, Union, overload

from . import channel, forks
from .aiotask import Task
from .batches import elements, outcomes
from .ends import End
from .errors import Closed, Error, Forked, Garbled, NoServer, WaitTimeout
from .methods import AsyncMethods
from .session import HELLO, Event, Path, Session, named, place, waiting
from .tasks import Call

T = TypeVar("T")
_CONNECT = 10.0
_FULL = 1 << 20  # bytes that wait to be sent before submit() waits, too


class Client(End, AsyncMethods):
    """
    A connection to morod for one event loop: `async with moro.AsyncClient() as client`, or connect().

    Arguments are those of moro.Client. Who cancels an asyncio task that waits for a morod task cancels
    both.
    """

    _shown = "moro.AsyncClient"

    def __init__(
        self, path: Optional[Path] = None, *, timeout: Optional[float] = None, name: Optional[str] = None,
        reconnect: bool = False,
    ) -> None:
        self.path, self.timeout = place(path), waiting(timeout)
        self._name = name
        self._reconnect = reconnect
        self._dead: Optional[Error] = Closed("the client is not connected")
        self._connecting: Optional[asyncio.Lock] = None
        self._room: Optional[asyncio.Event] = None
        self._session = Session(name)
        self._outbox = channel.Outbox()
        self._writing = False
        forks.watch(self)

    # ---- The connection

    async def connect(self) -> None:
        """Connects, anew if there is a connection."""
        if isinstance(self._dead, Forked):
            raise self._dead.again()
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            await self._connect()

    async def _connect(self) -> None:
        self._end(Closed("the client was connected anew"))
        limit = _CONNECT if self.timeout is None else self.timeout
        loop = asyncio.get_running_loop()
        sock = await _dial(self.path, limit)
        self._loop, self._sock = loop, sock
        self._session, self._outbox = Session(self._name), channel.Outbox()
        self._room = asyncio.Event()
        self._room.set()
        self._dead = None
        loop.add_reader(sock, self._readable)
        try:
            hello: Task[Any] = Task(self, None)
            self._session.pending[HELLO] = hello
            self._outbox.put(self._session.greeting(), [])
            self._flush()
            self._session.greeted(await hello.result(limit))
        except BaseException as e:
            self._end(e if isinstance(e, Error) else Closed("connecting was given up"))
            raise

    async def close(self) -> None:
        """Ends the connection; tasks that have no answer get Closed, and the server stops them."""
        self._end(Closed("the client was closed"), final=True)

    async def __aenter__(self) -> "Client":
        await self.connect()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    def _forked(self) -> None:
        """In a child, whose loop is no other than the parent's, kernel's part included: lets go."""
        self._dead = forks.error()
        if self._sock is not None:
            self._sock.close()

    def _end(self, error: Error, final: bool = False) -> None:
        """The connection is over: everybody who waits is told."""
        if self._dead is not None:
            if final and not isinstance(self._dead, Forked):
                self._dead = error
            return
        self._dead = error
        assert self._sock is not None and self._room is not None
        if not self._loop.is_closed():
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
        self._writing = False
        channel.close(self._sock)
        self._outbox.clear()
        self._room.set()
        self._run(self._session.abandon(error))

    async def _usable(self) -> None:
        if self._dead is None:
            return
        if not self._reconnect or isinstance(self._dead, (Closed, Forked)):
            raise self._dead.again()
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if self._dead is not None:
                await self._connect()

    # ---- Calls

    @overload
    async def call(self, type: Call[T], **options: Any) -> T: ...
    @overload
    async def call(self, type: str, data: Any = None, **options: Any) -> Any: ...
    async def call(self, type: Union[str, Call[Any]], data: Any = None, **options: Any) -> Any:
        """Runs a task and gives its result. Options: see moro.options."""
        task = await self.submit(type, data, **options)
        return await self._result(task)

    @overload
    async def submit(self, type: Call[T], **options: Any) -> Task[T]: ...
    @overload
    async def submit(self, type: str, data: Any = None, **options: Any) -> Task[Any]: ...
    async def submit(self, type: Union[str, Call[Any]], data: Any = None, **options: Any) -> Task[Any]:
        """Sends a task; it waits only until there is room to send."""
        await self._ready()
        on_progress = options.get("progress")
        task: Task[Any] = Task(self, on_progress if callable(on_progress) else None)
        task.msgid, parcel = self._session.task(task, type, data, options)
        self._put(task.msgid, *parcel)
        return task

    async def notify(self, type: Union[str, Call[Any]], data: Any = None, **options: Any) -> None:
        """Has a task run, and does not hear of it again: also not if the server refuses it."""
        await self._ready()
        _, parcel = self._session.task(None, type, data, options)
        self._put(None, *parcel)

    async def batch(
        self, type: str, data: Sequence[Any], *, return_exceptions: bool = False, **options: Any
    ) -> List[Any]:
        """
        Runs a task for each element, in one request, and gives the results in their order. The first
        error is raised; with return_exceptions errors stand among the results.
        """
        return outcomes(await self.call(type, elements(data), batch=True, **options), return_exceptions)

    async def cancel(
        self, *, msgid: Optional[int] = None, id: Optional[str] = None, client: Optional[int] = None
    ) -> str:
        """Stops a task; gives what it was: "queued", "running", "done" or "unknown"."""
        answer = await self.request("cancel", named(msgid, id, client))
        return str(answer["state"])

    async def subscribe(self, listener: Callable[[Dict[str, Any]], Any]) -> List[Dict[str, Any]]:
        """Has a function (no coroutine) told of backpressure; gives what is so now."""
        answer: List[Dict[str, Any]] = await self.request("subscribe", "backpressure")
        self._session.listeners.append(listener)
        return answer

    async def unsubscribe(self) -> None:
        """Ends all subscriptions."""
        await self.request("unsubscribe", "backpressure")
        self._session.listeners.clear()

    async def _do(self, call: Call[T]) -> T:
        if ":" in call.method:
            return await self.call(call)
        await self._ready()
        task: Task[T] = Task(self, None)
        task.msgid, packed = self._session.request(task, call.method, call.params)
        self._put(task.msgid, packed, [])
        return await self._result(task)

    async def _result(self, task: Task[T]) -> T:
        try:
            return await task.result(self.timeout)
        except WaitTimeout:
            self._give_up(task)
            raise

    def _give_up(self, task: Task[Any]) -> None:
        """Has the server stop a task without waiting for it."""
        if self._dead is None and not task.done():
            self._put(None, self._session.cancellation(task.msgid), [])

    # ---- Input and output

    async def _ready(self) -> None:
        """Waits until something can be sent, and raises if nothing can."""
        await self._usable()
        while self._outbox.size > _FULL:
            assert self._room is not None
            self._room.clear()
            await self._room.wait()
        if self._dead is not None:
            raise self._dead.again()

    def _put(self, msgid: Optional[int], data: bytes, fds: List[int]) -> None:
        self._queue(msgid, data, fds)
        if not self._writing:
            self._flush()

    def _flush(self) -> None:
        assert self._sock is not None and self._room is not None
        if self._dead is not None:
            return
        try:
            done = self._outbox.send(self._sock)
        except OSError:
            done = True  # there may be answers still; the end is read
        if self._outbox.size <= _FULL // 2:
            self._room.set()
        if done and self._writing:
            self._loop.remove_writer(self._sock)
        elif not done and not self._writing:
            self._loop.add_writer(self._sock, self._flush)
        self._writing = not done

    def _readable(self) -> None:
        assert self._sock is not None
        data = channel.receive(self._sock)
        if data is None:
            return
        events: List[Event] = []
        error: Optional[Error] = None
        try:
            self._session.feed(data, events)
            if not data:
                error = self._session.lost(f"{self.path}: the server closed the connection")
        except Garbled as e:
            error = e
        self._run(events)
        if error is not None:
            self._end(error)


async def _dial(path: str, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, path), timeout)
        return sock
    except asyncio.TimeoutError:
        sock.close()
        raise WaitTimeout(f"{path}: no connection within {timeout} s") from None
    except OSError as e:
        sock.close()
        raise NoServer(f"{path}: {e.strerror or e}; is morod running there?", errno=e.errno) from None
    except BaseException:
        sock.close()
        raise
