"""What reading the shipped prompts gave, kept by llama.cpp's server for the next start.

Reading five prompts takes a small machine a minute; taking their states from disk takes it less
than a second. A state is kept only where its tokens are those of a shipped prompt, to the last one,
so that no file ever holds a word of a conversation. What is damaged or another's is not used.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import struct
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from langchain_core.messages import BaseMessage
from openai import AsyncOpenAI

from chat.engines.faults import FAILURES

FOLDER: Final = "prompt-states"
MOST: Final = 3
"""Sets that are kept, each some 10 to 60 MB: of the models and prompts used last."""

HEAD: Final = 1 << 20
"""Bytes at a file's beginning that hold its tokens."""

SAMPLES: Final = 16
SAMPLE_BYTES: Final = 1 << 16

_LIST: Final = "states.json"
_ROLES: Final = {"system": "system", "human": "user", "ai": "assistant"}


class PromptStates:
    """The states for one model file, one set of prompts and one version of the server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recalled = False

    @classmethod
    def of(cls, models_dir: Path, model: Path, prompts: str) -> PromptStates:
        """Where they lie. `prompts`: a hash of what is read, and by whom. Reads of the model."""
        what = json.dumps([fingerprint(model), prompts, version("xllamacpp")])
        folder = models_dir / FOLDER / hashlib.sha256(what.encode()).hexdigest()[:32]
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        return cls(folder)

    async def recall(self, client: AsyncOpenAI) -> bool:
        """Give the server what was kept, before anybody is served. False where there is nothing."""
        self.recalled = False
        kept = await asyncio.to_thread(self._sound)
        if not kept:
            return False
        try:
            for name, tokens in kept.items():
                told = await _slot(client, "restore", name)
                if told.get("n_restored") != tokens:
                    raise ValueError(name)
        except (*FAILURES, ValueError):
            await asyncio.to_thread(self._forget)
            return False
        self.recalled = True
        return True

    async def keep(
        self, client: AsyncOpenAI, openings: Sequence[Sequence[BaseMessage]], slots: int
    ) -> bool:
        """Keep the states of these prompts, where each lies alone in a slot of its own."""
        try:
            wanted = [await _tokens(client, opening) for opening in openings]
            for slot in range(slots):
                told = await _slot(client, "save", _name(slot))
                whole = [one for one in wanted if len(one) == told.get("n_saved")]
                if not await asyncio.to_thread(self._holds_one, _name(slot), whole):
                    (self.folder / _name(slot)).unlink(missing_ok=True)
        except (*FAILURES, ValueError, OSError):
            await asyncio.to_thread(self._forget)
            return False
        return await asyncio.to_thread(self._list, wanted)

    def _holds_one(self, name: str, prompts: Sequence[Sequence[int]]) -> bool:
        """Whether the file's tokens are those of one of the prompts, which is of their number."""
        with (self.folder / name).open("rb") as file:
            head = file.read(HEAD)
        return any(struct.pack(f"<{len(one)}i", *one) in head for one in prompts)

    def _list(self, wanted: Sequence[Sequence[int]]) -> bool:
        """Write down what is there, if it is all that was wanted."""
        found: dict[str, dict[str, object]] = {}
        for tokens in wanted:
            holding = [path for path in self._files() if self._holds_one(path.name, [tokens])]
            if not holding:
                self._forget()
                return False
            found[holding[0].name] = {"tokens": len(tokens), "sha256": _hash(holding[0])}
        (self.folder / _LIST).write_text(json.dumps(found), "ascii")
        others = [path for path in self.folder.parent.iterdir() if path != self.folder]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[MOST - 1 :]:
            shutil.rmtree(path, ignore_errors=True)
        return True

    def _sound(self) -> dict[str, int]:
        """The files and how many tokens each holds; nothing where any is not as it was written."""
        try:
            listed = json.loads((self.folder / _LIST).read_text("ascii"))
            names = {path.name for path in self._files()}
            for name, about in listed.items():
                if name not in names or _hash(self.folder / name) != about["sha256"]:
                    raise ValueError(name)
            return {name: int(about["tokens"]) for name, about in listed.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            self._forget()
            return {}

    def _forget(self) -> None:
        (self.folder / _LIST).unlink(missing_ok=True)
        for path in self._files():
            path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("slot-*.bin"))


def fingerprint(model: Path) -> str:
    """Size and samples from all over the file: hashing a gigabyte takes longer than it saves."""
    size = model.stat().st_size
    found = hashlib.sha256(str(size).encode())
    with model.open("rb") as file:
        for part in range(SAMPLES):
            file.seek(max(0, size - SAMPLE_BYTES) * part // (SAMPLES - 1))
            found.update(file.read(SAMPLE_BYTES))
    return found.hexdigest()


def _name(slot: int) -> str:
    return f"slot-{slot}.bin"


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _slot(client: AsyncOpenAI, action: str, name: str) -> dict[str, Any]:
    slot = name.removeprefix("slot-").removesuffix(".bin")
    return await _post(client, f"slots/{slot}?action={action}", {"filename": name})


async def _tokens(client: AsyncOpenAI, opening: Sequence[BaseMessage]) -> list[int]:
    """The prompt as the server reads it."""
    messages = [{"role": _ROLES[one.type], "content": one.text} for one in opening]
    prompt = (await _post(client, "apply-template", {"messages": messages}))["prompt"]
    asked = {"content": prompt, "add_special": True, "parse_special": True}
    return [int(one) for one in (await _post(client, "tokenize", asked))["tokens"]]


async def _post(client: AsyncOpenAI, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """To the server's own routes, which lie beside those that are OpenAI's."""
    root = str(client.base_url).removesuffix("/").removesuffix("/v1")
    found = await client.post(f"{root}/{path}", body=body, cast_to=object)
    if not isinstance(found, dict):
        raise ValueError(path)
    return found
