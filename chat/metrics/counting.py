"""Counts what the events of turns tell, in a registry of its own."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from chat.events import (
    ReplyDone,
    RewardReady,
    TurnEvent,
    TurnFailed,
    TurnSaved,
    VerdictLanded,
)

FIRST_TOKEN_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
JUDGE_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
REPLY_SECONDS: Final = (0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


class Counting:
    """A listener of turns (`Session(listeners=...)`)."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._begun = Counter(
            "perm_chat_replies_begun", "Replies that were begun, retries too.", registry=registry
        )
        self._turns = Counter(
            "perm_chat_turns",
            "Messages that were taken up for an answer; a retry counts again, candidates once.",
            registry=registry,
        )
        self._replies = Counter(
            "perm_chat_replies", "Replies that ended, by how.", ["status"], registry=registry
        )
        self._verdicts = Counter(
            "perm_chat_verdicts",
            "Verdicts that were saved; unscored: the reason, empty for one that is scored.",
            ["perspective", "method", "status", "unscored"],
            registry=registry,
        )
        self._rewards = Counter(
            "perm_chat_rewards",
            "Rewards that were due: computed, or incomplete for want of a score.",
            ["status"],
            registry=registry,
        )
        self._failures = Counter(
            "perm_chat_failures",
            "Failures that people were told, by part; saved: whether their message was.",
            ["part", "saved"],
            registry=registry,
        )
        self._first_token = Histogram(
            "perm_chat_first_token_seconds",
            "From a message to the reply's first token.",
            registry=registry,
            buckets=FIRST_TOKEN_SECONDS,
        )
        self._reply = Histogram(
            "perm_chat_reply_seconds",
            "From a message to the reply's end.",
            registry=registry,
            buckets=REPLY_SECONDS,
        )
        self._judging = Histogram(
            "perm_chat_judge_seconds",
            "What one verdict took, tries included.",
            ["perspective", "method"],
            registry=registry,
            buckets=JUDGE_SECONDS,
        )

    def __call__(self, event: TurnEvent, first: bool) -> None:
        """Hear one event; `first`: nothing of its kind came before it in the same turn."""
        match event:
            case TurnSaved():
                self._begun.inc()
                if first:
                    self._turns.inc()
            case ReplyDone():
                self._hear_reply(event)
            case VerdictLanded():
                self._hear_verdict(event)
            case RewardReady():
                status = "incomplete" if event.reward is None else "computed"
                self._rewards.labels(status).inc()
            case TurnFailed():
                self._failures.labels(event.part.value, str(event.saved).lower()).inc()
            case _:
                pass

    def _hear_reply(self, done: ReplyDone) -> None:
        self._replies.labels(done.status.value).inc()
        if done.timings.first_token is not None:
            self._first_token.observe(done.timings.first_token)
        if done.timings.response_complete is not None:
            self._reply.observe(done.timings.response_complete)

    def _hear_verdict(self, landed: VerdictLanded) -> None:
        verdict = landed.verdict
        who, how = verdict.perspective.value, verdict.method.value
        why = verdict.unscored.value if verdict.unscored else ""
        self._verdicts.labels(who, how, verdict.status.value, why).inc()
        if verdict.seconds is not None:
            self._judging.labels(who, how).observe(verdict.seconds)
