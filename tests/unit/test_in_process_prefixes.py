"""What a model in this process keeps of prompts: the same scores, in bounded memory."""

from __future__ import annotations

import pytest
import torch

from chat.engines.in_process.loading import Loaded
from chat.engines.in_process.prefixes import Layers, Prefixes, common_beginning
from chat.engines.in_process.rows import Rows
from tests.support.in_process import CLOSE, alone, folder, loaded, row, some

__all__ = ["folder", "loaded"]

pytestmark = pytest.mark.unit


def small_layers(tokens: int) -> Layers:
    return ((torch.zeros(1, 1, tokens, 4), torch.zeros(1, 1, tokens, 4)),)


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
