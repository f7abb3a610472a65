"""The buttons of the page's own HTML, by the names that the builders give them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from uuid import UUID

from chat import safety
from chat.events import TurnEvent
from chat.session import Session
from chat.store.records import Turn
from chat.store.study_records import PickedBy
from chat.ui.candidates import COUNTS
from chat.ui.view import View
from perm.types import Method, Perspective


class Actions:
    """`do` runs one; it gives what the message box shall hold, or None to leave the box alone.

    An id that is not on the open path does nothing: it is old, or made up.
    """

    def __init__(self, session: Session, helplines: Path | None = None) -> None:
        """`helplines`: the file that replaces those that ship, as in the settings."""
        self._session, self._helplines = session, helplines
        self._known: Mapping[str, Callable[[View, str], Awaitable[str | None]]] = {
            "turn": self._turn,
            "reply": self._reply,
            "version": self._version,
            "retry": self._retry,
            "edit": self._edit,
            "cancel-edit": self._cancel_edit,
            "rejudge": self._rejudge,
            "judge": self._judge,
            "reasons": self._reasons,
            "dismiss": self._dismiss,
            "earlier": self._earlier,
            "country": self._country,
            "wanted": self._wanted,
            "pick": self._pick,
            "pick-highest": self._pick_highest,
        }

    async def do(self, view: View, action: str, value: str) -> str | None:
        act = self._known.get(action)
        return await act(view, value) if act else None

    async def start(self, view: View, message: str) -> TurnEvent:
        """A new turn, or the edit that was begun. Gives the first thing that came of it."""
        place, editing = view.scene.conversation, view.scene.editing
        assert place is not None  # noqa: S101 - begun by the caller
        view.show(message=message, failure=None)
        stream = (
            self._session.edit(view.owner, editing, message)
            if editing is not None
            else self._session.candidates(view.owner, place.id, message, view.scene.wanted)
        )
        return await view.join(stream)

    async def _turn(self, view: View, value: str) -> None:
        turn = _find(view, value)
        newest = turn is not None and turn is view.scene.turns[-1]
        view.show(turn_id=None if newest or turn is None else turn.id)

    async def _reply(self, view: View, value: str) -> None:
        known = {str(one.id): one.id for turn in view.scene.turns for one in turn.replies}
        if value in known and view.scene.writing is None:
            await self._session.choose_reply(view.owner, known[value])
            await view.reread(self._session)

    async def _version(self, view: View, value: str) -> None:
        known = {str(one): one for ids in view.scene.versions.values() for one in ids}
        place = view.scene.conversation
        if value in known and place is not None and view.scene.writing is None:
            await self._session.set_head(view.owner, place.id, known[value])
            view.show(turn_id=known[value])
            await view.reread(self._session)

    async def _retry(self, view: View, value: str) -> None:
        turn = _find(view, value)
        if turn is not None and view.scene.writing is None:
            view.show(failure=None)
            await view.join(self._session.retry(view.owner, turn.id))

    async def _edit(self, view: View, value: str) -> str | None:
        turn = _find(view, value)
        if turn is None or view.scene.writing is not None:
            return None
        view.show(editing=turn.id, failure=None)
        return turn.message

    async def _cancel_edit(self, view: View, _: str) -> str:
        view.show(editing=None)
        return ""

    async def _rejudge(self, view: View, value: str) -> None:
        reply = view.scene.reply
        if reply is not None and value in set(Perspective):
            stream = self._session.judge(view.owner, reply.id, [Perspective(value)])
            view.join(stream)

    async def _judge(self, view: View, _: str) -> None:
        reply = view.scene.reply
        if reply is not None:
            missing = [one for one in Perspective if one not in reply.binding]
            view.join(self._session.judge(view.owner, reply.id, missing))

    async def _reasons(self, view: View, _: str) -> None:
        reply = view.scene.reply
        if reply is not None:
            direct = [
                one
                for one, verdict in reply.binding.items()
                if verdict.scored and verdict.method is Method.DIRECT
            ]
            view.join(self._session.judge(view.owner, reply.id, direct, Method.REASONED))

    async def _dismiss(self, view: View, _: str) -> None:
        view.show(failure=None)

    async def _earlier(self, view: View, _: str) -> None:
        view.show(whole=True)

    async def _wanted(self, view: View, value: str) -> None:
        if value.isdecimal() and int(value) in COUNTS:
            view.show(wanted=int(value))

    async def _pick(self, view: View, value: str) -> None:
        known = {str(one.id): one.id for turn in view.scene.turns for one in turn.replies}
        if value in known and view.scene.writing is None:
            await self._session.pick_reply(view.owner, known[value], PickedBy.PERSON)
            await view.reread(self._session)

    async def _pick_highest(self, view: View, value: str) -> None:
        turn = _find(view, value)
        if turn is not None and view.scene.writing is None:
            await self._session.pick_highest(view.owner, turn.id)
            await view.reread(self._session)

    async def _country(self, view: View, value: str) -> None:
        view.country = value if value in safety.countries(self._helplines) else ""
        view.wake()


def _find(view: View, value: str) -> Turn | None:
    found: UUID | None = next((turn.id for turn in view.scene.turns if str(turn.id) == value), None)
    return next((turn for turn in view.scene.turns if turn.id == found), None)
