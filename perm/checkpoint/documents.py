"""The small JSON files beside the weights, read whole within a bound."""

from __future__ import annotations

import json
from typing import Any, Final

from perm.checkpoint.places import Place
from perm.checkpoint.report import OTHERWISE, Code, Halted
from perm.checkpoint.wording import named

CONFIG: Final = "config.json"
ADAPTER_CONFIG: Final = "adapter_config.json"
CONFIG_BYTES: Final = 2**20


async def read_object(place: Place, name: str, size: int, most: int, code: Code) -> dict[str, Any]:
    """The JSON object in a file of `size` bytes. Raises Halted(code) if it is none or too large."""
    if size > most:
        raise Halted(
            code,
            f"{named(name)} has {size:,} bytes, more than the {most:,} that such a file may have.",
            f"Fetch it again, or {OTHERWISE}",
        )
    found = json_object(await place.read(name, 0, size))
    if found is None:
        raise Halted(
            code,
            f"{named(name)} is not a JSON object ({size:,} bytes).",
            f"Fetch it again, or {OTHERWISE}",
        )
    return found


def json_object(data: bytes) -> dict[str, Any] | None:
    """The object that the bytes are in UTF-8 JSON, else None. Never raises."""
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):  # bad UTF-8, bad JSON, endless digits, endless nesting
        return None
    return found if isinstance(found, dict) else None
