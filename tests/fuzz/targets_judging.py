"""What judges and supporters write, and what is put before judges: the parsers of `perm`."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path
from types import SimpleNamespace

from perm.fencing import MARK, quoted, says_something, visible
from perm.judge_calls import answer_of
from perm.judge_prompts import user_message
from perm.parsing import (
    OutputSplitter,
    Reading,
    numbers_mass,
    place_of_level,
    read_digit,
    read_digits,
    read_parts,
    read_reasoned,
    read_structured,
    schema_of,
    split_output,
    tokens_of,
)
from perm.rubrics import load, supporter_prompt
from perm.types import JudgeContext, Method, Perspective, PromptError
from tests.fuzz.reading import NOT_JSON, json_of, need, text_of, texts_of

RUBRICS = load(Path(__file__).parents[2] / "prompts")
PLAIN = JudgeContext(persona="p", scenario="s", message="m", part="r")
SECRET = "SECRET-7f3a"


def supporter_output(data: bytes) -> None:
    """Any cutting gives the same parts; nothing private leaks; both can be stored."""
    steps, text = data[:4], text_of(data[4:])
    whole = split_output(text)
    splitter, shown = OutputSplitter(), []
    place, turn = 0, 0
    while place < len(text):
        step = 1 + (steps[turn % len(steps)] if steps else 0) % 17
        shown += splitter.feed(text[place : place + step])
        place, turn = place + step, turn + 1
    shown += splitter.finish()
    need(splitter.output == whole, "pieces give another split than the whole")
    for analysis, part in ((True, whole.analysis), (False, whole.response)):
        said = "".join(piece.text for piece in shown if piece.analysis is analysis)
        need(said == part, "the pieces of a part are not the part")
        need(part == part.strip(), "outer space")
        need("\x00" not in part, "NUL")
        part.encode()
    private = split_output(f"# Analysis\n{SECRET}\n{text}")
    need(SECRET not in private.response, "the Analysis leaked")


def judge_words(data: bytes) -> None:
    """A whole score within its scale, or why none; never both, never neither."""
    raw = text_of(data)
    for seat in Perspective:
        for truncated in (False, True):
            _sound(read_reasoned(seat, raw, truncated), seat.scale)
            need(not truncated or read_reasoned(seat, raw, truncated).score is None, "cut off")
    _sound(read_parts(raw, truncated=False), (0, 100))
    _sound(read_digit(raw), (1, 5))


def _sound(reading: Reading, scale: tuple[float, float]) -> None:
    need((reading.score is None) == (reading.unscored is not None), "score and reason disagree")
    if reading.score is not None:
        need(scale[0] <= reading.score <= scale[1], "out of its scale")
        need(reading.score == int(reading.score), "not whole")
    if reading.parts is not None:
        need(sum(reading.parts.values()) == reading.score, "the sum is not its parts'")


def judge_forms(data: bytes) -> None:
    """What does not fit the prescribed form is no score."""
    raw = text_of(data)
    for seat in Perspective:
        schema_of(seat)
        reading = read_structured(seat, raw, truncated=False)
        _sound(reading, seat.scale)


def judge_chances(data: bytes) -> None:
    """Probabilities of any shape and value: a score within the scale, or none."""
    told = json_of(data)
    if told is NOT_JSON:
        return
    places = tokens_of(told if isinstance(told, dict) else {"content": told})
    for place in places:
        digits = read_digits(place)
        need((digits.score is None) == (digits.unscored is not None), "score and reason disagree")
        if digits.score is not None:
            need(1 <= digits.score <= 5, "out of its scale")
            need(math.isclose(sum((digits.distribution or {}).values()), 1), "no distribution")
    for count in (1, 5):
        mass = numbers_mass(places, count)
        need(mass is None or 0 <= mass <= 1, "no probability")
    place_of_level(places)


def judge_message(data: bytes) -> None:
    """A message of any shape is taken apart without an exception."""
    told = json_of(data)
    if told is NOT_JSON:
        return
    fields = told if isinstance(told, dict) else {"content": told}
    for name in ("response_metadata", "additional_kwargs", "usage_metadata"):
        fields.setdefault(name, {})
    answer = answer_of(SimpleNamespace(**{str(key): value for key, value in fields.items()}))
    need(isinstance(answer.text, str), "no text")
    need(answer_of(told).text == "", "what is no message said something")


def fencing(data: bytes) -> None:
    """Every line is quoted, nothing in it is special, nothing in it is invisible."""
    text = text_of(data)
    lines = quoted(text).split("\n")
    need(all(line.startswith(MARK) for line in lines), "a line without its mark")
    whole = "".join(lines)
    need(whole.splitlines() == [whole], "a line break got through")
    need("<" not in whole and ">" not in whole, "an angle got through")
    folded = unicodedata.normalize("NFKC", whole).replace("≮", "").replace("≯", "")
    need("<" not in folded and ">" not in folded, "an angle got through in disguise")
    need(
        not any(unicodedata.category(sign) in {"Cc", "Cf", "Cs"} for sign in whole),
        "an invisible sign got through",
    )
    once = visible(text).strip("\n")
    need(visible(once) == once, "seeing twice shows more")
    need(says_something(text) == says_something(visible(text)), "what is said changed")


def judge_prompt(data: bytes) -> None:
    """The prompt's own lines are the same whatever is judged."""
    persona, scenario, message, part = texts_of(data, 4)
    context = JudgeContext(
        persona=f"p{persona}", scenario=f"s{scenario}", message=f"m{message}", part=f"r{part}"
    )
    for seat in Perspective:
        need(_own(context, seat) == _own(PLAIN, seat), "a line of the prompt's own changed")


def _own(context: JudgeContext, seat: Perspective) -> list[str]:
    text = user_message(RUBRICS[seat], context, Method.DIRECT)
    return [line for line in text.split("\n") if not line.startswith(MARK)]


def prompt_file(data: bytes) -> None:
    """A supporter's prompt is read, or refused in words."""
    text = text_of(data)
    try:
        prompt = supporter_prompt(text)
    except PromptError:
        return
    framed = prompt.frame("PERSONA", "SCENARIO", "{persona} MESSAGE")
    need("{persona} MESSAGE" in framed or "{message}" not in prompt.first, "not filled in one pass")
