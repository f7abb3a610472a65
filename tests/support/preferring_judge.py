"""A scripted judge with a taste: it likes one thing in what it rates, and says so in the format.

Its verdicts follow a plain rule, so that whether training has taken it up can be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chat.engines.scripted import CAPABILITIES, Line, ScriptedChatModel
from chat.settings import Settings
from perm import rubrics
from perm.fencing import MARK
from perm.judges import Judge, JudgePolicy
from perm.types import BYSTANDER_PARTS, Perspective

Taste = Callable[[str], float]
"""How good a part is, from 0 to 1."""


def preferring_script(taste: Taste) -> Callable[[Sequence[BaseMessage]], Line]:
    """Answers every judge's prompt by that taste, as the reasoned method asks for it."""
    prompts = rubrics.load(Settings().prompts_dir)

    def answer(messages: Sequence[BaseMessage]) -> Line:
        system = next((one.text for one in messages if isinstance(one, SystemMessage)), "")
        seat = next((one for one in Perspective if prompts[one].system == system), None)
        if seat is None:
            return "5"  # an engine finds out what this model can do
        asked = next(one.text for one in reversed(messages) if isinstance(one, HumanMessage))
        level = taste(rated_part(asked))
        if seat is not Perspective.BYSTANDER:
            return f"Reason: by its taste.\nScore: {round(1 + 4 * level)}"
        points = round(20 * level)
        lines = [f"{name.capitalize()}: {points} / 20" for name in BYSTANDER_PARTS]
        return "\n".join([*lines, f"Total Score: {5 * points} / 100"])

    return answer


def rated_part(asked: str) -> str:
    """The last quoted block of a judge's prompt: what is rated."""
    blocks = [
        "\n".join(line.removeprefix(MARK) for line in lines)
        for quoted, lines in groupby(asked.split("\n"), key=lambda line: line.startswith(MARK))
        if quoted
    ]
    return blocks[-1]


def preferring_judge(taste: Taste) -> Judge:
    return judge_of(ScriptedChatModel(preferring_script(taste)))


def judge_of(model: ScriptedChatModel) -> Judge:
    """A judge around a scripted model, which does not wait before it tries again."""
    prompts = rubrics.load(Settings().prompts_dir)
    policy = JudgePolicy(retries=0)
    return Judge(model, "scripted", CAPABILITIES, prompts, policy)
