"""Whether tokenizer and embedding speak of the same tokens.

A token's id is the number of its row. An id without a row ends in a crash or in noise; far more
rows than tokens mean that the tokenizer is another model's. Published models pad the rows by up to
some 5 in 100.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from perm.checkpoint.architectures import EMBEDDING
from perm.checkpoint.documents import CONFIG_BYTES, json_object, read_object
from perm.checkpoint.places import Place
from perm.checkpoint.report import OTHERWISE, Code, Problem
from perm.checkpoint.shards import Weights
from perm.checkpoint.wording import counted
from perm.types import Value

TOKENIZER: Final = "tokenizer.json"
TOKENIZER_CONFIG: Final = "tokenizer_config.json"
ADDED: Final = "added_tokens.json"
VOCABULARY: Final = "vocab.json"
FILES: Final = (TOKENIZER, TOKENIZER_CONFIG, VOCABULARY, "tokenizer.model", "tekken.json")

_LEAST_USED: Final = 0.9
_HEAD_BYTES: Final = 64 * 2**10
_MOST_TOKENS: Final = 2**31
_EMBEDDINGS: Final = (".embed_tokens.weight", ".wte.weight", ".word_embeddings.weight")


class TokenizerSize(Value):
    """One more than the largest token id. Not `exact`: the vocabulary itself was not read, so it is
    at least this. `files`: where the ids were found."""

    tokens: int
    exact: bool
    files: tuple[str, ...]


async def tokenizer_size(place: Place, sizes: Mapping[str, int]) -> TokenizerSize | None:
    """None where no file tells it. Raises Halted if a tokenizer file that is read is no JSON."""
    largest: dict[str, int] = {}
    for name in (TOKENIZER_CONFIG, ADDED):
        if name in sizes:
            found = await read_object(place, name, sizes[name], CONFIG_BYTES, Code.BROKEN_TOKENIZER)
            largest[name] = max(_ids_of(name, found), default=-1)
    exact = False
    for name in (TOKENIZER, VOCABULARY):
        if name in sizes and not exact and sizes[name] <= place.vocabulary_bytes:
            found = await read_object(
                place, name, sizes[name], place.vocabulary_bytes, Code.BROKEN_TOKENIZER
            )
            largest[name] = max(_ids_of(name, found), default=-1)
            exact = largest[name] >= 0
    if TOKENIZER in sizes and TOKENIZER not in largest:
        head = await place.read(TOKENIZER, 0, min(sizes[TOKENIZER], _HEAD_BYTES))
        largest[TOKENIZER] = max(_ids_of(TOKENIZER, _added_in(head)), default=-1)
    used = {name: token for name, token in largest.items() if token >= 0}
    if not used:
        return None
    return TokenizerSize(tokens=max(used.values()) + 1, exact=exact, files=tuple(used))


def vocabulary_problems(size: TokenizerSize, rows: int, where: str) -> Iterator[Problem]:
    """What is wrong between a tokenizer and so many rows of the embedding."""
    tokens = f"{'' if size.exact else 'at least '}{counted(size.tokens, 'token')}"
    known = f"The tokenizer knows {tokens} ({', '.join(size.files)}), and {where} has {rows:,} rows"
    if size.tokens > rows:
        yield mismatched(f"{known}: {size.tokens - rows:,} too few.")
    elif size.exact and size.tokens < _LEAST_USED * rows:
        yield mismatched(f"{known}: it is another model's tokenizer.")


def embedding_rows(weights: Weights) -> int | None:
    """Rows of the token embedding, where it is there under a name that tells."""
    for name, tensor in weights.tensors.items():
        telling = name == EMBEDDING or name.endswith(_EMBEDDINGS)
        if telling and len(tensor.shape) == 2 and tensor.count:
            return tensor.shape[0]
    return None


def _ids_of(name: str, found: Mapping[str, Any]) -> Iterator[int]:
    """Every token id that the file gives, as far as it is one."""
    match name:
        case "tokenizer_config.json":
            ids: Any = _keys(found.get("added_tokens_decoder"))
        case "tokenizer.json":
            ids = [*_ids_in_list(found.get("added_tokens")), *_vocabulary_ids(found.get("model"))]
        case _:
            ids = found.values()
    for token in ids:
        if isinstance(token, int) and not isinstance(token, bool) and 0 <= token < _MOST_TOKENS:
            yield token


def _keys(decoder: object) -> list[int]:
    if not isinstance(decoder, dict):
        return []
    return [int(key) for key in decoder if key.isascii() and key.isdigit() and len(key) < 12]


def _ids_in_list(added: object) -> list[object]:
    if not isinstance(added, list):
        return []
    return [entry.get("id") for entry in added if isinstance(entry, dict)]


def _vocabulary_ids(model: object) -> list[object]:
    """A tokenizer.json's own vocabulary: text to id, or for Unigram a list in the ids' order."""
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, dict):
        return list(vocabulary.values())
    return list(range(len(vocabulary))) if isinstance(vocabulary, list) else []


def _added_in(head: bytes) -> dict[str, Any]:
    """The added tokens, which stand before the vocabulary, from a tokenizer.json's first bytes."""
    text = head.decode("utf-8", errors="ignore")
    start = text.find("[", text.find('"added_tokens"'))
    if '"added_tokens"' not in text or start < 0:
        return {}
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):  # longer than what was read, or no JSON
        return {}
    return json_object(f'{{"added_tokens": {text[start:end]}}}'.encode()) or {}


def mismatched(what: str) -> Problem:
    return Problem(
        code=Code.MISMATCHED_VOCABULARY,
        what=what,
        todo=f"Fetch tokenizer and weights of the same model, or {OTHERWISE}",
    )
