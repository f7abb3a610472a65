"""What supporter and judges are shown of a conversation, and what leaves when it is full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import ConfigDict

from chat.store.records import Conversation, Turn
from perm.rubrics import SupporterPrompt
from perm.types import Exchange, Value

KEPT: Final = 0.5
"""Part of the room that stays filled when the oldest turns leave: what is left then stays the same,
and cached, until the other half is full again. Read anew is half a room every half a room."""

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
    of it; when they do not suffice, the oldest turns leave together, never the first.
    """
    texts, answers = _said(prompt, conversation, earlier, message)
    asks = [tokens(text) for text in texts]
    sizes = [asked + tokens(answer) for asked, answer in zip(asks, answers, strict=False)]
    kept = _kept(sizes, asks, budget - tokens(prompt.system))
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
    conversation: Conversation, earlier: Sequence[Turn], message: str, budget: int
) -> tuple[Exchange, ...]:
    """The transcript for the judges: messages and Responses of the turns that fit, in order.

    `message`: the one that the judged reply answers; `budget`: tokens for all but that reply.
    """
    found = [
        Exchange(message=turn.message, response=turn.chosen.response if turn.chosen else "")
        for turn in earlier
    ]
    asks = [tokens(one.message) for one in found] + [tokens(message)]
    sizes = [asked + tokens(one.response) for asked, one in zip(asks, found, strict=False)]
    frame = JUDGE_FRAME_TOKENS + tokens(conversation.persona) + tokens(conversation.scenario)
    return tuple(found[index] for index in _kept(sizes, asks, budget - frame))


def tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    return len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN + 4


def _kept(sizes: Sequence[int], asks: Sequence[int], room: int) -> list[int]:
    """Which earlier turns stay: the first, and the latest that were not yet in the way.

    `sizes`: the earlier turns, whole; `asks`: the messages of all turns, the present one too. The
    talk is gone through from its start, so that each turn finds what the one before it left.
    """
    start = 1  # the first turn after the very first that is still there
    held = 0  # by the turns from there on
    for turn in range(1, len(asks)):
        held += sizes[turn - 1] if turn > 1 else 0
        fixed = sizes[0] + asks[turn]
        limit: float = room
        while start < turn and fixed + held > limit:
            held -= sizes[start]
            start += 1
            limit = room * KEPT if start < turn - 1 else room  # the last one stays if it can
    return fitted(len(sizes), start - 1)


def _joined(before: str, after: str) -> str:
    return f"{before}\n\n{after}" if before else after
