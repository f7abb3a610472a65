"""How long the checkpoint check takes on a model of Qwen2.5-7B's shape, and how much it reads.

The files have their true sizes (15.2 GB) and are sparse: only their headers take room on the disk.
Examined once as a folder and once over HTTP from a stand-in for the hub on this machine, so the
network's own delays (about four round trips) come on top.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from huggingface_hub import constants

from bench.harness import Bench, Line
from perm.checkpoint import CheckpointReport, examine
from perm.checkpoint.architectures import Shape, expected_tensors, family_of
from tests.support.hub import HubStandIn, running

QWEN_7B: Final[dict[str, Any]] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "tie_word_embeddings": False,
}
SECONDS: Final = 5.0
"""What the check may take."""

SHARDS: Final = 4
REPOSITORY: Final = "bench/model"


def write_sparse(file: Path, shapes: Mapping[str, Shape]) -> None:
    """A bfloat16 safetensors file whose data are one hole."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(file, 8 + len(text) + end)


def write_model(folder: Path, hollow: bool) -> Path:
    """The 7B in four shards; hollow: as ZeRO-3 leaves it, with every matrix an empty tensor."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(QWEN_7B), encoding="utf-8")
    family = family_of("Qwen2ForCausalLM")
    assert family is not None
    shapes = [
        (name, (0,) if hollow and len(shape) > 1 else shape)
        for name, shape in expected_tensors(family, QWEN_7B).required.items()
    ]
    homes: dict[str, str] = {}
    for number in range(SHARDS):
        name = f"model-{number + 1:05d}-of-{SHARDS:05d}.safetensors"
        part = dict(shapes[number * len(shapes) // SHARDS : (number + 1) * len(shapes) // SHARDS])
        write_sparse(folder / name, part)
        homes |= dict.fromkeys(part, name)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": homes}), encoding="utf-8")
    return folder


def line(label: str, report: CheckpointReport) -> Line:
    codes = ", ".join(problem.code for problem in report.problems) or "ok"
    return Line(
        f"checkpoint check of a 7B, {label}",
        "nothing: seconds",
        report.seconds,
        "s",
        limit=SECONDS,
        server="-",
        detail=f"{codes}; {report.parameters_found:,} of {report.parameters_expected:,} "
        f"parameters; {report.bytes_read:,} bytes read",
    )


def use(url: str) -> None:
    """As HF_ENDPOINT does, which the library reads once, when it is imported."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    constants.HUGGINGFACE_CO_URL_TEMPLATE = url + template
    constants.ENDPOINT = url


async def measure(bench: Bench) -> list[Line]:
    lines = []
    with tempfile.TemporaryDirectory(dir=bench.folder) as base:
        for label in ("whole", "hollow"):
            folder = write_model(Path(base) / label, hollow=label == "hollow")
            report = await examine(folder)
            lines.append(line(f"{label}, folder", report))
            async with running(HubStandIn({REPOSITORY: folder})) as hub:
                use(hub.url)
                report = await examine(REPOSITORY)
                lines.append(line(f"{label}, hub", report))
    return lines
