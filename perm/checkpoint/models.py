"""A whole model: config, weights and tokenizer, and what they say of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from perm.checkpoint.architectures import (
    FAMILIES,
    Expected,
    architecture_of,
    expected_tensors,
    family_of,
)
from perm.checkpoint.comparison import compare
from perm.checkpoint.documents import ADAPTER_CONFIG, CONFIG, CONFIG_BYTES, read_object
from perm.checkpoint.findings import Findings
from perm.checkpoint.hollow import hollow_tensors, parameters
from perm.checkpoint.places import Place
from perm.checkpoint.report import INSTEAD, OTHERWISE, Code, Halted, Kind, Problem
from perm.checkpoint.shards import INDEX, SINGLE, Weights, read_weights
from perm.checkpoint.vocabulary import (
    FILES,
    embedding_rows,
    mismatched,
    tokenizer_size,
    vocabulary_problems,
)
from perm.checkpoint.wording import named

_QUANTISATION_FILES: Final = frozenset(
    {"quantize_config.json", "quant_config.json", "hf_quant_config.json"}
)
_SILENT: Final = (
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMaskedLM",
    "RewardModel",
)
"""Ends of the names of architectures that do not write text."""


async def examine_model(place: Place, sizes: Mapping[str, int], findings: Findings) -> None:
    """Adds to the findings all that is wrong. Raises Halted where no weights are."""
    ways = await read_weights(place, sizes)
    findings.kind = Kind.MODEL
    config = await _config(place, sizes, findings)
    if config.get("quantization_config") or _QUANTISATION_FILES & sizes.keys():
        findings.kind = Kind.QUANTISED
    findings.architecture = architecture_of(config)
    findings.problems += _unfit(findings.architecture, config)
    expected = _expected(config, findings)
    findings.expected = expected.parameters if expected else None
    _notes_on(ways, sizes, findings)
    outcomes = [
        [*weights.problems, *_problems(weights, expected, config, findings)] for weights in ways
    ]
    told = next((way for way, wrong in zip(ways, outcomes, strict=True) if wrong), ways[0])
    if told.tensors or told.complete:
        findings.found = parameters(told, tied=bool(expected and expected.optional))
    findings.problems += [problem for outcome in outcomes for problem in outcome]
    await _tokenizer(place, sizes, told, config, findings)


async def _config(place: Place, sizes: Mapping[str, int], findings: Findings) -> dict[str, Any]:
    """config.json, or nothing and a problem."""
    if CONFIG not in sizes:
        findings.problems.append(
            Problem(
                code=Code.MISSING_CONFIG,
                what=f"{CONFIG} is not there: nothing says what the weights should be.",
                todo=f"Fetch it from where the weights came from, or {OTHERWISE}",
            )
        )
        return {}
    try:
        return await read_object(place, CONFIG, sizes[CONFIG], CONFIG_BYTES, Code.BROKEN_CONFIG)
    except Halted as halted:
        findings.problems.append(halted.problem)
        return {}


def _unfit(architecture: str, config: Mapping[str, Any]) -> Iterator[Problem]:
    """What config.json alone shows to be wrong."""
    if architecture.endswith(_SILENT):
        yield Problem(
            code=Code.WRONG_ARCHITECTURE,
            what=f"config.json says {named(architecture)}, a model that writes no text.",
            todo=INSTEAD,
        )
    family = family_of(architecture)
    other = next(
        (known for known in FAMILIES if known.model_type == config.get("model_type")), family
    )
    if family and other and other is not family:
        yield Problem(
            code=Code.WRONG_ARCHITECTURE,
            what=f"config.json contradicts itself: its architecture is {architecture}, and its "
            f"model_type {other.model_type} belongs to {other.architecture}.",
            todo=f"Fetch config.json again, or {OTHERWISE}",
        )


def _expected(config: Mapping[str, Any], findings: Findings) -> Expected | None:
    """The tensors config.json calls for; None, and why in words, where that is not known."""
    family = family_of(findings.architecture)
    unchecked = (
        "names and shapes were not compared with config.json; files, sizes, headers, emptiness and "
        "vocabulary were checked"
    )
    if findings.kind is Kind.QUANTISED:
        findings.notes.append(f"The weights are quantised: {unchecked}.")
        return None
    if family is None:
        if config:
            named_so = named(findings.architecture) or "that config.json does not name"
            findings.notes.append(f"The architecture {named_so} is not known here: {unchecked}.")
        return None
    try:
        return expected_tensors(family, config)
    except Halted as halted:
        findings.problems.append(halted.problem)
        return None


def _problems(
    weights: Weights, expected: Expected | None, config: Mapping[str, Any], findings: Findings
) -> Iterator[Problem]:
    if expected:
        yield from compare(weights, expected, config)
        return
    if hollow := hollow_tensors(weights, quantised=findings.kind is Kind.QUANTISED):
        yield hollow
        return
    rows, due = embedding_rows(weights), _vocab_size(config)
    if rows is not None and due is not None and rows < due:
        yield mismatched(
            f"config.json says vocab_size {due:,}, and the embedding has {rows:,} rows."
        )


def _vocab_size(config: Mapping[str, Any]) -> int | None:
    """vocab_size, in a model of text and images that of its text part."""
    text = config.get("text_config")
    size = config.get("vocab_size", text.get("vocab_size") if isinstance(text, dict) else None)
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None


async def _tokenizer(
    place: Place,
    sizes: Mapping[str, int],
    weights: Weights,
    config: Mapping[str, Any],
    findings: Findings,
) -> None:
    rows, where = embedding_rows(weights), "the embedding"
    if rows is None:
        rows, where = _vocab_size(config), "vocab_size in config.json"
    if rows is None:
        return
    if not any(name in sizes for name in FILES):
        findings.notes.append("There is no tokenizer here, so its size was not compared.")
        return
    try:
        size = await tokenizer_size(place, sizes)
    except Halted as halted:
        findings.problems.append(halted.problem)
        return
    if size is None:
        findings.notes.append("The tokenizer's size could not be told without loading it.")
        return
    if not size.exact:
        findings.notes.append(
            f"Of the tokenizer only the added tokens were read: it has at least {size.tokens:,}."
        )
    findings.problems += vocabulary_problems(size, rows, where)


def _notes_on(ways: list[Weights], sizes: Mapping[str, int], findings: Findings) -> None:
    if len(ways) > 1:
        findings.notes.append(
            f"Both {SINGLE} and {INDEX} are there, and loaders differ in which they take: "
            "both were examined."
        )
    if ADAPTER_CONFIG in sizes:
        findings.notes.append("An adapter lies here too; it was not examined.")
    if not all(way.complete for way in ways):
        findings.notes.append("What the unread files hold is in no figure here.")
