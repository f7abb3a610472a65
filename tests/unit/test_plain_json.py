"""JSON as it leaves the app."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.events import ResponseDelta
from chat.plain_json import dumps

pytestmark = pytest.mark.unit

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(values)
def test_it_is_one_ascii_line_without_nan(value: object) -> None:
    text = dumps(value)
    assert text.isascii()
    assert "\n" not in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_records_become_objects_and_odd_characters_survive() -> None:
    said = "\u2028\x00\U0001f642 <b>"
    assert json.loads(dumps(ResponseDelta(text=said)))["text"] == said
    assert dumps({"score": float("nan"), 1: (float("inf"),)}) == '{"score": null, "1": [null]}'
    assert json.loads(dumps("\ud800")) == "\ud800"
