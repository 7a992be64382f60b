"""The worker's main loop."""

from __future__ import annotations

import signal
import sys
import time
import traceback
from typing import Any, Dict, List, Optional, Union

from .. import wire
from ..errors import Error, UnknownTask, Unsupported
from ..files import range_ext
from ..session import Path
from .channel import Channel, End, from_environment
from .context import Written
from .dial import dial, guard
from .files import Files
from .invoke import Invoker
from .registry import Entry, chosen

_LONG = 0.0002  # seconds; for a task that takes longer, answers that are ready do not wait
_CODES = {
    "WORKER_ERROR", "INVALID_ARGUMENT", "TOO_LARGE", "UNSUPPORTED", "NOT_FOUND", "PERMISSION_DENIED", "UNKNOWN_TASK",
    "INTERNAL", "CANCELLED",
}
_NO_FILES = Files([])


def run(
    names: Optional[List[str]] = None, *, connect: Union[Path, bool, None] = None, pool: Optional[str] = None,
) -> None:
    """
    Serves the tasks that were registered until morod closes the channel, and returns then. `names` are
    those of functions or types, if not all of them are wanted. Raises NoChannel if morod did not start
    this program.

    `connect` has it dial in instead, to the socket at a path or, if it is True, where clients find it; `pool`
    says to which pool, if several take workers. Raises what morod says against it. It returns when the
    connection has ended, and may be called again.
    """
    tasks = chosen(names)
    if connect is not None and connect is not False:
        _serve(tasks, connect, pool)
        return
    channel = from_environment()
    # Ctrl-C goes to morod, which tells its workers what to do; and prints shall be in its log at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    try:
        Worker(channel, tasks).serve()
    except End:
        pass
    except SystemExit:
        channel.flush()  # what was done before the task that wants to end is done
        raise


def _serve(tasks: Dict[str, Entry], where: Union[Path, bool], pool: Optional[str]) -> None:
    """Dials in, and serves until the connection ends."""
    channel = dial(where, pool, tasks)
    worker = Worker(channel, tasks)
    guard(channel, worker)
    try:
        worker.serve()
    except End:
        pass
    except SystemExit:
        channel.flush()
        raise
    finally:
        worker.busy = False
        channel.close()


class Worker:
    def __init__(self, channel: Channel, tasks: Dict[str, Entry]) -> None:
        self.busy = False  # a task runs
        self._channel = channel
        self._tasks = tasks
        self._invoker = Invoker(channel)
        self._pack = wire.packer().pack

    def serve(self) -> None:
        """Answers requests until the channel ends."""
        while True:
            message = self._channel.next()
            if message[0] != 0:
                continue  # a cancel of what is answered already, or what a later morod tells
            _, number, method, params = message
            if method == "hello":
                self._greet(number, params[0] if params else {})
            elif ":" in method:
                self._task(number, method, params)
            else:  # of a later morod, which can do without
                error = describe(Unsupported(f"this worker has no method {method!r}"), {})
                self._channel.put(wire.pack([1, number, error, None]))

    def _greet(self, number: int, hello: Dict[str, Any]) -> None:
        """Tells what this program serves: of the types that morod was configured with those it has."""
        wanted = hello.get("types") or list(self._tasks)
        for missing in (name for name in wanted if name not in self._tasks):
            print(f"moro.worker: there is no task {missing!r}, which morod was configured with", file=sys.stderr)
        self._tasks = {name: self._tasks[name] for name in wanted if name in self._tasks}
        types = [entry.said for entry in self._tasks.values()]
        self._channel.put(self._pack([1, number, None, {"types": types}]))

    def _task(self, number: int, method: str, params: List[Any]) -> None:
        """Runs a task and puts its answer where it will be sent soon."""
        data, info = params
        entry = self._tasks.get(method)
        if self._channel.answers and (entry is None or entry.long):
            self._channel.flush()
        files = _NO_FILES
        began = time.perf_counter()
        self.busy = True
        try:
            if "fds" in info:
                files = self._channel.arrivals.take(info["fds"])
                files.bind(data)
            if entry is None:
                raise UnknownTask(f"this worker has no task {method!r}")
            result = self._invoker.call(entry, data, number, info, files)
            if "resultFd" in info:
                result = _to_file(files, info["resultFd"], result)
            answer = self._answer(number, method, result)
        except End:
            raise
        except Exception as e:
            answer = wire.pack([1, number, describe(e, info), None])
        finally:
            self.busy = False
            if files.fds:
                files.close()
        if entry is not None:
            entry.long = time.perf_counter() - began > _LONG
        self._channel.put(answer)

    def _answer(self, number: int, method: str, result: Any) -> bytes:
        try:
            packed: bytes = self._pack([1, number, None, result])
            return packed
        except (TypeError, ValueError, OverflowError):
            self._pack = wire.packer().pack  # the old one holds half a message
            why = wire.why_not(result, "the result")
            raise Error(f"{method}: {why.message if why else 'the result cannot be packed'}", reason="failed") from None


def _to_file(files: Files, index: int, result: Any) -> Any:
    if isinstance(result, Written):
        return range_ext(index, 0, int(result))
    try:
        return files.write(index, result)
    except OSError as e:
        raise Error(
            f"the result cannot be written: {e.strerror}", reason="failed", field="resultFd", errno=e.errno
        ) from None


def describe(error: Exception, info: Dict[str, Any]) -> Dict[str, Any]:
    """The error as the caller gets it. What is no error of this package is a bug, so it is printed, too."""
    if isinstance(error, Error):
        known = error.code in _CODES
        given: Dict[str, Any] = {
            "code": error.code if known else "WORKER_ERROR",
            "message": error.message if known else str(error),
        }
        if error.reason is not None or given["code"] == "WORKER_ERROR":
            given["reason"] = error.reason or "failed"
        return {**_plain(error.details), **given}
    if isinstance(error, MemoryError):  # what the task has kept is needed to tell of it
        traceback.clear_frames(error.__traceback__)
    traceback.print_exception(type(error), error, error.__traceback__)
    reason = "memory" if isinstance(error, MemoryError) else "failed"
    text = str(error).encode("utf-8", "replace").decode()  # what stands there may be anything
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return {"code": "WORKER_ERROR", "reason": reason, "message": message}


def _plain(details: Dict[str, Any]) -> Dict[str, Any]:
    """Details that can be sent; others go as their text, so that an error never fails."""
    return {
        key: value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
        for key, value in details.items()
    }

