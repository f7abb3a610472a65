"""A model in this process: what is read and written together changes no score."""

from __future__ import annotations

import pytest
import torch
from langchain_core.messages import HumanMessage

from chat.engines.in_process.calls import Call, Done, Event, Options, Priority
from chat.engines.in_process.lane import Lane
from chat.engines.in_process.loading import Loaded
from chat.engines.in_process.prefixes import Prefixes
from chat.engines.in_process.rows import Rows
from tests.support.in_process import CLOSE, alone, folder, loaded, row, some

__all__ = ["folder", "loaded"]

pytestmark = pytest.mark.unit


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
