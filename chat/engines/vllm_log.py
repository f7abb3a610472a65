"""What vLLM's log says while it starts, in calm words: how far it is, and why it gave up.

Its wording is not a promise. A line that is not known changes nothing, so that a newer vLLM only
tells less.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Step(NamedTuple):
    """How far it is. `progress`: 0 to 1, where the log counts."""

    detail: str
    progress: float | None = None


class Failure(NamedTuple):
    """Why it does not come up, and what to do."""

    what: str
    todo: str


FIRST: Final = Step("vLLM is starting. That takes up to a minute.")

_STEPS: Final = (
    (r"Resolved architecture", "vLLM reads the model's description."),
    (
        r"(?:Fetching \d+ files|Downloading|\.safetensors):?\s+(?P<percent>\d+)%",
        "The model's weights are being downloaded.",
    ),
    (
        r"Starting to load model|Loading safetensors checkpoint shards:\s+(?P<percent>\d+)%",
        "The model's weights are being loaded.",
    ),
    (
        r"Starting torch\.compile|torch\.compile took|Compiling a graph|Compile and warming up"
        r"|Capturing CUDA graphs[^:]*:\s+(?P<percent>\d+)%",
        "The model is being compiled for this machine. The first time takes longest.",
    ),
    (r"KV cache size|init engine", "Memory for conversations is being laid out."),
    (r"Starting vLLM server", "vLLM is almost ready."),
)
STEPS: Final = tuple((re.compile(pattern), detail) for pattern, detail in _STEPS)

_FAILURES: Final = (
    (
        r"less than desired (?:GPU|CPU) memory utilization",
        "Other programs hold memory that vLLM was told to take.",
        "Close them, or let vLLM take less (gpu_memory).",
    ),
    (
        r"KV cache is needed, which is larger than the available",
        "Beside the model's weights there is no room for a context of this length.",
        "Set a smaller context (context_tokens), or let vLLM take more memory (gpu_memory).",
    ),
    (
        r"OutOfMemoryError|out of memory|No available memory for the cache blocks"
        r"|can't allocate memory",
        "The model does not fit into the memory.",
        "Close other programs, or set a smaller model or context.",
    ),
    (
        r"unrecognized arguments|error: argument|error: ambiguous option",
        "vLLM does not accept one of its options.",
        "Check vllm_options.",
    ),
    (
        r"greater than the derived max_model_len",
        "The context that is set is longer than the model was made for.",
        "Set fewer context_tokens.",
    ),
    (
        r"No CUDA GPUs are available|no NVIDIA driver|Failed to infer device type"
        r"|driver version is insufficient",
        "vLLM finds no GPU that it can use.",
        "Check the driver with `nvidia-smi`.",
    ),
    (
        r"[Mm]odel architectures? .{0,200}not supported|does not recognize this architecture",
        "vLLM does not know models of this architecture.",
        "Use another model.",
    ),
    (
        r"LocalEntryNotFoundError|We couldn't connect to|OfflineModeIsEnabled",
        "The model's files cannot be downloaded right now.",
        "Check the network.",
    ),
)
FAILURES: Final = tuple(
    (re.compile(pattern), Failure(what, todo)) for pattern, what, todo in _FAILURES
)

_ERROR: Final = re.compile(r"(?<![\w.])(?:\w+\.)*[A-Z]\w*(?:Error|Exception)(?=:|$)")


def step_in(line: str) -> Step | None:
    """The step that this line tells of, if any."""
    for pattern, detail in STEPS:
        if found := pattern.search(line):
            percent = found.groupdict().get("percent")
            return Step(detail, int(percent) / 100 if percent else None)
    return None


def failure_in(line: str) -> Failure | None:
    """Why it will not come up, if this line tells that."""
    return next((failure for pattern, failure in FAILURES if pattern.search(line)), None)


def error_in(line: str) -> str | None:
    """The name of the error in this line and nothing else of it: the rest may hold people's words.

    `torch.OutOfMemoryError`, `EngineDeadError`.
    """
    found = _ERROR.search(line.rstrip())
    return found.group() if found else None
