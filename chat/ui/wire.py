"""A frame in the form in which the browser is sent it.

Gradio would bring each of a frame's values into that form itself, each in a thread of its own: ten
of those a frame, twelve frames a second, cost more than all else that the page does. Here it is one
call, and `wiring` tells Gradio (`postprocess=False`) that it is done.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from chat.ui.frame import Frame


def sent(shown: Frame, chat: gr.Chatbot) -> tuple[Any, ...]:
    """Only the chatbot's form differs from its value; HTML and text are sent as they are."""
    messages: list[Any] = [*shown.chat]
    _, *others = shown
    return (chat.postprocess(messages).model_dump(), *others)
