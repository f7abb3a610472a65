"""The server that stands for a real one: what tests of the `openai` engine rely on."""

from __future__ import annotations

import httpx
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from chat.engines.scripted import Output
from perm.types import EngineError, EngineFault
from tests.support.openai_server import ScriptedServer, running

pytestmark = pytest.mark.unit

ASK = [("system", "Be kind."), ("user", "I am tired.")]


def client(server: ScriptedServer, **fields: object) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=server.url,
        api_key=SecretStr(server.key or "none"),
        model="scripted",
        max_retries=0,
        stream_usage=True,
        **fields,
    )


def failing(fault: EngineFault, after: int = 0, retry_after: float | None = None) -> Output:
    error = EngineError(fault, "It failed.", retry_after=retry_after)
    return Output(text="one two three", failure=error, fails_after=after)


async def test_langchain_reads_it_like_any_other_server() -> None:
    async with running(ScriptedServer(["Rest well, truly."] * 2, key="secret")) as server:
        model = client(server, logprobs=True, top_logprobs=1)
        whole = await model.ainvoke(ASK)
        chunks = [chunk async for chunk in model.astream(ASK)]
    streamed = chunks[0]
    for chunk in chunks[1:]:
        streamed = streamed + chunk
    assert whole.text == streamed.text == "Rest well, truly."
    for message in (whole, streamed):
        assert message.usage_metadata is not None
        assert message.usage_metadata["output_tokens"] == 5
        assert [one["token"] for one in message.response_metadata["logprobs"]["content"]] == [
            *("Rest", " well", ",", " truly", "."),
        ]
    assert streamed.usage_metadata is not None
    assert streamed.usage_metadata["input_token_details"]["cache_read"] > 0


async def test_a_wrong_key_is_refused_everywhere() -> None:
    async with running(ScriptedServer(["x"], key="secret")) as server, httpx.AsyncClient() as http:
        models = await http.get(f"{server.url}/models")
        asked = await http.post(f"{server.url}/chat/completions", json={"messages": []})
        known = await http.get(f"{server.url}/models", headers={"Authorization": "Bearer secret"})
    assert (models.status_code, asked.status_code, known.status_code) == (401, 401, 200)
    assert known.json()["data"][0]["id"] == "scripted"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (EngineFault.UNAUTHORISED, 401),
        (EngineFault.RATE_LIMITED, 429),
        (EngineFault.SERVER, 500),
        (EngineFault.TOO_LONG, 400),
    ],
)
async def test_faults_have_the_status_a_real_server_gives(fault: EngineFault, status: int) -> None:
    server = ScriptedServer([failing(fault, retry_after=2.5), failing(fault, after=1)])
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    async with running(server), httpx.AsyncClient() as http:
        answers = [await http.post(f"{server.url}/chat/completions", json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, status]
    assert answers[0].headers["retry-after"] == "2.5"
    assert "retry-after" not in answers[1].headers


async def test_a_stream_can_be_cut_hang_and_talk_nonsense() -> None:
    cut, garbage = failing(EngineFault.CUT_OFF, 2), failing(EngineFault.GARBAGE, 1)
    hang = failing(EngineFault.TIMEOUT)
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with running(ScriptedServer([cut, garbage, hang])) as server, httpx.AsyncClient() as http:
        heard = b""
        with pytest.raises(httpx.RemoteProtocolError):
            async with http.stream("POST", f"{server.url}/chat/completions", json=body) as stream:
                async for piece in stream.aiter_bytes():
                    heard += piece
        nonsense = await http.post(f"{server.url}/chat/completions", json=body)
        with pytest.raises(httpx.ReadTimeout):
            await http.post(f"{server.url}/chat/completions", json=body, timeout=0.2)
    assert heard.count(b"data: ") == 2
    assert nonsense.text.endswith("data: {not json\n\n")


@pytest.mark.parametrize(
    ("prefix", "status", "said"),
    [("continue", 200, "4"), ("ignore", 200, "Score: 4"), ("refuse", 400, None)],
)
async def test_an_assistant_prefix_is_treated_as_told(
    prefix: str, status: int, said: str | None
) -> None:
    server = ScriptedServer(["Score: 4"], prefix=prefix)  # type: ignore[arg-type]
    body = {
        "messages": [
            {"role": "user", "content": "Rate it."},
            {"role": "assistant", "content": "Score: "},
        ]
    }
    async with running(server), httpx.AsyncClient() as http:
        answer = await http.post(f"{server.url}/chat/completions", json=body)
    assert answer.status_code == status
    if said is not None:
        assert answer.json()["choices"][0]["message"]["content"] == said
