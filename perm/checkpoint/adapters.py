"""A LoRA adapter: its config, and a pair of matrices for each module that it changes.

LoRA (arXiv:2106.09685) adds B·A to a weight: A is rank × in, B is out × rank. Names as PEFT saves
them: `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from perm.checkpoint.documents import ADAPTER_CONFIG, CONFIG_BYTES, read_object
from perm.checkpoint.findings import Findings
from perm.checkpoint.headers import Tensor
from perm.checkpoint.hollow import hollow_tensors, parameters
from perm.checkpoint.places import Place
from perm.checkpoint.report import INSTEAD, OTHERWISE, Code, Halted, Kind, Problem
from perm.checkpoint.shards import Weights, not_safetensors, read_files
from perm.checkpoint.wording import LONGEST_PATH, agree, counted, listed, named, shaped, shown
from perm.types import Value

ADAPTER: Final = "adapter_model.safetensors"
OTHER_ADAPTER: Final = "adapter_model.bin"

_MATRIX: Final = re.compile(
    r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?:embedding_)?(?P<side>[AB])(?:\.\w+)*"
)
_LAYER: Final = re.compile(r"(?P<before>\D*)\.(?P<layer>\d{1,6})\.(?P<after>.+)")
_PLAIN: Final = re.compile(r"[\w.]+")
_MOST_RANK: Final = 2**16


class AdapterConfig(Value):
    """What adapter_config.json says. `targets` is None where it is a pattern and not a list."""

    base_model: str
    rank: int
    ranks: Mapping[str, int]
    targets: tuple[str, ...] | None
    kept: tuple[str, ...]
    every_layer: bool


class Pair(Value):
    """The shapes of one module's matrices; None is one that is not there."""

    a: tuple[int, ...] | None = None
    b: tuple[int, ...] | None = None


async def examine_adapter(place: Place, sizes: Mapping[str, int], findings: Findings) -> None:
    """Adds to the findings what config and header say. Raises Halted where they say too little."""
    findings.kind = Kind.ADAPTER
    found = await read_object(
        place, ADAPTER_CONFIG, sizes[ADAPTER_CONFIG], CONFIG_BYTES, Code.BROKEN_CONFIG
    )
    config = read_adapter_config(found)
    findings.base_model = config.base_model
    if ADAPTER not in sizes:
        if OTHER_ADAPTER in sizes:
            raise not_safetensors([OTHER_ADAPTER])
        raise Halted(
            Code.MISSING_WEIGHTS, f"{ADAPTER_CONFIG} is there, and {ADAPTER} is not.", INSTEAD
        )
    weights = await read_files(place, sizes, [ADAPTER])
    if weights.complete:
        findings.found = parameters(weights, tied=False)
    findings.problems += [*weights.problems, *adapter_problems(config, weights)]
    if config.targets is None:
        findings.notes.append(
            "target_modules is a pattern; that every module it means is there was not checked."
        )
    findings.notes.append("Shapes were not compared with the base model's.")


def read_adapter_config(found: Mapping[str, Any]) -> AdapterConfig:
    """Raises Halted if it is not a LoRA adapter's, or does not say rank, modules and base model."""
    kind = found.get("peft_type")
    if kind != "LORA":
        raise _broken(f"is for an adapter of type {shown(kind)}, and only LORA is served")
    base = found.get("base_model_name_or_path")
    if not isinstance(base, str) or not base.strip():
        raise _broken("does not name the base model (base_model_name_or_path)")
    rank = found.get("r")
    if not _is_rank(rank):
        raise _broken(f"gives the rank r as {shown(rank)}")
    ranks, targets = found.get("rank_pattern") or {}, found.get("target_modules")
    if not isinstance(ranks, dict) or not all(map(_is_rank, ranks.values())):
        raise _broken("has a rank_pattern that does not give ranks")
    listed_targets = _names(targets)
    if not targets or (listed_targets is None and not isinstance(targets, str)):
        raise _broken("does not say which modules it changes (target_modules)")
    return AdapterConfig(
        base_model=named(base, LONGEST_PATH),
        rank=rank,
        ranks=ranks,
        targets=listed_targets,
        kept=_names(found.get("modules_to_save") or []) or (),
        every_layer=listed_targets is not None
        and found.get("layers_to_transform") is None
        and not found.get("exclude_modules")
        and not any("." in target for target in listed_targets),
    )


def adapter_problems(config: AdapterConfig, weights: Weights) -> Iterator[Problem]:
    """What is wrong with an adapter's tensors, causes before their effects."""
    if not weights.complete:
        return
    if hollow := hollow_tensors(weights):
        yield hollow
        return
    pairs = _pairs(weights.tensors.values())
    yield from _halves(pairs)
    yield from _absent(config, pairs, weights)
    yield from _ranks(config, pairs)
    yield from _layers(config, pairs)


