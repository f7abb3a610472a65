"""What supporter and judges are shown of a conversation, and what leaves when it is full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import ConfigDict

from chat.store.records import Conversation, Turn
from perm.rubrics import SupporterPrompt
from perm.types import Exchange, Value

BLOCK: Final = 4
"""Turns that leave together: the prefix then stays the same, and cached, for several turns."""

BYTES_A_TOKEN: Final = 3
"""A careful guess for any language: English has about 4.2 bytes a token, Chinese about 3."""

JUDGE_FRAME_TOKENS: Final = 900
"""Room for a judge's rubric, its question and the persona's frame."""


class Prepared(Value):
    """The messages for the supporter, and how many earlier turns no longer fitted."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    messages: tuple[BaseMessage, ...]
    turns_left_out: int = 0


def messages_for(
    prompt: SupporterPrompt,
    conversation: Conversation,
    earlier: Sequence[Turn],
    message: str,
    budget: int,
) -> Prepared:
    """The conversation as the model learned it: the first message framed, later ones plain.

    The supporter's turns stand as they were generated, Analysis included. `budget`: tokens for all
    of it; when they do not suffice, the oldest turns leave in blocks, never the first.
    """
    texts, answers = _said(prompt, conversation, earlier, message)
    sizes = [tokens(text) + tokens(answer) for text, answer in zip(texts, answers, strict=False)]
    fixed = tokens(prompt.system) + tokens(texts[-1])
    kept = _kept(sizes, budget - fixed)
    return Prepared(
        messages=_messages(prompt.system, texts, answers, kept),
        turns_left_out=len(earlier) - len(kept),
    )


def messages_again(
    prompt: SupporterPrompt,
    conversation: Conversation,
    earlier: Sequence[Turn],
    message: str,
    turns_left_out: int,
) -> tuple[BaseMessage, ...]:
    """The messages as they were when so many earlier turns had not fitted."""
    texts, answers = _said(prompt, conversation, earlier, message)
    return _messages(prompt.system, texts, answers, fitted(len(earlier), turns_left_out))


def fitted(earlier: int, left_out: int) -> list[int]:
    """Which earlier turns were shown when so many of them had not fitted: never without the first.

    The inverse of what `messages_for` leaves out.
    """
    return [index for index in range(earlier) if index == 0 or index > left_out]


def _said(
    prompt: SupporterPrompt, conversation: Conversation, earlier: Sequence[Turn], message: str
) -> tuple[list[str], list[str]]:
    """What the seeker said, the last message included, and what was answered."""
    texts = [turn.message for turn in earlier] + [message]
    texts[0] = prompt.frame(conversation.persona, conversation.scenario, texts[0])
    return texts, [turn.chosen.raw if turn.chosen else "" for turn in earlier]


def _messages(
    system: str, texts: Sequence[str], answers: Sequence[str], kept: Sequence[int]
) -> tuple[BaseMessage, ...]:
    messages: list[BaseMessage] = [SystemMessage(system)]
    pending = ""  # a message whose reply never came is put to the next one
    for index in kept:
        pending = _joined(pending, texts[index])
        if answers[index].strip():
            messages += [HumanMessage(pending), AIMessage(answers[index])]
            pending = ""
    messages.append(HumanMessage(_joined(pending, texts[-1])))
    return tuple(messages)


def exchanges(
    conversation: Conversation, earlier: Sequence[Turn], budget: int
) -> tuple[Exchange, ...]:
    """The transcript for the judges: messages and Responses of the turns that fit, in order."""
    found = [
        Exchange(message=turn.message, response=turn.chosen.response if turn.chosen else "")
        for turn in earlier
    ]
    sizes = [tokens(one.message) + tokens(one.response) for one in found]
    frame = JUDGE_FRAME_TOKENS + tokens(conversation.persona) + tokens(conversation.scenario)
    return tuple(found[index] for index in _kept(sizes, budget - frame))


def tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    return len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN + 4


def _kept(sizes: Sequence[int], room: int) -> list[int]:
    """Which earlier turns stay: the first, and the latest after whole blocks have left."""
    dropped = 0
    while dropped < len(sizes) - 1 and sizes[0] + sum(sizes[1 + dropped :]) > room:
        dropped = min(dropped + BLOCK, len(sizes) - 1)
    return fitted(len(sizes), dropped)


def _joined(before: str, after: str) -> str:
    return f"{before}\n\n{after}" if before else after
