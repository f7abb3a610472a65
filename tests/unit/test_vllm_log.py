"""What vLLM's log says: steps, failures in words, and of an error only its name."""

from __future__ import annotations

import pytest

from chat.engines.vllm_log import error_in, failure_in, step_in
from tests.support.fake_vllm import LOG

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("line", "detail", "progress"),
    [
        (LOG[0], "description", None),
        (LOG[2], "loaded", None),
        (LOG[3], "loaded", 0.5),
        ("model-00001-of-00004.safetensors:  12%|#2 | 596M/4.96G", "downloaded", 0.12),
        ("Fetching 4 files:  25%|##5       | 1/4", "downloaded", 0.25),
        ("INFO backends.py:399] Compiling a graph for compile range (1, 2048)", "compiled", None),
        ("Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  42%|####", "compiled", 0.42),
        ("INFO kv_cache_utils.py:2327] GPU KV cache size: 46,592 tokens", "Memory", None),
        (LOG[5], "almost ready", None),
    ],
)
def test_a_known_line_is_a_step(line: str, detail: str, progress: float | None) -> None:
    step = step_in(line)
    assert step is not None
    assert detail in step.detail
    assert step.progress == progress


@pytest.mark.parametrize("line", ["", LOG[1], "INFO: Application startup complete.", "x" * 10000])
def test_another_line_is_none(line: str) -> None:
    assert step_in(line) is None
    assert failure_in(line) is None


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "does not fit"),
        ("ValueError: Free memory on device cuda:0 (1/80 GiB) on startup is less than desired GPU "
         "memory utilization (0.9, 72 GiB).", "Other programs"),
        ("ValueError: To serve at least one request with the model's max seq len (131072), (7.00 "
         "GiB KV cache is needed, which is larger than the available KV cache memory", "no room"),
        ("vllm: error: unrecognized arguments: --tensor-paralel-size 2", "one of its options"),
        ("RuntimeError: No CUDA GPUs are available", "no GPU"),
    ],
)  # fmt: skip
def test_a_failure_is_said_in_words(line: str, what: str) -> None:
    failure = failure_in(line)
    assert failure is not None
    assert what in failure.what
    assert failure.todo


def test_of_an_error_only_the_name_is_kept() -> None:
    assert error_in("(EngineCore) ERROR vllm.v1.EngineDeadError: she said so") == (
        "vllm.v1.EngineDeadError"
    )
    assert error_in("ValueError") == "ValueError"
    assert error_in("I made an Error of judgement: sorry") is None
    assert error_in("she wrote: MyException is how I feel") is None
