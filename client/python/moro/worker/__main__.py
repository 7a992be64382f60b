"""python3 -m moro.worker [OPTION]... MODULE[:NAME,...] ...: serves the tasks of modules or files."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Dict, List, Optional

from ..errors import Error, InvalidArgument
from .channel import NoChannel
from .loop import run
from .registry import TASKS

USAGE = """usage: python3 -m moro.worker [OPTION]... MODULE[:NAME,...]...

Serves the tasks of Python modules (package.module) or files (path.py); with
names of functions or task types only those. morod starts it, or it dials in:

  --connect[=PATH]  connects to morod's socket and asks for tasks
  --pool=NAME       the pool that it is a worker of, if several take such ones
"""


def load(name: str) -> List[str]:
    """Imports a module by its name, or a file by its path, and gives the types that came with it."""
    before = set(TASKS)
    if name.endswith(".py"):
        folder, file = os.path.split(os.path.abspath(name))
        sys.path.insert(0, folder)
        name = file[: -len(".py")]
    module = importlib.import_module(name)
    return [
        type for type, entry in TASKS.items()
        if type not in before or entry.function.__module__ == module.__name__
    ]


def options(words: List[str]) -> Dict[str, Any]:
    """Takes the options off the words, and gives them as run() takes them."""
    found: Dict[str, Any] = {}
    while words and words[0].startswith("--") and words[0] != "--help":
        name, given, value = words.pop(0).partition("=")
        if name == "--connect":
            found["connect"] = value if given else True
        elif name == "--pool" and value:
            found["pool"] = value
        else:
            raise InvalidArgument(f"{name} is no option, or takes a value: --connect[=PATH], --pool=NAME")
    if "pool" in found and "connect" not in found:
        raise InvalidArgument("--pool goes with --connect")
    return found


def main(words: List[str]) -> Optional[str]:
    """Serves until the channel ends; gives what is wrong, if anything is."""
    try:
        how = options(words)
    except InvalidArgument as e:
        return f"moro.worker: {e.message}"
    if not words or words[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if words else sys.stderr)
        sys.exit(0 if words else 2)
    names: List[str] = []
    try:
        for word in words:
            module, _, wanted = word.partition(":")
            loaded = load(module)
            if not loaded:
                return f"moro.worker: {module} has no tasks; they are functions with @moro.task(...)"
            names += wanted.split(",") if wanted else loaded
        run(names, **how)
    except (NoChannel, Error) as e:
        return f"moro.worker: {getattr(e, 'message', e)}"
    return None


if __name__ == "__main__":
    problem = main(sys.argv[1:])
    if problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
