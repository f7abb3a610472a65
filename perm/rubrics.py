"""The five prompts: read from plain text files, checked, and known by a hash of what they say.

A prompt file is cut into sections by lines of the form `=== Name ===`; what stands above the first
is a note for whoever edits it. So a heading such as `# Analysis` inside a section is only text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from perm.types import Method, Perspective, PromptError, Value

SUPPORTER: Final = "supporter"

_SECTION: Final = re.compile(r"=== *(\S.*?) *===")
_PLACEHOLDER: Final = re.compile(r"\{([a-z]+)\}")


class Rubric(Value):
    """What a judge is told for one perspective.

    `system`: role, what is rated, levels; the same for both methods, so that it is computed once.
    `conversation`: the paragraphs of the user message by the placeholder that each one holds
    (persona, scenario, message, response; resonation has analysis as well). `asks`: its last lines.
    `prefixes`: the unfinished assistant message that the direct method continues, to the letter.
    `text` is all of it as one text, `hash` that text's SHA-256 in hex.
    """

    perspective: Perspective
    system: str
    conversation: Mapping[str, str]
    asks: Mapping[Method, str]
    prefixes: Mapping[Method, str]
    text: str
    hash: str

    @property
    def part(self) -> str:
        """The placeholder of what is rated: `analysis` or `response`."""
        return "analysis" if self.perspective.rates_analysis else "response"


class SupporterPrompt(Value):
    """What the supporter is told. `first`: the frame of a conversation's first message."""

    system: str
    first: str
    text: str
    hash: str

    def frame(self, persona: str, scenario: str, message: str) -> str:
        """The first message in its frame; the paragraph of a blank value is left out."""
        values = {"persona": persona, "scenario": scenario, "message": message}
        blank = {name for name in ("persona", "scenario") if not values[name].strip()}
        kept = (
            paragraph
            for paragraph in paragraphs(self.first)
            if not blank.intersection(placeholders(paragraph))
        )
        return fill("\n\n".join(kept), values)


class Rubrics(Value):
    """All five prompts. `rubrics[perspective]` is that judge's rubric."""

    supporter: SupporterPrompt
    judges: Mapping[Perspective, Rubric]

    def __getitem__(self, perspective: Perspective) -> Rubric:
        return self.judges[perspective]

    @property
    def judges_hash(self) -> str:
        """One hash for the four judges' prompts together, 16 hex digits."""
        return _hash("".join(self[perspective].hash for perspective in Perspective))[:16]


def load(folder: Path) -> Rubrics:
    """The prompts of a folder: supporter.md and one file a perspective. Raises PromptError."""
    return Rubrics(
        supporter=_supporter(folder / f"{SUPPORTER}.md"),
        judges={
            perspective: _rubric(folder / f"{perspective}.md", perspective)
            for perspective in Perspective
        },
    )


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in for `{name}`, in one pass: a placeholder inside a value stays literal.

    Names without a value stay as they are.
    """
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def paragraphs(text: str) -> list[str]:
    """What blank lines separate."""
    return [part.strip("\n") for part in re.split(r"\n[ \t]*\n", text) if part.strip()]


def placeholders(text: str) -> list[str]:
    return _PLACEHOLDER.findall(text)


def supporter_prompt(text: str, name: str = SUPPORTER) -> SupporterPrompt:
    """Another version of the supporter's prompt: a file's text, or the `text` of a known one.

    Raises PromptError, which calls it by `name`.
    """
    return _supporter(Path(name), text)


def judge_prompt(path: Path, perspective: Perspective) -> Rubric:
    """One judge's prompt from a file of any name. Raises PromptError."""
    return _rubric(path, perspective)


def _supporter(path: Path, text: str | None = None) -> SupporterPrompt:
    """`text`: the file's, if it was read already."""
    whole = _read(path) if text is None else text
    sections = _cut(path, whole, required=("System", "First message"))
    first = sections["First message"]
    _same_names(path, "First message", placeholders(first), {"persona", "scenario", "message"})
    said = _text(sections)
    return SupporterPrompt(system=sections["System"], first=first, text=said, hash=_hash(said))


def _rubric(path: Path, perspective: Perspective) -> Rubric:
    asks = {method: f"Ask: {method}" for method in Method}
    prefix = f"Prefix: {Method.DIRECT}"
    sections = _sections(path, required=("Rubric", "Conversation", *asks.values(), prefix))
    text = _text(sections)
    return Rubric(
        perspective=perspective,
        system=sections["Rubric"],
        conversation=_conversation(path, perspective, sections["Conversation"]),
        asks={method: sections[name] for method, name in asks.items()},
        prefixes={Method.DIRECT: _exact(path, prefix, sections[prefix])},
        text=text,
        hash=_hash(text),
    )


def _conversation(path: Path, perspective: Perspective, section: str) -> dict[str, str]:
    """Each paragraph by its placeholder, of which it holds exactly one."""
    found = {" ".join(placeholders(part)): part for part in paragraphs(section)}
    wanted = {"persona", "scenario", "message", "response"}
    if perspective.rates_analysis:
        wanted.add("analysis")
    _same_names(path, "Conversation", found, wanted)
    return found


def _exact(path: Path, name: str, section: str) -> str:
    """A text whose outer spaces matter stands in quotation marks, which editors leave alone."""
    if len(section) < 2 or not (section.startswith('"') and section.endswith('"')):
        raise _broken(path, f'its section "{name}" is not in double quotation marks')
    return section[1:-1]


def _sections(path: Path, required: tuple[str, ...]) -> dict[str, str]:
    return _cut(path, _read(path), required)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(
            f"The prompt {path.name} cannot be read: {type(error).__name__}.",
            f"Put it into {path.parent} as a UTF-8 text, or name another folder of prompts.",
        ) from None


def _cut(path: Path, text: str, required: tuple[str, ...]) -> dict[str, str]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []  # of the note above the first section, at the start
    for line in text.splitlines():
        if heading := _SECTION.fullmatch(line.strip()):
            if heading[1] in sections:
                raise _broken(path, f'it has the section "{heading[1]}" twice')
            lines = sections[heading[1]] = []
        else:
            lines.append(line)
    found = {name: "\n".join(body).strip() for name, body in sections.items()}
    _same_names(path, "", found, set(required))
    for name, body in found.items():
        if not body:
            raise _broken(path, f'its section "{name}" is empty')
    return {name: found[name] for name in required}


def _same_names(path: Path, section: str, found: Iterable[str], wanted: set[str]) -> None:
    """That the names found are the names wanted, each once where they are counted."""
    names = list(found)
    where = f'its section "{section}"' if section else "it"
    for name in sorted(wanted - set(names)):
        raise _broken(path, f'{where} lacks "{name}"')
    for name in sorted(set(names) - wanted):
        raise _broken(path, f'{where} has "{name}", which is not known')
    for name in sorted(wanted):
        if names.count(name) > 1:
            raise _broken(path, f'{where} has "{name}" twice')


def _broken(path: Path, why: str) -> PromptError:
    return PromptError(
        f"The prompt {path.name} cannot be used: {why}.", "Compare it with the one that ships."
    )


def _text(sections: Mapping[str, str]) -> str:
    return "\n\n".join(f"=== {name} ===\n{body}" for name, body in sections.items()) + "\n"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
