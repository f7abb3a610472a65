"""A second start of llama.cpp: the prompts' states come from disk, and nothing else does."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chat.engines.llama_cpp import LlamaCppEngine
from chat.engines.prompt_states import FOLDER, fingerprint
from tests.support.llama_cpp import llama_cpp

pytestmark = [
    pytest.mark.model,
    pytest.mark.engines,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]

OPENINGS: list[list[BaseMessage]] = [
    [
        SystemMessage(f"{name}: " + " ".join(f"{name} word {n}." for n in range(20))),
        HumanMessage("."),
    ]
    for name in ("supporter", "expression")
]
CANARY = "a sentence that must not be found in any file"

Start = Callable[[str], Awaitable[LlamaCppEngine]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """An engine by the hash of its prompts; the one started before it is stopped."""
    running: list[LlamaCppEngine] = []
    models = tmp_path / "models"
    models.mkdir()

    async def begin(prompts: str) -> LlamaCppEngine:
        for one in running:
            await one.stop()
        running[:] = [llama_cpp(models, 1024, prompts=prompts)]
        await running[0].start()
        await running[0].ready()
        return running[0]

    yield begin
    for one in running:
        await one.stop()


async def read(engine: LlamaCppEngine, opening: list[BaseMessage]) -> tuple[int, int]:
    """Have it read; its tokens, and how many of them were known."""
    usage = (await engine.chat_model.ainvoke(opening, max_tokens=1)).usage_metadata
    assert usage is not None
    return usage["input_tokens"], usage["input_token_details"]["cache_read"]


async def warmed(engine: LlamaCppEngine) -> None:
    for opening in OPENINGS:
        _, cached = await read(engine, opening)
        assert cached < 20
    await engine.keep(OPENINGS)


def folders(home: Path) -> list[Path]:
    return sorted((home / "models" / FOLDER).iterdir())


async def test_a_second_start_knows_the_prompts_and_other_prompts_begin_anew(
    start: Start, tmp_path: Path
) -> None:
    await warmed(await start("one"))
    (folder,) = folders(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.glob("*.bin"))) == len(OPENINGS)

    again = await start("one")
    for opening in OPENINGS:
        tokens, cached = await read(again, opening)
        assert cached == tokens - 1, "all but the last token, which must be computed"

    other = await start("two")
    assert (await read(other, OPENINGS[0]))[1] < 20


async def test_what_somebody_said_is_never_kept(start: Start, tmp_path: Path) -> None:
    engine = await start("one")
    for opening in OPENINGS:
        await read(engine, opening)
    await read(engine, [*OPENINGS[0][:1], HumanMessage(CANARY)])  # takes the supporter's slot
    await engine.keep(OPENINGS)
    (folder,) = folders(tmp_path)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("damage", ["a state", "the list"])
async def test_what_is_damaged_is_thrown_away_and_read_anew(
    start: Start, tmp_path: Path, damage: str
) -> None:
    await warmed(await start("one"))
    (folder,) = folders(tmp_path)
    if damage == "a state":
        state = next(folder.glob("*.bin"))
        data = bytearray(state.read_bytes())
        data[len(data) // 2] ^= 1
        state.write_bytes(data)
    else:
        (folder / "states.json").write_text(json.dumps(["no", "list"]))
    engine = await start("one")
    assert (await read(engine, OPENINGS[1]))[1] < 20
    assert list(folder.glob("*.bin")) == []


def test_two_models_of_one_size_are_told_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(bytes(3_000_000))
    two.write_bytes(bytes(2_999_999) + b"1")
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint(one) == fingerprint(one)
