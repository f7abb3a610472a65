"""One reply as a line of a table: four scores, the reward, and what people said."""

from __future__ import annotations

import hashlib
from statistics import fmean
from typing import Any

from chat.export.walk import Step
from chat.store import Feedback, Reply
from perm.types import Perspective, Verdict


def score_row(step: Step, reply: Reply) -> dict[str, Any] | None:
    """The columns; None where nobody, neither judge nor person, rated the reply."""
    binding = {seat: one for seat, one in reply.binding.items() if one.scored}
    said = step.said_of(reply)
    human = {f"human_{seat.value}": _mean(said, seat.value) for seat in Perspective}
    thumb = _mean(said, "thumb")
    if not binding and thumb is None and all(value is None for value in human.values()):
        return None
    return {
        "persona": step.conversation.persona,
        "scenario": step.conversation.scenario,
        "message": step.turn.message,
        "analysis": reply.analysis,
        "response": reply.response,
        "model": reply.model,
        **{seat.value: binding[seat].score if seat in binding else None for seat in Perspective},
        "reward": reply.reward.total if reply.reward else None,
        **_judge(binding),
        "thumb": thumb,
        **human,
        "raters": len(said),
    }


def _judge(binding: dict[Perspective, Verdict]) -> dict[str, str | None]:
    """Who judged, with which prompts (the hash that self-checks are kept by), and how."""
    models = sorted({one.judge_model for one in binding.values()})
    methods = sorted({one.method.value for one in binding.values()})
    whole = len(binding) == len(Perspective)
    prompts = "".join(binding[seat].prompt_hash for seat in Perspective) if whole else ""
    return {
        "judge_model": ", ".join(models) or None,
        "judge_prompts": hashlib.sha256(prompts.encode()).hexdigest()[:16] if whole else None,
        "method": ", ".join(methods) or None,
    }


def _mean(said: list[Feedback], field: str) -> float | None:
    values = [value for one in said if (value := getattr(one, field)) is not None]
    return fmean(values) if values else None
