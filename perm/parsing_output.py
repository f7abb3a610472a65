"""The supporter's output, split into the private Analysis and the Response, whole or as it streams.

One machine does both, so that any cutting into pieces gives the same split. What it decides:

- Text before the first heading is held back, since it may still turn out not to be the Response.
  It is dropped when a Response heading comes, and is the Response when none ever does: a model that
  ignores the format still answers. What follows an Analysis heading never gets into the Response.
- The first Analysis heading and the first Response heading after it bind. A second pair, or an
  Analysis after the Response, ends the Response.
- A weak Response heading (perm.parsing_headings) ends an Analysis whose own heading was weak. In
  one with a certain heading it may be prose: at the start of a paragraph it is held back to the
  end and counts only if no certain heading came; elsewhere it is prose.
- `<think>` drafts are dropped; an unclosed one to its end; of a lone `</think>` all before it that
  was not yet under a heading.
- NUL is dropped and a lone surrogate becomes U+FFFD, since neither can be stored or sent.
Time is linear in the text, however it is cut.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from perm.parsing_headings import Heading, HeadingWord, Undecided, read_heading
from perm.types import Value

_THINK: Final = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_THINK_BEGUN: Final = re.compile(
    r"<(?:/?(?:t(?:h(?:i(?:n(?:k(?:i(?:n(?:g)?)?)?)?)?)?)?)?)?\Z", re.I
)
_UNSENDABLE: Final = re.compile("[\x00\ud800-\udfff]")


class SupporterOutput(Value):
    """The two parts, without outer white space. `formatted`: both headings came, in their order."""

    analysis: str
    response: str
    formatted: bool


class Piece(Value):
    """Text that is certain to belong to the Analysis, or else to the Response."""

    analysis: bool
    text: str


def split_output(text: str) -> SupporterOutput:
    """The parts of a whole output. Never raises."""
    splitter = OutputSplitter()
    splitter.feed(text)
    splitter.finish()
    return splitter.output


class _State(Enum):
    PREAMBLE = auto()  # no heading yet
    ANALYSIS = auto()
    DOUBT = auto()  # in the Analysis, behind what may be a Response heading
    RESPONSE = auto()
    LATE_ANALYSIS = auto()  # an Analysis behind the Response
    OVER = auto()


class _Part:
    """One part as it grows. White space is passed on only once something follows it."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._space: list[str] = []

    def write(self, text: str) -> str:
        """What can be shown now that this text has come."""
        body = text.rstrip() if self._shown else text.strip()
        if not body:
            self._space.append(text)
            return ""
        end = text.rindex(body[-1]) + 1
        shown = "".join(self._space) + body if self._shown else body
        self._space = [text[end:]]
        self._shown.append(shown)
        return shown

    @property
    def text(self) -> str:
        return "".join(self._shown)


