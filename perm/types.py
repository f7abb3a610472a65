"""The words of the field as values: perspectives, verdicts, rewards, contexts, errors.

Source of every scale: PERM, arXiv:2601.10532.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Value(BaseModel):
    """Base of every record here: immutable, compared by content, closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Perspective(StrEnum):
    """The four seats a turn is judged from."""

    RESONATION = "resonation"
    EXPRESSION = "expression"
    RECEPTION = "reception"
    BYSTANDER = "bystander"

    @property
    def rates_analysis(self) -> bool:
        """Resonation rates the Analysis; the other three rate the Response."""
        return self is Perspective.RESONATION

    @property
    def scale(self) -> tuple[float, float]:
        """Lowest and highest score: 1 to 5, or 0 to 100 for the bystander."""
        return (0.0, 100.0) if self is Perspective.BYSTANDER else (1.0, 5.0)


EMPATHY: Final = (Perspective.RESONATION, Perspective.EXPRESSION, Perspective.RECEPTION)
"""The three perspectives of the Empathy Cycle (Barrett-Lennard), each 1 to 5."""

BYSTANDER_PARTS: Final = ("effectiveness", "structure", "efficiency", "neutrality", "accuracy")
"""The bystander's five parts, each 0 to 20, in the order in which the judge is asked for them."""

PART_RANGE: Final = (0.0, 20.0)


class Method(StrEnum):
    """How a verdict was asked for."""

    DIRECT = "direct"  # the score alone, read from the digit tokens' probabilities
    REASONED = "reasoned"  # the paper's protocol: a reason, then the score


class CheckKind(StrEnum):
    """What a kept check of a judge was about; it stands in its results."""

    LEVELS = "levels"  # replies of known levels
    ATTACKS = "attacks"  # text that means to turn the judge


class Status(StrEnum):
    SCORED = "scored"
    UNSCORED = "unscored"


class Unscored(StrEnum):
    """Why a judge call gave no score. Never turned into a number."""

    EMPTY = "empty"  # nothing to judge: no letter and no digit in the part
    NO_ANALYSIS = "no_analysis"  # the supporter ignored the format, so there is no Analysis
    NO_VERDICT = "no_verdict"  # the output holds no line that gives a score
    OUT_OF_RANGE = "out_of_range"
    BAD_TOTAL = "bad_total"  # the total is not the sum of its five parts, or not out of 100
    TRUNCATED = "truncated"
    REFUSED = "refused"
    LOW_MASS = "low_mass"  # the digits cover less than 0.9 of the probability
    BAD_NUMBER = "bad_number"  # NaN, 3.5 where a whole number is due, another script's digits
    ENGINE = "engine"  # the call failed; the verdict's `error` says how
    UNSUPPORTED = "unsupported"  # this engine cannot serve this method
    CANCELLED = "cancelled"


