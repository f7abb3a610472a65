"""What the tests of faults share: a slow server, and what must be kept of a broken reply."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from chat.events import ReplyDone, TurnEvent, TurnFailed
from chat.export import ExportError, FolderTarget, Format, Order
from chat.services import Services
from chat.store import Conversation, Reply, ReplyStatus
from chat.ui.strip import under_conversation
from chat.ui.view import View
from tests.support.fleet import scripted_server
from tests.support.parts import OWNER
from tests.support.talks import exporter

PACE: Final = 0.05
"""Seconds a token: a reply takes some seconds, time enough for whatever is to happen in it."""


@pytest.fixture(scope="module")
def slow_server() -> Iterator[str]:
    """An OpenAI-compatible server, in a process of its own, whose replies take some seconds."""
    with scripted_server(PACE) as url:
        yield url


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """What another program reads in an app's database."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


async def kept_and_marked(
    services: Services, place: Conversation, events: list[TurnEvent], folder: Path
) -> Reply:
    """The one reply of a conversation, which broke off: kept, marked, said, offered anew, not
    exported.
    """
    (turn,) = await services.session.path(OWNER, place.id)
    (reply,) = turn.replies
    assert reply.status is ReplyStatus.INCOMPLETE
    assert reply.error
    assert reply.reward is None
    (failed,) = [event for event in events if isinstance(event, TurnFailed)]
    assert failed.saved
    assert failed.todo
    (done,) = [event for event in events if isinstance(event, ReplyDone)]
    assert done.status is ReplyStatus.INCOMPLETE
    assert done.response == reply.response
    view = View()
    view.claim(OWNER)
    await view.open(services.session, place.id)
    strip = under_conversation(view.scene)
    assert "broke off; what came is kept" in strip
    assert f'data-action="retry" data-value="{turn.id}"' in strip
    for form in Format:
        await _left_out(services, reply, form, folder / form.value)
    return reply


async def _left_out(services: Services, reply: Reply, form: Format, folder: Path) -> None:
    order = Order(format=form, test_share=0)
    try:
        await exporter(services.store).write(order, [OWNER], FolderTarget(folder), OWNER)
    except ExportError:
        return  # there is nothing else, and this is left out
    for path in folder.glob("*.jsonl"):
        assert str(reply.id) not in path.read_text()
        assert reply.response[:20] not in path.read_text()


WHOLE: Final = frozenset({ReplyStatus.COMPLETE})
"""How a reply ends that is asked for anew."""


async def retried(
    services: Services, place: Conversation, ends: frozenset[ReplyStatus] = WHOLE
) -> Reply:
    """Another reply to the same message: the turn is not doubled, and the broken reply stays."""
    (turn,) = await services.session.path(OWNER, place.id)
    async for _ in services.session.retry(OWNER, turn.id):
        pass
    (again,) = await services.session.path(OWNER, place.id)
    assert again.id == turn.id
    broken, anew = again.replies
    assert broken.status is ReplyStatus.INCOMPLETE
    assert anew.status in ends
    assert again.chosen is not None
    assert again.chosen.id == anew.id
    return again.chosen
