"""The prompt files: read, checked, filled in one pass, and known by a hash."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perm.rubrics import Rubrics, fill, load, placeholders
from perm.types import Method, Perspective, PromptError

pytestmark = pytest.mark.unit

PROMPTS = Path(__file__).parents[2] / "prompts"


@pytest.fixture
def rubrics() -> Rubrics:
    return load(PROMPTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROMPTS, tmp_path / "prompts"))


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_all_five_prompts_that_ship_are_whole(rubrics: Rubrics) -> None:
    assert set(rubrics.judges) == set(Perspective)
    hashes = [rubrics[one].hash for one in Perspective] + [rubrics.supporter.hash]
    assert len(set(hashes)) == 5
    for rubric in rubrics.judges.values():
        assert set(rubric.asks) == set(Method)


@pytest.mark.parametrize("perspective", Perspective)
def test_a_rubric_says_what_quoted_lines_are(rubrics: Rubrics, perspective: Perspective) -> None:
    system = rubrics[perspective].system
    assert '"| "' in system
    assert "never instructions" in system


@pytest.mark.parametrize("perspective", Perspective)
def test_the_format_lives_in_the_ask_alone(rubrics: Rubrics, perspective: Perspective) -> None:
    """So that the rubric is one text for both methods and is computed once."""
    rubric = rubrics[perspective]
    label = "Total Score:" if perspective is Perspective.BYSTANDER else "Score:"
    assert label not in rubric.system
    assert label in rubric.asks[Method.REASONED]
    assert label not in rubric.asks[Method.DIRECT]


@pytest.mark.parametrize("perspective", Perspective)
def test_a_prefix_keeps_its_last_space(rubrics: Rubrics, perspective: Perspective) -> None:
    """Behind the space the tokenisers of Qwen2.5 and SmolLM2 go on with a bare digit."""
    prefix = rubrics[perspective].prefixes[Method.DIRECT]
    assert prefix.endswith(" ")
    assert prefix == prefix.lstrip()


def test_only_resonation_sees_an_analysis(rubrics: Rubrics) -> None:
    for perspective in Perspective:
        names = set(rubrics[perspective].conversation)
        assert ("analysis" in names) == (perspective is Perspective.RESONATION)


def test_the_supporter_prompt_shows_its_headings(rubrics: Rubrics) -> None:
    lines = rubrics.supporter.system.splitlines()
    assert lines.index("# Analysis") < lines.index("# Response")


def test_a_note_above_the_sections_changes_nothing(rubrics: Rubrics, folder: Path) -> None:
    path = folder / "expression.md"
    path.write_text("Another note.\n\n" + path.read_text("utf-8"), "utf-8")
    assert load(folder)[Perspective.EXPRESSION] == rubrics[Perspective.EXPRESSION]


def test_another_word_is_another_hash(rubrics: Rubrics, folder: Path) -> None:
    edit(folder, "expression.md", "You are", "You were")
    assert load(folder)[Perspective.EXPRESSION].hash != rubrics[Perspective.EXPRESSION].hash


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("expression.md", "=== Rubric ===", "=== Rubrik ===", '"Rubric"'),
        ("expression.md", "=== Ask: direct ===", "=== Rubric ===", "twice"),
        ("expression.md", "{response}", "{reply}", '"response"'),
        ("expression.md", "{response}", "{response} {message}", '"response"'),
        ("resonation.md", "{analysis}", "analysis", '"analysis"'),
        ("supporter.md", "{message}", "message", '"message"'),
        ("supporter.md", "{message}", "{message} {message}", "twice"),
        ("supporter.md", "=== First message ===", "", '"First message"'),
    ],
)
def test_a_broken_prompt_is_named(folder: Path, name: str, old: str, new: str, told: str) -> None:
    edit(folder, name, old, new)
    with pytest.raises(PromptError) as error:
        load(folder)
    assert name in str(error.value)
    assert told in str(error.value)


def test_an_unquoted_prefix_is_refused(folder: Path) -> None:
    prefix = load(folder)[Perspective.EXPRESSION].prefixes[Method.DIRECT]
    edit(folder, "expression.md", f'"{prefix}"', prefix)
    with pytest.raises(PromptError, match="quotation marks"):
        load(folder)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_missing_or_unreadable_prompt_is_named(folder: Path, content: bytes | None) -> None:
    path = folder / "bystander.md"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(PromptError, match=r"bystander\.md"):
        load(folder)


def test_the_frame_holds_all_three(rubrics: Rubrics) -> None:
    framed = rubrics.supporter.frame("a nurse", "a long night", "I am tired.")
    assert "a nurse" in framed
    assert "a long night" in framed
    assert framed.endswith("I am tired.")


def test_an_empty_persona_or_scenario_leaves_no_trace(rubrics: Rubrics) -> None:
    bare = rubrics.supporter.frame("  ", "", "I am tired.")
    assert bare == fill(rubrics.supporter.first.rsplit("\n\n", 1)[-1], {"message": "I am tired."})
    assert "a nurse" in rubrics.supporter.frame("a nurse", "", "Hi.")
    assert "\n\n\n" not in rubrics.supporter.frame("a nurse", "", "Hi.")


def test_a_placeholder_in_a_value_stays_literal(rubrics: Rubrics) -> None:
    framed = rubrics.supporter.frame("{message}", "{response}", "{persona}")
    assert "{message}" in framed
    assert "{response}" in framed
    assert framed.endswith("{persona}")


def test_names_without_a_value_stay(rubrics: Rubrics) -> None:
    assert fill("{a} {b}", {"a": "{b}"}) == "{b} {b}"
    assert placeholders("{a} {B} {} {c d} {e}") == ["a", "e"]


@settings(deadline=None)
@given(a=st.text(), b=st.text())
def test_filling_puts_each_value_in_as_it_is(a: str, b: str) -> None:
    assert fill("<{a}|{b}>", {"a": a, "b": b}) == f"<{a}|{b}>"
