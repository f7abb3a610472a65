"""A break is offered after a long sitting: seldom, calmly, never in the way; nothing else pulls."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.safety import Rest, care_texts
from chat.safety.rest import A_BREAK
from chat.settings import ROOT, Settings
from chat.ui.scene import Scene
from chat.ui.strip import under_conversation
from tests.support.fake_session import turn

pytestmark = pytest.mark.unit

Figure = Callable[..., None]

BEGIN = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def talk(count: int, apart: timedelta = MINUTE, begin: datetime = BEGIN) -> list[datetime]:
    return [begin + number * apart for number in range(count)]


def offered(said: list[datetime], rest: Rest = Rest()) -> list[int]:  # noqa: B008 - immutable
    """After which turns a break is offered, 1-based."""
    return [count for count in range(len(said) + 1) if rest.due(said[:count])]


def test_after_so_many_turns_and_after_as_many_more(figure: Figure) -> None:
    said = talk(60)
    after = offered(said)
    assert after == [25, 46, 50]  # the 46th is 45 minutes after the first
    assert offered(said, Rest(after_minutes=0)) == [25, 50]
    places = ", ".join(map(str, after))
    figure("care.break", len(after), f"offers in {len(said)} turns, one a minute: after {places}")


def test_after_so_many_minutes_and_after_as_many_more() -> None:
    said = talk(12, timedelta(minutes=10))
    assert offered(said, Rest(after_turns=0)) == [6, 10]  # 50 and 90 minutes after the first
    assert offered(said, Rest(after_turns=0, after_minutes=0)) == []


def test_never_before_it_helps() -> None:
    assert offered(talk(24)) == []
    assert offered([]) == []
    assert offered(talk(1), Rest(after_turns=1, after_minutes=1)) == []
    assert offered(talk(2, timedelta(days=1)), Rest(after_turns=2)) == []


def test_half_an_hour_away_begins_a_new_sitting() -> None:
    before = talk(24)
    after = talk(24, begin=before[-1] + A_BREAK)
    assert offered(before + after) == []
    nearly = talk(24, begin=before[-1] + A_BREAK - MINUTE)
    assert offered(before + nearly) != []


@given(
    st.lists(st.integers(0, 4000).map(lambda n: timedelta(seconds=n)), max_size=80),
    st.integers(0, 40),
    st.integers(0, 90),
)
def test_it_never_nags(gaps: list[timedelta], turns: int, minutes: int) -> None:
    said = [BEGIN]
    for gap in gaps:
        said.append(said[-1] + gap)
    found = offered(said, Rest(after_turns=turns, after_minutes=minutes))
    by_turns = len(said) / turns if turns > 1 else (len(said) if turns else 0)
    by_time = (said[-1] - said[0]) / timedelta(minutes=minutes) if minutes else 0
    assert len(found) <= by_turns + by_time


def scene(count: int, **last: Any) -> Scene:
    turns = [turn(number, created_at=BEGIN + number * MINUTE) for number in range(1, count)]
    newest = turn(count, created_at=BEGIN + count * MINUTE, **last)
    return Scene(turns=(*turns, newest))


def test_the_line_stands_under_the_conversation_and_blocks_nothing() -> None:
    shown = under_conversation(scene(25))
    line = re.search(r'<p class="rest">.*?</p>', shown)
    assert line is not None
    assert care_texts().long_talk.title in line[0]
    assert "button" not in line[0]
    assert "role=" not in line[0]
    assert 'class="rest"' not in under_conversation(scene(24))
    assert 'class="rest"' not in under_conversation(scene(26)), "it goes with the next turn"
    never = Rest(after_turns=0, after_minutes=0)
    assert 'class="rest"' not in under_conversation(scene(25), never)


def test_nobody_is_sent_away_right_after_a_crisis() -> None:
    assert 'class="rest"' not in under_conversation(scene(25, crisis="suicide"))


def test_the_settings_say_when() -> None:
    given_ = Settings()
    assert (given_.break_after_turns, given_.break_after_minutes) == (25, 45)
    assert Rest() == Rest(after_turns=25, after_minutes=45)


PULLS = re.compile(
    r"\b(?:streak|days? in a row|come back soon|don't go|do not go|miss(?:ed)? you|stay with me|"
    r"before you (?:go|leave)|are you sure you want to leave|see you tomorrow|"
    r"waiting for you|level up|badge|reward points)\b",
    re.IGNORECASE,
)


def test_the_words_of_care_hold_nobody() -> None:
    texts = tomllib.loads((ROOT / "assets" / "care" / "texts.toml").read_text("utf-8"))
    words = [texts["long_talk"]["title"], texts["long_talk"]["text"], *texts["scores"].values()]
    words += [texts["disclosure"][name] for name in ("title", "begin", "leave_no_trace")]
    words += texts["disclosure"]["points"]
    assert not [text for text in words if PULLS.search(text)]
    assert "?" not in texts["long_talk"]["text"], "it asks for nothing"
    assert not re.search(r"\d", texts["long_talk"]["title"] + texts["long_talk"]["text"])


def test_the_page_holds_nobody_at_goodbye(figure: Figure) -> None:
    """No question at leaving, no notice afterwards, no count of visits, in script or builder."""
    sources = [*(ROOT / "assets").glob("*.js"), *(ROOT / "chat" / "ui").rglob("*.py")]
    assert len(sources) > 20
    hooks = re.compile("beforeunload|Notification|pushManager|localStorage|visit_count")
    holding = [
        path.name
        for path in sources
        if hooks.search(source := path.read_text("utf-8")) or PULLS.search(source)
    ]
    assert holding == []
    figure("care.goodbye", len(holding), f"of {len(sources)} files")


def test_the_supporter_is_told_not_to_cling() -> None:
    prompt = (ROOT / "prompts" / "supporter.md").read_text("utf-8")
    assert "Do not cling" in prompt
    assert "not a human and you say so" in prompt
