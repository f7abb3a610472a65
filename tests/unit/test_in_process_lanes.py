"""Who goes first in this process: whoever waits for a word, and judging never stands still."""

from __future__ import annotations

from typing import Any

import pytest

from chat.engines.in_process.worker import EVERY, Lanes

pytestmark = pytest.mark.unit


class Work:
    """Stands in for a lane: `left` steps to go, of which the first `before` read a prompt."""

    def __init__(self, left: int, before: int) -> None:
        self.left, self.before = left, before

    @property
    def busy(self) -> bool:
        return self.left > 0

    @property
    def reads(self) -> bool:
        return self.before > 0

    def step(self) -> None:
        self.left, self.before = self.left - 1, self.before - 1


def order(chat: Work, judging: Work) -> str:
    lanes: Any = Lanes(chat, judging)  # type: ignore[arg-type]
    found = ""
    while lanes.busy:
        lane = lanes.next()
        found += "c" if lane is chat else "j"
        lane.step()
    return found


def test_nothing_is_judged_until_whoever_waits_has_a_first_word() -> None:
    assert order(Work(left=7, before=7), Work(left=3, before=0)) == "c" * 7 + "jjj"


def test_while_a_reply_is_written_judging_has_a_small_share() -> None:
    found = order(Work(left=9, before=1), Work(left=4, before=0))
    assert found == "cccjcccjcccjj"
    assert EVERY == 4
