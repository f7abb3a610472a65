"""The components of the chat page, laid out: sidebar, conversation, panel. No behaviour here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from chat.safety import care_texts
from chat.safety.texts import ConsentName
from chat.ui import inviting, laboratory, notice
from chat.ui.choosing import FIRST
from chat.ui.feedback import REASONS, THUMBS
from chat.ui.lists import Persona, example_cards
from chat.ui.marks import MARKS
from chat.ui.turn_panel import empty_panel
from chat.ui.view import View
from perm.types import EMPATHY, RewardSettings

OWN: Final = "In my own words"
CONSENTS: Final[tuple[ConsentName, ...]] = ("keep", "research", "train")

CLICKS: Final = """
const key = (button) => button.dataset.key || button.dataset.action + ' ' + button.dataset.value;
let last = null;
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-action]');
  if (button && !button.disabled) {
    trigger('click', { action: button.dataset.action, value: button.dataset.value || '' });
  }
});
element.addEventListener('change', (event) => {
  const choice = event.target.closest('[data-choose]');
  if (choice) trigger('click', { action: choice.dataset.choose, value: choice.value });
});
element.addEventListener('focusin', (event) => {
  const button = event.target.closest('[data-action]');
  last = button ? key(button) : null;
});
watch('value', () => {
  if (last === null || document.activeElement !== document.body) return;
  const buttons = [...element.querySelectorAll('[data-action]')];
  const again = buttons.find((button) => key(button) === last && !button.disabled);
  if (again) again.focus({ preventScroll: true });
});
"""
"""Tells a handler which `data-action` was clicked, and gives the focus back after a redraw."""

SPEAKS: Final = "element.setAttribute('role', 'status');"


KEYS: Final = (
    '<details class="keys"><summary>Keyboard</summary><dl>'
    "<div><dt>Alt Shift U, D</dt><dd>helpful, not helpful</dd></div>"
    "<div><dt>Alt Shift R, E, C, B</dt><dd>go to a scale; then 1 to 5, or a number</dd></div>"
    "<div><dt>Alt Shift ←, →</dt><dd>previous, next turn</dd></div>"
    "<div><dt>Alt Shift W</dt><dd>back to writing</dd></div></dl></details>"
)
"""What assets/rating.js listens to."""

BACK: Final = '<button type="button" data-panel="shut">Back to the conversation</button>'


def html(value: str = "", *, name: str, clicks: bool = False, speaks: bool = False) -> gr.HTML:
    """HTML of our own: escaped in Python, passed as a value, never as a template."""
    script = CLICKS if clicks else SPEAKS if speaks else ""
    return gr.HTML(value, elem_id=name, js_on_load=script, apply_default_css=False)


@dataclass(frozen=True)
class Side:
    """The sidebar."""

    new: gr.Button
    conversations: gr.HTML
    title: gr.Textbox
    delete: gr.Button
    sure: gr.Row
    yes: gr.Button
    no: gr.Button
    example: gr.Dropdown
    persona: gr.Textbox
    scenario: gr.Textbox
    model: gr.Dropdown
    engines: gr.HTML
    kept: gr.HTML
    research: gr.Checkbox
    train: gr.Checkbox


@dataclass(frozen=True)
class Middle:
    """The conversation and what stands around it."""

    header: gr.HTML
    summary: gr.HTML
    speaking: gr.HTML
    earlier: gr.HTML
    keep: gr.Checkbox
    research: gr.Checkbox
    train: gr.Checkbox
    examples: gr.HTML
    chat: gr.Chatbot
    crisis: gr.HTML
    strip: gr.HTML
    box: gr.Textbox


@dataclass(frozen=True)
class Panel:
    """The four tabs."""

    turn: gr.HTML
    laboratory: laboratory.Controls
    trend: gr.HTML
    analysis: gr.HTML
    form: tuple[Any, ...]  # the fields of `FormValues`, in their order
    saved: gr.HTML
    clear: gr.Button
    veil: gr.Checkbox
    inviters: inviting.Inviters


@dataclass(frozen=True)
class Parts:
    view: gr.State
    veil: gr.BrowserState  # what this browser chose: the only thing that is kept in it
    ticket: gr.Textbox
    link: gr.Textbox
    rated: gr.Textbox
    spoken: gr.HTML
    timer: gr.Timer
    side: Side
    middle: Middle
    panel: Panel


def lay_out(examples: Sequence[Persona], max_chars: int, reward: RewardSettings) -> Parts:
    """All components, in the order in which the keyboard reaches them."""
    view = gr.State(View())  # an instance: a callable would be called again after the page's load
    veil = gr.BrowserState(False, storage_key="perm-chat-veil", secret="none")  # noqa: S106
    ticket, link, rated = (
        gr.Textbox(visible="hidden", elem_id=name, show_label=False)
        for name in ("ticket", "link", "rated")
    )
    timer = gr.Timer(2.0, active=False)
    side = _side(examples, max_chars)
    with gr.Row(elem_id="page"):
        with gr.Column(elem_id="middle"):
            middle = _middle(examples, max_chars)
        with gr.Column(elem_id="panel"):
            panel = _panel(max_chars, reward)
    spoken = html(name="spoken", speaks=True)
    return Parts(view, veil, ticket, link, rated, spoken, timer, side, middle, panel)


def _side(examples: Sequence[Persona], max_chars: int) -> Side:
    with gr.Sidebar(open=False, width=300, elem_id="side"):
        new = gr.Button("New chat", elem_id="new")
        html("<h2>Conversations</h2>", name="side-list")
        conversations = html(name="conversations", clicks=True)
        with gr.Column(elem_id="this-one"):
            title = gr.Textbox(label="Name of this conversation", max_length=120, elem_id="title")
            delete = gr.Button("Delete this conversation", elem_id="delete", size="sm")
            with gr.Row(visible=False, elem_id="sure") as sure:
                html("<p>Delete it for good? It cannot be brought back.</p>", name="sure-words")
                yes = gr.Button("Delete", size="sm", elem_id="delete-yes")
                no = gr.Button("Keep it", size="sm", elem_id="delete-no")
        html("<h2>Who is speaking</h2>", name="side-persona")
        choices = [(OWN, ""), *((one.name, one.id) for one in examples)]
        example = gr.Dropdown(choices, value="", label="Example", elem_id="example")
        persona = gr.Textbox(
            label="Persona", lines=3, max_lines=8, max_length=max_chars, elem_id="persona",
            placeholder="Who is the seeker? Leave it empty to speak as yourself.",
        )  # fmt: skip
        scenario = gr.Textbox(
            label="Scenario", lines=3, max_lines=8, max_length=max_chars, elem_id="scenario",
            placeholder="What is going on?",
        )  # fmt: skip
        html("<h2>Model</h2>", name="side-model")
        model = gr.Dropdown(
            [("", FIRST)], value=FIRST, label="Who answers", visible=False, elem_id="model"
        )
        engines = html(name="engines")
        html("<h2>Consent and privacy</h2>", name="side-consent")
        kept = html(name="kept")
        research, train = (
            gr.Checkbox(
                label=care_texts().disclosure.consents[name].label,
                visible=False,
                elem_id=f"side-{name}",
            )
            for name in CONSENTS[1:]
        )
    return Side(
        new, conversations, title, delete, sure, yes, no,
        example, persona, scenario, model, engines, kept, research, train,
    )  # fmt: skip


def _middle(examples: Sequence[Persona], max_chars: int) -> Middle:
    words = care_texts().disclosure
    header = html(name="header")
    summary = html('<div class="summary" data-empty="true"></div>', name="summary")
    with gr.Column(elem_id="welcome"):
        html(notice.welcome(), name="welcome-words")
        cards = html(example_cards(examples), name="examples", clicks=True)
        with gr.Column(elem_id="consent"):
            html(notice.before_you_begin(words), name="before")
            keep, research, train = (
                gr.Checkbox(
                    label=words.consents[name].label, info=words.consents[name].meaning,
                    interactive=name == "keep", elem_id=name,
                )
                for name in CONSENTS
            )  # fmt: skip
            html(notice.no_trace(words), name="no-trace")
    earlier = html(name="earlier", clicks=True)
    chat = gr.Chatbot(
        elem_id="chat", show_label=False, label="Conversation", container=False, height="100%",
        buttons=["copy"], render_markdown=False, sanitize_html=True, allow_tags=False,
        group_consecutive_messages=False, latex_delimiters=[], feedback_options=("Like", "Dislike"),
        layout="bubble",
    )  # fmt: skip
    crisis = html(name="crisis", clicks=True)
    with gr.Column(elem_id="composer"):
        strip = html(name="strip", clicks=True)
        speaking = html(name="speaking")
        box = gr.Textbox(
            show_label=False, label="Your message", placeholder="Write what is on your mind",
            lines=1, max_lines=8, max_length=max_chars, autofocus=True, submit_btn="Send",
            stop_btn="Stop", elem_id="box", container=False,
        )  # fmt: skip
    return Middle(
        header, summary, speaking, earlier, keep, research, train, cards, chat, crisis, strip, box
    )


def _panel(max_chars: int, reward: RewardSettings) -> Panel:
    html(BACK, name="back")
    with gr.Tabs(elem_id="tabs"):
        with gr.Tab("Turn", id="turn"):
            turn = html(empty_panel(), name="turn", clicks=True)
            lab = laboratory.lay_out(reward)
        with gr.Tab("Trend", id="trend", render_children=True):
            trend = html(name="trend", clicks=True)
        with gr.Tab("Analysis", id="analysis", render_children=True):
            analysis = html(name="analysis")
        with gr.Tab("Feedback", id="feedback", render_children=True):
            form, saved, clear = _form(max_chars)
            veil = gr.Checkbox(
                label="Hide the judge until I have rated",
                info="A reply’s scores stay away until you gave a thumb or a rating.",
                elem_id="veil",
            )
            html(KEYS, name="keys")
            inviters = inviting.lay_out()
    return Panel(turn, lab, trend, analysis, form, saved, clear, veil, inviters)


def _form(max_chars: int) -> tuple[tuple[Any, ...], gr.HTML, gr.Button]:
    with gr.Column(elem_id="form"):
        saved = html(name="saved")
        thumb = gr.Radio(list(THUMBS), label="How was this reply?", elem_id="thumb")
        scales = [
            gr.Radio(
                [(str(level), level) for level in range(1, 6)],
                label=MARKS[one].name,
                info=MARKS[one].seat,
                elem_id=f"rate-{one.value}",
                elem_classes="scale",
            )
            for one in EMPATHY
        ]
        bystander = gr.Number(
            None, label="Bystander", info="how sound it is to an outsider, 0 to 100", step=1,
            placeholder="0 to 100", elem_id="rate-bystander",
        )  # fmt: skip
        reasons = gr.CheckboxGroup(list(REASONS), label="What made it so?", elem_id="reasons")
        better = gr.Textbox(
            label="Better words", lines=3, max_lines=10, max_length=max_chars, elem_id="better",
            placeholder="What would you have wanted to hear?",
        )  # fmt: skip
        comment = gr.Textbox(label="Comment", lines=2, max_length=max_chars, elem_id="comment")
        clear = gr.Button("Take all of this back", size="sm", elem_id="clear-feedback")
    return (thumb, *scales, bystander, reasons, better, comment), saved, clear
