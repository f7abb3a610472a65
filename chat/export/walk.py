"""A conversation's turns, each with its way there and the replies that may be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from chat.export.left_out import Tally, Why
from chat.export.order import Format, Order
from chat.store import Compared, Conversation, Feedback, Reply, ReplyStatus, Turn, WholeConversation
from perm.types import Value

SPEAKS_ANALYSIS: Final = frozenset(Format) - {Format.GRPO, Format.SCORES}
"""Formats whose completions have an Analysis where it is asked for."""


class Step(Value):
    """One turn. `earlier`: the turns before it; in each, the chosen reply is the one followed.

    `replies`: those that may be used, oldest first.
    """

    conversation: Conversation
    turn: Turn
    earlier: tuple[Turn, ...]
    replies: tuple[Reply, ...]
    opinions: tuple[Feedback, ...] = ()
    compared: tuple[Compared, ...] = ()

    def said_of(self, reply: Reply) -> list[Feedback]:
        return [one for one in self.opinions if one.reply_id == reply.id]


def steps(whole: WholeConversation, order: Order, tally: Tally) -> Iterator[Step]:
    """The turns of the whole tree that may be used, in order. What may not is counted."""
    tree = _Tree(whole)
    for turn in whole.turns:
        earlier = tree.way_to(turn)
        if why := _unfit(turn, earlier, order):
            tally[why] += 1
            continue
        replies = tuple(one for one in turn.replies if _usable(one, order, tally))
        if not replies:
            tally[Why.NO_REPLY] += 1
            continue
        ids = {one.id for one in replies}
        yield Step(
            conversation=whole.conversation,
            turn=turn,
            earlier=earlier,
            replies=replies,
            opinions=tuple(one for one in whole.opinions if one.reply_id in ids),
            compared=tuple(one for one in whole.compared if {one.one, one.other} <= ids),
        )


class _Tree:
    def __init__(self, whole: WholeConversation) -> None:
        self._turns = {turn.id: turn for turn in whole.turns}
        self._by_reply = {reply.id: turn.id for turn in whole.turns for reply in turn.replies}

    def way_to(self, turn: Turn) -> tuple[Turn, ...]:
        """The turns before it, first turn first; `chosen` marks the reply that was followed."""
        way: list[Turn] = []
        followed = turn.parent_reply_id
        while followed is not None:
            before = self._turns[self._by_reply[followed]]
            way.append(_followed(before, followed))
            followed = before.parent_reply_id
        return tuple(reversed(way))


def _followed(turn: Turn, reply_id: UUID) -> Turn:
    replies = (one.model_copy(update={"chosen": one.id == reply_id}) for one in turn.replies)
    return turn.model_copy(update={"replies": tuple(replies)})


def _unfit(turn: Turn, earlier: tuple[Turn, ...], order: Order) -> Why | None:
    replies_crisis = bool(turn.replies) and all(reply.crisis for reply in turn.replies)
    if turn.crisis or replies_crisis:
        return Why.CRISIS
    # the prompt would hold what was said then
    if any(one.crisis or (one.chosen and one.chosen.crisis) for one in earlier):
        return Why.AFTER_CRISIS
    day = turn.created_at.date()
    if (order.since and day < order.since) or (order.until and day > order.until):
        return Why.OTHER_DATE
    return None


def _usable(reply: Reply, order: Order, tally: Tally) -> bool:
    why = None
    if reply.crisis:
        why = Why.CRISIS_REPLY
    elif reply.status is not ReplyStatus.COMPLETE:
        why = Why.UNFINISHED
    elif order.model is not None and reply.model != order.model:
        why = Why.OTHER_MODEL
    elif not reply.response.strip():
        why = Why.EMPTY
    elif order.analysis and order.format in SPEAKS_ANALYSIS and not reply.analysis.strip():
        why = Why.NO_ANALYSIS
    if why is not None:
        tally[why] += 1
    return why is None