class OutputSplitter:
    """Takes the output in pieces of any size; gives back what is certain, part by part.

    The pieces of a part, joined, are that part of `output`.
    """

    def __init__(self) -> None:
        self._state = _State.PREAMBLE
        self._analysis, self._response = _Part(), _Part()
        self._preamble: list[str] = []
        self._doubtful: list[str] = []  # the line with the weak heading, and what followed
        self._doubtful_from = 0  # where the text of that line begins
        self._line: str | None = ""  # the line so far while it may be a heading
        self._after_blank = True  # is the line before this one blank?
        self._line_blank = True
        self._tag = ""  # what may become a think tag
        self._drafting = False
        self._weak = False  # was the Analysis heading weak?
        self._formatted = False
        self._finished = False
        self._pieces: list[Piece] = []

    def feed(self, piece: str) -> list[Piece]:
        """Take the next piece of the output."""
        text = self._tag + _UNSENDABLE.sub(_sendable, piece)
        begun = _THINK_BEGUN.search(text, max(0, len(text) - len("</thinking")))
        self._tag = begun[0] if begun else ""
        self._without_drafts(text[: len(text) - len(self._tag)])
        return self._certain()

    def finish(self) -> list[Piece]:
        """The output has ended: give back what was held back."""
        if self._finished:
            return []
        self._without_drafts(self._tag)
        self._end_line()
        self._finished = True
        if self._state in {_State.PREAMBLE, _State.ANALYSIS}:
            self._write(self._response, "".join(self._preamble))
        elif self._state is _State.DOUBT:
            self._formatted = True
            self._write(self._response, "".join(self._doubtful)[self._doubtful_from :])
        return self._certain()

    @property
    def analysis_complete(self) -> bool:
        """Whether nothing can be added to the Analysis any more."""
        return self._finished or self._formatted or self._state is _State.OVER

    @property
    def output(self) -> SupporterOutput:
        """The parts, as far as they are certain."""
        return SupporterOutput(
            analysis=self._analysis.text,
            response=self._response.text,
            formatted=self._formatted,
        )

    def _certain(self) -> list[Piece]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def _without_drafts(self, text: str) -> None:
        start = 0
        for tag in _THINK.finditer(text):
            if not self._drafting:
                self._lines(text[start : tag.start()])
            self._end_line()
            if tag[1] and not self._drafting:
                self._preamble.clear()
            self._drafting = not tag[1]
            start = tag.end()
        if not self._drafting:
            self._lines(text[start:])

    def _lines(self, text: str) -> None:
        """Line by line: undecided lines wait, decided ones pass. All Unicode line breaks count."""
        for line in text.splitlines(keepends=True):
            body = line.splitlines()[0]
            if self._line is None:
                self._text(line)
            else:
                self._decide(self._line + body, ended=body != line, line_break=line[len(body) :])
            self._line_blank = self._line_blank and not body.strip()
            if body != line:
                self._next_line()

    def _end_line(self) -> None:
        if self._line:
            self._decide(self._line, ended=True)
        self._next_line()

    def _next_line(self) -> None:
        self._line = ""
        self._after_blank, self._line_blank = self._line_blank, True

    def _decide(self, line: str, ended: bool, line_break: str = "") -> None:
        found = read_heading(line, ended)
        if isinstance(found, Undecided):
            self._line = line
            return
        self._line = None
        if found is None or not self._heading(found, line + line_break):
            self._text(line + line_break)
        elif self._state is not _State.DOUBT:
            self._text(line[found.end :] + line_break)

    def _heading(self, heading: Heading, line: str) -> bool:
        """Act on a heading; False if it is prose where it stands."""
        response = heading.word is HeadingWord.RESPONSE
        if self._state is _State.PREAMBLE:
            return self._first_response(heading) if response else self._begin_analysis(heading)
        if self._state is _State.ANALYSIS:
            return self._end_analysis(heading, line) if response else not heading.weak
        if self._state is _State.DOUBT and response and not heading.weak:
            self._write(self._analysis, "".join(self._doubtful))
            return self._begin_response()
        if self._state is _State.RESPONSE:
            return self._repeated_response(heading) if response else self._late_analysis()
        if self._state is _State.LATE_ANALYSIS and response and not heading.weak:
            self._state = _State.OVER
        return self._state is _State.OVER

    def _begin_analysis(self, heading: Heading) -> bool:
        self._state, self._weak = _State.ANALYSIS, heading.weak
        return True

    def _first_response(self, heading: Heading) -> bool:
        """A Response heading without an Analysis before it."""
        if heading.weak and "".join(self._preamble).strip():
            return False
        self._state = _State.RESPONSE
        return True

    def _end_analysis(self, heading: Heading, line: str) -> bool:
        if not heading.weak or self._weak:
            return self._begin_response()
        if self._after_blank:
            self._state = _State.DOUBT
            self._doubtful, self._doubtful_from = [line], heading.end
        return self._after_blank

    def _begin_response(self) -> bool:
        self._state, self._formatted = _State.RESPONSE, True
        return True

    def _repeated_response(self, heading: Heading) -> bool:
        if not self._response.text:
            return True
        if not heading.weak:
            self._state = _State.OVER
        return not heading.weak

    def _late_analysis(self) -> bool:
        self._state = _State.OVER if self._formatted else _State.LATE_ANALYSIS
        return True

    def _text(self, text: str) -> None:
        if self._state is _State.PREAMBLE:
            self._preamble.append(text)
        elif self._state is _State.DOUBT:
            self._doubtful.append(text)
        elif self._state is _State.RESPONSE:
            self._write(self._response, text)
        elif self._state is not _State.OVER:
            self._write(self._analysis, text)

    def _write(self, part: _Part, text: str) -> None:
        if shown := part.write(text):
            self._pieces.append(Piece(analysis=part is self._analysis, text=shown))


def _sendable(found: re.Match[str]) -> str:
    return "" if found[0] == "\x00" else "\ufffd"
