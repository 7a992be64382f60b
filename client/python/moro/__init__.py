"""
The Python package of morod: clients, and workers.

    import moro

    with moro.Client() as client:
        print(client.hash("some text"))

README.md beside this folder is the reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import tasks
from .client import Client
from .errors import (
    Cancelled, Closed, ConnectionLost, DuplicateId, Error, Forked, Garbled, Internal, InvalidArgument, InvalidOption,
    NoServer, NotFound, PermissionDenied, ProtocolError, QueueFull, ShuttingDown, Timeout, TooLarge, UnknownMethod,
    UnknownTask, Unsupported, WaitTimeout, WorkerError,
)
from .files import File, Range
from .options import Options, Retry
from .pending import Task
from .session import Progress, default_path
from .tasks import Call
from .worker.registry import task

if TYPE_CHECKING:
    from .aio import Client as AsyncClient

__version__ = "0.1.0"

__all__ = [
    "AsyncClient", "Call", "Cancelled", "Client", "Closed", "ConnectionLost", "DuplicateId", "Error", "File", "Forked",
    "Garbled", "Internal", "InvalidArgument", "InvalidOption", "NoServer", "NotFound", "Options", "PermissionDenied",
    "Progress", "ProtocolError", "QueueFull", "Range", "Retry", "ShuttingDown", "Task", "Timeout", "TooLarge",
    "UnknownMethod", "UnknownTask", "Unsupported", "WaitTimeout", "WorkerError", "default_path", "task", "tasks",
]


def __getattr__(name: str) -> Any:
    # asyncio takes longer to load than all else here; programs without it do not wait for it
    if name in ("aio", "AsyncClient"):
        import importlib

        aio = importlib.import_module(".aio", __name__)
        return aio if name == "aio" else aio.Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
