"""What stands around: strip, crisis card, header, lists, transcript, feedback, words of care."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from chat.engines.base import EngineState, Phase
from chat.events import TurnFailed
from chat.store.records import ConversationSummary, FeedbackInput, ReplyStatus
from chat.ui.crisis_card import Whereabouts, country_of, crisis_card
from chat.ui.feedback import EMPTY, FormValues, NotFeedback, feedback_of, form_of
from chat.ui.header import Served, engines_card, header, settled
from chat.ui.lists import ago, conversation_list, example_cards, personas
from chat.ui.scene import Scene
from chat.ui.speaking import speaking
from chat.ui.strip import under_conversation
from chat.ui.transcript import SHOWN_TURNS, earlier, reply_at, transcript
from perm.types import Part
from tests.support.fake_session import four, reply, turn

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
XSS = "<img src=x onerror=alert(1)>"


def test_the_strip_offers_another_reply_and_an_edit() -> None:
    one = turn(verdicts=four())
    html = under_conversation(Scene(turns=(one,)))
    assert f'data-action="retry" data-value="{one.id}"' in html
    assert f'data-action="edit" data-value="{one.id}"' in html


def test_the_strip_says_why_nothing_comes_yet() -> None:
    one = turn()
    silent = one.model_copy(update={"replies": (reply(one.id, response="", analysis=""),)})
    writing = silent.replies[0].id
    scene = Scene(turns=(silent,), writing=writing, waiting="Two people are before you.")
    assert "Two people are before you." in under_conversation(scene)
    assert "Reading your message" in under_conversation(scene.model_copy(update={"waiting": ""}))
    assert under_conversation(Scene(turns=(one,), writing=one.replies[0].id)) == ""


def test_a_failure_says_what_where_and_what_to_do() -> None:
    failure = TurnFailed(part=Part.ENGINE, what=f"It ended {XSS}.", todo="Try again.", saved=True)
    html = under_conversation(Scene(turns=(turn(),), failure=failure))
    assert "<b>The model.</b> It ended" in html
    assert "Try again." in html
    assert 'data-action="retry"' in html
    assert "<img" not in html
    unsaved = failure.model_copy(update={"saved": False, "part": Part.STORE})
    html = under_conversation(Scene(failure=unsaved))
    assert 'data-action="dismiss"' in html


def test_a_stopped_reply_is_named() -> None:
    one = turn()
    stopped = one.chosen and one.chosen.model_copy(update={"status": ReplyStatus.STOPPED})
    scene = Scene(turns=(one.model_copy(update={"replies": (stopped,)}),))
    assert "You stopped this reply." in under_conversation(scene)


def test_the_crisis_card_stays_while_the_path_holds_the_turn() -> None:
    hurt = turn(1, crisis="suicide", message="I want to kill myself")
    card = crisis_card(Scene(turns=(hurt, turn(2), turn(3))), Whereabouts(country="GB"))
    assert "999" in card
    assert 'href="tel:116123"' in card
    assert "Nobody has been told" in card
    assert crisis_card(Scene(turns=(turn(),)), Whereabouts(country="GB")) == ""


def test_without_a_country_the_card_names_the_directory_and_asks() -> None:
    hurt = turn(1, crisis="suicide", message="I want to kill myself")
    card = crisis_card(Scene(turns=(hurt,)), Whereabouts())
    assert "findahelpline.com" in card
    assert '<option value="" selected>' in card
    assert "emergency number where you are" in card


@pytest.mark.parametrize(
    ("header_", "country"),
    [
        ("en-GB,en;q=0.9", "GB"),
        ("de,de-AT;q=0.8", "AT"),
        ("en", ""),
        ("", ""),
        ("zh-Hant,en-us;q=0.5", "US"),
        ("x-<b>", ""),
    ],
)
def test_the_country_is_a_guess_from_the_browsers_languages(header_: str, country: str) -> None:
    assert country_of(header_) == country


def test_loading_is_shown_calmly_with_progress_and_failure_with_what_to_do() -> None:
    def served(phase: Phase, **more: object) -> Served:
        state = EngineState.model_validate({"phase": phase, **more})
        return Served(role="Model", model="a-model", engine="llama-cpp", state=state)

    loading = served(Phase.STARTING, detail="312 of 1,066 MB", progress=0.29)
    assert 'aria-valuenow="29"' in header([loading])
    assert "your message waits its turn" in header([loading])
    assert not settled([loading])
    failed = served(Phase.FAILED, detail="No space.", todo="Free 1.2 GB.")
    assert "Free 1.2 GB." in header([failed])
    assert settled([failed, served(Phase.READY)])
    assert "loading" not in header([served(Phase.READY)])
    assert "Ready" in engines_card([served(Phase.READY)])
    assert "You are talking with an AI" in header([served(Phase.READY)])


def test_the_list_of_conversations_marks_the_open_one_and_escapes_titles() -> None:
    one, other = uuid4(), uuid4()
    found = [
        ConversationSummary(id=one, title=XSS, turns=1, updated_at=NOW),
        ConversationSummary(id=other, title="", turns=3, updated_at=NOW - timedelta(hours=3)),
    ]
    html = conversation_list(found, other, NOW)
    assert "<img" not in html
    assert "Untitled" in html
    assert "1 turn ·" in html
    assert "3 turns · 3 h ago" in html
    assert html.index('aria-current="true"') > html.index(str(other))


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=30), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=2), "3 January"),
        (timedelta(days=40), "26 November 2025"),
    ],
)
def test_ago(before: timedelta, words: str) -> None:
    assert ago(NOW - before, NOW) == words


def test_the_ten_examples_are_whole_and_each_its_own() -> None:
    examples = personas(ROOT / "assets" / "personas.json")
    assert len(examples) == 10
    for field in ("id", "name", "title", "identity", "scenario", "opening"):
        values = [getattr(one, field) for one in examples]
        assert all(value.strip() for value in values)
        assert len(set(values)) == 10
    assert example_cards(examples).count('data-action="example"') == 10


def test_who_speaks_is_named_and_escaped() -> None:
    assert speaking("", " ") == ""
    assert "<img" not in speaking(XSS, XSS)


def test_the_transcript_holds_the_response_alone() -> None:
    messages = transcript(Scene(turns=(turn(verdicts=four(), message=f"{XSS} <3"),)))
    assert [one["role"] for one in messages] == ["user", "assistant"]
    assert messages[0]["content"] == "&lt;img src=x onerror=alert(1)> <3"
    assert "casserole" not in messages[1]["content"]


def test_long_talks_carry_the_newest_turns_until_all_are_asked_for() -> None:
    turns = tuple(turn(number) for number in range(1, SHOWN_TURNS + 6))
    scene = Scene(turns=turns)
    assert len(transcript(scene)) == 2 * SHOWN_TURNS
    assert "Show 5 earlier turns" in earlier(scene)
    whole = scene.model_copy(update={"whole": True})
    assert len(transcript(whole)) == 2 * len(turns)
    assert earlier(whole) == ""


def test_a_thumb_finds_its_reply_by_the_messages_place() -> None:
    first, second = turn(1), turn(2)
    silent = first.model_copy(update={"replies": (reply(first.id, response=""),)})
    scene = Scene(turns=(silent, second))
    assert second.chosen is not None
    assert reply_at(scene, 2) == second.chosen.id
    assert reply_at(scene, 0) is None
    assert reply_at(scene, 99) is None


def test_feedback_comes_back_as_it_was_given() -> None:
    form = FormValues(1, 2, 3, 4, 78, ["understood", "long"], "Better", "Comment")
    assert form_of(feedback_of(form)) == form
    assert feedback_of(FormValues()) == FeedbackInput()
    assert form_of(None) == EMPTY


@pytest.mark.parametrize(
    "form",
    [
        FormValues(bystander=101),
        FormValues(bystander=-1),
        FormValues(bystander=4.5),
        FormValues(resonation=6),
    ],
)
def test_ratings_outside_their_scale_are_not_saved(form: FormValues) -> None:
    with pytest.raises(NotFeedback):
        feedback_of(form)


def test_unknown_reasons_are_left_out() -> None:
    assert feedback_of(FormValues(reasons=["understood", "made up"])).reasons == ("understood",)
