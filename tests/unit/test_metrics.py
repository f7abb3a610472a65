"""/metrics: what turns told, how things stand, and for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from chat import api
from chat.events import RewardReady, TurnFailed
from chat.metrics import route
from chat.metrics.counting import Counting
from chat.services import Services
from chat.settings import ROOT, EngineName, Settings
from chat.store import StoreError
from chat.store.records import Consents
from perm.types import Part
from tests.conftest import Figures

pytestmark = pytest.mark.unit

OWNER = "owner-5f3a"
CANARY = "the blue heron stole my keys"
HERE = "127.0.0.1"


@asynccontextmanager
async def started(folder: Path, **more: Any) -> AsyncIterator[Services]:
    settings = Settings(
        engine=EngineName.SCRIPTED,
        data_dir=folder,
        scripted_pace=0,
        prompts_dir=ROOT / "prompts",
        **more,
    )
    services = await Services.start(settings)
    try:
        yield services
    finally:
        await services.stop()


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with started(tmp_path) as found:
        yield found


def client(services: Services, address: str = HERE) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(route.router(services))
    api.handle_errors(app)
    transport = httpx.ASGITransport(app, client=(address, 5000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


Look = Callable[..., float]


async def figures(services: Services) -> tuple[Look, str]:
    """What /metrics says: a look-up by name and labels, and the text itself."""
    async with client(services) as asking:
        answer = await asking.get("/metrics")
    assert answer.status_code == 200
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }

    def of(name: str, **labels: str) -> float:
        """The sum over everything that has these labels."""
        return sum(
            value
            for (found, having), value in samples.items()
            if found == name and set(labels.items()) <= having
        )

    return of, answer.text


async def say(services: Services, message: str = "So tired.") -> None:
    place = await services.session.begin(OWNER, CANARY, CANARY, Consents(keep=True))
    async for _ in services.session.run_turn(OWNER, place.id, message):
        pass


async def test_a_turn_is_counted_from_its_events(services: Services, figure: Figures) -> None:
    await say(services, CANARY)
    place = await services.session.latest_conversation(OWNER)
    assert place is not None
    async for _ in services.session.candidates(OWNER, place.id, "And now?", 3):
        pass
    of, text = await figures(services)
    assert of("perm_chat_turns_total") == 2
    assert of("perm_chat_replies_begun_total") == 4
    assert of("perm_chat_replies_total", status="complete") == 4
    for perspective in ("resonation", "expression", "reception", "bystander"):
        scored = of(
            "perm_chat_verdicts_total", perspective=perspective, status="scored", method="direct"
        )
        assert scored == 4
    assert of("perm_chat_rewards_total", status="computed") == 4
    assert of("perm_chat_first_token_seconds_count") == 4
    assert of("perm_chat_judge_seconds_count", method="direct") == 16
    assert of("perm_chat_engine_state", role="judge", state="ready") == 1
    assert of("perm_chat_engine_state") == 2, "one state for each role"
    assert of("perm_chat_replies_being_written") == 0
    assert of("perm_chat_judge_calls_due") == 0
    assert of("process_resident_memory_bytes") > 10_000_000
    found = [secret for secret in (CANARY, OWNER, str(place.id)) if secret in text]
    figure("operations.metrics", len(found), f"of 3 secrets in {len(text.splitlines())} lines")
    assert found == []


async def test_what_failed_is_counted_by_its_part(services: Services) -> None:
    place = await services.session.begin(OWNER, "", "", Consents(keep=True))
    async for _ in services.session.run_turn(OWNER, place.id, "x" * 9000):
        pass
    await services.store.close()
    with pytest.raises(StoreError):
        await services.store.conversations(OWNER)
    of, _ = await figures(services)
    assert of("perm_chat_failures_total", part="input", saved="false") == 1
    assert of("perm_chat_turns_total") == 0


async def test_a_stores_faults_are_counted(services: Services) -> None:
    async def broken(_: object) -> None:
        raise OSError(28, "no space left")

    with pytest.raises(StoreError):
        await services.store._database.write(broken)
    of, _ = await figures(services)
    assert of("perm_chat_store_faults_total", fault="disk_full") == 1


async def test_an_unscored_verdict_is_counted_with_its_reason(services: Services) -> None:
    counting = Counting()
    counting(RewardReady(reply_id=uuid4(), reward=None), first=True)
    counting(TurnFailed(part=Part.STORE, what="", todo="", saved=True), first=True)
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in counting.registry.collect()
        for sample in family.samples
    }
    assert found["perm_chat_rewards_total", "incomplete"] == 1
    assert found["perm_chat_failures_total", "store", "true"] == 1
    assert Counting().registry is not counting.registry, "each app has its own"


async def test_without_a_token_it_is_for_this_machine_alone(services: Services) -> None:
    async with client(services, "10.0.0.9") as asking:
        assert (await asking.get("/metrics")).status_code == 403
    async with client(services) as asking:
        assert (await asking.get("/metrics")).status_code == 200
        proxied = await asking.get("/metrics", headers={"x-forwarded-for": "10.0.0.9"})
    assert proxied.status_code == 403


async def test_a_public_address_needs_the_token(tmp_path: Path) -> None:
    public = {"host": "0.0.0.0", "public": True}
    async with started(tmp_path / "a", **public) as services, client(services) as asking:
        assert (await asking.get("/metrics")).status_code == 403
    token = SecretStr("a long token")
    async with (
        started(tmp_path / "b", metrics_token=token, **public) as services,
        client(services, "10.0.0.9") as asking,
    ):
        assert (await asking.get("/metrics")).status_code == 401
        for given, status in (("Bearer wrong", 401), ("Bearer a long token", 200)):
            answer = await asking.get("/metrics", headers={"authorization": given})
            assert answer.status_code == status
