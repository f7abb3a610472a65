"""One record of a file: what is read from it, and what is wrong with it, in words."""

from __future__ import annotations

from typing import Any

import pytest

from chat.scoring import BadRecord, read_record
from chat.scoring.records import render_persona
from perm.types import Exchange, Perspective
from tests.support.scores import record

pytestmark = pytest.mark.unit


def test_a_completion_is_split_and_parts_are_taken_as_they_are() -> None:
    completed = read_record(record())
    assert (completed.output.analysis, completed.output.formatted) == (
        "They feel passed over.",
        True,
    )
    parts = read_record(record(completion=None, analysis="", response="That hurts."))
    assert (parts.output.response, parts.output.formatted) == ("That hurts.", False)


@pytest.mark.parametrize(
    ("persona", "text"),
    [
        ("a nurse", "a nurse"),
        ({"identity": "a nurse"}, "a nurse"),
        (
            {"identity": "a nurse", "main_needs": ["rest", "thanks"], "age": 40, "x": None},
            "Identity: a nurse\nMain needs: rest, thanks\nAge: 40\nX: ",
        ),
        ({"home": {"city": "Lyon", "pets": 2}}, "Home: city: Lyon; pets: 2"),
    ],
)
def test_a_persona_becomes_text(persona: str | dict[str, Any], text: str) -> None:
    assert render_persona(persona) == text


def test_the_first_line_of_the_dialogue_is_the_message_and_history_comes_along() -> None:
    earlier = [{"message": "Hello", "response": "Hi."}]
    context = read_record(record(dialogue=["one", "two"], history=earlier)).contexts
    expression = context[Perspective.EXPRESSION]
    assert expression.message == "one"
    assert expression.history == (Exchange(message="Hello", response="Hi."),)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dialogue": []}, "dialogue"),
        ({"persona": None}, "persona"),
        ({"completion": None}, "completion"),
        ({"response": "x"}, "completion"),
        ({"completion": None, "response": "x"}, "both analysis and response"),
        ({"id": True}, "id"),
        ({"scenario": 7}, "scenario"),
    ],
)
def test_a_bad_record_says_what_is_wrong_and_not_what_it_holds(
    change: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadRecord, match=why) as caught:
        read_record(record(**change))
    assert "passed me over" not in str(caught.value)
