"""The crisis check: what it sees, what it lets pass, how it reads disguises, and its figures."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.safety import Crisis, CrisisKind, Subject, care_texts, check
from chat.safety.figures import Sentence, Split, sentences
from chat.safety.patterns import PATTERNS_DIR, Patterns, load, shipped
from chat.safety.readings import fold, readings
from chat.safety.texts import load as load_texts
from chat.settings import SettingsError

pytestmark = pytest.mark.unit

LANGUAGES = {"de", "en", "es", "fr", "it", "ja", "pl", "pt", "ru", "zh"}


def seen(text: str) -> tuple[CrisisKind, Subject]:
    crisis = check(text)
    assert crisis is not None, text
    return crisis.kind, crisis.subject


@pytest.mark.parametrize(
    ("text", "kind", "subject"),
    [
        ("I want to kill myself", CrisisKind.SUICIDE, Subject.SELF),
        ("My brother tried to kill himself", CrisisKind.SUICIDE, Subject.OTHER),
        (
            "Ten years ago I tried to kill myself, today I am well.",
            CrisisKind.SUICIDE,
            Subject.PAST,
        ),
        ("Two years ago I tried to kill myself.", CrisisKind.SUICIDE, Subject.SELF),
        ("I cut myself again last night", CrisisKind.SELF_HARM, Subject.SELF),
        ("He raped me", CrisisKind.ABUSE, Subject.SELF),
        ("I want to stab my boss", CrisisKind.HARM_TO_OTHERS, Subject.SELF),
        ("I make myself throw up", CrisisKind.EATING_DISORDER, Subject.SELF),
        ("She told me to kill yourself, those were her words", CrisisKind.SUICIDE, Subject.SELF),
    ],
)
def test_kind_and_subject(text: str, kind: CrisisKind, subject: Subject) -> None:
    assert seen(text) == (kind, subject)


@pytest.mark.parametrize(
    "text",
    [
        "This job is killing me",
        "I'm dying to see it",
        "I could murder a pizza",
        "Tot vor Lachen!",
        "I am not suicidal",
        "I never thought of killing myself",
        "In the film he kills himself",
        "The song is called “I want to die”",
        "",
        " \u200b\n",
        "12345 67890 !!! ???",
    ],
)
def test_no_card(text: str) -> None:
    assert check(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "k i l l myself",
        "k.i.l.l myself",
        "k1ll mys3lf",
        "KILL MYSELF",
        "kil\u200bl my\u00adself",
        "ｋｉｌｌ ｍｙｓｅｌｆ",
        "kіll mуself",  # Cyrillic і and у
        "kiiiiill myself",
        "kill\n\n   myself",
        "I’m su1c1dal",
    ],
)
def test_disguises(text: str) -> None:
    assert seen(text) == (CrisisKind.SUICIDE, Subject.SELF)


@pytest.mark.parametrize(
    "text",
    [
        "My father died and I want to die too",
        "My mother does not understand me, I want to kill myself",
        "Mein Vater ist tot und ich will sterben",
        "Mi padre murió y quiero morir",
        "Mon père est mort et je veux mourir",
        "Мой отец умер, и я хочу умереть",
        "妈妈不理我，我想死",
    ],
)
def test_grief_for_another_does_not_hide_the_writer(text: str) -> None:
    assert seen(text) == (CrisisKind.SUICIDE, Subject.SELF)


@pytest.mark.parametrize(
    "text",
    [
        "I'm not suicidal. But I cut my arms every night.",
        "I said I don't want to die. I lied, I want to kill myself.",
        "This job is killing me and I want to end my life.",
        "In the film he kills himself. I want to do it too, I want to kill myself.",
        "lol I want to kill myself",
    ],
)
def test_what_is_harmless_does_not_hide_what_is_not(text: str) -> None:
    assert check(text) is not None


def test_the_most_urgent_wins() -> None:
    text = "My sister starves herself. My husband hits me. I want to kill myself."
    assert seen(text) == (CrisisKind.SUICIDE, Subject.SELF)


def test_what_was_said_stays_out_of_the_repr() -> None:
    crisis = check("I want to kill myself")
    assert crisis is not None
    assert crisis.matched
    assert "kill" not in repr(crisis)
    assert str(crisis.kind) == "suicide"
    assert crisis.about_self
    assert not crisis.gentle


@given(st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_any_text_is_read(text: str) -> None:
    assert isinstance(check(text), Crisis | None)


@given(st.text(alphabet="aI \u200b\u0301İßﬁ①'’", max_size=60))
def test_folding_settles(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(
    st.sampled_from([item for item in sentences() if item.split is Split.DEV and item.kind]),
    st.sampled_from(["Hello there. ", "今日は。", "Guten Tag! ", "\n\n"]),
)
@settings(max_examples=60, deadline=None)
def test_a_greeting_before_it_hides_nothing(item: Sentence, before: str) -> None:
    if check(item.text) is not None:
        assert check(before + item.text) is not None


def test_unknown_script_and_lone_surrogates() -> None:
    assert check("\ud800 สวัสดี שלום नमस्ते 안녕") is None


@pytest.mark.parametrize(
    "piece",
    [
        "i really never want to live in the big city ",
        "i want to die of laughter ",
        "i don't want to kill myself ",
        "he killed himself in the film ",
        "a b c d e f g ",
        'a"b',
        "aaaa",
        "1l3t",
        "我不想死电影里他",
        "私は死にたくない",
        "я не хочу умирать ",
    ],
)
def test_time_is_linear(piece: str) -> None:
    seconds(piece, 500)
    small, large = seconds(piece, 5_000), seconds(piece, 20_000)
    assert large < 12 * small + 0.3  # four times the text; sixteen times would be quadratic


def test_a_hundred_thousand_characters() -> None:
    assert seconds("i don't want to die, 我想死你了 he killed himself, я не хочу ", 100_000) < 20


def seconds(piece: str, size: int) -> float:
    text = piece * (size // len(piece))
    begin = time.process_time()
    check(text)
    return time.process_time() - begin


def test_every_language_has_patterns_and_a_card() -> None:
    assert {each.language for each in shipped()} == LANGUAGES
    assert set(care_texts().cards) == LANGUAGES


def write(folder: Path, body: str) -> Path:
    head = 'language = "en"\nname = "English"\nscript = "latin"\n'
    (folder / "en.toml").write_text(head + body, "utf-8")
    return folder


def test_patterns_can_be_replaced(tmp_path: Path) -> None:
    own = load(write(tmp_path, '[writer]\nsuicide = ["blue {thing}"]\n[words]\nthing = "moon"\n'))
    assert isinstance(own[0], Patterns)
    crisis = check("the BLUE moon", own)
    assert crisis is not None
    assert crisis.matched == "blue moon"
    assert check("I want to kill myself", own) is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('[writer]\nsuicide = ["a.*b"]', "without a limit"),
        ('[writer]\nsuicide = ["a{3,}"]', "without a limit"),
        ('[writer]\nsuicide = ["(a"]', "not a regular expression"),
        ('[writer]\nsuicide = ["{nothing}"]', "not among [words]"),
        ('[writer]\nsuicide = ["\\\\Sx"]', "upper-case"),
        ("[writer]\nsadness = []", "sadness"),
        ("[writer", "cannot be used"),
        ("", "writer"),
    ],
)
def test_a_bad_pattern_file_is_refused_in_words(tmp_path: Path, body: str, says: str) -> None:
    with pytest.raises(SettingsError, match=r"en\.toml") as error:
        load(write(tmp_path, body))
    assert says in error.value.what
    assert error.value.todo


def test_a_folder_without_patterns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no crisis patterns"):
        load(tmp_path)


def test_no_shipped_pattern_fits_nothing_at_all() -> None:
    for each in shipped():
        for _, _, pattern in each.hits:
            assert pattern.search("") is None
            assert pattern.search(" ") is None


def test_readings_keep_plain_text_alone() -> None:
    assert readings("We walk home") == ["we walk home"]
    assert readings("d i e") == ["d i e", "die"]


def test_cards_say_what_they_must() -> None:
    texts = care_texts()
    crisis = check("Mein Bruder hat versucht, sich umzubringen.")
    assert crisis is not None
    card, body = texts.card_for(crisis)
    assert card is texts.cards["de"]
    assert body == card.someone
    assert card.emergency("112").count("112") == 1
    assert card.emergency(None) == card.danger_unknown
    assert texts.card("pt-BR") is texts.cards["pt"]
    assert texts.card("xx") is texts.cards["en"]
    for each in texts.cards.values():
        assert len({each.body(kind) for kind in CrisisKind}) == len(CrisisKind)
        assert all(len(each.body(kind)) < 260 for kind in CrisisKind)
        assert each.body(CrisisKind.ABUSE, Subject.PAST) == each.past


def test_the_disclosure_says_what_it_must() -> None:
    disclosure = care_texts().disclosure
    words = " ".join(disclosure.points).lower()
    assert all(word in words for word in ("an ai", "not a person", "not therapy", "nobody"))
    assert list(disclosure.consents) == ["keep", "research", "train"]


@pytest.mark.parametrize(("old", "new"), [("[cards.en]", "[cards.xx]"), ("{number}", "number")])
def test_bad_texts_are_refused_in_words(tmp_path: Path, old: str, new: str) -> None:
    shipped_texts = (PATTERNS_DIR.parent / "texts.toml").read_text("utf-8")
    path = tmp_path / "texts.toml"
    path.write_text(
        shipped_texts.replace(old, new).replace("[cards.en.about]", "[cards.xx.about]")
        if "xx" in new
        else shipped_texts.replace(old, new),
        "utf-8",
    )
    with pytest.raises(SettingsError, match=r"texts\.toml"):
        load_texts(path)
