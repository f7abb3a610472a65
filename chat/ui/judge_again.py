"""History's choice of who judges again, and with which version of the prompts."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import gradio as gr

from chat.judge_choice import IN_USE, JudgeChoice, Judges

PROMPTS_IN_USE: Final = "Those in use"


class Choosers(NamedTuple):
    """The components, in the order in which `offered` gives their values."""

    row: gr.Row
    judge: gr.Dropdown
    prompts: gr.Dropdown


def lay_out() -> Choosers:
    with gr.Row(visible=False, elem_id="judge-again") as row:
        judge = gr.Dropdown([], label="Judge again by", elem_id="again-judge", min_width=200)
        prompts = gr.Dropdown([], label="with prompts", elem_id="again-prompts", min_width=200)
    return Choosers(row, judge, prompts)


async def offered(judges: Judges) -> tuple[Any, Any, Any]:
    """Shown where there is a choice at all."""
    known = [(one.title, one.name) for one in judges.judges()]
    versions = [(PROMPTS_IN_USE, IN_USE), *((name, name) for name in await judges.prompts())]
    return (
        gr.Row(visible=len(known) > 1 or len(versions) > 1),
        gr.Dropdown(known, value=known[0][1] if known else IN_USE, visible=len(known) > 1),
        gr.Dropdown(versions, value=IN_USE, visible=len(versions) > 1),
    )


def choice(judge: str | None, prompts: str | None) -> JudgeChoice:
    """What the two say; Gradio gives None for one that says nothing."""
    return JudgeChoice(judge=judge or IN_USE, prompts=prompts or IN_USE)
