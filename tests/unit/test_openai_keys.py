"""Keys of the engine `openai`: each goes to its own address and is shown nowhere."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from fastapi import Response
from fastapi.responses import RedirectResponse
from pydantic import SecretStr

from chat import engines
from chat.engines.openai import OPENAI_URL, OpenAIEngine
from chat.engines.scripted import ScriptedEngine
from chat.settings import EngineName, Settings, SettingsError
from perm.types import EngineError
from tests.support.odd_server import CANARY, SECRET_WORDS, model_at, odd, refused

pytestmark = pytest.mark.unit


async def test_the_key_goes_to_its_address_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-private")
    async with odd(refused(400)) as other:

        async def elsewhere(_: dict[str, Any]) -> Response:
            return RedirectResponse(f"{other.url}/chat/completions", 307)

        async with odd(elsewhere) as server:
            for key in (CANARY, ""):
                with pytest.raises(EngineError):
                    await model_at(server.url, key).ainvoke("x")
        assert other.requests == [], "a redirect is not followed"
    with_key, without = server.headers
    assert with_key["authorization"] == f"Bearer {CANARY}"
    assert "authorization" not in without
    for sent in server.headers:
        assert "openai-organization" not in sent
        assert "openai-project" not in sent


async def test_no_key_in_representations_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with odd(refused(401, CANARY)) as server:
        engine = OpenAIEngine(server.url, SecretStr(CANARY), "m")
        await engine.start()
        with pytest.raises(EngineError) as told:
            await engine.ready()
        model = engine.chat_model
        shown = [repr(model), str(model), repr(engine), str(vars(engine)), str(engine.state)]
        shown += [json.dumps(model.to_json(), default=str), str(model.model_dump())]
        with pytest.raises(EngineError):
            await model.ainvoke(SECRET_WORDS)
        await engine.stop()
    for text in [*shown, repr(told.value), caplog.text]:
        assert CANARY not in text
    assert SECRET_WORDS not in caplog.text


async def test_openais_own_address_takes_the_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    engine = OpenAIEngine("", SecretStr(""), "gpt-4o-mini")
    assert str(engine.chat_model.root_async_client.base_url).rstrip("/") == OPENAI_URL
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(SettingsError, match="needs an API key"):
        OpenAIEngine("", SecretStr(""), "gpt-4o-mini")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://a/v1", "http://", "http://[::1"])
def test_an_address_that_is_none_is_told_at_once(url: str) -> None:
    with pytest.raises(SettingsError, match="must begin with http"):
        OpenAIEngine(url, SecretStr(""), "m")


def test_a_password_in_the_address_is_refused_without_being_repeated() -> None:
    with pytest.raises(SettingsError) as told:
        OpenAIEngine(f"http://user:{CANARY}@host/v1", SecretStr(""), "m")
    assert CANARY not in str(told.value)


def settings(**fields: Any) -> Settings:
    return Settings.model_construct(**(Settings().model_dump() | fields))


def place(engine: Any) -> tuple[str, str, str]:
    assert isinstance(engine, OpenAIEngine)
    model = engine.chat_model
    return str(model.root_async_client.base_url).rstrip("/"), model._place.key, engine.model_name


HERE: dict[str, Any] = {
    "engine": EngineName.OPENAI,
    "base_url": "http://here/v1",
    "api_key": SecretStr("here-key"),
    "model": "here-model",
}


@pytest.mark.parametrize(
    ("judge", "expected"),
    [
        ({}, ("http://here/v1", "here-key", "here-model")),
        ({"judge_model": "other"}, ("http://here/v1", "here-key", "other")),
        ({"judge_base_url": "http://there/v1"}, ("http://there/v1", "", "")),
        (
            {
                "judge_base_url": "http://there/v1",
                "judge_api_key": SecretStr("there-key"),
                "judge_model": "j",
            },
            ("http://there/v1", "there-key", "j"),
        ),
        (
            {"judge_base_url": "http://here/v1", "judge_api_key": SecretStr("own")},
            ("http://here/v1", "own", "here-model"),
        ),
    ],
)
def test_a_judge_gets_the_supporters_key_only_at_the_supporters_address(
    judge: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert place(engines.build(settings(**HERE, **judge), "judge")) == expected


def test_an_address_for_the_judge_means_the_engine_openai() -> None:
    chosen = settings(
        engine=EngineName.SCRIPTED,
        judge_base_url="http://there/v1",
        api_key=SecretStr("supporters"),
    )
    assert isinstance(engines.build(chosen, "supporter"), ScriptedEngine)
    assert place(engines.build(chosen, "judge")) == ("http://there/v1", "", "")


def test_an_address_with_an_engine_that_has_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="llama-cpp"):
        engines.build(settings(base_url="http://here/v1"), "supporter")
