"""A model in this process: from messages to tokens, and from tokens to text and numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chat.engines.in_process.calls import Call, Done, Event, Options, Priority, options_of
from chat.engines.in_process.lane import Lane
from chat.engines.in_process.loading import Loaded
from chat.engines.in_process.prefixes import Prefixes
from chat.engines.in_process.sampling import drawn
from chat.engines.in_process.text import Reader
from perm.types import EngineError, EngineFault
from tests.support.in_process import alone, folder, loaded

__all__ = ["folder", "loaded"]

pytestmark = pytest.mark.unit


def test_log_probabilities_are_those_of_the_model(loaded: Loaded) -> None:
    events: list[Event] = []
    asked = Options(temperature=0.0, max_tokens=3, logprobs=True, top_logprobs=20)
    lane = Lane(loaded, Prefixes(10**9), patient=True)
    messages = [SystemMessage("Count."), HumanMessage("One?"), AIMessage("Score: ")]
    lane.add(Call(messages, asked, Priority.JUDGING, events.append))
    while lane.busy:
        lane.step()
    tokens = loaded.prompt(messages)
    places = [event.place for event in events if not isinstance(event, Done | EngineError)]
    assert len(places) == 3
    for place in places:
        assert place is not None
        expected = torch.log_softmax(alone(loaded, tokens), dim=-1)
        best = int(expected.argmax())
        assert place["token"] == loaded.name_of(best)
        assert place["logprob"] == pytest.approx(float(expected[best]), abs=1e-3)
        top = [one["logprob"] for one in place["top_logprobs"]]
        assert top == pytest.approx(expected.topk(20).values.tolist(), abs=1e-3)
        assert 0 < sum(torch.tensor(top).exp().tolist()) <= 1 + 1e-4
        tokens.append(best)


def test_drawing_keeps_to_top_p_and_to_its_seed() -> None:
    scores = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))

    def many(**options: float) -> set[int]:
        chance = torch.Generator().manual_seed(1)
        return {drawn(scores, Options(**options), chance) for _ in range(300)}

    assert many(temperature=0) == {0}
    assert many(top_p=0.4) == {0}
    assert many(top_p=0.7) == {0, 1}
    assert many() == {0, 1, 2, 3}


def test_an_answer_is_continued_where_it_stands(loaded: Loaded) -> None:
    asked = HumanMessage("How much?")
    open_, begun = loaded.prompt([asked]), loaded.prompt([asked, AIMessage("Score: ")])
    assert begun[: len(open_)] == open_
    assert loaded.decode(begun[len(open_) :]) == "Score: "


@pytest.mark.parametrize(
    ("stop", "expected", "stopped"),
    [
        (["\n"], "12 3", True),
        (["3\n4"], "12 ", True),
        (["3\nX"], "12 3\n4é", False),
        ([], "12 3\n4é", False),
    ],
)
def test_text_ends_before_a_stop_word_and_characters_come_whole(
    loaded: Loaded, stop: list[str], expected: str, stopped: bool
) -> None:
    tokens = loaded.tokenizer("12 3\n4é", add_special_tokens=False)["input_ids"]
    reader = Reader(loaded.decode, loaded.prompt([HumanMessage("x")]), stop)
    pieces = []
    for token in tokens:
        pieces.append(reader.add(token))
        if reader.stopped:
            break
    assert "".join([*pieces, reader.finish()]) == expected
    assert reader.stopped is stopped
    assert not any("\ufffd" in piece for piece in pieces)


def test_half_a_character_at_the_end_is_marked(loaded: Loaded) -> None:
    tokens = loaded.tokenizer("é", add_special_tokens=False)["input_ids"]
    reader = Reader(loaded.decode, [], [])
    assert reader.add(tokens[0]) == ""
    assert reader.finish() == "\ufffd"


@pytest.mark.parametrize("asked", [{"response_format": {}}, {"top_logprobs": 21}, {"tools": [1]}])
def test_what_is_not_served_is_refused_and_not_left_out(asked: dict[str, Any]) -> None:
    with pytest.raises(EngineError) as refused:
        options_of(asked, None)
    assert refused.value.fault is EngineFault.REQUEST
    assert next(iter(asked)) in refused.value.what


def test_a_prompt_beyond_the_context_is_told(loaded: Loaded) -> None:
    with pytest.raises(EngineError) as refused:
        loaded.prompt([HumanMessage("x" * 3000)])
    assert refused.value.fault is EngineFault.TOO_LONG


def test_lone_surrogates_are_no_fault(loaded: Loaded) -> None:
    assert loaded.prompt([HumanMessage("a\ud800b")])
