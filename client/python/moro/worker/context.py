"""What a task's function is told besides its data."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, Optional

from .. import wire
from ..errors import Cancelled
from .files import Files

if TYPE_CHECKING:
    from .channel import Channel

_PAUSE = 0.005  # seconds between reports: a caller is told 20 times a second at most


class Context:
    """
    A task that runs: `type` is its type, `attempt` how often it was begun (from 1), `wants_progress`
    whether somebody listens to progress().
    """

    def __init__(self, channel: "Channel", number: int, type: str, info: Dict[str, Any], files: Files) -> None:
        self.type = type
        self.attempt: int = info.get("attempt", 1)
        self.wants_progress: bool = bool(info.get("progress"))
        self._channel = channel
        self._number = number
        self._files = files
        self._result_index: Optional[int] = info.get("resultFd")
        self._cancelled = False
        self._next_report = 0.0

    def progress(self, done: float, total: Optional[float] = None, note: Optional[str] = None) -> None:
        """
        Tells the caller how far the task is. Cheap where nobody listens; of reports that follow one another
        within 5 ms only the first is sent, and the one that says that all is done.
        """
        if not self.wants_progress:
            return
        now = time.monotonic()
        if now < self._next_report and done != total:
            return
        self._next_report = now + _PAUSE
        report = {"done": done, "total": total, "note": note}
        known = {key: value for key, value in report.items() if value is not None}
        self._channel.put(wire.pack([2, "progress", [self._number, known]]))
        self._channel.flush()

    @property
    def cancelled(self) -> bool:
        """
        Whether the task has been told to stop, or morod is gone; it has some seconds to clean up. Only tasks with
        soft_cancel are told. This looks at the channel, so it costs a system call.
        """
        if not self._cancelled:
            self._cancelled = [2, "cancel", [self._number]] in self._channel.look() or self._channel.ended
        return self._cancelled

    def check(self) -> None:
        """Raises moro.Cancelled if the task has been told to stop."""
        if self.cancelled:
            raise Cancelled("the task stopped as it was told", reason="client")

    @property
    def result_fd(self) -> Optional[int]:
        """
        The descriptor of the file that the caller wants the result in, None: there is none. Text and bytes
        that a task returns are written there by themselves; one that writes by itself returns how many
        bytes, as moro.worker.Written.
        """
        return None if self._result_index is None else self._files.fds[self._result_index]


class Written(int):
    """So many bytes of the result are in the file at context.result_fd, from its start."""