def _pairs(tensors: Iterable[Tensor]) -> dict[str, Pair]:
    shapes: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for tensor in tensors:
        if match := _MATRIX.fullmatch(tensor.name):
            shapes[match["module"]][match["side"].lower()] = tensor.shape
    return {module: Pair(**sides) for module, sides in shapes.items()}


def _halves(pairs: Mapping[str, Pair]) -> Iterator[Problem]:
    lost = [
        f"{module} has no {'A' if pair.a is None else 'B'}"
        for module, pair in pairs.items()
        if pair.a is None or pair.b is None
    ]
    if lost:
        yield _problem(
            Code.MISSING_TENSORS,
            f"{counted(len(lost), 'module')} of {len(pairs):,} in {ADAPTER} "
            f"{agree(len(lost), 'lacks', 'lack')} one of the two matrices: {listed(lost)}.",
        )


def _absent(
    config: AdapterConfig, pairs: Mapping[str, Pair], weights: Weights
) -> Iterator[Problem]:
    wanted = config.targets or ()
    lost = [target for target in wanted if not any(_ends(module, target) for module in pairs)]
    if not pairs:
        lost = list(wanted) or ["every module"]
    lost += [
        kept for kept in config.kept if not any(f".{kept}." in name for name in weights.tensors)
    ]
    if lost:
        yield _problem(
            Code.MISSING_TENSORS,
            f"{ADAPTER_CONFIG} names {counted(len(lost), 'module')} that {ADAPTER} holds nothing "
            f"for: {listed(lost)}.",
        )


def _ranks(config: AdapterConfig, pairs: Mapping[str, Pair]) -> Iterator[Problem]:
    wrong = []
    for module, pair in pairs.items():
        allowed = _allowed(config, module)
        if pair.a is not None and (len(pair.a) < 2 or pair.a[0] not in allowed):
            wrong.append(f"A of {module} is {shaped(pair.a)}")
        if pair.b is not None and (len(pair.b) < 2 or pair.b[1] not in allowed):
            wrong.append(f"B of {module} is {shaped(pair.b)}")
    if wrong:
        yield _problem(
            Code.WRONG_RANK,
            f"{ADAPTER_CONFIG} says rank {config.rank:,}, and in {ADAPTER} {len(wrong):,} of the "
            f"matrices {agree(len(wrong), 'is', 'are')} of another (A is rank × in, B is "
            f"out × rank): {listed(wrong)}.",
        )


def _allowed(config: AdapterConfig, module: str) -> set[int]:
    """The ranks a module may have. Keys of rank_pattern that are patterns and not names are not
    run, since a stranger wrote them: their ranks are allowed everywhere."""
    for key, rank in config.ranks.items():
        if _PLAIN.fullmatch(key) and _ends(module, key):
            return {rank}
    patterns = {rank for key, rank in config.ranks.items() if not _PLAIN.fullmatch(key)}
    return {config.rank} | patterns


def _layers(config: AdapterConfig, pairs: Mapping[str, Pair]) -> Iterator[Problem]:
    """That a module is there in every layer and has one shape in all of them."""
    grouped: dict[str, dict[int, Pair]] = defaultdict(dict)
    for module, pair in pairs.items():
        if match := _LAYER.fullmatch(module):
            grouped[f"{match['before']}.N.{match['after']}"][int(match["layer"])] = pair
    layers = {number for group in grouped.values() for number in group}
    gaps = [
        f"{module} in layer {min(layers - group.keys())}"
        for module, group in grouped.items()
        if layers - group.keys()
    ]
    if layers and len(layers) != max(layers) + 1:
        gaps.append(f"{max(layers) + 1 - len(layers):,} whole layers up to {max(layers):,}")
    if gaps and config.every_layer:
        yield _problem(
            Code.MISSING_TENSORS,
            f"{ADAPTER} does not cover every layer as {ADAPTER_CONFIG} asks: {listed(gaps)}.",
        )
    uneven = [
        module
        for module, group in grouped.items()
        if len({_sides(pair) for pair in group.values() if pair.a and pair.b}) > 1
    ]
    if uneven:
        yield _problem(
            Code.WRONG_SHAPES,
            f"The matrices of one module have unlike shapes in unlike layers: {listed(uneven)}.",
        )


def _sides(pair: Pair) -> tuple[tuple[int, ...] | None, int | None]:
    """In and out of the weight that a pair is added to."""
    return pair.a and pair.a[1:], pair.b[0] if pair.b else None


def _ends(module: str, target: str) -> bool:
    return module == target or module.endswith(f".{target}")


def _names(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(map(named, value))


def _is_rank(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_RANK


def _problem(code: Code, what: str) -> Problem:
    return Problem(code=code, what=what, todo=f"Save or train the adapter again, or {OTHERWISE}")


def _broken(how: str) -> Halted:
    return Halted(
        Code.BROKEN_CONFIG,
        f"{ADAPTER_CONFIG} {how}.",
        f"Save or train the adapter again, or {OTHERWISE}",
    )
