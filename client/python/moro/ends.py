"""What both clients have in common: what may be asked of a connection, and what is queued on it."""

from __future__ import annotations

import logging
import socket
from typing import Any, ClassVar, Dict, List, Optional

from . import channel
from .errors import Error, InvalidArgument
from .session import Event, Session

log = logging.getLogger("moro")


class End:
    """This end of a connection. How it waits, and who may call it from where, is its subclass's."""

    _shown: ClassVar[str]
    path: str
    _dead: Optional[Error]  # why there is no connection; None: there is one
    _session: Session
    _outbox: channel.Outbox
    _sock: Optional[socket.socket] = None

    def __del__(self) -> None:
        if self._sock is not None:
            self._sock.close()

    def __repr__(self) -> str:
        return f"<{self._shown} {self.path}{'' if self.connected else ', not connected'}>"

    @property
    def connected(self) -> bool:
        """Whether there is a connection that is not known to be lost."""
        return self._dead is None

    @property
    def server(self) -> Dict[str, Any]:
        """What the server said of itself in its greeting."""
        return self._session.hello

    @property
    def limits(self) -> Dict[str, int]:
        """The server's limits (proto/PROTOCOL.md, section 7)."""
        return self._session.limits

    def _queue(self, msgid: Optional[int], data: bytes, fds: List[int]) -> None:
        """Puts a request where it will be sent; one whose files cannot be passed waits for nothing."""
        try:
            self._outbox.put(data, fds)
        except OSError as e:
            self._session.pending.pop(msgid if msgid is not None else -1, None)
            raise InvalidArgument(f"a file cannot be passed: {e.strerror}", field="File", errno=e.errno) from None

    def _run(self, events: List[Event]) -> None:
        for event in events:
            try:
                event()
            except Exception:
                log.exception("a listener of %r failed", self)
