"""The chat page: conversation and panel. Its parts and handlers have files of their own."""

from __future__ import annotations

from typing import Final

import gradio as gr

from chat.settings import ROOT
from chat.ui.browsing import Browsing
from chat.ui.desk import Desk
from chat.ui.lists import personas
from chat.ui.pages.page import Page
from chat.ui.parts import lay_out
from chat.ui.wiring import connect


def build(blocks: gr.Blocks, desk: Desk) -> None:
    examples = personas(ROOT / "assets" / "personas.json")
    settings = desk.services.settings
    parts = lay_out(examples, settings.max_message_chars, settings.reward)
    connect(blocks, parts, desk, Browsing(desk, examples))


CHAT: Final = Page(name="Chat", path="", build=build)
