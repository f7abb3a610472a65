"""The rows of each format, from one turn at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from chat.export.left_out import Tally, Why
from chat.export.order import Format, Order
from chat.export.pairs import Pair, Source, pairs, thumbs
from chat.export.scores import score_row
from chat.export.split import pair_id
from chat.export.walk import Step, steps
from chat.export.wording import Messages, Prompts, completion, exchanges, prompt_messages
from chat.store import Reply, WholeConversation


class Row(NamedTuple):
    """`values`: the columns of its format; `of`: the replies that it is made from."""

    values: dict[str, Any]
    of: tuple[Reply, ...]


class Asked(NamedTuple):
    """What every format's function needs beside the turn."""

    order: Order
    prompts: Prompts
    tally: Tally


def rows(whole: WholeConversation, order: Order, prompts: Prompts, tally: Tally) -> Iterator[Row]:
    """All rows of one conversation, in the order of its turns."""
    asked = Asked(order, prompts, tally)
    for step in steps(whole, order, tally):
        yield from MAKERS[order.format](step, asked)


def _grpo(step: Step, asked: Asked) -> Iterator[Row]:
    """The prompt as the supporter would be given it today, one row a turn."""
    reply = step.turn.chosen or step.replies[-1]
    prompt, left_out = asked.prompts.current, reply.turns_left_out
    values = {
        "prompt": prompt_messages(step, prompt, left_out, analysis=True),
        "persona": step.conversation.persona,
        "scenario": step.conversation.scenario,
        "history": exchanges(step, left_out),
        "message": step.turn.message,
        **_where(step, str(step.turn.id), prompt.hash),
    }
    yield Row(values, ())


def _preference(step: Step, asked: Asked) -> Iterator[Row]:
    for pair in pairs(step, asked.order.margin, asked.tally):
        values = {"prompt": _prompt(step, pair.by, asked), **_pair(step, pair, asked)}
        yield Row(values, _of(pair))


def _reward(step: Step, asked: Asked) -> Iterator[Row]:
    """The prompt stands in both: what a reward model is to score is a conversation."""
    for pair in pairs(step, asked.order.margin, asked.tally):
        prompt, values = _prompt(step, pair.by, asked), _pair(step, pair, asked)
        whole = {name: prompt + values[name] for name in ("chosen", "rejected")}
        yield Row({**values, **whole}, _of(pair))


def _unpaired(step: Step, asked: Asked) -> Iterator[Row]:
    for reply in step.replies:
        given = [said.thumb for said in step.said_of(reply) if said.thumb is not None]
        if not given or not sum(given):
            asked.tally[Why.DISAGREED if given else Why.NO_THUMB] += 1
            continue
        values = {
            "prompt": _prompt(step, reply, asked),
            "completion": _completion(reply, reply.response, asked),
            "label": sum(given) > 0,
            **_where(step, str(reply.id), asked.prompts.of(reply).hash),
            "model": reply.model,
            "raters": len(given),
        }
        yield Row(values, (reply,))


def _sft(step: Step, asked: Asked) -> Iterator[Row]:
    for reply in step.replies:
        better = [said for said in step.said_of(reply) if said.better and said.better.strip()]
        if better:
            row_id = pair_id(Source.CORRECTION, better[-1].id, reply.id)
            said = {"completion": _completion(reply, str(better[-1].better), asked)}
            about: dict[str, Any] = {"source": "corrected", "model": "a person", "reward": None}
        elif why := _not_to_imitate(step, reply, asked.order):
            asked.tally[why] += 1
            continue
        else:
            row_id, said = str(reply.id), {"completion": _completion(reply, reply.response, asked)}
            reward = reply.reward.total if reply.reward else None
            about = {"source": "chosen", "model": reply.model, "reward": reward}
        where = _where(step, row_id, asked.prompts.of(reply).hash)
        yield Row({"prompt": _prompt(step, reply, asked), **said, **where, **about}, (reply,))


def _not_to_imitate(step: Step, reply: Reply, order: Order) -> Why | None:
    if not reply.chosen:
        return Why.NOT_CHOSEN
    if thumbs(step, reply) < 0:
        return Why.NOT_LIKED
    least = order.min_reward
    if least is not None and (reply.reward is None or reply.reward.total < least):
        return Why.LOW_REWARD
    return None


def _scores(step: Step, asked: Asked) -> Iterator[Row]:
    for reply in step.replies:
        values = score_row(step, reply)
        if values is None:
            asked.tally[Why.UNSCORED] += 1
            continue
        yield Row({**_where(step, str(reply.id), reply.prompt_hash), **values}, (reply,))


MAKERS: Final[dict[Format, Callable[[Step, Asked], Iterator[Row]]]] = {
    Format.GRPO: _grpo,
    Format.PREFERENCE: _preference,
    Format.REWARD: _reward,
    Format.UNPAIRED: _unpaired,
    Format.SFT: _sft,
    Format.SCORES: _scores,
}


def _where(step: Step, row_id: str, prompt_hash: str) -> dict[str, Any]:
    return {
        "id": row_id,
        "conversation_id": str(step.conversation.id),
        "turn": step.turn.number,
        "prompt_hash": prompt_hash,
    }


def _prompt(step: Step, reply: Reply, asked: Asked) -> Messages:
    prompt = asked.prompts.of(reply)
    return prompt_messages(step, prompt, reply.turns_left_out, analysis=asked.order.analysis)


def _completion(reply: Reply, response: str, asked: Asked) -> Messages:
    return completion(response, reply.analysis if asked.order.analysis else None)


def _pair(step: Step, pair: Pair, asked: Asked) -> dict[str, Any]:
    corrected = pair.source is Source.CORRECTION
    return {
        "chosen": _completion(pair.by, pair.better, asked),
        "rejected": _completion(pair.against, pair.worse, asked),
        **_where(step, pair.id, asked.prompts.of(pair.by).hash),
        "source": pair.source.value,
        "strength": pair.strength,
        "model": "a person" if corrected else pair.by.model,
        "rejected_model": pair.against.model,
        "reward_gap": pair.gap,
    }


def _of(pair: Pair) -> tuple[Reply, ...]:
    return (pair.by,) if pair.by.id == pair.against.id else (pair.by, pair.against)
