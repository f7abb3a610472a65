"""What is asked for: which format, for which purpose, from which turns, in which files."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final, Self

from pydantic import Field, model_validator

from chat.store import Purpose
from perm.types import Part, PermError, Value


class ExportError(PermError):
    """An export that cannot be made."""

    part = Part.INPUT


class Format(StrEnum):
    GRPO = "grpo"
    PREFERENCE = "preference"
    UNPAIRED = "unpaired"
    SFT = "sft"
    REWARD = "reward"
    SCORES = "scores"


class FileType(StrEnum):
    JSONL = "jsonl"
    PARQUET = "parquet"
    CSV = "csv"  # a flat table: scores alone


class ForWhat(StrEnum):
    """The purpose, as a choice: `train` or `research`."""

    TRAIN = "train"
    RESEARCH = "research"


TRAINER: Final = {
    Format.GRPO: "GRPOTrainer",
    Format.PREFERENCE: "DPOTrainer",
    Format.UNPAIRED: "KTOTrainer",
    Format.SFT: "SFTTrainer",
    Format.REWARD: "RewardTrainer",
}
"""The trainer of TRL that takes a format without a change. Scores are for tables and plots."""

ABOUT: Final = {
    Format.GRPO: "Prompts alone, with what PERM's reward needs beside them",
    Format.PREFERENCE: "Pairs of a better and a worse reply to one prompt",
    Format.UNPAIRED: "Single replies with a thumb up or down",
    Format.SFT: "Replies to imitate: those gone on with, or put into better words",
    Format.REWARD: "The pairs as whole conversations, for a reward model",
    Format.SCORES: "A table of replies with their four scores and people's ratings",
}


class Order(Value):
    """One export. `analysis`: completions and earlier turns with their Analysis, as PERM trains.

    `margin`: from how large a gap between two rewards on they make a pair. `test_share`: how many
    of the conversations go into the test split. `min_reward`: for `sft`, the least reward.
    """

    format: Format
    purpose: Purpose = "train"
    analysis: bool = True
    file_type: FileType = FileType.JSONL
    test_share: float = Field(default=0.1, ge=0, le=0.9, allow_inf_nan=False)
    margin: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    since: date | None = None
    until: date | None = None  # that day is still in
    model: str | None = None
    min_reward: float | None = Field(default=None, allow_inf_nan=False)
    redact: bool = False

    @model_validator(mode="after")
    def _table(self) -> Self:
        if self.file_type is FileType.CSV and self.format is not Format.SCORES:
            raise ValueError("CSV is for scores alone: the other formats are not flat")
        return self
