"""A server that breaks off in the middle of a reply: what came is kept, and nothing doubled."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from chat.engines.openai import OpenAIEngine
from chat.engines.scripted import Line, Output, ScriptedEngine
from chat.engines.scripted_demo import Demo
from perm.types import EngineError, EngineFault
from tests.conftest import Figures
from tests.faults.conftest import kept_and_marked, retried
from tests.support.openai_server import ScriptedServer, running
from tests.support.parts import PROMPTS, begun, parts, said, settings_in

pytestmark = pytest.mark.unit

REPLY: Final = "# Analysis\nThey are worn out.\n\n# Response\nThat boss takes no breath. Sit down."
BROKEN: Final = "# Analysis\nThey are spent.\n\n# Response\nWhat a long shift that must have been."
AFTER: Final = 20
WAYS: Final = {
    "the connection drops": EngineFault.CUT_OFF,
    "an error inside the stream": EngineFault.SERVER,
    "garbage inside the stream": EngineFault.GARBAGE,
}


async def test_a_stream_that_is_cut_keeps_what_came(tmp_path: Path, figure: Figures) -> None:
    lines: list[Line] = []

    def say(messages: object) -> Line:
        return lines.pop(0) if lines else Demo(PROMPTS, 0.0)(messages)  # type: ignore[arg-type]

    kept = 0
    async with running(ScriptedServer(say)) as server:
        engine = OpenAIEngine(server.url, SecretStr(""), "")
        judge = ScriptedEngine.demo(PROMPTS, 0.0)
        async with parts(settings_in(tmp_path), engine, judge) as services:
            for way, fault in WAYS.items():
                place = await begun(services)
                failure = EngineError(fault, "No.")
                lines[:] = [Output(text=BROKEN, failure=failure, fails_after=AFTER), REPLY]
                events = await said(services, place, "I am so tired.")
                reply = await kept_and_marked(services, place, events, tmp_path / way)
                assert BROKEN.startswith(reply.raw)
                assert reply.response
                assert not lines[1:], "a stream that broke off was begun again by itself"
                assert (await retried(services, place)).raw == REPLY
                await services.session.delete(place.owner, place.id)
                kept += 1
    figure("faults.stream", f"{kept} of {len(WAYS)}", "replies kept, marked, and given anew once")
