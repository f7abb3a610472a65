"""The reward laboratory: rewards anew from saved verdicts, and clear words where that cannot be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import gradio as gr
import pytest

from chat.store.records import Turn
from chat.ui.desk import Desk
from chat.ui.laboratory import FIELDS, Laboratory, lay_out, settings_of, wire
from chat.ui.laboratory_table import laboratory_table
from perm.types import (
    PUBLISHED_REWARD,
    Perspective,
    Reward,
    RewardMode,
    RewardSettings,
    Unscored,
    Usage,
    Verdict,
)
from tests.support.fake_session import four, reply, turn, unscored

pytestmark = pytest.mark.unit

SAVED = Reward(empathy=0.78, bystander=-0.02, length=0.0, total=0.76)


def rewarded(number: int, verdicts: Sequence[Verdict], usage: Usage = Usage()) -> Turn:  # noqa: B008 - immutable
    return turn(number, replies=(reply(uuid4(), verdicts, reward=SAVED, usage=usage),))


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", html)
    return [[head, *re.findall(r"<td>(.*?)</td>", row)] for head, row in rows]


def test_nothing_tried_shows_nothing() -> None:
    assert laboratory_table([turn(1, four())], None) == ""


def test_each_turn_has_its_saved_and_its_new_reward() -> None:
    turns = [rewarded(1, four()), rewarded(2, four())]
    tried = RewardSettings(mode=RewardMode.MEAN, bystander_coefficient=1.0)
    # (4.2 + 3.6 + 4.0) / 15 + (78/100 - 1) = 0.7867 - 0.22
    table = cells(laboratory_table(turns, tried))
    assert table == [
        ["1", "0.76", "0.57", "−0.19"],
        ["2", "0.76", "0.57", "−0.19"],
        ["Mean of 2", "0.76", "0.57", "−0.19"],
    ]


def test_a_turn_without_four_scores_is_a_dash_and_not_in_the_mean() -> None:
    broken = [*four()[:3], unscored(Perspective.BYSTANDER, Unscored.TRUNCATED)]
    turns = [rewarded(1, four()), turn(2, broken), rewarded(3, four())]
    table = cells(laboratory_table(turns, RewardSettings()))
    assert table[1] == ["2", "–", "–", "–"]
    assert table[3][0] == "Mean of 2"


def test_the_length_term_needs_the_tokens_and_uses_them() -> None:
    tried = RewardSettings(length_coefficient=0.01, length_limit=100)
    unknown = laboratory_table([rewarded(1, four())], tried)
    assert cells(unknown)[0] == ["1", "0.76", "–", "–"]
    counted = rewarded(1, four(), Usage(completion_tokens=130))
    # 0.3 is the cost of 30 tokens above 100
    plain = cells(laboratory_table([counted], RewardSettings()))[0]
    costly = cells(laboratory_table([counted], tried))[0]
    assert float(plain[2]) - float(costly[2].replace("−", "-")) == pytest.approx(0.3, abs=0.011)


def test_the_controls_give_settings() -> None:
    values = tuple(getattr(PUBLISHED_REWARD, name) for name in FIELDS)
    assert settings_of(values) == PUBLISHED_REWARD


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("length_limit", None, "missing: length limit"),
        ("bystander_coefficient", -1.0, "Bystander coefficient"),
        ("mode", "sum", "Mode"),
        ("resonation_weight", float("nan"), "Resonation weight"),
    ],
)
def test_what_cannot_be_used_is_said(name: str, value: object, words: str) -> None:
    values = {field: getattr(RewardSettings(), field) for field in FIELDS} | {name: value}
    with pytest.raises(ValueError, match=words):
        settings_of(tuple(values.values()))


def test_three_weights_of_nothing_are_refused() -> None:
    values = ("mean", 0, 0, 0, 0.1, 0.0, 300)
    with pytest.raises(ValueError, match="at least one of the three weights"):
        settings_of(values)


def test_all_controls_are_one_event() -> None:
    """As several, the answer to an older state could come after the newest, and stay."""
    with gr.Blocks() as blocks:
        controls = lay_out(PUBLISHED_REWARD)
        wire(controls, Laboratory(cast(Desk, SimpleNamespace(services=services()))), [])
    table = controls.table._id
    tried = [one for one in blocks.fns.values() if [out._id for out in one.outputs] == [table]]
    assert [len(one.targets) for one in tried] == [len(FIELDS)]
    assert tried[0].trigger_mode == "always_last"


def services() -> object:
    return SimpleNamespace(settings=SimpleNamespace(reward=PUBLISHED_REWARD))
