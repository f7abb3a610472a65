"""What people and models write is accepted, whatever it is, and the rest of it stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.store import (
    Consents,
    FeedbackInput,
    NewReply,
    ReplyStatus,
    ReplyUpdate,
    Store,
    StoreError,
    storable,
)
from tests.store.samples import ANNA, NEW_REPLY, UNSCORED, begin, say

CHANGED = [
    ("a\0b", "a\ufffdb"),
    ("a\ud800b", "a\ufffdb"),
    ("a\udfffb", "a\ufffdb"),
    ("a\ud83d\ude00b", "a\U0001f600b"),  # two halves that belong together
    ("a\ud83d", "a\ufffd"),
    ("\ude00\ud83d", "\ufffd\ufffd"),
    ("\ud800\ud83d\ude00", "\ufffd\U0001f600"),
]
AS_IT_IS = [
    "",
    "plain",
    "naïve 日本語 עברית 🙂",
    "line\u2028end\u2029\x85\r\n\t\x1b\x7f",
    "\ufeffmark\uffff\ufffe",
    "'; DROP TABLE turn; --",
    "%s %(x)s ? :x {x} \\ \\x00 \\u0000",
    "x" * 200_000,
]


@pytest.mark.unit
@pytest.mark.parametrize(("given_text", "kept"), CHANGED, ids=ascii)
def test_what_becomes_of_what_cannot_be_kept(given_text: str, kept: str) -> None:
    assert storable(given_text) == kept


@pytest.mark.unit
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_proper_text_is_never_changed(text: str) -> None:
    assert storable(text) == text


@pytest.mark.unit
@given(st.text(st.characters(categories=["Cs", "Lu", "So"], include_characters="\0")))
def test_any_text_becomes_proper_text(text: str) -> None:
    kept = storable(text)
    kept.encode("utf-8")
    assert "\0" not in kept
    assert storable(kept) == kept
    assert [one for one in kept if one.isupper()] == [one for one in text if one.isupper()]


async def test_every_field_takes_any_text(store: Store, subtests: pytest.Subtests) -> None:
    for text in [text for text, _ in CHANGED] + AS_IT_IS:
        with subtests.test(ascii(text)[:30]):
            await every_field(store, text)


async def every_field(store: Store, text: str) -> None:
    kept = storable(text)
    place = await store.create_conversation(ANNA, text, text, Consents(), title=text)
    assert (place.persona, place.scenario, place.title) == (kept, kept, kept)
    await store.rename(ANNA, place.id, text)
    turn, reply = await say(store, place.id, text)
    assert turn.message == kept
    new = NEW_REPLY.model_dump() | {
        "sampling": {text: [text, {"x": text}]},
        "request": [{"content": text}],
    }
    second = await store.add_reply(ANNA, turn.id, NewReply(**new))
    assert second.sampling == {kept: [kept, {"x": kept}]}
    assert second.request == ({"content": kept},)
    state = ReplyUpdate(
        status=ReplyStatus.STOPPED, raw=text, analysis=text, response=text, error=text
    )
    await store.update_reply(ANNA, reply.id, state)
    found = await store.reply(ANNA, reply.id)
    assert (found.raw, found.analysis, found.response, found.error) == (kept,) * 4
    odd = UNSCORED.model_copy(update={"raw": text, "reason": text, "request": text, "error": text})
    verdict = (await store.save_verdict(ANNA, reply.id, odd)).verdict
    assert (verdict.raw, verdict.reason, verdict.request, verdict.error) == (kept,) * 4
    said = FeedbackInput(better=text, comment=text, reasons=(text,))
    saved = await store.save_feedback(ANNA, reply.id, said)
    assert (saved.better, saved.comment, saved.reasons) == (kept, kept, (kept,))
    prompt_hash = ascii(text)
    await store.save_prompt(prompt_hash, "name", text)
    assert await store.prompt(prompt_hash) == kept
    assert (await store.conversation(ANNA, place.id)).title == kept


@pytest.mark.parametrize("owner", ["a\0", "a\ud800", ""], ids=ascii)
async def test_two_owners_never_become_one(store: Store, owner: str) -> None:
    """In a name nothing is replaced: "a" and a NUL must not be able to read "a" and U+FFFD."""
    await begin(store, "a\ufffd")
    with pytest.raises(StoreError):
        await begin(store, owner)
    if owner:
        with pytest.raises(StoreError):
            await store.conversations(owner)
    assert len(await store.conversations("a\ufffd")) == 1
