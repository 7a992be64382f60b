"""
Dialling in: a worker that morod did not start connects to its socket and asks for tasks.

morod cannot kill such a process: where it would, it closes the connection (a limit in time, a cancel). A
task that goes on then works for nobody, so what morod would do is done here.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Dict, Optional, Union

from .. import wire
from ..channel import connect
from ..errors import ConnectionLost, from_wire
from ..session import Path, place, who
from .channel import Channel, End

if TYPE_CHECKING:
    from .loop import Worker
    from .registry import Entry

_CONNECT = 10.0  # seconds that connecting may take
_HELLO, _SERVE = 1, 2  # the numbers of the two requests
_CLEAN_UP = 0.5  # seconds that a task has when the connection has ended, as morod gives to programs of its own
_STATUS = 1  # of a process that had to be ended


def dial(where: Union[Path, bool], pool: Optional[str], tasks: "Dict[str, Entry]") -> Channel:
    """Connects (True: to the default place), and offers the tasks. Raises what morod says against it."""
    sock = connect(place(None if where is True else where), _CONNECT)
    fd = sock.detach()
    channel = Channel(fd, fd)
    offer = [[entry.said for entry in tasks.values()], {} if pool is None else {"pool": pool}]
    try:
        channel.put(wire.pack([0, _HELLO, "hello", [{"client": who(None)}]]))
        channel.put(wire.pack([0, _SERVE, "serve", offer]))
        channel.flush()
        _answer(channel, _HELLO)
        _answer(channel, _SERVE)
    except End:
        channel.close()
        raise ConnectionLost("morod closed the connection while the worker dialled in") from None
    except BaseException:
        channel.close()
        raise
    return channel


def _answer(channel: Channel, number: int) -> None:
    while True:
        message: Any = channel.next()
        if message[:2] == [1, number]:
            break
    if message[2] is not None:
        raise from_wire(message[2])


def guard(channel: Channel, worker: "Worker") -> None:
    """Has the process end if a task goes on when the connection has ended."""
    threading.Thread(target=_guard, args=(channel, worker), name="moro.worker guard", daemon=True).start()


def _guard(channel: Channel, worker: "Worker") -> None:
    poll = select.poll()
    poll.register(channel.fileno(), 0)  # which leaves the end of both directions
    poll.poll()
    time.sleep(_CLEAN_UP)
    if worker.busy:
        print("moro.worker: morod has given up the task that runs here: ending", file=sys.stderr, flush=True)
        os._exit(_STATUS)