class Usage(Value):
    """Tokens of one model call, as the engine reported them; None where it did not."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


class Verdict(Value):
    """The outcome of one judge call: scored, or unscored with a reason.

    `score` is 1.0 to 5.0 (whole for the reasoned method, an expected value for the direct one) or
    0.0 to 100.0 for the bystander, and None exactly when the status is unscored.
    `parts`: the bystander's five, 0.0 to 20.0 each. `distribution`: the probability of each level,
    renormalised over the levels; `mass`: how much of the raw probability they covered (0 to 1).
    `raw` is the judge's output as it came, kept before anything was parsed.
    """

    perspective: Perspective
    method: Method
    status: Status
    score: float | None = None
    parts: Mapping[str, float] | None = None
    distribution: Mapping[str, float] | None = None
    mass: float | None = None
    reason: str | None = None
    unscored: Unscored | None = None
    error: str | None = None
    raw: str = ""
    judge_model: str = ""
    prompt_hash: str = ""
    request: str = ""
    usage: Usage = Usage()
    seconds: float | None = None
    attempts: int = 0

    @model_validator(mode="after")
    def _status_and_score_agree(self) -> Self:
        low, high = self.perspective.scale
        if self.status is Status.SCORED:
            if self.score is None or not low <= self.score <= high:
                raise ValueError(f"a scored {self.perspective} needs a score in [{low}, {high}]")
            if self.unscored is not None:
                raise ValueError("a scored verdict has no reason for being unscored")
        elif self.score is not None or self.unscored is None:
            raise ValueError("an unscored verdict has a reason and no score")
        return self

    @property
    def scored(self) -> bool:
        return self.status is Status.SCORED


def binding(verdicts: Iterable[Verdict]) -> dict[Perspective, Verdict]:
    """The verdict that counts for each perspective, from all that were given, oldest first.

    Scored binds over unscored, direct over reasoned (it is the finer value), later over earlier.
    """
    best: dict[Perspective, Verdict] = {}
    for verdict in verdicts:
        held = best.get(verdict.perspective)
        if held is None or _rank(verdict) >= _rank(held):
            best[verdict.perspective] = verdict
    return best


def _rank(verdict: Verdict) -> tuple[bool, bool]:
    return verdict.scored, verdict.method is Method.DIRECT


class RewardMode(StrEnum):
    HARMONIC = "harmonic"
    MEAN = "mean"
    GEOMETRIC = "geometric"


class RewardSettings(Value):
    """How four scores become one reward. The defaults are the reference's own defaults.

    Weights are >= 0 with a sum above 0 and act in every mode. `length_coefficient` is the cost of a
    token above `length_limit`; 0 turns the length term off.
    """

    mode: RewardMode = RewardMode.HARMONIC
    resonation_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    expression_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    reception_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    bystander_coefficient: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    length_coefficient: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    length_limit: int = Field(default=300, ge=0)

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.resonation_weight + self.expression_weight + self.reception_weight <= 0:
            raise ValueError("at least one of the three weights must be above 0")
        return self


PUBLISHED_REWARD: Final = RewardSettings(
    bystander_coefficient=0.5, length_coefficient=0.001, length_limit=768
)
"""The settings of the published training script."""


class Reward(Value):
    """The three terms and their sum. empathy: 0.2 to 1; bystander and length: <= 0."""

    empathy: float
    bystander: float
    length: float
    total: float
    settings: RewardSettings = RewardSettings()


class Exchange(Value):
    """One finished turn of the transcript: what was asked and what was said (no Analysis)."""

    message: str
    response: str


class JudgeContext(Value):
    """What a judge may see of a turn. `part` is the Analysis for resonation, else the Response."""

    persona: str
    scenario: str
    message: str
    part: str
    history: tuple[Exchange, ...] = ()


FAST_WRITE_SPEED: Final = 100.0
"""Tokens a second from which an engine is fast: four reasons take it seconds, not a minute."""


LIVE_TOKENS: Final = 120
"""What one provisional direct call has to read: a new sentence, the question, and a little more."""

LIVE_SECONDS: Final = 0.25
"""What that call may take. Two of them then keep up with a reply of four sentences in six seconds,
a comfortable reading speed, and leave the engine two thirds of its time for everything else."""


class Capabilities(Value):
    """What an engine can do, as found out when it started. Judges use what is there.

    `prefix_options`: extra request fields that make an unfinished assistant message be continued
    (vLLM needs them, llama.cpp does not). `structured_choice`: a schema is kept to;
    `schema_ignored`: it is taken without a word and not kept to. `priority`: calls may say who
    goes first, as vLLM means it. `on_processor`: this machine's processor computes it, not a card.
    `read_speed`, `write_speed`: tokens a second, measured.
    """

    logprobs: bool = False
    top_logprobs: int = 0
    assistant_prefix: bool = False
    prefix_options: Mapping[str, Any] = Field(default_factory=dict)
    structured_choice: bool = False
    schema_ignored: bool = False
    cached_tokens: bool = False
    priority: bool = False
    on_processor: bool = False
    context_tokens: int | None = None
    parallel: int = 1
    read_speed: float | None = None
    write_speed: float | None = None

    @property
    def fast(self) -> bool:
        """Measured fast enough for reasons unasked; an unmeasured engine counts as slow."""
        return self.write_speed is not None and self.write_speed >= FAST_WRITE_SPEED

    @property
    def side_by_side(self) -> bool:
        """Whether a message is answered as soon while the engine judges: fast, and on a card.

        A processor reads one prompt at the cost of the other, however fast it writes.
        """
        return self.fast and not self.on_processor

    @property
    def live_seconds(self) -> float | None:
        """What one provisional call would take, from the measured speeds; None where unmeasured.

        It needs a score in one token, so an engine without that is not asked at all.
        """
        if not (self.read_speed and self.write_speed and self.logprobs and self.assistant_prefix):
            return None
        return LIVE_TOKENS / self.read_speed + 1 / self.write_speed

    @property
    def live(self) -> bool:
        """Measured fast enough to be asked at each sentence while a reply is being written."""
        return self.live_seconds is not None and self.live_seconds <= LIVE_SECONDS


class Part(StrEnum):
    """Where an error came from, in words for people."""

    ENGINE = "engine"
    JUDGE = "judge"
    STORE = "store"
    SETTINGS = "settings"
    INPUT = "input"  # what the person or the program sent


class PermError(Exception):
    """An error for people: what happened, in which part, what to do next."""

    part: Part = Part.ENGINE

    def __init__(self, what: str, todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.what} {self.todo}".strip()


class EngineFault(StrEnum):
    """How a model call failed, by the border it crossed."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNAUTHORISED = "unauthorised"
    RATE_LIMITED = "rate_limited"
    SERVER = "server"  # 5xx
    REQUEST = "request"  # other 4xx: the request itself was refused
    TOO_LONG = "too_long"  # the prompt does not fit the context
    GARBAGE = "garbage"  # an answer that is not one
    CUT_OFF = "cut_off"  # the stream ended before its end
    NOT_READY = "not_ready"  # the engine is not up and will not be


class EngineError(PermError):
    """A model call or an engine failed. `retry_after` is in seconds, as the server asked."""

    part = Part.ENGINE

    def __init__(
        self, fault: EngineFault, what: str, todo: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(what, todo)
        self.fault = fault
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        return self.fault in {
            EngineFault.UNREACHABLE,
            EngineFault.TIMEOUT,
            EngineFault.RATE_LIMITED,
            EngineFault.SERVER,
            EngineFault.CUT_OFF,
        }


class PromptError(PermError):
    """A prompt file is missing or lacks a section."""

    part = Part.SETTINGS
