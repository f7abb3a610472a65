"""Redaction: what it finds, and what it does not find and must not be said to."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from chat.export import Exporter, ExportError, FolderTarget, Format, Order
from chat.export.redaction import Redactor, presidio
from chat.store import FeedbackInput, Store
from tests.support.talks import ALL, ANNA, PROMPT, reply_to

pytestmark = pytest.mark.unit

TOLD = (
    "I am Maria Lopez of 12 Baker Street, maria.lopez@example.com, maria@clinic.local, "
    "+44 20 7946 0958, card 4111 1111 1111 1111, IBAN DE89370400440532013000, "
    "https://example.com/maria and 192.168.1.7."
)
FOUND = ("maria.lopez@", "maria@clinic", "7946", "4111", "DE893704", "example.com", "192.168")


@pytest.fixture(scope="module")
def redact() -> Redactor:
    return presidio()


def test_what_has_a_form_of_its_own_is_found(redact: Redactor) -> None:
    text, kinds = redact(TOLD)
    assert not any(words in text for words in FOUND)
    assert {"EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS"} <= set(kinds)
    assert "<PHONE_NUMBER>" in text


def test_names_and_streets_are_missed_and_the_card_says_so(redact: Redactor) -> None:
    """Should a later Presidio find them, this fails, and what is said can become better."""
    from chat.export.redaction import MISSES

    text, _ = redact(TOLD)
    assert "Maria Lopez" in text
    assert "12 Baker Street" in text
    assert "names, places" in MISSES
    assert "streets" in MISSES


@pytest.mark.parametrize(
    "text",
    [
        "Eleven seconds, and forty times. In 2019 she was 34, at 10:30, for 1,200 euros.",
        "Ich bin seit 3 Jahren allein. 夜が長いです。",
        "",
    ],
)
def test_ordinary_words_stay(redact: Redactor, text: str) -> None:
    assert redact(text) == (text, ())


def test_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a request")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert "<EMAIL_ADDRESS>" in presidio()("write to maria@example.org")[0]


def test_an_installed_pipeline_finds_the_names_it_knows(tmp_path: Path) -> None:
    import spacy

    pipeline = spacy.blank("en")
    ruler: Any = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Maria Lopez"}])
    pipeline.to_disk(tmp_path / "names")
    text, kinds = presidio(str(tmp_path / "names"))("I am Maria Lopez.")
    assert (text, kinds) == ("I am <PERSON>.", ("PERSON",))
    with pytest.raises(ExportError, match="not installed"):
        presidio("no_such_pipeline")


@pytest.mark.parametrize("name", Format)
async def test_every_text_of_every_format_is_redacted(
    store: Store, tmp_path: Path, redact: Redactor, name: Format
) -> None:
    mail = "maria@example.com"
    place = await store.create_conversation(ANNA, f"persona {mail}", f"scenario {mail}", ALL)
    after = None
    for number in range(2):
        turn = await store.add_turn(ANNA, place.id, f"message {number} {mail}", after)
        for level in (2.0, 4.0):
            reply = await reply_to(store, ANNA, turn.id, f"{level} {mail}", level, analysis=mail)
            said = FeedbackInput(thumb=1, better=f"better {mail}")
            await store.save_feedback(ANNA, reply.id, said)
        after = reply.id
    wanted = Order(format=name, redact=True)
    out = FolderTarget(tmp_path / "out")
    done = await Exporter(store, PROMPT, redact).write(wanted, [ANNA], out, ANNA)
    rows = [json.loads(line) for path in (tmp_path / "out").glob("*.jsonl") for line in path.open()]
    assert mail not in json.dumps(rows)
    assert "<EMAIL_ADDRESS>" in json.dumps(rows)
    assert set(done.summary.redacted) == {"EMAIL_ADDRESS"}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "misses" in card
    assert "Nothing was redacted" not in card
    if "prompt" in rows[0]:
        assert rows[0]["prompt"][0]["content"] == PROMPT.system, "ours has nothing to redact"
