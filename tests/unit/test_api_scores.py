"""Scores over the HTTP API: a record or a list of them, or what is wrong, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.engines.scripted import ScriptedEngine
from chat.services import Services
from perm.types import EngineError, EngineFault, Perspective
from tests.support.api import (
    RECORD,
    SECRET,
    client_of,
    error_of,
    services,
    services_with,
    settings_in,
)

__all__ = ["services"]

pytestmark = pytest.mark.unit


async def test_one_record_gets_one_answer_and_a_list_gets_a_list(services: Services) -> None:
    parts = {**RECORD, "id": "b", "analysis": "They hurt.", "response": "I see. Why you?"}
    del parts["completion"]
    async with client_of(services) as client:
        one = (await client.post("/api/score", json=RECORD)).json()
        many = (await client.post("/api/score", json=[RECORD, parts])).json()
    assert one["id"] is None
    assert [line["id"] for line in many] == [None, "b"]
    for line in (one, *many):
        for perspective in Perspective:
            assert line[perspective.value]["status"] == "scored"
        assert set(line["bystander"]["parts"]) >= {"effectiveness", "accuracy"}
        assert set(line["reward"]) >= {"empathy", "bystander", "length", "total"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({**RECORD, "completion": None}, "completion"),
        ([RECORD, {**RECORD, "scenario": None, "note": SECRET}], "Record 2: scenario"),
        ([], "0 records"),
        ([RECORD] * 101, "101 records"),
        (SECRET, "object"),
    ],
)
async def test_a_record_that_cannot_be_scored_is_refused_in_words(
    services: Services, body: object, word: str
) -> None:
    async with client_of(services) as client:
        answer = await client.post("/api/score", json=body)
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["part"] == "input"
    assert word in error["what"]
    assert SECRET not in answer.text


async def test_scores_without_an_engine_are_503(tmp_path: Path) -> None:
    down = EngineError(EngineFault.NOT_READY, "There is no memory left.", "Close something.")
    engine, settings = ScriptedEngine(start_failure=down), settings_in(tmp_path)
    async with services_with(engine, settings) as services, client_of(services) as client:
        answer = await client.post("/api/score", json=RECORD)
    assert answer.status_code == 503
    assert error_of(answer) == {
        "part": "engine",
        "what": "There is no memory left.",
        "todo": "Close something.",
    }
