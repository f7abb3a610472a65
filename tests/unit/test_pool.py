"""Several servers of one model: load shared, beginnings kept together, failures left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import SecretStr

from chat import engines
from chat.engines.balance import BLOCK, FIRST_REST, SLACK, Balance
from chat.engines.base import Phase
from chat.engines.openai import OpenAIEngine
from chat.engines.pool import PoolEngine, weakest
from chat.engines.scripted import Output
from chat.settings import EngineName, Settings, SettingsError
from perm.types import Capabilities, EngineError, EngineFault
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit

RUBRIC = "You judge with care. " * 40


def prompt(conversation: str, rubric: str = RUBRIC) -> list[BaseMessage]:
    return [SystemMessage(rubric), HumanMessage(f"{conversation} " * (2 * BLOCK // 4))]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# -- who is asked -------------------------------------------------------------------------------


def test_the_least_busy_is_asked() -> None:
    balance = Balance(3, Clock())
    balance.calls = [2, 0, 1]
    assert balance.order(prompt("a"), range(3)) == [1, 2, 0]


def test_a_beginning_goes_where_it_was_read() -> None:
    balance = Balance(3, Clock())
    balance.reads(2, prompt("anna"))
    balance.reads(0, prompt("ben"))
    longer = [*prompt("anna"), AIMessage("So. "), HumanMessage("more")]
    assert balance.order(longer, range(3))[0] == 2
    assert balance.order(prompt("ben"), range(3))[0] == 0
    assert balance.order(prompt("cleo", "Another rubric. " * 40), range(3))[0] == 0


def test_but_not_where_everybody_waits() -> None:
    balance = Balance(2, Clock())
    balance.reads(0, prompt("anna"))
    balance.calls = [SLACK, 0]
    assert balance.order(prompt("anna"), range(2))[0] == 0
    balance.calls = [SLACK + 1, 0]
    assert balance.order(prompt("anna"), range(2))[0] == 1


def test_one_that_failed_rests_longer_each_time_and_is_tried_again() -> None:
    clock = Clock()
    balance = Balance(2, clock)
    balance.failed(0)
    assert balance.order(prompt("a"), range(2)) == [1, 0], "it is the last resort"
    clock.now += FIRST_REST
    assert not balance.rests(0)
    balance.failed(0)
    clock.now += FIRST_REST
    assert balance.rests(0)
    clock.now += FIRST_REST
    assert not balance.rests(0)
    balance.answered(0)
    balance.failed(0, rest=40)
    clock.now += 39
    assert balance.rests(0), "as long as it asked for"


# -- the engine ---------------------------------------------------------------------------------


class Pool:
    """A pool over scripted servers, and those servers."""

    def __init__(self, engine: PoolEngine, servers: Sequence[ScriptedServer]) -> None:
        self.engine, self.servers = engine, servers

    @property
    def asked(self) -> list[int]:
        return [len(server.requests) for server in self.servers]

    async def ask(self, conversation: str) -> str:
        return str((await self.engine.chat_model.ainvoke(prompt(conversation))).text)


async def pool_of(stack: AsyncExitStack, *servers: ScriptedServer, more: str = "") -> Pool:
    for server in servers:
        await stack.enter_async_context(running(server))
    urls = ",".join([*(server.url for server in servers), *([more] if more else [])])
    engine = engines.build(Settings(engine=EngineName.OPENAI, base_url=urls), "supporter")
    assert isinstance(engine, PoolEngine)
    await engine.start()
    stack.push_async_callback(engine.stop)
    await engine.ready()
    for server in servers:
        server.requests.clear()
    return Pool(engine, servers)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


def saying(text: str, delay: float = 0.0) -> ScriptedServer:
    return ScriptedServer(lambda _: Output(text=text, delay=delay), model_name="m")


async def test_calls_at_once_are_shared(stack: AsyncExitStack) -> None:
    pool = await pool_of(stack, saying("a", 0.2), saying("a", 0.2), saying("a", 0.2))
    await asyncio.gather(*(pool.ask(str(number)) for number in range(12)))
    assert sum(pool.asked) == 12
    assert min(pool.asked) >= 3
    assert pool.engine.capabilities.parallel == sum(
        engine.capabilities.parallel for engine in pool.engine.engines
    )


async def test_a_conversation_stays_where_its_beginning_is_cached(stack: AsyncExitStack) -> None:
    pool = await pool_of(stack, saying("a"), saying("a"))
    for _ in range(4):
        for name in ("anna", "ben"):
            await pool.ask(name)
    assert sorted(pool.asked) in ([0, 8], [4, 4])
    for server in pool.servers:
        for name in ("anna", "ben"):
            held = sum(name in str(request["messages"]) for request in server.requests)
            assert held in (0, 4), "never some here and some there"


async def test_the_call_of_one_that_fails_goes_to_another(stack: AsyncExitStack) -> None:
    failing = EngineError(EngineFault.SERVER, "It failed.")
    broken = saying("never")
    pool = await pool_of(stack, broken, saying("well"))
    broken.model._script = lambda _: Output(failure=failing)
    assert [await pool.ask(str(number)) for number in range(6)] == ["well"] * 6
    assert pool.asked[0] <= 1, "it is left out for a while"
    chunks = [chunk.text async for chunk in pool.engine.chat_model.astream(prompt("s"))]
    assert "".join(chunks) == "well"


async def test_a_stream_that_broke_off_is_not_begun_again(stack: AsyncExitStack) -> None:
    cut = EngineError(EngineFault.CUT_OFF, "Gone.")
    first, second = saying("x"), saying("x")
    pool = await pool_of(stack, first, second)
    for server in (first, second):
        server.model._script = lambda _: Output(text="one two three", failure=cut, fails_after=2)
    heard = ""
    with pytest.raises(EngineError) as failed:
        async for chunk in pool.engine.chat_model.astream(prompt("a")):
            heard += chunk.text
    assert failed.value.fault is EngineFault.CUT_OFF
    assert heard == "one two"
    assert sum(pool.asked) == 1


async def test_a_fault_of_the_request_is_nobodys_else(stack: AsyncExitStack) -> None:
    refusing = EngineError(EngineFault.TOO_LONG, "Too long.")
    first, second = saying("x"), saying("x")
    pool = await pool_of(stack, first, second)
    for server in (first, second):
        server.model._script = lambda _: Output(failure=refusing)
    with pytest.raises(EngineError) as failed:
        await pool.ask("a")
    assert failed.value.fault is EngineFault.TOO_LONG
    assert sum(pool.asked) == 1


async def test_it_is_ready_without_the_one_that_is_not_there(stack: AsyncExitStack) -> None:
    pool = await pool_of(stack, saying("a"), more="http://127.0.0.1:9/v1")
    assert pool.engine.state.phase is Phase.READY
    assert "1 of 2 servers are ready" in pool.engine.state.detail
    assert await pool.ask("a") == "a"


async def test_where_nobody_is_there_that_is_said() -> None:
    pool = PoolEngine(
        [OpenAIEngine(f"http://127.0.0.1:{port}/v1", SecretStr(""), "m") for port in (9, 10)]
    )
    await pool.start()
    with pytest.raises(EngineError, match="cannot be reached"):
        await pool.ready()
    phases = [pool.state.phase]
    await pool.stop()
    assert [*phases, pool.state.phase] == [Phase.FAILED, Phase.STOPPED]


async def test_where_they_differ_the_weakest_counts_and_it_is_said(stack: AsyncExitStack) -> None:
    able = saying("a")
    unable = ScriptedServer(lambda _: "a", model_name="n", prefix="refuse", cached_tokens=False)
    pool = await pool_of(stack, able, unable)
    assert not pool.engine.capabilities.assistant_prefix
    assert not pool.engine.capabilities.cached_tokens
    said = pool.engine.disagreements
    assert "continuing an unfinished answer" in said
    assert "the model itself (m, n)" in said


async def test_each_server_is_told_in_its_own_way_to_go_on(stack: AsyncExitStack) -> None:
    pool = await pool_of(stack, saying("a"), saying("a"))
    for engine in pool.engine.engines:
        able = {"assistant_prefix": True, "prefix_options": {"continue_final_message": True}}
        engine._capabilities = engine.capabilities.model_copy(update=able)
    await pool.engine.chat_model.ainvoke([*prompt("a"), AIMessage("Score: ")])
    await pool.ask("b")
    sent = [request for server in pool.servers for request in server.requests]
    assert [request.get("continue_final_message") for request in sent].count(True) == 1


def test_the_weakest_of_speeds_and_contexts() -> None:
    found = weakest(
        [
            Capabilities(logprobs=True, top_logprobs=20, write_speed=50.0, context_tokens=8192),
            Capabilities(logprobs=True, top_logprobs=5, write_speed=20.0, parallel=8),
        ]
    )
    assert (found.top_logprobs, found.write_speed, found.context_tokens) == (5, 20.0, 8192)
    assert (found.parallel, found.read_speed) == (9, None)
    assert weakest([]) == Capabilities()


def test_an_address_among_several_that_is_none_is_told() -> None:
    wrong = Settings(engine=EngineName.OPENAI, base_url="http://127.0.0.1:9/v1, nonsense")
    with pytest.raises(SettingsError, match="must begin with http"):
        engines.build(wrong, "supporter")
