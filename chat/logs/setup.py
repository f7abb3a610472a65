"""One handler for every logger, set up where the program starts."""

from __future__ import annotations

import logging
import sys
from typing import Final, TextIO

from chat.logs.lines import JsonLines, TextLines, let_through
from chat.settings import LogFormat, LogLevel

QUIET: Final = ("httpx", "httpx2", "httpcore", "alembic")
"""Whose warnings alone are of use."""

ADDRESSES: Final = "uvicorn.access"
"""Addresses hold ids of conversations and words that were searched for."""


def set_up(level: LogLevel, how: LogFormat, out: TextIO | None = None) -> logging.Handler:
    """Have everything that is logged pass through one handler, which it gives. `out`: stderr."""
    handler = logging.StreamHandler(out or sys.stderr)
    handler.setFormatter(JsonLines() if how is LogFormat.JSON else TextLines())
    handler.addFilter(let_through)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(ADDRESSES).disabled = True
    return handler
