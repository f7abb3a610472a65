"""Which app process is which, where several share a database; and which of them is no more."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import Final, NamedTuple, Self

NAMESPACE: Final = Path("/proc/self/ns/pid")
"""Names the container, where there is one: the same number is another process in each."""


class Writer(NamedTuple):
    """An app process. As text it is what the database holds."""

    host: str
    pid: int
    token: str

    @classmethod
    def new(cls) -> Self:
        return cls(_host(), os.getpid(), secrets.token_hex(4))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Another version may have written something else: None, and nothing is known of it."""
        host, _, rest = text.rpartition(":")[0].rpartition(":")
        token = text.rpartition(":")[2]
        return cls(host, int(rest), token) if host and rest.isdecimal() else None

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.token}"

    def knows_gone(self, text: str) -> bool:
        """Whether that process is known to have ended, without waiting for its lease to run out.

        True only where it could be seen: here, where its number is nobody's now, or this one's.
        """
        other = self.read(text)
        if other is None or other.host != self.host:
            return False
        return other != self if other.pid == self.pid else not _exists(other.pid)


def _host() -> str:
    try:
        return f"{socket.gethostname()}/{NAMESPACE.readlink()}"
    except OSError:
        return socket.gethostname()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True
