"""Which tasks a program serves: the decorator `@moro.task`."""

from __future__ import annotations

import inspect
import re
from typing import Any, Callable, Dict, List, Optional, TypeVar

from .. import options
from ..errors import InvalidArgument

F = TypeVar("F", bound=Callable[..., Any])
#: All tasks of the modules that were imported, by their type.
TASKS: Dict[str, "Entry"] = {}


class Entry:
    """A task type: its function, and what morod is told of it."""

    __slots__ = ("type", "function", "wants_context", "kind", "soft_cancel", "said", "long")

    def __init__(self, type: str, function: Callable[..., Any], said: Dict[str, Any]) -> None:
        self.type = type
        self.function = function
        self.wants_context = _takes_context(type, function)
        self.kind = (
            "async" if inspect.iscoroutinefunction(function)
            else "generator" if inspect.isgeneratorfunction(function) else "plain"
        )
        self.soft_cancel = bool(said.get("softCancel"))
        self.said = {"name": type, **said}
        self.long = True  # as far as is known: answers that are ready do not wait for it


def _takes_context(type: str, function: Callable[..., Any]) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    needed = [p for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
    named = [p for p in parameters if p.kind in kinds]
    if len(needed) > 2 or not named:
        raise InvalidArgument(f"the function of {type} takes (data) or (data, context), not {len(needed)} parameters")
    return len(needed) == 2


def task(
    type: str, *, about: Optional[str] = None, idempotent: bool = False, soft_cancel: bool = False,
    timeout: Optional[options.Seconds] = None,
) -> Callable[[F], F]:
    """
    Makes a function a task type, "family:name"; called as a function it is what it was.

    `about` is a line about it, by default the first of the function's text. `idempotent`: running it twice
    does no harm, so it is run again if its worker dies. `soft_cancel`: it looks at context.cancelled, and is
    not killed at once. `timeout` holds for callers who give none, in seconds.
    """
    if not isinstance(type, str):
        raise InvalidArgument('task takes the name of a task type: @moro.task("image:resize")', field="type")
    if not re.fullmatch(r"[^\s:]+:\S+", type) or len(type.encode()) > 128:
        raise InvalidArgument(f"a task type is a name with a colon, as 'image:resize', not {type!r}", field="type")
    said: Dict[str, Any] = {"idempotent": idempotent, "softCancel": soft_cancel}
    for name, value in said.items():
        if not isinstance(value, bool):
            raise InvalidArgument(f"{name} of {type} takes True or False, not {value!r}", field=name)
    if timeout is not None:
        said["timeout"] = options.milliseconds("timeout", timeout)

    def register(function: F) -> F:
        if type in TASKS and TASKS[type].function is not function:
            raise InvalidArgument(f"there are two functions for {type}", field="type")
        line = about or (inspect.getdoc(function) or "").partition("\n")[0]
        TASKS[type] = Entry(type, function, {**said, **({"about": line} if line else {})})
        return function

    return register


def chosen(names: Optional[List[str]] = None) -> Dict[str, Entry]:
    """The tasks whose functions or types have these names; None: all."""
    if names is None:
        return dict(TASKS)
    by_name = {name: entry for entry in TASKS.values() for name in (entry.type, entry.function.__name__)}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise InvalidArgument(f"no task {missing[0]!r}; there are {', '.join(sorted(TASKS)) or 'none'}", field="task")
    return {by_name[name].type: by_name[name] for name in names}
