"""What happens in turns, as lines of a log: ids, lengths, times."""

from __future__ import annotations

import logging

from chat.events import (
    JudgingStarted,
    ReplyDone,
    RewardReady,
    TurnEvent,
    TurnFailed,
    TurnSaved,
    VerdictLanded,
)

log = logging.getLogger(__name__)


class TurnLog:
    """A listener of turns (`Session(listeners=...)`)."""

    def __call__(self, event: TurnEvent, first: bool) -> None:
        """Log one event, if it is one that says something of its own."""
        match event:
            case TurnSaved():
                log.info("a reply is begun", extra=_saved(event))
            case ReplyDone():
                log.info("a reply has ended", extra=_done(event))
            case JudgingStarted():
                log.debug("judging begins", extra=_judging(event))
            case VerdictLanded():
                level = logging.DEBUG if event.verdict.scored else logging.INFO
                log.log(level, "a verdict has landed", extra=_verdict(event))
            case RewardReady():
                log.debug("the reward is due", extra=_reward(event))
            case TurnFailed():
                known = {"failed_part": event.part.value, "saved": event.saved}
                log.info("a turn failed", extra={"event": event.event, **known})
            case _:
                pass


def _saved(event: TurnSaved) -> dict[str, object]:
    return {
        "event": event.event,
        "conversation_id": event.conversation_id,
        "turn_id": event.turn_id,
        "reply_id": event.reply_id,
        "number": event.number,
        "turns_left_out": event.turns_left_out,
        "crisis": event.crisis is not None,
    }


def _done(event: ReplyDone) -> dict[str, object]:
    return {
        "event": event.event,
        "reply_id": event.reply_id,
        "status": event.status.value,
        "analysis_chars": len(event.analysis),
        "response_chars": len(event.response),
        "prompt_tokens": event.usage.prompt_tokens,
        "completion_tokens": event.usage.completion_tokens,
        "first_token_seconds": event.timings.first_token,
        "seconds": event.timings.response_complete,
        "crisis": event.crisis is not None,
    }


def _judging(event: JudgingStarted) -> dict[str, object]:
    return {
        "event": event.event,
        "reply_id": event.reply_id,
        "method": event.method.value,
        "perspectives": ",".join(event.perspectives),
    }


def _verdict(event: VerdictLanded) -> dict[str, object]:
    verdict = event.verdict
    return {
        "event": event.event,
        "reply_id": event.reply_id,
        "perspective": verdict.perspective.value,
        "method": verdict.method.value,
        "status": verdict.status.value,
        "unscored": verdict.unscored.value if verdict.unscored else None,
        "seconds": verdict.seconds,
        "attempts": verdict.attempts,
    }


def _reward(event: RewardReady) -> dict[str, object]:
    return {
        "event": event.event,
        "reply_id": event.reply_id,
        "computed": event.reward is not None,
        "missing": ",".join(event.missing),
    }
