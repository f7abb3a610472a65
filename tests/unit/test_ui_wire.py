"""A frame is sent as Gradio itself would send it."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from chat.ui.crisis_card import Whereabouts
from chat.ui.frame import Frame, frame
from chat.ui.scene import Scene
from chat.ui.turn_panel import JudgeNote
from chat.ui.view import FRAME_SECONDS, pause_after
from chat.ui.wire import sent
from tests.support.fake_session import conversation, four, turn

pytestmark = pytest.mark.unit


def shown() -> Frame:
    scene = Scene(conversation=conversation(), turns=(turn(verdicts=four()), turn()))
    return frame(scene, JudgeNote(model="x"), Whereabouts(country="GB", file=None))


def test_what_is_sent_is_what_gradio_would_have_made_of_it() -> None:
    with gr.Blocks():
        chat, html, text = gr.Chatbot(), gr.HTML(), gr.Textbox()
    one = shown()
    first, *others = sent(one, chat)
    assert len(first) == 4
    messages: list[Any] = list(one.chat)
    assert first == chat.postprocess(messages).model_dump()
    assert others[:-1] == [html.postprocess(value) for value in one[1:-1]]
    assert others[-1] == text.postprocess(one.rated)


def test_a_frame_that_took_no_time_is_followed_by_the_usual_pause() -> None:
    assert pause_after(0.0) == FRAME_SECONDS


def test_the_time_that_a_frame_took_is_part_of_the_pause() -> None:
    assert pause_after(0.02) == pytest.approx(FRAME_SECONDS - 0.02)


def test_a_busy_server_draws_less_often() -> None:
    assert pause_after(0.5) == 0.5
