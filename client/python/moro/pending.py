"""A task that a blocking client sent."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Generic, List, Optional, TypeVar

from .errors import Cancelled, Error
from .session import Entry, Event, Progress

if TYPE_CHECKING:
    from .client import Client

T = TypeVar("T")
log = logging.getLogger("moro")


class Task(Entry, Generic[T]):
    """
    What submit() gives: the answer, as soon as it is there. It may be used by several threads.

    Nothing reads the connection in the background: answers are read by whoever waits, for any task
    of the client. Callbacks run there, too.
    """

    def __init__(self, client: "Client", on_progress: Optional[Callable[[Progress], Any]] = None) -> None:
        self._client = client
        self._on_progress = on_progress
        self._callbacks: List[Callable[["Task[T]"], Any]] = []
        self._done = False
        self._error: Optional[Error] = None
        self._result: Any = None
        self.msgid = 0
        #: What the task reported last; None: nothing yet.
        self.last_progress: Optional[Progress] = None

    def __repr__(self) -> str:
        state = "waiting" if not self._done else "failed" if self._error else "done"
        return f"<moro.Task {self.msgid} {state}>"

    def done(self) -> bool:
        """Whether the answer is there; takes what has come meanwhile."""
        if not self._done:
            self._client._wait(self, 0)
        return self._done

    def result(self, timeout: Optional[float] = None) -> T:
        """Waits for the answer and gives it, or raises its error; WaitTimeout if it takes longer."""
        error = self.exception(timeout)
        if error is not None:
            raise error
        result: T = self._result
        return result

    def exception(self, timeout: Optional[float] = None) -> Optional[Error]:
        """Waits for the answer and gives its error, None if it has none."""
        if not self._done:
            self._client._wait_or_raise(self, timeout)
        return self._error

    def cancel(self) -> bool:
        """Asks the server to stop the task; gives whether it was still there. The error is Cancelled."""
        if self._done:
            return False
        return self._client.cancel(msgid=self.msgid) in ("queued", "running")

    def cancelled(self) -> bool:
        return self.done() and isinstance(self._error, Cancelled)

    def add_done_callback(self, callback: Callable[["Task[T]"], Any]) -> None:
        """Has a function called with the task when the answer is there, at once if it is already."""
        with self._client._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        self._tell(callback, self)

    # ---- As an entry of the session, called with the client's lock held.

    def settle(self, error: Optional[Error], result: Any) -> List[Event]:
        self._error, self._result, self._done = error, result, True
        callbacks, self._callbacks = self._callbacks, []
        return [partial(self._tell, callback, self) for callback in callbacks] if callbacks else []

    def report(self, progress: Progress) -> List[Event]:
        self.last_progress = progress
        return [partial(self._tell, self._on_progress, progress)] if self._on_progress is not None else []

    def _tell(self, callback: Callable[[Any], Any], what: Any) -> None:
        # Whoever reads may wait for something else: an error here is none of theirs.
        try:
            callback(what)
        except Exception:
            log.exception("a callback of %r failed", self)
