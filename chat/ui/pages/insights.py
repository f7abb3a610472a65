"""The Insights page: what the owner's own data say, and how far the judge can be trusted."""

from __future__ import annotations

import asyncio
from typing import Final

import gradio as gr

from chat.insights import insights
from chat.ui.desk import Desk
from chat.ui.insights_sheet import insights_sheet
from chat.ui.pages.page import Page
from chat.ui.pages.sheet import QUIET, sheet
from chat.ui.parts import html
from chat.ui.trouble import trouble
from perm.types import PermError


class InsightsPage:
    """The handler. It asks who is asking; figures are of the owner's own data alone."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def load(self, request: gr.Request) -> str:
        owner = self._desk.owner(request)
        try:
            evidence = await self._desk.services.store.evidence(owner)
        except PermError as error:
            return trouble(error)
        found = await asyncio.to_thread(insights, evidence)  # the intervals take a moment
        services = self._desk.services
        return insights_sheet(found, services.selfcheck, services.attacks)


def build(blocks: gr.Blocks, desk: Desk) -> None:
    page = InsightsPage(desk)
    with sheet(blocks, desk, "Insights", "What your own kept conversations say in figures."):
        found = html(name="insights")
    blocks.load(page.load, None, found, **QUIET)


INSIGHTS: Final = Page(name="Insights", path="insights", build=build)
