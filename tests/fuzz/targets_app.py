"""What people, files and browsers send to the app: the parsers of `chat`, and of checkpoints."""

from __future__ import annotations

import asyncio
import html
import json
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl

from sqlalchemy import TextClause
from sqlalchemy.dialects.sqlite import dialect as sqlite

from chat.arena.prompts_file import BadPrompts
from chat.arena.prompts_file import read_prompts as read_study
from chat.engines.vllm_log import error_in, failure_in, step_in
from chat.plain_json import dumps
from chat.safety import check
from chat.safety.readings import fold, readings
from chat.scoring.ratings_file import read_ratings
from chat.scoring.records import BadRecord, read_line
from chat.store.columns import Moment
from chat.store.finding import _matching
from chat.store.text import storable, storable_json
from chat.training.prompts import read_prompts
from chat.ui.crisis_card import country_of
from chat.ui.history_query import address, asked, mark
from chat.ui.markup import chat_text, clean, esc, paragraphs, plain, shorten
from perm import rubrics
from perm.checkpoint.adapters import read_adapter_config
from perm.checkpoint.architectures import architecture_of, expected_tensors, family_of
from perm.checkpoint.headers import read_header
from perm.checkpoint.places import Place
from perm.checkpoint.report import Halted
from tests.fuzz.reading import NOT_JSON, json_of, need, object_of, text_of

SUPPORTER = rubrics.load(Path(__file__).parents[2] / "prompts").supporter
SCRATCH = Path(tempfile.mkdtemp(prefix="perm-chat-fuzz-"))


def crisis_check(data: bytes) -> None:
    """Any text is read, and nothing that follows it hides a plain cry for help."""
    text = text_of(data)
    check(text)
    need(fold(fold(text)) == fold(text), "folding does not settle")
    need(len(readings(text)) <= 4, "too many readings")
    need(check(f"I want to kill myself tonight.\n\n{text}") is not None, "a cry was hidden")


def plain_json(data: bytes) -> None:
    """One line of ASCII that says the same, but for what JSON cannot hold."""
    told = json_of(data)
    if told is NOT_JSON:
        return
    line = dumps(told)
    need(line.isascii() and "\n" not in line, "not one line of ASCII")
    again = json.loads(line, parse_constant=_refused)
    need(dumps(again) == line, "it does not settle")


def _refused(constant: str) -> object:
    raise AssertionError(f"{constant} in JSON")


def stored_text(data: bytes) -> None:
    """Every database takes it, and nothing but what none takes is changed."""
    text = text_of(data)
    kept = storable(text)
    kept.encode()
    need("\0" not in kept, "NUL")
    need(storable(kept) == kept, "it does not settle")
    told = json_of(data)
    if told is not NOT_JSON:
        json.dumps(storable_json(told), allow_nan=False, ensure_ascii=False).encode()


class _Tags(HTMLParser):
    def __init__(self, allowed: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.allowed = allowed
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        need(tag in self.allowed and not attrs, f"a tag got through: {tag}")

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment got through")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration got through")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("an instruction got through")

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def page_text(data: bytes) -> None:
    """Foreign text in HTML opens no tag, and reads as it was written."""
    text = text_of(data)
    for build, allowed in ((esc, ""), (paragraphs, "p br"), (chat_text, "")):
        tags = _Tags(frozenset(allowed.split()))
        tags.feed(build(text))
        tags.close()
        if build is esc:
            need("".join(tags.said) == clean(text), "it reads otherwise")
    need(html.unescape(esc(text)) == clean(text), "it reads otherwise")
    need(not set("<>\"'`${}") & set(esc(text)), "a sign with a meaning got through")
    plain(text)
    need(len(shorten(text, 40)) <= 40, "too long")
    need(len(country_of(text)) in {0, 2}, "no country")


def history_address(data: bytes) -> None:
    """Any address asks for something that a database can be asked, or for nothing."""
    params = dict(parse_qsl(text_of(data).encode("utf-8", "replace").decode()))
    found = asked(params)
    before = found.after.created_at if found.after else None
    for moment in (found.filters.since, found.filters.until, before):
        if moment is not None:
            Moment().process_bind_param(moment, _SQLITE)
    if found.after is not None:
        need(asked({"after": mark(found.after)}).after == found.after, "the place is another")
    address(found.filters)


_SQLITE = sqlite()


def search_words(data: bytes) -> None:
    """Nothing that is looked for is read as a query's syntax."""
    clause = _matching(text_of(data), sqlite=True)
    if isinstance(clause, TextClause):
        query = clause.compile().params["query"]
        _SEARCH.execute("SELECT rowid FROM words WHERE words MATCH ?", (query,)).fetchall()


_SEARCH = sqlite3.connect(":memory:", check_same_thread=False)
_SEARCH.execute("CREATE VIRTUAL TABLE words USING fts5(said)")
_SEARCH.execute("INSERT INTO words VALUES ('I am so tired')")


def score_record(data: bytes) -> None:
    """A record is read, or refused in words."""
    try:
        record = read_line(data)
    except BadRecord as error:
        need(error.what, "refused without a word")
        return
    need(len(record.contexts) == 4, "not four contexts")


def _from_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        path = SCRATCH / name
        path.write_bytes(data)
        try:
            read(path)
        except BadRecord as error:
            need(error.what, "refused without a word")

    return target


ratings_file = _from_file("ratings.csv", read_ratings)
training_prompts = _from_file("prompts.jsonl", lambda path: read_prompts(path, SUPPORTER))


def study_prompts(data: bytes) -> None:
    """A study's prompts are read, or refused in words."""
    try:
        found = read_study(text_of(data), 2000)
    except BadPrompts as error:
        need(error.what, "refused without a word")
    else:
        need(all(each.message.strip() for each in found), "an empty message")


class _Memory(Place):
    vocabulary_bytes = 2**20

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    async def files(self) -> Mapping[str, int]:
        return {"model.safetensors": len(self._data)}

    async def _piece(self, name: str, start: int, stop: int) -> bytes:
        return self._data[start:stop]


def weights_header(data: bytes) -> None:
    """A header is whole, or refused in words; its length is not believed."""
    for content in (data, len(data).to_bytes(8, "little") + data):
        try:
            asyncio.run(read_header(_Memory(content), "model.safetensors", len(content)))
        except Halted as halted:
            need(halted, "refused without a word")


def model_config(data: bytes) -> None:
    """A config.json of any content: shapes, or refused in words."""
    config = object_of(data)
    if config is None:
        return
    family = family_of(architecture_of(config)) or family_of("Qwen2ForCausalLM")
    need(family, "the family is known")
    for read in (
        lambda: expected_tensors(family, config) if family else None,
        lambda: read_adapter_config(config),
    ):
        try:
            read()
        except Halted as halted:
            need(halted, "refused without a word")


def server_log(data: bytes) -> None:
    """A line of vLLM's log: nothing of it but a step's number and an error's name is repeated."""
    for line in text_of(data).splitlines():
        step_in(line)
        failure_in(line)
        named = error_in(line)
        need(named is None or " " not in named, "more than a name")
