"""A task that an asyncio client sent."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Generator, Generic, List, Optional, TypeVar

from .errors import Cancelled, Error, WaitTimeout
from .session import Entry, Event, Progress

if TYPE_CHECKING:
    from .aio import Client

T = TypeVar("T")
log = logging.getLogger("moro")


class Task(Entry, Generic[T]):
    """
    What submit() gives: `await task` gives the result or raises its error, and so does
    `await task.result(timeout)`. To cancel the asyncio task that waits there cancels this one.
    """

    def __init__(self, client: "Client", on_progress: Optional[Callable[[Progress], Any]]) -> None:
        self._client = client
        self._future: "asyncio.Future[T]" = asyncio.get_running_loop().create_future()
        # An answer that nobody waits for is no mistake, so asyncio shall not complain of it.
        self._future.add_done_callback(lambda f: f.cancelled() or f.exception())
        self._reports: "asyncio.Queue[Optional[Progress]]" = asyncio.Queue()
        self._on_progress = on_progress
        self._pump: Optional["asyncio.Task[None]"] = None
        self.msgid = 0
        #: What the task reported last; None: nothing yet.
        self.last_progress: Optional[Progress] = None

    def __repr__(self) -> str:
        return f"<moro.aio.Task {self.msgid} {'done' if self.done() else 'waiting'}>"

    def __await__(self) -> Generator[Any, None, T]:
        return self.result().__await__()

    def done(self) -> bool:
        """Whether the answer is there."""
        return self._future.done()

    async def result(self, timeout: Optional[float] = None) -> T:
        """Waits for the answer and gives it, or raises its error; WaitTimeout if it takes longer."""
        try:
            await asyncio.wait({self._future}, timeout=timeout)
            if not self.done():
                raise WaitTimeout(f"no answer within {timeout} s")
            if self._pump is not None:
                await asyncio.wait({self._pump})
        except asyncio.CancelledError:
            self._client._give_up(self)
            raise
        error = self._future.exception()
        if isinstance(error, Error):
            raise error.again()  # each who waits gets one of its own
        return self._future.result()

    async def exception(self, timeout: Optional[float] = None) -> Optional[Error]:
        """Waits for the answer and gives its error, None if it has none."""
        try:
            await self.result(timeout)
        except WaitTimeout:
            if not self.done():
                raise
        except Error as error:
            return error
        return None

    async def cancel(self) -> bool:
        """Asks the server to stop the task; gives whether it was still there. The error is Cancelled."""
        if self.done():
            return False
        return await self._client.cancel(msgid=self.msgid) in ("queued", "running")

    def cancelled(self) -> bool:
        return self.done() and isinstance(self._future.exception(), Cancelled)

    def add_done_callback(self, callback: Callable[["Task[T]"], Any]) -> None:
        """Has a function called with the task, by the loop, when the answer is there."""
        self._future.add_done_callback(lambda _: callback(self))

    async def progress(self) -> AsyncIterator[Progress]:
        """Reports as they come, until the task ends; for one that was sent with progress=True."""
        while True:
            report = await self._reports.get()
            if report is None:
                self._reports.put_nowait(None)  # for others who ask
                return
            yield report

    async def _tell(self) -> None:
        """Calls the program's function with each report, one after the other."""
        assert self._on_progress is not None
        async for report in self.progress():
            try:
                answer = self._on_progress(report)
                if asyncio.iscoroutine(answer) or asyncio.isfuture(answer):
                    await answer
            except Exception:
                log.exception("a callback of %r failed", self)

    # ---- As an entry of the session

    def settle(self, error: Optional[Error], result: Any) -> List[Event]:
        self._reports.put_nowait(None)
        if self._future.done() or self._future.get_loop().is_closed():
            return []
        if error is not None:
            self._future.set_exception(error)
        else:
            self._future.set_result(result)
        return []

    def report(self, progress: Progress) -> List[Event]:
        self.last_progress = progress
        self._reports.put_nowait(progress)
        if self._on_progress is not None and self._pump is None:
            self._pump = asyncio.ensure_future(self._tell())
        return []
