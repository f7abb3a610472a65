"""The protocol that the paper's code follows, in our own writing, to measure against.

One call a perspective, one after another, the bystander after the other three; each asks for
reasons first and may write 1,024 tokens, at temperature 0.3 and top-p 0.9. A judge sees persona,
scenario, the message and the part that it rates, and nothing of earlier turns. The rubrics are
ours, and so is the reading of a verdict, so that the order of the calls and what they ask for are
all that differs: as in the paper, a reason may be as long as the judge likes, where ours asks for
two sentences (published_asks/). (Source: PERM, arXiv:2601.10532.)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage

from bench.texts import alone
from perm.judge_calls import JudgePolicy, Tries, call
from perm.judge_prompts import user_message
from perm.parsing import read_reasoned
from perm.rubrics import Rubric, Rubrics
from perm.types import JudgeContext, Method, Perspective

OPTIONS: Final[Mapping[str, Any]] = {"temperature": 0.3, "top_p": 0.9, "max_tokens": 1024}
PATIENCE: Final = 900.0
ASKS: Final = Path(__file__).with_name("published_asks")


async def judge_published(
    model: BaseChatModel, rubrics: Rubrics, contexts: Mapping[Perspective, JudgeContext]
) -> dict[Perspective, float | None]:
    """The four scores; None where the answer cannot be read."""
    policy = JudgePolicy(timeout=PATIENCE, retries=0)
    scores: dict[Perspective, float | None] = {}
    for perspective in Perspective:
        rubric = as_published(rubrics[perspective])
        messages = [
            SystemMessage(rubric.system),
            HumanMessage(user_message(rubric, alone(contexts[perspective]), Method.REASONED)),
        ]
        answer = await call(model, messages, OPTIONS, policy, Tries())
        scores[perspective] = read_reasoned(perspective, answer.text, answer.truncated).score
    return scores


def as_published(rubric: Rubric) -> Rubric:
    """The rubric with the published protocol's ask for a verdict with its reasons."""
    name = "bystander" if rubric.perspective is Perspective.BYSTANDER else "score"
    ask = (ASKS / f"{name}.txt").read_text("utf-8").strip()
    return rubric.model_copy(update={"asks": {**rubric.asks, Method.REASONED: ask}})
