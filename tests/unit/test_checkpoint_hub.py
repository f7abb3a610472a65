"""The same examination of a repository, over HTTP, with nothing but headers fetched."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from perm.checkpoint import Code, Kind, examination, examine
from tests.support.checkpoints import (
    QWEN2,
    QWEN2_PARAMETERS,
    VECTOR_PARAMETERS,
    hollowed,
    lora_tensors,
    ones,
    qwen2_tensors,
    shard_name,
    write_adapter,
    write_model,
)
from tests.support.hub import COMMIT, Day, HubStandIn, running

pytestmark = pytest.mark.unit

NAME = "someone/model"
WIDE = 40_000


def use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As HF_ENDPOINT does, which the library reads once, when it is imported."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + template)
    monkeypatch.setattr(constants, "ENDPOINT", url)


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HubStandIn]:
    async with running(HubStandIn()) as stand_in:
        use(stand_in.url, monkeypatch)
        yield stand_in


def write_large(folder: Path) -> Path:
    """A whole model whose files are far larger than what may be fetched of them (25 MB)."""
    tensors = qwen2_tensors() | {
        name: ones(WIDE, 16) for name in ("model.embed_tokens.weight", "lm_head.weight")
    }
    for number in range(2):
        layer = f"model.layers.{number}.mlp"
        tensors |= {f"{layer}.{part}.weight": ones(WIDE, 16) for part in ("gate_proj", "up_proj")}
        tensors[f"{layer}.down_proj.weight"] = ones(16, WIDE)
    config = {**QWEN2, "vocab_size": WIDE, "intermediate_size": WIDE}
    write_model(folder, tensors, config, shards=4)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    return folder


async def test_a_whole_model(hub: HubStandIn, tmp_path: Path) -> None:
    hub.models[NAME] = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=3)
    report = await examine(NAME)
    assert report.ok, report.problems
    assert report.revision == COMMIT
    assert report.parameters_found == report.parameters_expected == QWEN2_PARAMETERS
    assert report.bytes_read >= hub.sent
    asked = [request.url.path.rsplit("/", 1)[0] for request in hub.requests]
    assert set(asked) == {"/api/models/someone", f"/{NAME}/resolve/{COMMIT}"}
    assert len(asked) == 1 + len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("day", ["good", "ignores ranges"])
async def test_only_the_first_bytes_are_fetched(hub: HubStandIn, tmp_path: Path, day: Day) -> None:
    hub.models[NAME], hub.day = write_large(tmp_path), day
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    report = await examine(NAME)
    assert report.ok, report.problems
    assert size > 10_000_000
    assert report.bytes_read < 600_000
    assert hub.sent <= (report.bytes_read if day == "good" else size / 2)


async def test_a_long_header_takes_a_second_request(hub: HubStandIn, tmp_path: Path) -> None:
    tensors = {f"model.layers.{number}.{'x' * 60}.weight": ones(2, 2) for number in range(1200)}
    config = {"architectures": ["NovelForCausalLM"]}
    hub.models[NAME] = write_model(tmp_path, tensors, config)
    for hub.day in ("good", "ignores ranges"):
        report = await examine(NAME)
        assert report.ok, report.problems
        assert report.parameters_found == 4800


async def test_hollow_as_zero3_leaves_it(hub: HubStandIn, tmp_path: Path) -> None:
    hub.models[NAME] = write_model(tmp_path, hollowed(qwen2_tensors()), QWEN2)
    report = await examine(NAME, revision="main")
    assert [problem.code for problem in report.problems] == [Code.HOLLOW]
    assert f"{VECTOR_PARAMETERS} of {QWEN2_PARAMETERS:,}" in report.problems[0].what


async def test_truncated_and_missing_files(hub: HubStandIn, tmp_path: Path) -> None:
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2, shards=3)
    hub.models[NAME] = folder
    (folder / shard_name(1, 3)).unlink()
    short = folder / shard_name(2, 3)
    short.write_bytes(short.read_bytes()[:-10])
    report = await examine(NAME)
    assert {problem.code for problem in report.problems} == {Code.MISSING_SHARD, Code.TRUNCATED}


async def test_a_file_cut_off_within_its_header(hub: HubStandIn, tmp_path: Path) -> None:
    hub.models[NAME] = write_model(tmp_path, qwen2_tensors(), QWEN2)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:400])
    report = await examine(NAME)
    assert [problem.code for problem in report.problems] == [Code.TRUNCATED]
    assert "its header alone takes" in report.problems[0].what


async def test_an_adapter(hub: HubStandIn, tmp_path: Path) -> None:
    hub.models[NAME] = write_adapter(tmp_path, lora_tensors())
    report = await examine(NAME)
    assert report.ok, report.problems
    assert report.kind is Kind.ADAPTER


async def test_a_token_goes_to_the_hub_and_not_to_where_it_redirects(
    hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    folder = write_model(tmp_path, qwen2_tensors(), QWEN2)
    hub.models[NAME] = folder
    async with running(HubStandIn({NAME: folder})) as storage:
        hub.elsewhere = storage.url
        report = await examine(NAME)
    assert report.ok, report.problems
    assert hub.requests[0].headers["authorization"] == "Bearer hf_canary"
    assert storage.requests
    assert not any("authorization" in request.headers for request in storage.requests)
    assert "canary" not in report.model_dump_json()


@pytest.mark.parametrize(
    ("day", "code", "said"),
    [
        ("gated", Code.NO_ACCESS, "owners let in"),
        ("refuses", Code.NO_ACCESS, "403"),
        ("fails", Code.UNREACHABLE, "500"),
        ("garbage", Code.UNREACHABLE, "did not answer as the hub does"),
    ],
)
async def test_bad_days_of_the_hub(hub: HubStandIn, day: Day, code: Code, said: str) -> None:
    hub.day = day
    report = await examine(NAME)
    assert [problem.code for problem in report.problems] == [code]
    assert said in report.problems[0].what
    assert report.problems[0].todo


async def test_what_the_hub_does_not_have(hub: HubStandIn, tmp_path: Path) -> None:
    report = await examine("nobody/nothing")
    assert [problem.code for problem in report.problems] == [Code.NOT_FOUND]
    assert "nobody/nothing" in report.problems[0].what
    hub.models[NAME] = write_model(tmp_path, qwen2_tensors(), QWEN2)
    report = await examine(NAME, revision="no/such")
    assert [problem.code for problem in report.problems] == [Code.NOT_FOUND]
    assert "no/such" in report.problems[0].what


async def test_a_hub_that_does_not_answer_is_not_waited_for(
    hub: HubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "SECONDS", 0.3)
    hub.day = "hangs"
    started = time.monotonic()
    report = await examine(NAME)
    assert time.monotonic() - started < 3
    assert [problem.code for problem in report.problems] == [Code.UNREACHABLE]
    assert "within 0.3 seconds" in report.problems[0].what


async def test_a_token_that_cannot_be_one(hub: HubStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_schlüssel")
    report = await examine(NAME)
    assert [problem.code for problem in report.problems] == [Code.NO_ACCESS]
    assert "schl" not in report.model_dump_json()


async def test_nobody_listens_and_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    use("http://127.0.0.1:1", monkeypatch)
    report = await examine(NAME)
    assert [problem.code for problem in report.problems] == [Code.UNREACHABLE]
    assert "http://127.0.0.1:1" in report.problems[0].what
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in (await examine(NAME)).problems[0].what


async def test_the_endpoint_is_taken_from_hf_endpoint(hub: HubStandIn, tmp_path: Path) -> None:
    hub.models[NAME] = write_model(tmp_path / "m", qwen2_tensors(), QWEN2)
    code = (
        "import asyncio, perm.checkpoint as c; "
        f"print(asyncio.run(c.examine({NAME!r})).parameters_found)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env=os.environ | {"HF_ENDPOINT": hub.url},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == str(QWEN2_PARAMETERS)
