"""People who talk with the app over HTTP, each with a canary that nobody else may ever be shown."""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from bench.fixed_server import CANARY

PATIENCE: Final = 280.0
WORDS: Final = frozenset({"analysis_delta", "response_delta"})

ROWS: Final = {
    "turn": "SELECT conversation_id, message FROM turn",
    "reply": "SELECT turn.conversation_id, coalesce(reply.raw, '') || coalesce(reply.request, '') "
    "FROM reply JOIN turn ON turn.id = reply.turn_id",
    "verdict": "SELECT turn.conversation_id, coalesce(verdict.request, '') "
    "|| coalesce(verdict.raw, '') || coalesce(verdict.reason, '') FROM verdict "
    "JOIN reply ON reply.id = verdict.reply_id JOIN turn ON turn.id = reply.turn_id",
}
"""Whatever was said in a conversation, to a model or by one, by its table."""


@dataclass
class Session:
    """One person with a cookie of their own and one conversation.

    `first_words`: seconds from each message to the first piece of its reply that was shown;
    `first_tokens`: to the first token of it by the app's own clock, which is long before where a
    model writes no headings; `seconds`: until the turn had ended. `errors`: what went otherwise
    than it should, in words.
    """

    url: str
    canary: str = field(default_factory=lambda: f"canary-{secrets.token_hex(4)}")
    place: str = ""
    first_words: list[float] = field(default_factory=list)
    first_tokens: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)

    async def talk(self, turns: int) -> None:
        """So many turns, each begun when the last one has ended."""
        timeout = httpx.Timeout(PATIENCE, pool=None)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as http:
            for number in range(turns):
                try:
                    await self._turn(http, number + 1)
                except httpx.HTTPError as error:
                    self.errors.append(type(error).__name__)

    async def _turn(self, http: httpx.AsyncClient, number: int) -> None:
        body: dict[str, Any] = {"message": f"I am {self.canary}, tired for the {number}. time."}
        if self.place:
            body["conversation_id"] = self.place
        else:
            body |= {"persona": self.canary, "scenario": "after work", "consents": {"keep": True}}
        began = time.monotonic()
        first: float | None = None
        heard: list[str] = []
        async with http.stream("POST", f"{self.url}/api/turns", json=body) as stream:
            if stream.status_code != 200:
                self.errors.append(f"status {stream.status_code}")
                return
            async for event, data in _events(stream):
                heard.append(data)
                if event == "turn_saved":
                    self.place = json.loads(data)["conversation_id"]
                elif event in WORDS and first is None:
                    first = time.monotonic() - began
                self._judge_of(event, data)
        if first is None or not heard:
            self.errors.append("no word came")
            return
        self.first_words.append(first)
        self.seconds.append(time.monotonic() - began)
        self.foreign |= set(CANARY.findall("".join(heard))) - {self.canary}

    def _judge_of(self, event: str, data: str) -> None:
        if event == "turn_failed":
            self.errors.append(json.loads(data)["what"])
        elif event == "reply_done":
            done = json.loads(data)
            self.first_tokens.append(done["timings"]["first_token"] or 0.0)
            if done["status"] not in {"complete", "cut_short"}:
                self.errors.append(f"a reply is {done['status']}")
        elif event == "verdict_landed":
            verdict = json.loads(data)["verdict"]
            if verdict["unscored"] == "engine":
                self.errors.append(f"a judge call failed: {verdict['error']}")


async def _events(stream: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    event = ""
    async for line in stream.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, value


async def all_at_once(url: str, sessions: int, turns: int) -> list[Session]:
    """So many people begin at the same moment."""
    talking = [Session(url) for _ in range(sessions)]
    await asyncio.gather(*(one.talk(turns) for one in talking))
    return talking


@dataclass(frozen=True)
class Mixed:
    """`rows`: how many were read; `foreign`: those that hold another's canary; `without`: turns
    that lack their own; `invented`: rows with a canary that nobody has, which a small model makes
    up when it says its own again and errs.
    """

    rows: int
    foreign: int
    without: int
    invented: int = 0


def mixed(database: Path, sessions: list[Session]) -> Mixed:
    """Whether anything of one conversation stands in another, kept or shown."""
    own = {one.place.replace("-", ""): one.canary for one in sessions if one.place}
    issued = {one.canary for one in sessions}
    rows = without = invented = 0
    foreign = sum(len(one.foreign & issued) for one in sessions)
    with closing(sqlite3.connect(database)) as connection:
        for table, query in ROWS.items():
            for place, text in connection.execute(query):
                found = set(CANARY.findall(text))
                rows += 1
                foreign += bool(found & issued - {own.get(str(place).replace("-", ""))})
                invented += bool(found - issued)
                without += table == "turn" and not found
    return Mixed(rows, foreign, without, invented)
