"""The control methods, each described once for both clients (proto/PROTOCOL.md, section 5)."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple, Union

from .errors import InvalidArgument
from .tasks import Call, Map, fields


def _ask(method: str, *params: Any) -> Call[Any]:
    return Call(method, [p for p in params if p is not None], {})


def request(method: str, *params: Any) -> Call[Any]:
    """Any control method by its name on the wire, with its parameters as they are."""
    if not isinstance(method, str) or ":" in method:
        raise InvalidArgument(f"method takes the name of a control method, not {method!r}", field="method")
    return Call(method, list(params), {})


def ping(value: Any = None) -> Call[Any]:
    """"pong", or the value."""
    return _ask("ping", value)


def stats(*, buckets: Optional[bool] = None) -> Call[Map]:
    """What the server does at the moment, and has done."""
    return _ask("stats", fields(buckets=buckets) or None)


def types(name: Optional[str] = None) -> Call[List[Map]]:
    """What it can do: a map for each task type, or for the one of that name."""
    return _ask("types", name)


def ls(
    *, state: Optional[str] = None, type: Optional[str] = None, client: Optional[int] = None,
    limit: Optional[int] = None,
) -> Call[List[Map]]:
    """Tasks that run and wait, of all clients."""
    return _ask("ls", fields(state=state, type=type, client=client, limit=limit) or None)


def slow(n: Optional[int] = None) -> Call[List[Map]]:
    """The slowest tasks of the last ten minutes."""
    return _ask("slow", n)


def poison() -> Call[List[Map]]:
    """The last tasks that killed every worker they were given to."""
    return _ask("poison")


def clients(*, client: Optional[int] = None, limit: Optional[int] = None) -> Call[List[Map]]:
    """The connections."""
    return _ask("clients", fields(client=client, limit=limit) or None)


def pause(what: Optional[str] = None) -> Call[bool]:
    """Has tasks wait: all, those of a type, or those of a priority."""
    return _ask("pause", what)


def resume(what: Optional[str] = None) -> Call[bool]:
    """Ends that; without an argument all pauses, and drain()."""
    return _ask("resume", what)


def drain() -> Call[bool]:
    """Has the server refuse new tasks and finish what it has."""
    return _ask("drain")


def scale(workers: Union[int, Tuple[int, int]], pool: Optional[str] = None) -> Call[bool]:
    """Sets how many workers a pool has: a number, or (least, most)."""
    if isinstance(workers, tuple):
        if len(workers) != 2:
            raise InvalidArgument(f"scale takes a number, or (least, most), not {workers!r}", field="workers")
        wanted: Union[int, str] = f"{workers[0]}:{workers[1]}"
    else:
        wanted = workers
    return _ask("scale", fields(workers=wanted, pool=pool))


def reload() -> Call[Map]:
    """Has the server read its configuration again."""
    return _ask("reload")


def shutdown(*, now: bool = False) -> Call[bool]:
    """Has the server finish what it accepted and end; with `now` without finishing."""
    return _ask("shutdown", {"now": True} if now else None)


def log_level(level: Optional[str] = None) -> Call[str]:
    """The level of the log, which is set first if one is given."""
    return _ask("log", level)
