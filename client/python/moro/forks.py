"""
Clients do not cross fork(). A child must not read the parent's answers, and as long as it holds the
connection the server would not notice that the parent is gone: so in the child all clients are closed.
"""

from __future__ import annotations

import os
import weakref
from typing import Any

from .errors import Forked

_clients: Any = weakref.WeakSet()


def watch(client: Any) -> None:
    _clients.add(client)


def error() -> Forked:
    return Forked("this client was made before fork(); a child needs one of its own")


def _in_child() -> None:
    for client in list(_clients):
        client._forked()
    _clients.clear()


os.register_at_fork(after_in_child=_in_child)
