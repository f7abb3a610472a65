"""How long History and the Export page take with 100,000 turns: `python -m bench.history`.

Builds the database as the first version of the app would have left it and upgrades it, so the
upgrade is measured too. One owner has everything, which is the worst case.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from chat.export import Exporter, Format, Order
from chat.settings import ROOT
from chat.store import Store
from chat.store.found import Filters, Thumb
from perm import rubrics
from perm.types import Perspective

OWNER: Final = "owner"
TURNS: Final = 100_000
A_CONVERSATION: Final = 20
RUNS: Final = 5
PERSPECTIVES: Final = tuple(one.value for one in Perspective)


def words(rng: random.Random, count: int) -> str:
    """Like a language: a few words often, many words rarely."""
    return " ".join(f"word{int(rng.paretovariate(0.9)) % 40_000}" for _ in range(count))


def key(rng: random.Random) -> str:
    return UUID(int=rng.getrandbits(128)).hex


def rows(rng: random.Random, turns: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """By table, in an order that foreign keys (off meanwhile) do not mind."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    place, before = "", None
    for index in range(turns):
        number = index % A_CONVERSATION + 1
        now = f"{moment + timedelta(seconds=30 * index):%Y-%m-%d %H:%M:%S.%f}"
        turn, reply = key(rng), key(rng)
        if number == 1:
            place, before = key(rng), None
            about = (place, OWNER, words(rng, 6), words(rng, 20), words(rng, 30), 1, 1, 1)
            yield "conversation", (*about, None, now, now)
        yield "turn", (turn, place, before, number, words(rng, 25), None, now)
        model = "rare" if index % 20_000 == 7 else f"model {index % 3}"
        yield (
            "reply",
            (
                *(reply, turn, 1, "complete", "e", model, "h", "{}", "[]", 0, ""),
                *(words(rng, 30), words(rng, 60), None, None, 100, 100, 0, 0.1, 0.2, 0.3, 1, now),
            ),
        )
        for at, one in enumerate(PERSPECTIVES):
            low, high = Perspective(one).scale
            score = None if rng.random() < 0.02 else rng.uniform(low + 0.01, high)
            scored = ("unscored", None) if score is None else ("scored", score)
            yield (
                "verdict",
                (
                    *(key(rng), reply, at + 1, one, "direct", *scored, None, None, None, None),
                    *("engine" if score is None else None, None, "", f"judge {index % 2}", "h", ""),
                    *(100, 1, 0, 0.5, 1, now),
                ),
            )
        yield "reward", (reply, 0.5, -0.05, 0.0, rng.uniform(0.1, 0.9), "{}", now)
        if index % 50 == 0:
            thumb = rng.choice((1, -1))
            said = (key(rng), reply, OWNER, thumb, None, None, None, None, "[]")
            yield "feedback", (*said, None, None, None, None, now)
        before = reply


async def build(path: Path, turns: int) -> None:
    store = await Store.open(f"sqlite:///{path}")
    await store.close()
    rng = random.Random(1)
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("PRAGMA foreign_keys=OFF")
    file.execute("BEGIN")
    batches: dict[str, list[tuple[Any, ...]]] = {}

    def write(table: str) -> None:
        batch = batches.pop(table, [])
        if batch:
            names = [row[1] for row in file.execute(f"PRAGMA table_info({table})")]
            names = names[: len(batch[0])]
            marks = ", ".join("?" * len(names))
            listed = ", ".join(names)
            file.executemany(f"INSERT INTO {table} ({listed}) VALUES ({marks})", batch)

    for table, row in rows(rng, turns):
        batches.setdefault(table, []).append(row)
        if len(batches[table]) >= 5000:
            write(table)
    for table in list(batches):
        write(table)
    file.execute("COMMIT")
    file.close()


def refill(path: Path) -> float:
    """What the upgrade to the shelf does to the old rows; seconds."""
    fill = import_module("chat.store.migrations.versions.0004_history").FILL
    file = sqlite3.connect(path, isolation_level=None)
    begun = time.perf_counter()
    file.execute("BEGIN")
    file.execute(fill)
    file.execute("COMMIT")
    file.execute("ANALYZE")
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    return time.perf_counter() - begun


CASES: Final[dict[str, Filters]] = {
    "page: newest": Filters(),
    "page: high reception": Filters(perspective=Perspective.RECEPTION, low=4.5),
    "page: score that nothing has": Filters(perspective=Perspective.RESONATION, high=1.0),
    "page: reward that nothing has": Filters(reward_low=0.99),
    "page: thumbs down": Filters(thumb=Thumb.DOWN),
    "page: unscored": Filters(unscored=True),
    "page: rare model": Filters(model="rare"),
    "page: common model, score that nothing has": Filters(
        model="model 1", perspective=Perspective.RESONATION, high=1.0
    ),
    "page: judge": Filters(judge="judge 1"),
    "page: tag that nothing has": Filters(tag="none"),
    "page: one day long ago": Filters(
        since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 3, tzinfo=UTC)
    ),
    "search: word in every turn": Filters(text="word1"),
    "search: rare word": Filters(text="word31234"),
    "search: word that nothing has": Filters(text="elephant"),
    "search: two words": Filters(text="word12 word77"),
    "search: beginning of every word": Filters(text="wor"),
    "search: word in every turn, score that nothing has": Filters(
        text="word1", perspective=Perspective.RESONATION, high=1.0
    ),
}


async def timed(work: Awaitable[object]) -> float:
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun


async def measure(path: Path) -> bool:
    store = await Store.open(f"sqlite:///{path}")
    good = True
    for name, filters in CASES.items():
        took = [await timed(store.search(OWNER, filters)) for _ in range(RUNS)]
        limit = 0.5 if name.startswith("search") else 0.3
        good &= max(took) <= limit
        print(
            f"{name:52} {1000 * statistics.median(took):7.1f} ms, slowest {1000 * max(took):7.1f}"
        )
    print(f"{'choices':52} {1000 * await timed(store.choices(OWNER)):7.1f} ms")
    await preview(store)
    await store.close()
    return good


async def preview(store: Store) -> None:
    """What the Export page counts, everything with consent, and how long others wait meanwhile."""
    exporter = Exporter(store, rubrics.load(ROOT / "prompts").supporter)
    waits: list[float] = []

    async def look() -> None:
        """Somebody else's page of History, again and again."""
        while True:
            waits.append(await timed(store.search(OWNER, Filters())))
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    begun = time.perf_counter()
    found = await exporter.preview(Order(format=Format.SFT), [OWNER])
    took = time.perf_counter() - begun
    looking.cancel()
    print(f"{f'export preview: {found.rows:,} rows':52} {took:7.1f} s")
    slow = 1000 * max(waits)
    middle = 1000 * statistics.median(waits)
    print(f"{'a page of History meanwhile':52} {middle:7.1f} ms, slowest {slow:7.1f}")


async def run(turns: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        await build(path, turns)
        print(f"{turns:,} turns; shelf and index filled in {refill(path):.1f} s")
        return await measure(path)


def main() -> None:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else TURNS
    raise SystemExit(0 if asyncio.run(run(turns)) else 1)


if __name__ == "__main__":
    main()
