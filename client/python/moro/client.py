"""The client that waits."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, TypeVar, Union, overload

from . import channel
from .batches import elements, outcomes
from .connection import Connection
from .errors import Error
from .methods import Methods
from .pending import Task
from .session import named
from .tasks import Call

T = TypeVar("T")


class Client(Connection, Methods):
    """
    A connection to morod, for any number of threads.

    `path` is the socket, by default that of $MORO_SOCKET. `timeout` is the longest time in seconds that
    a call waits, whatever the server does; the task is cancelled then. `name` is what the server lists.
    A connection that was lost stays lost until connect(), or with `reconnect` until the next call.
    """

    @overload
    def call(self, type: Call[T], **options: Any) -> T: ...
    @overload
    def call(self, type: str, data: Any = None, **options: Any) -> Any: ...
    def call(self, type: Union[str, Call[Any]], data: Any = None, **options: Any) -> Any:
        """Runs a task and gives its result. Options: see moro.options."""
        return self._result(self.submit(type, data, **options))

    @overload
    def submit(self, type: Call[T], **options: Any) -> Task[T]: ...
    @overload
    def submit(self, type: str, data: Any = None, **options: Any) -> Task[Any]: ...
    def submit(self, type: Union[str, Call[Any]], data: Any = None, **options: Any) -> Task[Any]:
        """Sends a task and does not wait for it."""
        self._usable()
        on_progress = options.get("progress")
        task: Task[Any] = Task(self, on_progress if callable(on_progress) else None)
        with self._lock:
            self._alive()
            task.msgid, parcel = self._session.task(task, type, data, options)
            self._queue(task.msgid, *parcel)
        try:
            self._flush(None)
        except Error:
            raise
        except BaseException:  # Ctrl-C: nobody will have the task
            self._give_up(task)
            raise
        return task

    def notify(self, type: Union[str, Call[Any]], data: Any = None, **options: Any) -> None:
        """Has a task run, and does not hear of it again: also not if the server refuses it."""
        self._usable()
        with self._lock:
            self._alive()
            _, parcel = self._session.task(None, type, data, options)
            self._queue(None, *parcel)
        self._flush(None)

    def batch(
        self, type: str, data: Sequence[Any], *, return_exceptions: bool = False, **options: Any
    ) -> List[Any]:
        """
        Runs a task for each element, in one request, and gives the results in their order. The first
        error is raised; with return_exceptions errors stand among the results.
        """
        return outcomes(self.call(type, elements(data), batch=True, **options), return_exceptions)

    def cancel(
        self, *, msgid: Optional[int] = None, id: Optional[str] = None, client: Optional[int] = None
    ) -> str:
        """Stops a task; gives what it was: "queued", "running", "done" or "unknown"."""
        answer = self.request("cancel", named(msgid, id, client))
        return str(answer["state"])

    def subscribe(self, listener: Callable[[Dict[str, Any]], Any]) -> List[Dict[str, Any]]:
        """Has a function told of backpressure, by whoever waits or by poll(); gives what is so now."""
        answer: List[Dict[str, Any]] = self.request("subscribe", "backpressure")
        self._session.listeners.append(listener)
        return answer

    def unsubscribe(self) -> None:
        """Ends all subscriptions."""
        self.request("unsubscribe", "backpressure")
        self._session.listeners.clear()

    def poll(self, timeout: float = 0) -> None:
        """Takes what has come, for at most so long, or until there is something; callbacks run."""
        self._usable()
        end = channel.deadline(timeout)
        self._read_once(end, False)

    def _do(self, call: Call[T]) -> T:
        if ":" in call.method:
            return self.call(call)
        self._usable()
        task: Task[T] = Task(self)
        with self._lock:
            self._alive()
            task.msgid, packed = self._session.request(task, call.method, call.params)
            self._queue(task.msgid, packed, [])
        self._flush(None)
        return self._result(task)

    def _result(self, task: Task[T]) -> T:
        try:
            return task.result(self.timeout)
        except Error:
            if not task._done:
                self._give_up(task)
            raise
        except BaseException:  # Ctrl-C: nobody will want the answer
            self._give_up(task)
            raise

    def _give_up(self, task: Task[Any]) -> None:
        """Has the server stop a task without waiting for it."""
        with self._lock:
            if self._dead is None:
                self._outbox.put(self._session.cancellation(task.msgid), [])
        try:
            self._flush(channel.deadline(1.0))
        except Error:
            pass  # the connection ended, and the task with it
