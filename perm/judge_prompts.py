"""What a judge sees: what never changes first, then an append-only transcript, then the ask.

So the rubric is computed once for all calls, and the prompt of turn k+1 repeats that of turn k to
the end of its part: an engine that caches prefixes reads only what is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perm.fencing import quoted
from perm.parsing import SupporterOutput
from perm.rubrics import Rubric, fill
from perm.types import Exchange, JudgeContext, Method, Perspective


def contexts_for(
    persona: str,
    scenario: str,
    message: str,
    output: SupporterOutput,
    history: Sequence[Exchange] = (),
) -> dict[Perspective, JudgeContext]:
    """What each of the four may see of a turn: the Analysis or the Response, never both."""
    return {
        perspective: JudgeContext(
            persona=persona,
            scenario=scenario,
            message=message,
            part=output.analysis if perspective.rates_analysis else output.response,
            history=tuple(history),
        )
        for perspective in Perspective
    }


def user_message(rubric: Rubric, context: JudgeContext, method: Method) -> str:
    """The user message: persona and scenario, the transcript, the part that is rated, the ask.

    All that others wrote is quoted (perm.fencing) and filled in in one pass.
    """
    return "\n\n".join([*_conversation(rubric, context), rubric.asks[method]])


def _conversation(rubric: Rubric, context: JudgeContext) -> Iterator[str]:
    def paragraph(name: str, text: str) -> str:
        return fill(rubric.conversation[name], {name: quoted(text)})

    if context.persona.strip():
        yield paragraph("persona", context.persona)
    if context.scenario.strip():
        yield paragraph("scenario", context.scenario)
    for exchange in context.history:
        yield paragraph("message", exchange.message)
        yield paragraph("response", exchange.response)
    yield paragraph("message", context.message)
    yield paragraph(rubric.part, context.part)
