"""The script of the offline demo: one model that is supporter and judge, as by default."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from langchain_core.messages import BaseMessage

from chat.engines.scripted_judge import ScriptedJudge, load_remarks
from chat.engines.scripted_model import Output
from chat.engines.scripted_supporter import ScriptedSupporter, load_themes
from perm.rubrics import Rubrics

TEXTS: Final = Path(__file__).resolve().parent.parent.parent / "assets" / "scripted"

JUDGE_SPEED: Final = 200.0
"""Tokens a second when it judges: fast enough for reasons unasked (perm.types.FAST_WRITE_SPEED)."""

READ_SPEED: Final = 2_000.0
"""Tokens a second that it seems to read: fast enough for scores while a reply is written."""


class Demo:
    """From the messages to what is said: a judge's prompt is known by its rubric."""

    def __init__(self, rubrics: Rubrics, pace: float, voice: str = "supporter.toml") -> None:
        """`pace`: seconds a token of a reply; 0 makes everything come at once.

        `voice`: the file of what the supporter says.
        """
        self._supporter = ScriptedSupporter(rubrics.supporter, load_themes(TEXTS / voice), pace)
        judge_pace = 1 / JUDGE_SPEED if pace else 0.0
        self._judge = ScriptedJudge(rubrics, load_remarks(TEXTS / "judge.toml"), judge_pace)

    def __call__(self, messages: Sequence[BaseMessage]) -> Output:
        perspective = self._judge.perspective(messages)
        if perspective is None:
            return self._supporter(messages)
        return self._judge.answer(messages, perspective)
