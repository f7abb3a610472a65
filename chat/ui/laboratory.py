"""The reward laboratory: other settings for the reward, tried on this conversation at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr
from pydantic import ValidationError

from chat.ui.desk import Desk, uuid_of
from chat.ui.laboratory_table import laboratory_table
from chat.ui.markup import esc
from chat.ui.reward_card import MODES
from chat.ui.trouble import trouble
from chat.ui.view import View
from perm.types import PUBLISHED_REWARD, PermError, RewardSettings

WEIGHTS: Final = ("resonation_weight", "expression_weight", "reception_weight")
FIELDS: Final = (
    "mode", *WEIGHTS, "bystander_coefficient", "length_coefficient", "length_limit",
)  # fmt: skip
"""The controls, in the order of `Controls.fields`."""


@dataclass(frozen=True)
class Controls:
    """The components. `fields` are those of `FIELDS`."""

    fields: tuple[Any, ...]
    ours: gr.Button
    published: gr.Button
    table: gr.HTML


def lay_out(settings: RewardSettings) -> Controls:
    """Closed at first: who only talks needs none of it."""
    with gr.Accordion("Reward laboratory", open=False, elem_id="laboratory"):
        gr.HTML(
            '<p class="lede">Other settings, tried on this conversation’s saved scores. Nothing '
            "is judged again, nothing is saved.</p>",
            apply_default_css=False,
        )
        modes = [(name.removesuffix(" of the three"), mode.value) for mode, name in MODES.items()]
        mode = gr.Radio(modes, value=settings.mode.value, label="Empathy", elem_id="lab-mode")
        with gr.Row():
            weights = [
                gr.Number(
                    getattr(settings, name),
                    label=f"{name.removesuffix('_weight').capitalize()} weight",
                    minimum=0, step=0.1, min_width=96, elem_id=f"lab-{name}",
                )
                for name in WEIGHTS
            ]  # fmt: skip
        with gr.Row():
            rest = [
                gr.Number(
                    getattr(settings, name), label=label,
                    minimum=0, step=step, min_width=96, elem_id=f"lab-{name}",
                )
                for name, label, step in (
                    ("bystander_coefficient", "Bystander k", 0.05),
                    ("length_coefficient", "Cost of a token", 0.0005),
                    ("length_limit", "Free tokens", 1),
                )
            ]  # fmt: skip
        with gr.Row():
            ours = gr.Button("As set here", size="sm", elem_id="lab-ours")
            published = gr.Button("As published", size="sm", elem_id="lab-published")
        table = gr.HTML(elem_id="lab-table", apply_default_css=False)
    return Controls((mode, *weights, *rest), ours, published, table)


class Laboratory:
    """Its handlers beside the chat. What was tried stays with the open page alone."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ours = desk.services.settings.reward

    def tried(self, view: View, request: gr.Request, *values: object) -> str:
        """The table for what the controls say, or what is wrong with it."""
        self._desk.mine(view, request)
        try:
            view.tried = settings_of(values)
        except ValueError as refused:
            return f'<p class="lede">{esc(refused)}</p>'
        return laboratory_table(view.shown.turns, view.tried)

    def ours(self, view: View, request: gr.Request) -> tuple[Any, ...]:
        return self._preset(view, request, self._ours)

    def published(self, view: View, request: gr.Request) -> tuple[Any, ...]:
        return self._preset(view, request, PUBLISHED_REWARD)

    def _preset(self, view: View, request: gr.Request, settings: RewardSettings) -> tuple[Any, ...]:
        self._desk.mine(view, request)
        view.tried = settings
        table = laboratory_table(view.shown.turns, settings)
        return (*(getattr(settings, name) for name in FIELDS), table)


class PastLaboratory:
    """Its handlers in History, over the conversation that is opened there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ours = desk.services.settings.reward

    async def tried(self, place: str, opened: str, request: gr.Request, *values: object) -> str:
        try:
            settings = settings_of(values)
        except ValueError as refused:
            return f'<p class="lede">{esc(refused)}</p>'
        return await self._table(place, opened, request, settings)

    async def ours(self, place: str, opened: str, request: gr.Request) -> tuple[Any, ...]:
        return await self._preset(place, opened, request, self._ours)

    async def published(self, place: str, opened: str, request: gr.Request) -> tuple[Any, ...]:
        return await self._preset(place, opened, request, PUBLISHED_REWARD)

    async def _preset(
        self, place: str, opened: str, request: gr.Request, settings: RewardSettings
    ) -> tuple[Any, ...]:
        table = await self._table(place, opened, request, settings)
        return (*(getattr(settings, name) for name in FIELDS), table)

    async def _table(
        self, place: str, opened: str, request: gr.Request, settings: RewardSettings
    ) -> str:
        """Over the path that is shown: through the turn that was opened, else the latest."""
        owner, session = self._desk.owner(request), self._desk.session
        found, turn = uuid_of(place), uuid_of(opened)
        try:
            if turn is not None:
                _, turns = await session.path_to(owner, turn)
            elif found is not None:
                turns = await session.path(owner, found)
            else:
                return ""
        except PermError as error:
            return trouble(error)
        return laboratory_table(turns, settings)


def wire(controls: Controls, handlers: Laboratory | PastLaboratory, about: Sequence[Any]) -> None:
    """`about`: the components that say which conversation it is."""
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    table, fields = controls.table, controls.fields
    said = [one.input if isinstance(one, gr.Radio) else one.change for one in fields]
    # One event for all of them: as several, an older answer could come last and stay.
    gr.on(
        said, handlers.tried, [*about, *fields], table, trigger_mode="always_last", **quiet
    )  # fmt: skip
    controls.ours.click(handlers.ours, [*about], [*fields, table], **quiet)
    controls.published.click(handlers.published, [*about], [*fields, table], **quiet)


def settings_of(values: tuple[object, ...]) -> RewardSettings:
    """What the controls say. Raises ValueError, in words for people, where that cannot be used."""
    said = dict(zip(FIELDS, values, strict=True))
    missing = [name.replace("_", " ") for name, value in said.items() if value is None]
    if missing:
        raise ValueError(f"A number is missing: {', '.join(missing)}.")
    try:
        return RewardSettings.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = " ".join(str(part).replace("_", " ") for part in first["loc"])
        raise ValueError(f"{where} {first['msg']}".strip().capitalize() + ".") from None
