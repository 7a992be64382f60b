"""What can go wrong: a class for each code of the protocol, and for what happens on this side."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Type


class Error(Exception):
    """
    An error of a task, of the server or of the connection to it.

    `code` and `reason` are for programs, `message` is for people; `retryable` tells whether the same
    request may well succeed later. `details` holds whatever else the error brought, under the names
    of the wire ("retryAfterMs").
    """

    default_code = "WORKER_ERROR"
    default_retryable = False

    def __init__(
        self,
        message: str = "",
        *,
        code: Optional[str] = None,
        reason: Optional[str] = None,
        retryable: Optional[bool] = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.code: str = code or self.default_code
        self.message = message
        self.reason = reason
        self.retryable: bool = self.default_retryable if retryable is None else retryable
        self.details: Dict[str, Any] = details

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> Tuple[Any, ...]:
        # Exceptions cross process borders by pickle, and keywords are lost by its default.
        return _rebuild, (type(self), self.message, self.code, self.reason, self.retryable, self.details)

    def again(self) -> Error:
        """A copy, because an exception that is raised twice collects the tracebacks of both."""
        copy: Error = _rebuild(*self.__reduce__()[1])
        return copy

    @property
    def field(self) -> Optional[str]:
        """The field of the data that is wrong."""
        return self.details.get("field")

    @property
    def option(self) -> Optional[str]:
        """The option that is wrong, or the limit in time that struck."""
        return self.details.get("option")

    @property
    def limit(self) -> Optional[int]:
        """The limit that was reached, in the wire's unit: bytes, tasks or milliseconds."""
        return self.details.get("limit")

    @property
    def retry_after(self) -> Optional[float]:
        """After how many seconds the server thinks that it is worth to try again."""
        ms = self.details.get("retryAfterMs")
        return None if ms is None else ms / 1000


class Timeout(Error, TimeoutError):
    """A limit of the task was reached, and the task was stopped; reason "queue" or "run"."""

    default_code = "TIMEOUT"
    default_retryable = True


class QueueFull(Error):
    """There is no room for the task now; the reason tells where."""

    default_code = "QUEUE_FULL"
    default_retryable = True


class WorkerError(Error, RuntimeError):
    """The task failed ("failed"), or its worker died ("crashed", "poison", "memory", "cpu")."""

    default_code = "WORKER_ERROR"


class Cancelled(Error):
    """The task was cancelled; reason "client", "admin" or "shutdown"."""

    default_code = "CANCELLED"


class UnknownTask(Error, LookupError):
    default_code = "UNKNOWN_TASK"


class UnknownMethod(Error, LookupError):
    default_code = "UNKNOWN_METHOD"


class InvalidArgument(Error, ValueError):
    """The data are wrong; `field` names what is."""

    default_code = "INVALID_ARGUMENT"


class InvalidOption(Error, ValueError):
    """An option is wrong or unknown; `option` names it."""

    default_code = "INVALID_OPTION"


class TooLarge(Error, ValueError):
    """Something is over a limit (`limit`), and waiting would not help."""

    default_code = "TOO_LARGE"


class DuplicateId(Error, ValueError):
    default_code = "DUPLICATE_ID"


class PermissionDenied(Error, PermissionError):
    default_code = "PERMISSION_DENIED"


class ShuttingDown(Error):
    default_code = "SHUTTING_DOWN"
    default_retryable = True


class ProtocolError(Error):
    default_code = "PROTOCOL_ERROR"


class NotFound(Error, LookupError):
    default_code = "NOT_FOUND"


class Unsupported(Error):
    default_code = "UNSUPPORTED"


class Internal(Error):
    default_code = "INTERNAL"


class NoServer(Error, ConnectionError):
    """Nobody listens on the socket, or there is no path to one."""

    default_code = "NO_SERVER"
    default_retryable = True


class ConnectionLost(Error, ConnectionError):
    """The server went away; what was sent may have run."""

    default_code = "LOST"
    default_retryable = True


class Garbled(ConnectionLost):
    """The peer is not a morod, or a broken one."""

    default_code = "GARBLED"
    default_retryable = False


class Closed(Error, ConnectionError):
    """The client was closed, or never connected."""

    default_code = "CLOSED"


class Forked(Error, RuntimeError):
    """The client belongs to the process that this one was forked from."""

    default_code = "FORKED"


class WaitTimeout(Error, TimeoutError):
    """Nothing came within the time that the caller wants to wait; the task goes on."""

    default_code = "WAIT_LIMIT"
    default_retryable = True


_WIRE: Tuple[Type[Error], ...] = (
    Timeout, QueueFull, WorkerError, Cancelled, UnknownTask, UnknownMethod, InvalidArgument, InvalidOption,
    TooLarge, DuplicateId, PermissionDenied, ShuttingDown, ProtocolError, NotFound, Unsupported, Internal,
)
BY_CODE: Dict[str, Type[Error]] = {kind.default_code: kind for kind in _WIRE}
_SILENT = "the server does not say why"


def _rebuild(
    kind: Type[Error], message: str, code: str, reason: Optional[str], retryable: bool, details: Dict[str, Any]
) -> Error:
    error = kind(message, code=code, reason=reason, retryable=retryable)
    error.details = details  # not as keywords: a later server may call one "self"
    return error


def from_wire(error: Any) -> Error:
    """Makes an exception of an error in any of the three shapes of the protocol (section 6)."""
    if isinstance(error, dict):
        rest = {str(key): value for key, value in error.items()}
        code, message = str(rest.pop("code", "INTERNAL")), str(rest.pop("message", "")) or _SILENT
        reason, retryable = rest.pop("reason", None), rest.pop("retryable", None)
        return _rebuild(BY_CODE.get(code, Error), message, code, reason, retryable, rest)
    if isinstance(error, (list, tuple)) and len(error) == 2:
        error = error[1]
    code, colon, message = str(error).partition(": ")
    if colon and code in BY_CODE:
        return BY_CODE[code](message)
    return Internal(str(error))
