"""What the scripted supporter says in the offline demo: a theme, and words of the seeker's own.

The sentences are data (assets/scripted/supporter.toml). The choice depends on the conversation
alone, and on how often it was asked before, so that another try brings another reply.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from chat.engines.scripted_model import Output
from perm.rubrics import SupporterPrompt, fill
from perm.types import Value

DELAY: Final = 0.3
"""Seconds before the first token."""

_CLAUSE: Final = re.compile(r"[.!?;:,\n…—–]+")
_QUOTES: Final = "\"'“”„‘’«» "
_ECHO_WORDS: Final = 9
_REMEMBERED: Final = 10_000  # conversations whose tries are counted


class Theme(Value):
    """What a message may be about, and what can be said to it. `words` are in lower case."""

    name: str
    words: tuple[str, ...]
    analysis: tuple[str, ...]
    response: tuple[str, ...]


def load_themes(file: Path) -> tuple[Theme, ...]:
    """The themes in the file's order; the last one fits anything."""
    return tuple(
        Theme.model_validate(theme) for theme in tomllib.loads(file.read_text("utf-8"))["theme"]
    )


class ScriptedSupporter:
    """Answers as the tuned model would: `# Analysis`, then `# Response`."""

    def __init__(self, prompt: SupporterPrompt, themes: Sequence[Theme], pace: float) -> None:
        self._frames = _frames(prompt)
        self._themes = themes
        self._pace = pace
        self._tries: Counter[bytes] = Counter()

    def __call__(self, messages: Sequence[BaseMessage]) -> Output:
        message = self._message(messages)
        theme = _theme(message, self._themes)
        echo = _echo(message, theme)
        draw = self._draw(messages)
        said = "\n".join(one.text for one in messages if isinstance(one, AIMessage))
        analysis = _pick(theme.analysis, draw, said)
        response = _pick(theme.response, draw, said)
        values = {"echo": echo}
        text = f"# Analysis\n{fill(analysis, values)}\n\n# Response\n{fill(response, values)}"
        return Output(text=text, delay=DELAY if self._pace else 0.0, pace=self._pace)

    def _message(self, messages: Sequence[BaseMessage]) -> str:
        """The seeker's last message, out of its frame where it has one."""
        asked = [one.text for one in messages if isinstance(one, HumanMessage)]
        last = asked[-1] if asked else ""
        framed = (frame.fullmatch(last) for frame in self._frames)
        return next((found["message"] for found in framed if found), last)

    def _draw(self, messages: Sequence[BaseMessage]) -> int:
        """A number from the conversation; the next one for each further try."""
        digest = hashlib.sha256()
        for message in messages:
            digest.update(message.text.encode("utf-8", "replace") + b"\0")
        key = digest.digest()
        if len(self._tries) >= _REMEMBERED:
            self._tries.clear()
        self._tries[key] += 1
        return int.from_bytes(key[:8], "big") + self._tries[key]


def _frames(prompt: SupporterPrompt) -> list[re.Pattern[str]]:
    """The frame of the first message as patterns that find the message in it.

    Four, since a persona or a scenario that is left blank takes its paragraph along.
    """
    marks = {"\0persona\0": "(?:.*)", "\0scenario\0": "(?:.*)", "\0message\0": "(?P<message>.*)"}
    found = []
    for persona, scenario in product(("\0persona\0", ""), ("\0scenario\0", "")):
        pattern = re.escape(prompt.frame(persona, scenario, "\0message\0"))
        for mark, group in marks.items():
            pattern = pattern.replace(re.escape(mark), group)
        found.append(re.compile(pattern, re.DOTALL))
    return found


def _theme(message: str, themes: Sequence[Theme]) -> Theme:
    """The theme with the most words in the message; the first of several; else the last one."""
    hits = [len(_words_of(theme, message)) for theme in themes]
    return themes[hits.index(max(hits))] if max(hits) else themes[-1]


def _words_of(theme: Theme, text: str) -> list[str]:
    lowered = text.lower().replace("’", "'")
    return [word for word in theme.words if re.search(rf"\b{re.escape(word)}\b", lowered)]


def _echo(message: str, theme: Theme) -> str:
    """A few words of the seeker's own: the clause that says the most about the theme."""
    clauses = [clause.strip(_QUOTES) for clause in _CLAUSE.split(message)]
    told = [clause for clause in clauses if clause]
    if not told:
        return "…"
    best = max(told, key=lambda clause: (len(_words_of(theme, clause)), len(clause)))
    words = best.split()
    return " ".join(words[:_ECHO_WORDS]) + ("…" if len(words) > _ECHO_WORDS else "")


def _pick(choices: Sequence[str], draw: int, said: str) -> str:
    """One of the choices that was not said before; any of them when all were."""
    new = [choice for choice in choices if max(choice.split("{echo}"), key=len) not in said]
    among = new or choices
    return among[draw % len(among)]
