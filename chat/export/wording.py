"""Prompts and completions in the words that the supporter was given and gave.

With the Analysis: system message, framed first message, and its earlier turns as it generated them,
as in chat. Without: the same conversation, but its earlier turns are their Responses, and there is
no system message, since that one asks for an Analysis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from langchain_core.messages import BaseMessage

from chat.export.walk import Step
from chat.history import fitted, messages_again
from chat.store import Reply, Turn
from perm.rubrics import SupporterPrompt

Messages = list[dict[str, str]]

ROLES: Final = {"system": "system", "human": "user", "ai": "assistant"}


class Prompts:
    """The supporter's prompts by their hash. `current` stands for those whose text is unknown."""

    def __init__(
        self, current: SupporterPrompt, known: Mapping[str, SupporterPrompt] | None = None
    ) -> None:
        self.current = current
        self.known = {current.hash: current, **(known or {})}

    def of(self, reply: Reply) -> SupporterPrompt:
        return self.known.get(reply.prompt_hash, self.current)


def prompt_messages(
    step: Step, prompt: SupporterPrompt, turns_left_out: int, *, analysis: bool
) -> Messages:
    """What the supporter is given for this turn."""
    earlier = step.earlier if analysis else tuple(_without_analysis(one) for one in step.earlier)
    place, message = step.conversation, step.turn.message
    messages = messages_again(prompt, place, earlier, message, turns_left_out)
    return [_plain(one) for one in messages if analysis or one.type != "system"]


def exchanges(step: Step, turns_left_out: int) -> list[dict[str, str]]:
    """The earlier turns that it is given, as the judges see them: no Analysis."""
    shown = fitted(len(step.earlier), turns_left_out)
    return [
        {"message": turn.message, "response": turn.chosen.response if turn.chosen else ""}
        for turn in (step.earlier[index] for index in shown)
    ]


def completion(response: str, analysis: str | None) -> Messages:
    """What the supporter says, in the format it was asked for; None: the Response alone."""
    text = response.strip()
    if analysis is not None:
        text = f"# Analysis\n{analysis.strip()}\n\n# Response\n{text}"
    return [{"role": "assistant", "content": text}]


def _without_analysis(turn: Turn) -> Turn:
    replies = (one.model_copy(update={"raw": one.response}) for one in turn.replies)
    return turn.model_copy(update={"replies": tuple(replies)})


def _plain(message: BaseMessage) -> dict[str, str]:
    return {"role": ROLES[message.type], "content": str(message.content)}
