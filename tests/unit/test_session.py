"""One turn, from the message to the reward: saved first, streamed, judged, whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from langchain_core.messages import BaseMessage

from chat import events
from chat.engines.scripted import ScriptedEngine
from chat.engines.scripted_model import Output
from chat.events import TurnEvent
from chat.serving import Serving
from chat.session import Session
from chat.settings import ROOT, Scoring, Settings
from chat.store import Store
from chat.store.records import Consents, Conversation, FeedbackInput, ReplyStatus
from perm import rubrics
from perm.types import (
    Capabilities,
    EngineError,
    EngineFault,
    Method,
    Part,
    Perspective,
    Status,
    Unscored,
)

pytestmark = pytest.mark.unit

OWNER = "ada"
PROMPTS = rubrics.load(ROOT / "prompts")
REPLY = (
    "# Analysis\nShe is worn out and proud.\n\n# Response\nThat sounds like a long week. Sit down."
)
PLAIN = Capabilities(assistant_prefix=True, context_tokens=4096)
"""No log-probabilities: the direct score is the digit that is written."""

E = TypeVar("E")
Say = Callable[[Sequence[BaseMessage]], Output | str]


def of(kind: type[E], seen: Sequence[TurnEvent]) -> list[E]:
    return [event for event in seen if isinstance(event, kind)]


def judge_says(messages: Sequence[BaseMessage]) -> str:
    """Fours for everything."""
    bystander = messages[0].content == PROMPTS[Perspective.BYSTANDER].system
    return "16, 16, 16, 16, 16" if bystander else "4"


def supporter_and_judge(reply: Say, judged: Say = judge_says) -> Say:
    """One engine for both, as by default."""

    def say(messages: Sequence[BaseMessage]) -> Output | str:
        chat = messages[0].content == PROMPTS.supporter.system
        return reply(messages) if chat else judged(messages)

    return say


class Desk:
    """A session over real stores and scripted engines, and what a test does with it."""

    def __init__(self, session: Session, place: Conversation) -> None:
        self.session, self.place = session, place

    async def say(self, message: str) -> list[TurnEvent]:
        return [event async for event in self.session.run_turn(OWNER, self.place.id, message)]

    async def until(self, stream: AsyncIterator[TurnEvent], kind: type[TurnEvent]) -> TurnEvent:
        async for event in stream:
            if isinstance(event, kind):
                return event
        raise AssertionError(f"no {kind.__name__} came")

    async def rest(self) -> list[TurnEvent]:
        return [event async for event in self.session.follow(OWNER, self.place.id)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Callable[..., object]]:
    opened: list[Store | Session] = []

    async def make(
        reply: Say = lambda _: REPLY,
        judged: Say = judge_says,
        *,
        capabilities: Capabilities = PLAIN,
        keep: bool = True,
        scoring: Scoring = Scoring.DIRECT,
        engine: ScriptedEngine | None = None,
        **settings: object,
    ) -> Desk:
        kept = await Store.open(f"sqlite:///{tmp_path / 'p.db'}")
        unkept = await Store.open("sqlite:///:memory:")
        engine = engine or ScriptedEngine(
            supporter_and_judge(reply, judged), capabilities=capabilities
        )
        serving = Serving.compose(
            Settings(method=scoring, **settings),
            PROMPTS,
            engine,
            engine,  # type: ignore[arg-type]
        )
        session = Session(serving, kept, unkept)
        opened.extend((session, kept, unkept))
        place = await session.begin(OWNER, "a nurse", "a double shift", Consents(keep=keep))
        return Desk(session, place)

    yield make
    for one in opened:
        await one.close()


Make = Callable[..., "asyncio.Future[Desk]"]


async def test_a_turn_goes_from_the_message_to_the_reward(desk: Make) -> None:
    at = await desk()
    seen = await at.say("I am so tired.")
    assert [type(event).__name__ for event in seen[:1]] == ["TurnSaved"]
    assert isinstance(seen[-1], events.TurnEnded)
    assert "".join(d.text for d in of(events.ResponseDelta, seen)).strip() == (
        "That sounds like a long week. Sit down."
    )
    verdicts = {v.verdict.perspective: v.verdict for v in of(events.VerdictLanded, seen)}
    assert {p: v.score for p, v in verdicts.items()} == {
        Perspective.RESONATION: 4,
        Perspective.EXPRESSION: 4,
        Perspective.RECEPTION: 4,
        Perspective.BYSTANDER: 80,
    }
    (reward,) = of(events.RewardReady, seen)
    assert reward.reward is not None
    # 3 / (5/4 + 5/4 + 5/4) + 0.1 (80/100 - 1) = 0.8 - 0.02
    assert reward.reward.total == pytest.approx(0.78)

    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert turn.chosen.raw == REPLY
    assert turn.chosen.status is ReplyStatus.COMPLETE
    assert turn.chosen.reward == reward.reward
    assert len(turn.chosen.verdicts) == 4


async def test_the_message_is_saved_before_anything_is_generated(desk: Make) -> None:
    found: list[int] = []

    async def reply(_: Sequence[BaseMessage]) -> str:
        found.append(len(await at.session.path(OWNER, at.place.id)))
        return REPLY

    at = await desk()
    at.session.serving.supporter.chat_model._script = supporter_and_judge(reply)  # type: ignore
    await at.say("Hello")
    assert found == [1]


async def test_resonation_is_judged_while_the_response_is_being_written(desk: Make) -> None:
    at = await desk(lambda _: Output(text=REPLY + " word" * 60, pace=0.01))
    seen = await at.say("Hello")
    landed = next(
        i
        for i, event in enumerate(seen)
        if isinstance(event, events.VerdictLanded)
        and event.verdict.perspective is Perspective.RESONATION
    )
    done = next(i for i, event in enumerate(seen) if isinstance(event, events.ReplyDone))
    assert landed < done


async def test_a_second_turn_shows_the_model_its_own_earlier_words(desk: Make) -> None:
    at = await desk()
    await at.say("First")
    await at.say("Second")
    model = at.session.serving.supporter.chat_model
    call = [
        c
        for c in model.calls
        if c.messages[0].content == PROMPTS.supporter.system  # type: ignore
    ][-1]
    roles = [message.type for message in call.messages]
    assert roles == ["system", "human", "ai", "human"]
    assert "a nurse" in str(call.messages[1].content)
    assert call.messages[2].content == REPLY
    assert call.messages[3].content == "Second"


async def test_judges_see_earlier_responses_but_never_an_analysis_that_is_not_theirs(
    desk: Make,
) -> None:
    at = await desk()
    await at.say("First")
    await at.say("Second")
    model = at.session.serving.judge_engine.chat_model
    for call in model.calls:  # type: ignore[attr-defined]
        if call.messages[0].content == PROMPTS[Perspective.EXPRESSION].system:
            assert "worn out and proud" not in str(call.messages[1].content)


async def test_a_closed_tab_ends_nothing(desk: Make) -> None:
    at = await desk(lambda _: Output(text=REPLY, pace=0.01))
    stream = at.session.run_turn(OWNER, at.place.id, "Hello")
    await at.until(stream, events.AnalysisDelta)
    await stream.aclose()  # type: ignore[attr-defined]
    await at.rest()
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert turn.chosen.status is ReplyStatus.COMPLETE
    assert len(turn.chosen.binding) == 4
    assert turn.chosen.reward is not None


async def test_a_reader_that_comes_late_gets_the_turn_from_its_start(desk: Make) -> None:
    at = await desk(lambda _: Output(text=REPLY, pace=0.005))
    stream = at.session.run_turn(OWNER, at.place.id, "Hello")
    await at.until(stream, events.ResponseDelta)
    rest = await at.rest()
    assert isinstance(rest[0], events.TurnSaved)
    assert isinstance(rest[-1], events.TurnEnded)
    assert not await at.session.is_running(OWNER, at.place.id)


async def test_stop_keeps_what_came_and_asks_no_judge_of_the_response(desk: Make) -> None:
    at = await desk(lambda _: Output(text=REPLY + " more" * 500, pace=0.005))
    stream = at.session.run_turn(OWNER, at.place.id, "Hello")
    await at.until(stream, events.ResponseDelta)
    await at.session.stop(OWNER, at.place.id)
    await at.rest()
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert turn.chosen.status is ReplyStatus.STOPPED
    assert turn.chosen.response and "more" * 500 not in turn.chosen.response
    assert set(turn.chosen.binding) <= {Perspective.RESONATION}
    assert turn.chosen.reward is None
    assert not await at.session.is_writing(OWNER, at.place.id)


async def test_retry_keeps_the_old_reply_beside_the_new_one(desk: Make) -> None:
    replies = iter([REPLY, REPLY.replace("Sit down", "Rest a little")])
    at = await desk(lambda _: next(replies))
    await at.say("Hello")
    (turn,) = await at.session.path(OWNER, at.place.id)
    _ = [event async for event in at.session.retry(OWNER, turn.id)]
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert [reply.chosen for reply in turn.replies] == [False, True]
    assert "Rest a little" in turn.replies[1].response
    await at.session.choose_reply(OWNER, turn.replies[0].id)
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert [reply.chosen for reply in turn.replies] == [True, False]


async def test_an_edited_message_is_a_branch_and_the_old_one_stays(desk: Make) -> None:
    at = await desk()
    await at.say("First")
    await at.say("Second")
    first, second = await at.session.path(OWNER, at.place.id)
    _ = [event async for event in at.session.edit(OWNER, second.id, "Second, better")]
    path = await at.session.path(OWNER, at.place.id)
    assert [turn.message for turn in path] == ["First", "Second, better"]
    siblings = await at.session.siblings(OWNER, second.id)
    assert len(siblings) == 2
    await at.session.set_head(OWNER, at.place.id, second.id)
    path = await at.session.path(OWNER, at.place.id)
    assert [turn.message for turn in path] == ["First", "Second"]
    assert path[0].id == first.id


async def test_two_messages_at_once_are_one_turn_and_one_clear_refusal(desk: Make) -> None:
    at = await desk(lambda _: Output(text=REPLY, pace=0.002))
    one, two = await asyncio.gather(at.say("one"), at.say("two"))
    refused = of(events.TurnFailed, one) + of(events.TurnFailed, two)
    assert len(refused) == 1
    assert refused[0].part is Part.INPUT and not refused[0].saved
    assert len(await at.session.path(OWNER, at.place.id)) == 1


async def test_the_next_message_may_come_while_the_last_is_judged(desk: Make) -> None:
    at = await desk(judged=lambda m: Output(text=str(judge_says(m)), delay=0.3))
    stream = at.session.run_turn(OWNER, at.place.id, "one")
    await at.until(stream, events.ReplyDone)
    seen = await at.say("two")
    assert not of(events.TurnFailed, seen)
    await at.rest()
    turns = await at.session.path(OWNER, at.place.id)
    assert [len(t.chosen.binding) for t in turns if t.chosen] == [4, 4]


@pytest.mark.parametrize("message", ["", "  \n ", "x" * 9000])
async def test_what_is_not_taken_is_refused_in_words(desk: Make, message: str) -> None:
    at = await desk()
    seen = await at.say(message)
    assert [type(event).__name__ for event in seen] == ["TurnFailed", "TurnEnded"]
    assert await at.session.path(OWNER, at.place.id) == []


async def test_too_many_turns_in_a_minute_are_refused(desk: Make) -> None:
    at = await desk(turns_per_minute=1)
    assert not of(events.TurnFailed, await at.say("one"))
    (refused,) = of(events.TurnFailed, await at.say("two"))
    assert refused.part is Part.INPUT


async def test_a_foreign_conversation_and_a_missing_one_give_one_answer(desk: Make) -> None:
    at = await desk()

    async def asked(owner: str, conversation_id: UUID) -> list[TurnEvent]:
        return [event async for event in at.session.run_turn(owner, conversation_id, "hi")]

    assert await asked("eve", at.place.id) == await asked(OWNER, uuid4())


async def test_the_supporter_failing_in_mid_reply_keeps_the_part_that_came(desk: Make) -> None:
    failure = EngineError(EngineFault.CUT_OFF, "The model's server broke off.", "Press Retry.")
    at = await desk(lambda _: Output(text=REPLY, failure=failure, fails_after=16))
    seen = await at.say("Hello")
    (failed,) = of(events.TurnFailed, seen)
    assert (failed.part, failed.saved) == (Part.ENGINE, True)
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert turn.chosen.status is ReplyStatus.INCOMPLETE
    assert turn.chosen.raw and REPLY.startswith(turn.chosen.raw)


async def test_a_passing_fault_before_the_first_word_is_tried_once_more(desk: Make) -> None:
    failure = EngineError(EngineFault.UNREACHABLE, "The model's server is not there.")
    outputs = iter([Output(failure=failure), Output(text=REPLY)])
    at = await desk(lambda _: next(outputs))
    seen = await at.say("Hello")
    assert of(events.Waiting, seen)
    assert of(events.ReplyDone, seen)[0].status is ReplyStatus.COMPLETE
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert len(turn.replies) == 1


async def test_an_engine_that_never_comes_up_is_said_and_the_message_is_kept(desk: Make) -> None:
    broken = EngineError(EngineFault.NOT_READY, "The model file is damaged.", "Fetch it again.")
    at = await desk(engine=ScriptedEngine(start_failure=broken))
    seen = await at.say("Hello")
    (failed,) = of(events.TurnFailed, seen)
    assert failed.what == "The model file is damaged." and failed.saved
    assert len(await at.session.path(OWNER, at.place.id)) == 1


async def test_a_message_sent_while_the_model_loads_waits_and_is_answered(desk: Make) -> None:
    engine = ScriptedEngine(
        supporter_and_judge(lambda _: REPLY), capabilities=PLAIN, start_seconds=0.7
    )
    at = await desk(engine=engine)
    seen = await at.say("Hello")
    assert of(events.Waiting, seen)
    assert of(events.ReplyDone, seen)[0].status is ReplyStatus.COMPLETE
    assert of(events.RewardReady, seen)[0].reward is not None


async def test_a_judge_that_fails_leaves_the_reply_untouched_and_no_number(desk: Make) -> None:
    refused = EngineError(EngineFault.UNAUTHORISED, "The judge's server refused the key.")
    at = await desk(judged=lambda _: Output(failure=refused))
    seen = await at.say("Hello")
    verdicts = [v.verdict for v in of(events.VerdictLanded, seen)]
    assert [v.status for v in verdicts] == [Status.UNSCORED] * 4
    assert {v.unscored for v in verdicts} == {Unscored.ENGINE}
    assert of(events.ReplyDone, seen)[0].status is ReplyStatus.COMPLETE
    (reward,) = of(events.RewardReady, seen)
    assert reward.reward is None and len(reward.missing) == 4


async def test_a_reply_without_the_format_is_usable_and_resonation_is_unscored(desk: Make) -> None:
    at = await desk(lambda _: "I am here with you.")
    seen = await at.say("Hello")
    assert of(events.ReplyDone, seen)[0].response == "I am here with you."
    verdicts = {v.verdict.perspective: v.verdict for v in of(events.VerdictLanded, seen)}
    assert verdicts[Perspective.RESONATION].unscored is Unscored.NO_ANALYSIS
    assert of(events.RewardReady, seen)[0].missing == (Perspective.RESONATION,)


async def test_asking_for_reasons_keeps_the_direct_scores(desk: Make) -> None:
    def judged(messages: Sequence[BaseMessage]) -> str:
        asks_reason = "Reason:" in str(messages[1].content)
        return "Reason: warm.\nScore: 3" if asks_reason else judge_says(messages)

    at = await desk(judged=judged)
    await at.say("Hello")
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    _ = [
        event
        async for event in at.session.judge(
            OWNER, turn.chosen.id, [Perspective.EXPRESSION], Method.REASONED
        )
    ]
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    saved = [v.verdict for v in turn.chosen.verdicts if v.verdict.reason]
    assert [(v.reason, v.score) for v in saved] == [("warm.", 3)]
    assert turn.chosen.binding[Perspective.EXPRESSION].score == 4


async def test_a_fast_engine_gives_reasons_unasked_after_the_scores(desk: Make) -> None:
    fast = PLAIN.model_copy(update={"write_speed": 500.0})
    at = await desk(capabilities=fast, scoring=Scoring.AUTO)
    seen = await at.say("Hello")
    methods = [v.verdict.method for v in of(events.VerdictLanded, seen)]
    assert methods.count(Method.DIRECT) == methods.count(Method.REASONED) == 4
    kinds = [type(event) for event in seen]
    last = len(kinds) - kinds[::-1].index(events.VerdictLanded)
    assert kinds.index(events.RewardReady) < last, "the reward need not wait for the reasons"


async def test_leaving_no_trace_writes_nothing_to_disk(desk: Make, tmp_path: Path) -> None:
    canary = "canary-7f3e"
    at = await desk(keep=False)
    seen = await at.say(f"Hello {canary}")
    assert of(events.RewardReady, seen)[0].reward is not None
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    await at.session.save_feedback(OWNER, turn.chosen.id, FeedbackInput(comment=canary))
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert canary.encode() not in content and b"a nurse" not in content


async def test_going_down_marks_what_was_half_written(desk: Make) -> None:
    at = await desk(lambda _: Output(text=REPLY + " more" * 500, pace=0.005))
    stream = at.session.run_turn(OWNER, at.place.id, "Hello")
    await at.until(stream, events.ResponseDelta)
    await at.session.close()
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert turn.chosen.status is ReplyStatus.INTERRUPTED
    assert turn.chosen.response


async def test_a_long_conversation_drops_whole_blocks_and_never_its_first_turn(
    desk: Make,
) -> None:
    at = await desk(turns_per_minute=100)
    told = 0
    for number in range(12):
        saved = of(events.TurnSaved, await at.say(f"Message {number}. " + "word " * 280))[0]
        assert saved.turns_left_out % 4 == 0
        told = max(told, saved.turns_left_out)
    assert told > 0
    model = at.session.serving.supporter.chat_model
    last = [
        c
        for c in model.calls
        if c.messages[0].content == PROMPTS.supporter.system  # type: ignore
    ][-1]
    assert "Message 0." in str(last.messages[1].content)
    assert "Message 1." not in "".join(str(m.content) for m in last.messages)


async def test_a_crisis_in_the_message_is_marked_before_the_reply(desk: Make) -> None:
    at = await desk()
    seen = await at.say("I want to kill myself.")
    (saved,) = of(events.TurnSaved, seen)
    assert saved.crisis is not None
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.crisis == saved.crisis


LIVE = PLAIN.model_copy(
    update={"logprobs": True, "top_logprobs": 20, "read_speed": 4000.0, "write_speed": 200.0}
)
LONG = REPLY + " It is late. You may rest now. The ward is quiet. Nobody needs you for a while."


def provisional_threes(messages: Sequence[BaseMessage]) -> str:
    """Threes for a Response that is not whole yet, fours for what is."""
    asked = str(messages[1].content)
    return judge_says(messages) if "for a while." in asked or "worn out" in asked else "3"


async def test_a_response_is_scored_provisionally_while_it_is_written(desk: Make) -> None:
    at = await desk(lambda _: Output(text=LONG, pace=0.05), provisional_threes, capabilities=LIVE)
    seen = await at.say("Hello")
    told = of(events.ProvisionalScore, seen)
    assert {event.perspective for event in told} == {Perspective.EXPRESSION, Perspective.RECEPTION}
    assert {event.score for event in told} == {3}
    heard = [event.heard for event in told if event.perspective is Perspective.EXPRESSION]
    assert len(heard) >= 2
    assert heard == sorted(set(heard)), "the newest sentence wins"
    done = seen.index(of(events.ReplyDone, seen)[0])
    assert max(seen.index(event) for event in told) < done
    assert min(seen.index(event) for event in told) > seen.index(of(events.ResponseDelta, seen)[0])


async def test_provisional_scores_are_kept_nowhere_and_enter_no_reward(desk: Make) -> None:
    at = await desk(lambda _: Output(text=LONG, pace=0.01), provisional_threes, capabilities=LIVE)
    seen = await at.say("Hello")
    assert of(events.ProvisionalScore, seen)
    assert len(of(events.VerdictLanded, seen)) == 4
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert sorted(v.verdict.score or 0 for v in turn.chosen.verdicts) == [4, 4, 4, 80]
    assert turn.chosen.reward is not None
    assert turn.chosen.reward.total == pytest.approx(0.78)


@pytest.mark.parametrize(
    "slow",
    [
        {"capabilities": LIVE.model_copy(update={"read_speed": 150.0})},
        {"capabilities": LIVE, "live_scores": False},
    ],
)
async def test_a_slow_engine_gives_only_final_scores(desk: Make, slow: dict[str, object]) -> None:
    at = await desk(lambda _: Output(text=LONG, pace=0.005), **slow)
    seen = await at.say("Hello")
    assert not of(events.ProvisionalScore, seen)
    assert len(of(events.VerdictLanded, seen)) == 4


async def test_a_provisional_call_that_fails_is_told_to_nobody(desk: Make) -> None:
    failure = EngineError(EngineFault.REQUEST, "The judge's server refused the request.")

    def judged(messages: Sequence[BaseMessage]) -> Output | str:
        found = provisional_threes(messages)
        return Output(failure=failure) if found == "3" else found

    at = await desk(lambda _: Output(text=LONG, pace=0.01), judged, capabilities=LIVE)
    seen = await at.say("Hello")
    assert not of(events.ProvisionalScore, seen) and not of(events.TurnFailed, seen)
    assert of(events.RewardReady, seen)[0].reward is not None


async def test_a_stopped_reply_ends_its_provisional_scores(desk: Make) -> None:
    at = await desk(lambda _: Output(text=LONG + " More." * 300, pace=0.005), capabilities=LIVE)
    stream = at.session.run_turn(OWNER, at.place.id, "Hello")
    await at.until(stream, events.ProvisionalScore)
    await at.session.stop(OWNER, at.place.id)
    seen = await at.rest()
    (turn,) = await at.session.path(OWNER, at.place.id)
    assert turn.chosen is not None
    assert set(turn.chosen.binding) <= {Perspective.RESONATION}
    after = [type(event) for event in seen]
    assert events.ProvisionalScore not in after[after.index(events.ReplyDone) :]
