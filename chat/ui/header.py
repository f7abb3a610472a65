"""What stands above the conversation, and how the engines are, in words for people."""

from __future__ import annotations

from collections.abc import Sequence

from chat.engines.base import Engine, EngineState, Phase
from chat.safety import care_texts
from chat.ui.markup import esc
from perm.types import Value

LOGO = (
    '<svg class="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">'
    '<path d="M16 4C9 4 4 8.6 4 14.6c0 3.5 1.7 6.4 4.4 8.3L7.6 28l5.2-2.9c1 .2 2.1.3 3.2.3 7 0 '
    '12-4.7 12-10.8S23 4 16 4Z" fill="currentColor" opacity=".16"/><path d="M8 16.5c3.2 0 3.6-5 '
    '6.6-5s2.6 7.2 5.6 6.2 2-5.2 4.2-6.6" fill="none" stroke="currentColor" stroke-width="2.4" '
    'stroke-linecap="round"/></svg>'
)

WORDS = {
    Phase.STARTING: "is loading",
    Phase.READY: "is ready",
    Phase.RESTARTING: "is being started again",
    Phase.FAILED: "did not start",
    Phase.STOPPED: "is stopped",
}


class Served(Value):
    """An engine's role and state, apart from the engine so that a builder can be tested."""

    role: str
    model: str
    engine: str
    state: EngineState


def served(supporter: Engine, judge: Engine) -> tuple[Served, ...]:
    """The supporter's model, and the judge's where that is another: an adapter's backbone, say."""
    talks, judges = supporter.models[0].name, judge.model_name
    same = judge is supporter and talks == judges
    roles = [("Model and judge" if same else "Model", supporter, talks)]
    if not same:
        roles.append(("Judge", judge, judges))
    return tuple(
        Served(role=role, model=model, engine=engine.name, state=engine.state)
        for role, engine, model in roles
    )


def settled(engines: Sequence[Served]) -> bool:
    """Whether nothing is on its way, so that nobody needs to look again soon."""
    return all(one.state.phase in {Phase.READY, Phase.FAILED} for one in engines)


def header(engines: Sequence[Served], navigation: str = "", *, talking: bool = True) -> str:
    """`talking`: whether this page is where somebody talks with the AI, which it then says."""
    mark = (
        f'<span class="ai-mark"><b aria-hidden="true">AI</b>'
        f"<span>{esc(care_texts().mark)}</span></span>"
    )
    return (
        f'<header class="masthead"><div class="brand">{LOGO}<h1>perm-chat</h1></div>'
        f"{navigation}{mark if talking else ''}{_chip(engines)}</header>{_loading(engines)}"
    )


def engines_card(engines: Sequence[Served]) -> str:
    """For the sidebar: each model with its state and what to do about it."""
    return "".join(
        f'<div class="engine {one.state.phase.value}"><p class="role">{one.role}</p>'
        f'<p class="name">{esc(one.model)} <small>{esc(one.engine)}</small></p>'
        f'<p class="state"><i class="dot"></i>{_said(one)}</p></div>'
        for one in engines
    )


def _said(one: Served) -> str:
    state = one.state
    said = WORDS[state.phase].removeprefix("is ").capitalize()
    more = ". ".join(esc(text.rstrip(".")) for text in (state.detail, state.todo) if text)
    return f"{said}. {more}" if more else said


def _chip(engines: Sequence[Served]) -> str:
    worst = next((one for one in engines if one.state.phase is not Phase.READY), engines[0])
    return (
        f'<p class="chip {worst.state.phase.value}" title="{esc(worst.model)} '
        f'{WORDS[worst.state.phase]}"><i class="dot"></i><span class="name">{esc(worst.model)}'
        f'</span><span class="sr"> {WORDS[worst.state.phase]}</span></p>'
    )


def _loading(engines: Sequence[Served]) -> str:
    """A calm line with progress while something is on its way, or what went wrong."""
    found = ""
    for one in engines:
        state = one.state
        if state.phase is Phase.READY:
            continue
        if state.phase is Phase.FAILED:
            found += (
                f'<div class="loading failed" role="alert"><p><b>{esc(one.model)} did not start.'
                f"</b> {esc(state.detail)}</p><p>{esc(state.todo)}</p></div>"
            )
            continue
        found += (
            f'<div class="loading"><p><b>{esc(one.model)}</b> {WORDS[state.phase]}. '
            f"{esc(state.detail)}</p>{_progress(state.progress)}"
            '<p class="hint">You can write already; your message waits its turn.</p></div>'
        )
    return found


def _progress(progress: float | None) -> str:
    if progress is None:
        return '<div class="track unknown" aria-hidden="true"><span></span></div>'
    percent = 100 * min(1.0, max(0.0, progress))
    return (
        f'<div class="track" role="progressbar" aria-label="Loading" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent:.0f}">'
        f'<span style="width:{percent:.1f}%"></span></div>'
    )
