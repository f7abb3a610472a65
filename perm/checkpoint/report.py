"""What an examination says: a report of problems, each with what is wrong and what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

from pydantic import Field, model_validator

from perm.types import Part, PermError, Value

BACKBONE: Final = "Qwen/Qwen2.5-7B-Instruct"

OTHERWISE: Final = (
    f"use the backbone {BACKBONE} with the PERM prompt instead, or a LoRA adapter trained here."
)
"""What a checkpoint that cannot be served is replaced by, as the end of a sentence."""

INSTEAD: Final = f"U{OTHERWISE[1:]}"


class Kind(StrEnum):
    """What the files are, as far as their names and config tell."""

    MODEL = "model"
    QUANTISED = "quantised model"
    ADAPTER = "adapter"
    UNKNOWN = "unknown"


class Code(StrEnum):
    """What can be wrong, for programs; a problem's words are for people."""

    HOLLOW = "hollow"  # matrices empty or absent, as an ungathered ZeRO-3 save leaves them
    TRUNCATED = "truncated"  # a file is shorter than its own header says
    WRONG_ARCHITECTURE = "wrong_architecture"  # the tensors' names are not those of config.json
    MISSING_SHARD = "missing_shard"  # the index promises a file or tensor that is not there
    MISSING_INDEX = "missing_index"  # shards without the index that a loader needs
    MISSING_TENSORS = "missing_tensors"  # the right architecture, but not all of it
    MISMATCHED_VOCABULARY = "mismatched_vocabulary"
    WRONG_SHAPES = "wrong_shapes"
    WRONG_TYPE = "wrong_type"  # weights stored as whole numbers or in 8 bits, unannounced
    WRONG_RANK = "wrong_rank"  # an adapter's matrices are not of the configured rank
    NOT_SAFETENSORS = "not_safetensors"
    MISSING_WEIGHTS = "missing_weights"
    MISSING_CONFIG = "missing_config"
    BROKEN_CONFIG = "broken_config"
    BROKEN_HEADER = "broken_header"
    BROKEN_INDEX = "broken_index"
    BROKEN_TOKENIZER = "broken_tokenizer"
    LFS_POINTER = "lfs_pointer"  # a few lines of text that stand for a file not fetched
    NOT_FOUND = "not_found"
    NO_ACCESS = "no_access"
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"  # examining it would mean reading more than headers


class Problem(Value):
    """One thing that is wrong: which files and figures show it, and what to do or use instead."""

    code: Code
    what: str
    todo: str


class CheckpointReport(Value):
    """The outcome of one examination.

    `source`: the folder or repository as it was named; `revision`: the hub's commit. `architecture`
    is config.json's, or empty. `base_model`: what an adapter says it belongs to.
    `parameters_found` counts the elements of every tensor whose header could be read, a tied output
    layer once; None where no header could be. `parameters_expected` follows from config.json and is
    None where the architecture is not known here or config.json does not say enough.
    `notes`: what was not checked, and why. `bytes_read`: everything read from disk or network;
    `seconds`: wall time.
    """

    source: str
    revision: str | None = None
    ok: bool
    kind: Kind = Kind.UNKNOWN
    architecture: str = ""
    base_model: str | None = None
    parameters_found: int | None = Field(default=None, ge=0)
    parameters_expected: int | None = Field(default=None, ge=0)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    bytes_read: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _ok_means_no_problem(self) -> Self:
        if self.ok is bool(self.problems):
            raise ValueError("a report is ok exactly when it has no problems")
        return self


class CheckpointError(PermError):
    """A checkpoint cannot be served. `report` says why."""

    part = Part.ENGINE

    def __init__(self, report: CheckpointReport) -> None:
        first = report.problems[0]
        further = len(report.problems) - 1
        more = f" (and {further} further problem{'s' * (further > 1)})" if further else ""
        super().__init__(f"{report.source} cannot be served: {first.what}{more}", first.todo)
        self.report = report


def ensure(report: CheckpointReport) -> CheckpointReport:
    """The same report if it is ok. Raises CheckpointError with its first problem if it is not."""
    if not report.ok:
        raise CheckpointError(report)
    return report


class Halted(Exception):
    """Inside this package: a problem after which a file, or the whole, cannot be read further."""

    def __init__(self, code: Code, what: str, todo: str = INSTEAD) -> None:
        super().__init__(what)
        self.problem = Problem(code=code, what=what, todo=todo)
