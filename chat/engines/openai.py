"""The engine `openai`: any OpenAI-compatible address, ours or somebody else's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from openai import AsyncOpenAI
from pydantic import SecretStr

from chat.engines.base import EngineState, ModelChoice, Phase
from chat.engines.chat_openai import ServedChatModel, is_openai
from chat.engines.faults import FAILURES, translated
from chat.engines.probe import probe, takes_priority
from chat.engines.served import ServedEngine
from chat.settings import EngineName, SettingsError, environment
from perm.types import EngineError, EngineFault

OPENAI_URL: Final = "https://api.openai.com/v1"
PATIENCE: Final = 300.0
"""Seconds of silence after which a server counts as stuck: a CPU may read for minutes."""

VLLM: Final = "vllm"
"""What vLLM's list says of who owns a model."""

PARALLEL: Final = 8
"""Calls at once that a server is given which does not say how many it takes."""


class OpenAIEngine(ServedEngine):
    """A model at an address. What the server can do is found out once, at start.

    `base_url` empty: OpenAI's own, where OPENAI_API_KEY serves if no key is set. That variable is
    sent nowhere else. `model` empty: the first that the server lists.
    """

    name = EngineName.OPENAI.value

    def __init__(self, base_url: str, api_key: SecretStr, model: str) -> None:
        self._base_url = checked_url(base_url) if base_url else OPENAI_URL
        key = api_key.get_secret_value()
        if not key and is_openai(self._base_url):
            key = environment("OPENAI_API_KEY") or ""
            if not key:
                raise SettingsError(
                    "OpenAI's own address needs an API key, and none is set.",
                    "Set it (PERM_CHAT_API_KEY), or set the address of another server.",
                )
        self._server = f"The server at {urlsplit(self._base_url).netloc}"
        self._asked_model = model
        self._listed: tuple[ModelChoice, ...] = ()
        chat_model = ServedChatModel.at(
            self._base_url, key, model, server=self._server, patience=PATIENCE
        )
        super().__init__(model, chat_model)

    @property
    def models(self) -> tuple[ModelChoice, ...]:
        """Its own, then the others that the server lists."""
        own, *_ = super().models
        listed = {choice.name: choice for choice in self._listed}
        return listed.pop(own.name, own), *listed.values()

    @property
    def state(self) -> EngineState:
        """With what only who runs the app can mend: a key that was good and is so no longer."""
        refused = self._chat_model.refused
        if refused is None or self._state.phase is not Phase.READY:
            return self._state
        return EngineState(phase=Phase.READY, detail=refused.what, todo=refused.todo)

    async def stop(self) -> None:
        await super().stop()
        await self._chat_model.close()

    async def _serve(self) -> None:
        self._tell(Phase.STARTING, f"{self._server} is being asked what it can do.")
        await self._persist(self._find_out)
        self._tell(Phase.READY, f"{self._server} is ready.")

    async def _find_out(self) -> None:
        cards = await self._model_cards()
        if not self._asked_model:
            self.model_name = self._chat_model.model_name = self._first(cards)
        self._listed = tuple(map(choice_of, cards))
        card = next((card for card in cards if card.get("id") == self.model_name), {})
        found = await probe(self._chat_model)
        heeds = self._is_vllm(card) and await takes_priority(self._chat_model)
        self._chat_model.say_priority(heeds)
        self._capabilities = found.model_copy(
            update={
                "context_tokens": context_of(card),
                "parallel": PARALLEL,
                "priority": heeds,
            }
        )

    @staticmethod
    def _is_vllm(card: Mapping[str, Any]) -> bool:
        """As it says itself: others know a field of that name whose order is the other way."""
        return card.get("owned_by") == VLLM

    async def _model_cards(self) -> list[dict[str, Any]]:
        """What `/models` lists; nothing where the server has no such list."""
        client: AsyncOpenAI = self._chat_model.root_async_client
        try:
            page = await client.models.list()
            return [card.model_dump() for card in page.data]
        except FAILURES as error:
            failure = translated(error, self._server)
        if failure.fault in (EngineFault.REQUEST, EngineFault.GARBAGE) and self._asked_model:
            return []
        raise failure

    def _first(self, cards: list[dict[str, Any]]) -> str:
        if not cards:
            raise EngineError(
                EngineFault.NOT_READY,
                f"{self._server} lists no model.",
                "Set the model's name in the settings.",
            )
        return str(cards[0]["id"])


def choice_of(card: Mapping[str, Any]) -> ModelChoice:
    """A model of a server's list. vLLM says of an adapter which model it belongs to."""
    name, parent = str(card["id"]), card.get("parent")
    note = f"LoRA adapter of {parent}" if isinstance(parent, str) else ""
    return ModelChoice(name=name, title=name, note=note)


def context_of(card: dict[str, Any]) -> int | None:
    """The context in tokens as a server's own list tells it: vLLM, llama.cpp, or nobody."""
    told = card.get("max_model_len") or (card.get("meta") or {}).get("n_ctx")
    return told if isinstance(told, int) and told > 0 else None


def checked_url(base_url: str) -> str:
    """The address, or a `SettingsError` that says what is wrong with it."""
    try:
        parts = urlsplit(base_url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        secret = parts.username or parts.password
    except ValueError:
        usable, secret = False, None
    if not usable:
        raise SettingsError(
            "The server's address must begin with http:// or https:// and name a host.",
            "An example: http://127.0.0.1:8000/v1",
        )
    if secret:
        raise SettingsError(
            "The server's address holds a user name or a password.",
            "Take it out and set the API key instead.",
        )
    return base_url.strip().rstrip("/")
