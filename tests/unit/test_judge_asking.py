"""How a direct verdict is asked for, by what the server can do: all combinations, over HTTP.

The servers are stand-ins, shaped after what vLLM, llama.cpp, Ollama, SGLang and OpenAI document.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from chat.cli.engine_checks import _capabilities
from chat.engines.openai import OpenAIEngine
from chat.engines.scripted_demo import Demo
from perm.judges import Judge
from perm.parsing import place_of_level, read_structured, schema_of
from perm.rubrics import load
from perm.types import BYSTANDER_PARTS, JudgeContext, Method, Perspective, Unscored
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit

RUBRICS = load(Path(__file__).parents[2] / "prompts")
CONTEXT = JudgeContext(
    persona="a nurse", scenario="a night", message="It hurts so much.", part="It hurts. Tell me?"
)
E, B = Perspective.EXPRESSION, Perspective.BYSTANDER

PREFIX = ("continue", "ignore", "refuse")
STRUCTURED = ("honour", "ignore", "refuse")


@pytest.mark.parametrize(
    ("prefix", "structured", "logprobs"), list(itertools.product(PREFIX, STRUCTURED, (True, False)))
)
async def test_the_best_way_that_works_is_used(
    prefix: Any, structured: Any, logprobs: bool
) -> None:
    server = ScriptedServer(
        Demo(RUBRICS, 0), prefix=prefix, structured=structured, logprobs=logprobs
    )
    async with running(server):
        engine = OpenAIEngine(server.url, SecretStr(""), "")
        await engine.start()
        await engine.ready()
        server.requests.clear()
        able = engine.capabilities
        if able.logprobs:  # a scripted token is certain unless its script says otherwise
            able = able.model_copy(update={"top_logprobs": 20})
        judge = Judge(engine.chat_model, engine.model_name, able, RUBRICS)
        level = await judge.judge(E, CONTEXT, Method.DIRECT)
        parts = await judge.judge(B, CONTEXT, Method.DIRECT)
        said = [finding.what for finding in _capabilities("Engine", engine.capabilities)]
        await engine.stop()
    assert level.error is parts.error is None
    assert level.scored and parts.scored, (level, parts)
    assert parts.parts is not None
    assert set(parts.parts) == set(BYSTANDER_PARTS)
    assert (level.distribution is not None) == logprobs
    has_prefix = [body["messages"][-1]["role"] == "assistant" for body in server.requests]
    has_schema = ["response_format" in body for body in server.requests]
    assert has_prefix == [prefix == "continue"] * 2
    assert has_schema == [prefix != "continue" and structured == "honour"] * 2
    way = "behind" if prefix == "continue" else "prescribed" if structured == "honour" else "plain"
    assert way in next(line for line in said if line.startswith("A judge's scores"))
    words = {"honour": "is honoured", "ignore": "silently ignores", "refuse": "refuses a schema"}
    assert any(words[structured] in line for line in said)


def test_the_schema_leaves_nothing_but_the_levels() -> None:
    (level,) = schema_of(E)["json_schema"]["schema"]["properties"].values()
    assert level["enum"] == [1, 2, 3, 4, 5]
    parts = schema_of(B)["json_schema"]["schema"]["properties"]
    assert tuple(parts) == BYSTANDER_PARTS
    assert {tuple(part["enum"]) for part in parts.values()} == {tuple(range(21))}


FIVE = ", ".join(f'"{name}": 10' for name in BYSTANDER_PARTS)


@pytest.mark.parametrize(
    ("seat", "raw", "why"),
    [
        (E, "", Unscored.NO_VERDICT),
        (E, "I would say 4", Unscored.NO_VERDICT),
        (E, "4", Unscored.NO_VERDICT),
        (E, '{"level": 4, "why": "warm"}', Unscored.NO_VERDICT),
        (E, '{"level": 6}', Unscored.OUT_OF_RANGE),
        (E, '{"level": 0}', Unscored.OUT_OF_RANGE),
        (E, '{"level": 3.5}', Unscored.BAD_NUMBER),
        (E, '{"level": "4"}', Unscored.BAD_NUMBER),
        (E, '{"level": true}', Unscored.BAD_NUMBER),
        (E, '{"level": NaN}', Unscored.BAD_NUMBER),
        (E, "[" * 100_000, Unscored.NO_VERDICT),
        (B, "{" + FIVE.replace("10", "21", 1) + "}", Unscored.OUT_OF_RANGE),
        (B, '{"effectiveness": 10}', Unscored.NO_VERDICT),
    ],
)
def test_what_does_not_fit_the_form_is_no_score(seat: Perspective, raw: str, why: Unscored) -> None:
    reading = read_structured(seat, raw, truncated=False)
    assert (reading.score, reading.unscored) == (None, why)


def test_a_form_that_is_cut_off_says_so() -> None:
    assert read_structured(E, '{"lev', truncated=True).unscored is Unscored.TRUNCATED


def test_the_form_is_read() -> None:
    assert read_structured(E, '{\n "level": 4\n}', truncated=False).score == 4.0
    reading = read_structured(B, f"{{{FIVE}}}", truncated=False)
    assert (reading.score, reading.parts) == (50.0, dict.fromkeys(BYSTANDER_PARTS, 10.0))


@given(st.text(), st.booleans(), st.sampled_from(list(Perspective)))
def test_reading_never_raises_and_never_guesses(raw: str, cut: bool, seat: Perspective) -> None:
    reading = read_structured(seat, raw, cut)
    assert (reading.score is None) == (reading.unscored is not None)


def test_the_levels_place_is_the_only_digit() -> None:
    def places(*tokens: str) -> list[dict[str, str]]:
        return [{"token": token} for token in tokens]

    assert place_of_level(places('{"', "level", '":', " 4", "}")) == {"token": " 4"}
    assert place_of_level(places('{"level":4}')) is None
    assert place_of_level(places("1", "4")) is None
