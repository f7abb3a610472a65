"""Orders of exports, and the rows that come of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chat.export import FolderTarget, Format, Order, Summary
from chat.store import Store
from tests.support.talks import ANNA, exporter


async def made(store: Store, folder: Path, order: Order, owner: str = ANNA) -> list[dict[str, Any]]:
    """The rows of an export, as they stand in its files."""
    await exporter(store).write(order, [owner], FolderTarget(folder), owner)
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.open()]
    return [json.loads(line) for line in lines]


def order(name: Format, **more: Any) -> Order:
    return Order(format=name, **{"test_share": 0, **more})


def why(summary: Summary) -> dict[str, int]:
    """How many were left out, by the beginning of the reason."""
    return {f"{unit.rstrip('s')}: {text}": number for number, unit, text in summary.left_out}
