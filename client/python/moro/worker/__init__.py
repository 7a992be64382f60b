"""
Tasks in Python, run by morod in processes of their own.

    import moro

    @moro.task("text:count", idempotent=True)
    def count(data):
        return len(data["text"].split())

`python3 -m moro.worker module` serves the tasks of a module; a program that wants to do that by itself
calls moro.worker.run().
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .context import Context, Written
from .files import FileRange
from .registry import task

if TYPE_CHECKING:
    from .channel import NoChannel
    from .loop import run

__all__ = ["Context", "FileRange", "NoChannel", "Written", "run", "task"]


def __getattr__(name: str) -> Any:
    # Clients import this package for the decorator; they do not need the rest.
    if name == "run":
        from .loop import run

        return run
    if name == "NoChannel":
        from .channel import NoChannel

        return NoChannel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
