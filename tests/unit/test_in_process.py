"""A model in this process: what is kept, read together and written together changes no score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chat.engines.in_process import loading
from chat.engines.in_process.calls import Call, Done, Event, Options, Priority, options_of
from chat.engines.in_process.lane import Lane
from chat.engines.in_process.loading import Loaded, Plan, load
from chat.engines.in_process.prefixes import Layers, Prefixes, common_beginning
from chat.engines.in_process.row import Row
from chat.engines.in_process.rows import Rows
from chat.engines.in_process.sampling import drawn
from chat.engines.in_process.text import Reader
from chat.engines.in_process.worker import EVERY, Lanes
from perm.types import EngineError, EngineFault
from tests.support.tiny_model import write_tiny_model

pytestmark = pytest.mark.unit

CLOSE: dict[str, float] = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Loaded:
    return load(
        Plan(place=str(folder), revision=None, context_tokens=2048, threads=1), lambda _: None
    )


def row(loaded: Loaded, tokens: Sequence[int], **options: Any) -> Row:
    asked = Options(**{"temperature": 0.0, "max_tokens": 50, **options})
    return Row(Call((), asked, Priority.JUDGING, lambda _: None), list(tokens), loaded)


def alone(loaded: Loaded, tokens: Sequence[int]) -> torch.Tensor:
    """The scores after these tokens, from one plain call of the model."""
    with torch.inference_mode():
        scores: torch.Tensor = loaded.model(torch.tensor([list(tokens)])).logits[0, -1]
    return scores


def some(length: int, seed: int) -> list[int]:
    chance = torch.Generator().manual_seed(seed)
    return torch.randint(0, 250, (length,), generator=chance).tolist()


def small_layers(tokens: int) -> Layers:
    return ((torch.zeros(1, 1, tokens, 4), torch.zeros(1, 1, tokens, 4)),)


# -- what is kept ---------------------------------------------------------------------------------


def test_a_kept_beginning_gives_the_same_scores_as_reading_it_again(loaded: Loaded) -> None:
    prefixes = Prefixes(10**9)
    first = row(loaded, [*some(60, 1), *some(20, 2)])
    rows = Rows(loaded, [first], [()])
    rows.feed([first.unread])
    prefixes.keep(first.tokens, rows.layers_of(first))

    second = row(loaded, [*some(60, 1), *some(15, 3)])
    second.fed, layers = prefixes.longest(second.tokens, len(second.tokens) - 1)
    assert second.fed == 60
    scores = Rows(loaded, [second], [layers]).feed([second.unread])
    torch.testing.assert_close(scores[0], alone(loaded, second.tokens), **CLOSE)


def test_who_goes_on_from_a_kept_beginning_leaves_it_as_it_was(loaded: Loaded) -> None:
    prefixes = Prefixes(10**9)
    first = row(loaded, some(50, 1))
    rows = Rows(loaded, [first], [()])
    rows.feed([first.unread])
    prefixes.keep(first.tokens, rows.layers_of(first))
    for seed in (2, 3):  # the second would see what the first wrote
        other = row(loaded, [*some(40, 1), *some(30, seed)])
        other.fed, layers = prefixes.longest(other.tokens, 69)
        scores = Rows(loaded, [other], [layers]).feed([other.unread])
        torch.testing.assert_close(scores[0], alone(loaded, other.tokens), **CLOSE)


def test_a_longer_prompt_takes_the_place_of_its_own_beginning() -> None:
    prefixes = Prefixes(10**9)
    prefixes.keep((1, 2, 3), small_layers(3))
    prefixes.keep((1, 2, 3, 4), small_layers(4))
    prefixes.keep((1, 2), small_layers(2))
    prefixes.keep((7, 8), small_layers(2))
    assert len(prefixes) == 2
    assert prefixes.longest((1, 2, 3, 4, 5), 5)[0] == 4
    assert prefixes.longest((1, 2, 9), 3)[0] == 2
    assert prefixes.longest((9,), 1) == (0, ())


def test_what_was_used_longest_ago_leaves_first_and_memory_is_bounded() -> None:
    each = 2 * 10 * 4 * 4  # keys and values, ten tokens of four numbers
    prefixes = Prefixes(3 * each)
    for first in (1, 2, 3):
        prefixes.keep((first,) * 10, small_layers(10))
    prefixes.longest((1, 1), 2)
    prefixes.keep((4,) * 10, small_layers(10))
    assert prefixes.size == 3 * each
    assert [prefixes.longest((one,) * 10, 10)[0] for one in (1, 2, 3, 4)] == [10, 0, 10, 10]


def test_the_common_beginning_is_found_wherever_it_ends() -> None:
    for end in range(9):
        other = (*range(end), 99, 98)
        assert common_beginning(tuple(range(8)), other) == min(end, 8)


# -- batches --------------------------------------------------------------------------------------


def test_prompts_of_any_length_read_together_score_as_if_alone(loaded: Loaded) -> None:
    prompts = [some(length, length) for length in (3, 40, 41, 90)]
    rows = [row(loaded, prompt) for prompt in prompts]
    scores = Rows(loaded, rows, [()] * 4).feed([one.unread for one in rows])
    for own, prompt in zip(scores, prompts, strict=True):
        torch.testing.assert_close(own, alone(loaded, prompt), **CLOSE)


def test_kept_beginnings_of_unlike_length_go_together(loaded: Loaded) -> None:
    prefixes = Prefixes(10**9)
    prompts = [some(length, length) for length in (30, 45, 60)]
    for prompt, known in zip(prompts, (0, 20, 59), strict=True):
        if known:
            before = row(loaded, prompt[:known])
            rows = Rows(loaded, [before], [()])
            rows.feed([before.unread])
            prefixes.keep(before.tokens, rows.layers_of(before))
    batch, layers = [row(loaded, prompt) for prompt in prompts], []
    for one in batch:
        one.fed, known_layers = prefixes.longest(one.tokens, len(one.tokens) - 1)
        layers.append(known_layers)
    assert [one.fed for one in batch] == [0, 20, 59]
    scores = Rows(loaded, batch, layers).feed([one.unread for one in batch])
    for own, prompt in zip(scores, prompts, strict=True):
        torch.testing.assert_close(own, alone(loaded, prompt), **CLOSE)


def test_rows_come_and_go_without_a_change_to_the_others(loaded: Loaded) -> None:
    rows = [row(loaded, some(length, length)) for length in (70, 12)]
    batch = Rows(loaded, rows, [(), ()])
    for one, own in zip(rows, batch.feed([one.unread for one in rows]), strict=True):
        one.take(own)
    late = row(loaded, some(33, 5))
    other = Rows(loaded, [late], [()])
    late.take(other.feed([late.unread])[0])
    batch.join(other)
    for one, own in zip(batch.rows, batch.feed([one.unread for one in batch.rows]), strict=True):
        one.take(own)
    batch.leave([rows[0]])
    scores = batch.feed([one.unread for one in batch.rows])
    for one, own in zip(batch.rows, scores, strict=True):
        torch.testing.assert_close(own, alone(loaded, one.tokens), **CLOSE)
    assert batch.rows == [rows[1], late]
    kept = Prefixes(10**9)
    kept.keep(late.tokens[: late.fed], batch.layers_of(late))
    after = row(loaded, [*late.tokens, 7])
    after.fed, layers = kept.longest(after.tokens, late.fed)
    scores = Rows(loaded, [after], [layers]).feed([after.unread])
    torch.testing.assert_close(scores[0], alone(loaded, after.tokens), **CLOSE)


@pytest.mark.parametrize("together", [True, False])
def test_a_lane_writes_for_many_what_it_writes_for_each(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    monkeypatch.setattr(loaded, "reads_together", together)
    monkeypatch.setattr(loaded, "piece", 16)
    texts = ["short", "a longer one " * 5, "the longest of them all " * 9]

    def written(groups: list[list[str]]) -> list[str]:
        found: dict[str, list[Event]] = {text: [] for text in texts}
        for group in groups:
            lane = Lane(loaded, Prefixes(10**9), patient=True)
            for text in group:
                asked = Options(temperature=0.0, max_tokens=12)
                tell = found[text].append
                lane.add(Call([HumanMessage(text)], asked, Priority.JUDGING, tell))
            while lane.busy:
                lane.step()
        assert all(isinstance(events[-1], Done) for events in found.values())
        return ["".join(event.text for event in found[text]) for text in texts]  # type: ignore[union-attr]

    assert written([texts]) == written([[text] for text in texts])


def test_a_call_that_was_put_back_goes_on_where_it_was(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded, "piece", 64)
    prefixes = Prefixes(10**9)
    lane = Lane(loaded, prefixes, patient=True)
    asked = [HumanMessage("word " * 60)]
    events: list[Event] = []
    first = Call(asked, Options(max_tokens=1), Priority.JUDGING, events.append)
    lane.add(first)
    lane.step()
    first.cancel()
    lane.step()
    assert not lane.busy
    assert events == []
    lane.add(Call(asked, Options(max_tokens=1), Priority.JUDGING, events.append))
    while lane.busy:
        lane.step()
    done = events[-1]
    assert isinstance(done, Done)
    assert done.usage.cached_tokens == 64, "the piece that it had read"


# -- who goes first -------------------------------------------------------------------------------


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


# -- tokens and text ------------------------------------------------------------------------------


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
        return {drawn(scores, Options(**options), chance) for _ in range(300)}  # type: ignore[arg-type]

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


# -- loading --------------------------------------------------------------------------------------


def failure(folder: Path) -> EngineError:
    with pytest.raises(EngineError) as refused:
        load(Plan(place=str(folder), revision=None, context_tokens=2048, threads=1), lambda _: None)
    assert refused.value.fault is EngineFault.NOT_READY
    return refused.value


def test_what_does_not_fit_is_refused_before_it_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "free_bytes", lambda _: 1000)
    assert "GB of memory" in failure(folder).what


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    (folder / "chat_template.jinja").unlink()
    assert "chat template" in failure(folder).what


def test_a_sliding_window_bounds_the_context(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, sliding_window=300)
    plan = Plan(place=str(folder), revision=None, context_tokens=2048)
    assert load(plan, lambda _: None).context == 300
