"""What `python -m bench.load` looks for is found where it is planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load import PARTS, SIZES, Size, findings
from bench.sessions import Mixed, Session, mixed
from chat.store import Consents, NewReply, ReplyStatus, ReplyUpdate, Store
from tests.support.hardening import sections

pytestmark = pytest.mark.unit

MINE, THEIRS = "canary-0000aaaa", "canary-1111bbbb"


async def test_a_strangers_canary_is_found_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = await Store.open(f"sqlite:///{path}")
    sessions = []
    for own, written in ((MINE, MINE), (THEIRS, f"{THEIRS} and {MINE}")):
        place = await store.create_conversation("anna", own, "", Consents(keep=True))
        turn = await store.add_turn("anna", place.id, f"I am {own}.", None)
        new = NewReply(engine="e", model="m", prompt_hash="h")
        reply = await store.add_reply("anna", turn.id, new)
        update = ReplyUpdate(
            status=ReplyStatus.COMPLETE, raw=written, analysis="", response=written
        )
        await store.update_reply("anna", reply.id, update)
        sessions.append(Session("", canary=own, place=str(place.id)))
    await store.close()
    assert mixed(path, sessions) == Mixed(rows=4, foreign=1, without=0)
    sessions[0].foreign.add(THEIRS)
    assert mixed(path, sessions).foreign == 2, "and what was streamed"
    sessions[1].canary = MINE
    found = mixed(path, sessions[1:])
    assert found.foreign == 2, "a conversation that is nobody's counts as well"
    assert found.invented == 2, "what nobody was given is no one's: a model made it up"


FIRST = [1.0, 2.0, 3.0]


def test_a_turn_that_was_not_served_is_an_error() -> None:
    well = Session("", seconds=[2.0, 2.0])
    slow = Session("", seconds=[2.0, 4.0])
    size, nothing = Size(3, 2), Mixed(10, 0, 0)
    found = {one.claim: one for one in findings("load", [well, well, slow], nothing, size, FIRST)}
    assert found["load.errors"].value == 0
    assert found["load.first-token"].said.startswith("2.00 s")
    assert found["load.fairness"].value == 1.5
    assert all(one.holds for one in found.values())
    lost = Session("", seconds=[2.0])
    found = {one.claim: one for one in findings("load", [well, well, lost], nothing, size, FIRST)}
    assert (found["load.errors"].value, found["load.errors"].holds) == (1, False)
    leaky = findings("load", [well], Mixed(10, 1, 0), Size(1, 2), FIRST)
    (leak, *_) = [one for one in leaky if not one.holds]
    assert leak.claim == "load.mixed"


def test_every_part_has_its_claims() -> None:
    commands = {claim.command for section in sections() for claim in section.claims}
    assert {f"python -m bench.load {name}" for name in PARTS} <= commands
    assert PARTS.keys() == SIZES.keys()
