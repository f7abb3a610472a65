"""One page's view: what it watches, for whom, and when it needs a new watcher."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from uuid import UUID, uuid4

import pytest

from chat.store import NotFound
from chat.store.records import Turn
from chat.ui.scene import Activity, Scene
from chat.ui.view import View
from tests.support.fake_session import FakeSession, conversation, four, good_turn, play, turn

pytestmark = pytest.mark.unit


async def watched(view: View, session: FakeSession) -> list[Scene]:
    return [scene async for scene in view.watch(session)]


def view_of(owner: str = "ann") -> View:
    view = View()
    view.claim(owner)
    return view


async def test_opening_shows_what_is_saved() -> None:
    session, view = FakeSession(), view_of()
    place = session.add(conversation(), turn(verdicts=four()))
    await view.open(session, place.id)
    assert view.scene.conversation == place
    assert len(view.scene.turns) == 1
    assert [scene.activity for scene in await watched(view, session)] == [Activity.IDLE]


async def test_a_foreign_conversation_is_not_here_and_the_page_stays() -> None:
    session, view = FakeSession(), view_of()
    mine = session.add(conversation("ann"))
    theirs = session.add(conversation("bob"), turn())
    await view.open(session, mine.id)
    for unknown in (theirs.id, uuid4()):
        with pytest.raises(NotFound):
            await view.open(session, unknown)
    assert view.scene.conversation == mine


async def test_a_page_that_another_owner_claims_is_empty() -> None:
    session, view = FakeSession(), view_of()
    place = session.add(conversation(), turn())
    await view.open(session, place.id)
    view.claim("bob")
    assert view.scene == Scene()


async def test_a_turn_is_watched_to_its_end_and_read_from_the_store() -> None:
    session, view = FakeSession(), view_of()
    place = session.add(conversation())
    await view.open(session, place.id)
    script = good_turn(place)
    begun = view.join(play(script))
    session.paths[place.id] = [turn(verdicts=four(), message="as saved")]
    scenes = await watched(view, session)
    assert await begun == script[0]
    assert scenes[-1].activity is Activity.IDLE
    assert scenes[-1].turns[0].message == "as saved"
    assert not view.watching


async def test_many_small_events_make_few_frames() -> None:
    session, view = FakeSession(), view_of()
    place = session.add(conversation())
    await view.open(session, place.id)
    script = good_turn(place)
    view.join(play(script))
    assert len(await watched(view, session)) < len(script) / 3


async def test_a_turn_that_runs_is_joined_on_opening() -> None:
    session, view = FakeSession(), view_of()
    place = session.add(conversation())
    script = good_turn(place)
    session.running[place.id] = [*script[:12], 0.3, *script[12:]]
    await view.open(session, place.id)
    session.paths[place.id] = [turn()]
    scenes = await watched(view, session)
    assert any(scene.activity is Activity.WRITING for scene in scenes)
    assert scenes[-1].activity is Activity.IDLE


async def test_one_watcher_serves_a_page_and_only_its_end_asks_for_another() -> None:
    session, view = FakeSession(), view_of()
    place = session.add(conversation())
    await view.open(session, place.id)
    first = view.ticket
    view.join(play([0.05, *good_turn(place)]))
    watching = asyncio.create_task(watched(view, session))
    await asyncio.sleep(0.02)
    assert view.ticket == first
    view.join(play([0.2]))
    await watching
    assert view.ticket != first


async def test_opening_another_conversation_drops_the_first_ones_events() -> None:
    session, view = FakeSession(), view_of()
    one, other = session.add(conversation()), session.add(conversation(), turn(message="other"))
    await view.open(session, one.id)
    view.join(play([0.2, *good_turn(one)]))
    watching = asyncio.create_task(watched(view, session))
    await asyncio.sleep(0.05)
    await view.open(session, other.id)
    scenes = await asyncio.wait_for(watching, 5)
    assert scenes[-1].conversation == other
    assert [each.message for each in scenes[-1].turns] == ["other"]


async def test_a_stream_that_raises_is_shown_in_its_place() -> None:
    async def broken() -> object:
        raise NotFound("conversation")
        yield

    session, view = FakeSession(), view_of()
    place = session.add(conversation())
    await view.open(session, place.id)
    view.join(broken())  # type: ignore[arg-type]
    scenes = await watched(view, session)
    assert scenes[-1].failure is not None
    assert "conversation is not there" in scenes[-1].failure.what


async def test_a_closed_page_leaves_the_watcher_free() -> None:
    session, view = FakeSession(), view_of()
    place = session.add(conversation())
    await view.open(session, place.id)
    view.join(play([5.0]))
    stream = view.watch(session)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert not view.watching


def test_each_page_gets_a_view_of_its_own() -> None:
    view = view_of()
    copied = deepcopy(view)
    assert copied is not view
    assert copied.owner == ""


async def test_what_a_person_does_while_the_store_is_read_is_not_undone() -> None:
    session = FakeSession()
    place = session.add(conversation(), turn(1))
    view = view_of()
    await view.open(session, place.id)
    edited = view.scene.turns[0].id
    read = session.path

    async def path(owner: str, conversation_id: UUID) -> list[Turn]:
        view.show(editing=edited)  # "Edit message" is pressed right now
        return await read(owner, conversation_id)

    session.path = path  # type: ignore[method-assign]
    session.paths[place.id].append(turn(2))
    await view.reread(session)
    assert view.scene.editing == edited
    assert len(view.scene.turns) == 2


async def test_what_was_read_for_a_page_that_has_been_left_is_not_shown() -> None:
    session = FakeSession()
    first = session.add(conversation(), turn(1))
    view = view_of()
    await view.open(session, first.id)
    read = session.path

    async def path(owner: str, conversation_id: UUID) -> list[Turn]:
        found = await read(owner, conversation_id)
        session.path = read  # type: ignore[method-assign]
        await view.open(session, None)  # "New chat" is pressed right now
        return found

    session.path = path  # type: ignore[method-assign]
    await view.reread(session)
    assert view.scene.conversation is None
    assert view.scene.turns == ()
