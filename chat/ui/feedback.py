"""Feedback as a form's values and back: a thumb, the judge's four scales, reasons, better words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import ValidationError

from chat.store.records import Feedback, FeedbackInput
from chat.ui.markup import esc

THUMBS: Final = (("Helpful", 1), ("Not helpful", -1))

REASONS: Final = (
    ("Understood the feeling", "understood"),
    ("Found what was unsaid", "unsaid"),
    ("Sounded like a person", "natural"),
    ("Gave something to go on with", "useful"),
    ("Missed the point", "missed"),
    ("Would fit anyone", "generic"),
    ("Preached or advised too soon", "preaching"),
    ("Too long", "long"),
    ("Agreed with everything", "flattering"),
    ("Felt unsafe", "unsafe"),
)
"""What a rater can tick, and the stable word that is stored for it."""


class FormValues(NamedTuple):
    """The form's fields in their order on the page; None is not said."""

    thumb: int | None = None
    resonation: int | None = None
    expression: int | None = None
    reception: int | None = None
    bystander: float | None = None
    reasons: Sequence[str] = ()
    better: str = ""
    comment: str = ""


EMPTY: Final = FormValues(reasons=[])
"""A form with nothing said. Its reasons are a list: Gradio takes a tuple for one choice."""


class NotFeedback(ValueError):
    """A field holds what cannot be saved; the text says which, for people."""


def feedback_of(form: FormValues) -> FeedbackInput:
    """The form's values as feedback. Raises `NotFeedback` for what is outside its scale."""
    known = {word for _, word in REASONS}
    bystander = form.bystander
    if bystander is not None and not (0 <= bystander <= 100 and bystander == int(bystander)):
        raise NotFeedback("Bystander takes a whole number from 0 to 100.")
    try:
        return FeedbackInput(
            thumb=form.thumb,
            resonation=form.resonation,
            expression=form.expression,
            reception=form.reception,
            bystander=None if bystander is None else int(bystander),
            reasons=tuple(word for word in form.reasons if word in known),
            better=form.better.strip() or None,
            comment=form.comment.strip() or None,
        )
    except ValidationError:
        raise NotFeedback("One of the ratings is outside its scale.") from None


def form_of(feedback: FeedbackInput | None) -> FormValues:
    """What the form shows for feedback that was given before."""
    if feedback is None:
        return EMPTY
    return FormValues(
        feedback.thumb,
        feedback.resonation,
        feedback.expression,
        feedback.reception,
        feedback.bystander,
        list(feedback.reasons),
        feedback.better or "",
        feedback.comment or "",
    )


def saved_line(feedback: Feedback | None) -> str:
    """`Saved 14:02`, by the clock of the machine that the app runs on."""
    if feedback is None:
        return '<p class="saved">Each answer is saved at once.</p>'
    return f'<p class="saved done">Saved {clock(feedback.saved_at)}</p>'


def not_saved(why: str) -> str:
    return f'<p class="saved failed" role="alert">Not saved. {esc(why)}</p>'


def clock(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M}"
