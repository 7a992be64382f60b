"""Calls a task's function, of whichever kind it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Generator, Optional

from ..errors import Cancelled
from .channel import Channel
from .context import Context
from .files import Files
from .registry import Entry

if TYPE_CHECKING:
    import asyncio


class Invoker:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._loop: "Optional[asyncio.AbstractEventLoop]" = None

    def call(self, entry: Entry, data: Any, number: int, info: Dict[str, Any], files: Files) -> Any:
        if entry.kind == "plain":
            if not entry.wants_context:
                return entry.function(data)
            return entry.function(data, Context(self._channel, number, entry.type, info, files))
        context = Context(self._channel, number, entry.type, info, files)
        started = entry.function(data, context) if entry.wants_context else entry.function(data)
        if entry.kind == "generator":
            return _exhaust(started, context, entry.soft_cancel)
        return self._run(started, context, entry.soft_cancel)

    def _run(self, coroutine: Any, context: Context, soft_cancel: bool) -> Any:
        """Runs a coroutine in a loop that is kept, so that what it opens may be used by the next one."""
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        loop = self._loop
        task = loop.create_task(coroutine)

        def look() -> None:
            if context.cancelled:
                loop.remove_reader(self._channel)
                task.cancel()

        if soft_cancel:
            loop.add_reader(self._channel, look)
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError:
            raise Cancelled("the task stopped as it was told", reason="client") from None
        finally:
            if soft_cancel:
                loop.remove_reader(self._channel)


def _exhaust(steps: Generator[Any, None, Any], context: Context, soft_cancel: bool) -> Any:
    """
    What a generator yields is its progress: done, or (done, total), or (done, total, note). What it
    returns is the result. With soft_cancel it is closed at a yield when the task is told to stop.
    """
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        context.progress(*step) if isinstance(step, tuple) else context.progress(step)
        if soft_cancel and context.cancelled:
            steps.close()
            context.check()
