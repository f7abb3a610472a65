"""Foreign text on the page: shown as text, never as markup, and copied as it was written."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.ui.markup import chat_text, clean, esc, paragraphs, plain, shorten

pytestmark = pytest.mark.unit

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "</p><script>alert(1)</script>",
    "<!-- x -->",
    "<?x?>",
    "&lt;b&gt;",
    "&#60;b>",
    "a' onclick='alert(1)",
    'a" onclick="alert(1)',
    "${alert(1)} {{alert}} `alert`",
]


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags = "", list[str]()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_opens_nothing_and_reads_the_same(text: str) -> None:
    reader = read(f"<p>{esc(text)}</p>")
    assert reader.tags == ["p"]
    assert reader.text == text


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_gives_templates_nothing_to_do(text: str) -> None:
    assert not set("${}`<>\"'") & set(esc(text))


@given(st.text())
def test_chat_text_reads_as_it_was_written(text: str) -> None:
    reader = read(chat_text(text))
    assert reader.tags == []
    assert reader.text == clean(text)


@pytest.mark.parametrize("text", ["I <3 you", "you & me", "5 < 6 > 4", "it’s “fine”", "**b** # x"])
def test_chat_text_leaves_ordinary_words_alone_so_that_they_copy_well(text: str) -> None:
    assert chat_text(text) == text


@given(st.text(st.characters(blacklist_categories=[])))
def test_whatever_was_written_can_be_sent(text: str) -> None:
    for shown in (esc(text), chat_text(text), paragraphs(text)):
        shown.encode("utf-8")
        assert "\x00" not in shown


def test_paragraphs_keep_line_breaks() -> None:
    assert paragraphs("one\ntwo\n\n<b>") == "<p>one<br>two</p><p>&lt;b&gt;</p>"


def test_a_reply_loses_markdowns_marks_and_nothing_else() -> None:
    assert plain("## Hello\n**You** and __I__\n- one\n* two\n2 * 3") == (
        "Hello\nYou and I\n• one\n• two\n2 * 3"
    )


@given(st.text(alphabet="*_ab \n#-"))
def test_taking_marks_away_never_adds_words(text: str) -> None:
    kept = [char for char in plain(text) if char in "ab"]
    assert kept == [char for char in text if char in "ab"]


def test_shorten_is_one_line_of_the_wanted_length() -> None:
    assert shorten("a  b\nc", 10) == "a b c"
    assert shorten("x" * 20, 10) == "x" * 9 + "…"
    assert unescape(esc("’")) == "’"
