"""One token out of the model's scores, and the log-probabilities at its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from chat.engines.in_process.calls import Options


def drawn(scores: torch.Tensor, options: Options, chance: torch.Generator) -> int:
    """The next token: the likeliest at temperature 0, else drawn from the top_p part."""
    if options.temperature == 0:
        return int(scores.argmax())
    chances = torch.softmax(scores / options.temperature, dim=-1)
    if options.top_p < 1:
        ranked, order = chances.sort(descending=True)
        ranked[ranked.cumsum(-1) - ranked >= options.top_p] = 0
        return int(order[_pick(ranked, chance)])
    return int(_pick(chances, chance))


def _pick(chances: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
    return torch.multinomial(chances, 1, generator=chance)[0]


def place_of(
    scores: torch.Tensor, token: int, alternatives: int, name: Callable[[int], str]
) -> dict[str, Any]:
    """The token's place in OpenAI's form. The chances are the model's own, at temperature 1."""
    logarithms = torch.log_softmax(scores, dim=-1)
    entry = _candidate(name(token), float(logarithms[token]))
    top = torch.topk(logarithms, min(alternatives, logarithms.numel()))
    entry["top_logprobs"] = [
        _candidate(name(index), logprob)
        for logprob, index in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    ]
    return entry


def _candidate(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "bytes": list(token.encode("utf-8", "replace")), "logprob": logprob}
