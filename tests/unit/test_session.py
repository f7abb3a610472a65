"""One turn, from the message to the reward: saved first, streamed, judged, whoever watches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from chat import events
from chat.engines.scripted_model import Output
from chat.settings import Scoring
from chat.store.records import FeedbackInput, ReplyStatus
from perm.types import Method, Perspective
from tests.support.desk import OWNER, PLAIN, PROMPTS, REPLY, Make, desk, of, supporter_and_judge

__all__ = ["desk"]

pytestmark = pytest.mark.unit


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
        for c in model.calls  # type: ignore[attr-defined]
        if c.messages[0].content == PROMPTS.supporter.system
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
        for c in model.calls  # type: ignore[attr-defined]
        if c.messages[0].content == PROMPTS.supporter.system
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
