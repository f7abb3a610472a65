"""Handlers of feedback: each answer is saved at once, for the reply that it was given to."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from chat.store.records import FeedbackInput
from chat.ui.desk import Desk, uuid_of
from chat.ui.feedback import (
    EMPTY,
    FormValues,
    NotFeedback,
    feedback_of,
    form_of,
    not_saved,
    saved_line,
)
from chat.ui.transcript import reply_at
from chat.ui.view import View
from perm.types import PermError

FIELDS: Final = set(FeedbackInput.model_fields)


class Rating:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._session = desk, desk.session

    async def fill(self, view: View, rated: str, request: gr.Request) -> tuple[Any, ...]:
        """What was said before of the reply that is now shown."""
        self._desk.mine(view, request)
        replies = (reply for turn in view.scene.turns for reply in turn.replies)
        feedback = next((one.feedback for one in replies if str(one.id) == rated), None)
        return (*form_of(feedback), saved_line(feedback))

    async def rate(
        self, view: View, request: gr.Request, rated: str, *values: object
    ) -> tuple[Any, ...]:
        """Save the form as it is. `rated` came with the values, so they belong together."""
        self._desk.mine(view, request)
        try:
            given = feedback_of(FormValues._make(values))
        except NotFeedback as refused:
            return not_saved(str(refused)), gr.update()
        return await self._save(view, rated, given), self._ticket(view)

    async def take_back(self, view: View, rated: str, request: gr.Request) -> tuple[Any, ...]:
        """Empty the form, and save that."""
        self._desk.mine(view, request)
        line = await self._save(view, rated, FeedbackInput())
        return (*EMPTY, line, self._ticket(view))

    async def like(self, view: View, event: gr.LikeData, request: gr.Request) -> tuple[Any, ...]:
        """A thumb beside a reply in the conversation; the rest of its feedback stays."""
        self._desk.mine(view, request)
        index = event.index if isinstance(event.index, int) else event.index[0]
        reply_id = reply_at(view.scene, index)
        if reply_id is None:
            return gr.update(), gr.update(), gr.update()
        thumb = (1 if event.liked else -1) if isinstance(event.liked, bool) else None
        before = self._said(view, str(reply_id)).model_dump(include=FIELDS)
        line = await self._save(view, str(reply_id), FeedbackInput(**{**before, "thumb": thumb}))
        shown = view.scene.reply is not None and view.scene.reply.id == reply_id
        form = (thumb, line) if shown else (gr.update(), gr.update())
        return (*form, self._ticket(view))

    async def veil(self, view: View, hide: bool, request: gr.Request) -> tuple[bool, str]:
        """Hide the judge of every reply that this rater has not rated, or show it again."""
        self._desk.mine(view, request)
        view.veil = hide
        return hide, view.redrawn()

    def recall(self, view: View, hide: bool, request: gr.Request) -> bool:
        """What this browser chose before; asked before anything is shown."""
        self._desk.mine(view, request)
        view.veil = bool(hide)
        return view.veil

    def _ticket(self, view: View) -> Any:  # noqa: ANN401 - Gradio takes a value or an update
        """Behind a veil a rating changes what is shown; else the page stays as it is."""
        return view.redrawn() if view.veil else gr.update()

    def _said(self, view: View, rated: str) -> FeedbackInput:
        replies = (reply for turn in view.scene.turns for reply in turn.replies)
        found = next((one.feedback for one in replies if str(one.id) == rated), None)
        return found or FeedbackInput()

    async def _save(self, view: View, rated: str, given: FeedbackInput) -> str:
        reply_id = uuid_of(rated)
        if reply_id is None:
            return saved_line(None)
        try:
            saved = await self._session.save_feedback(view.owner, reply_id, given)
        except PermError as error:
            return not_saved(str(error))
        view.rated(saved)
        return saved_line(saved)
