"""The HTTP API's judging again: `GET /api/judges`, `POST /api/replies/{reply_id}/judge`."""

# Annotations stay values here: FastAPI reads dependencies from them that live inside `router`.

from collections.abc import AsyncIterator, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from chat.api import Answer, Begun, Refusal, sent
from chat.events import TurnFailed
from chat.judge_choice import IN_USE, JudgeChoice
from chat.services import Services
from perm.types import Method, Perspective, Value


class JudgeAgain(Value):
    """The body. `judge` and `prompts`: as `GET /api/judges` names them; left out: as set."""

    judge: str = IN_USE
    prompts: str = IN_USE
    method: Method | None = None
    perspectives: tuple[Perspective, ...] = tuple(Perspective)


def router(services: Services, owner_of: Callable[[Request], str]) -> APIRouter:
    routes = APIRouter()
    session = services.session

    async def begun(
        reply_id: UUID, wish: JudgeAgain, owner: Annotated[str, Depends(owner_of)]
    ) -> Begun:
        by = JudgeChoice(judge=wish.judge, prompts=wish.prompts)
        events = session.judge(owner, reply_id, wish.perspectives, wish.method, by)
        await session.find_reply(owner, reply_id)  # one that is not there has its own status
        first = await anext(events)
        if isinstance(first, TurnFailed):
            raise Refusal(first)
        return Begun(first, events)

    @routes.get("/api/judges")
    async def judges() -> Response:
        """Who can judge, the one in use first, and the further versions of the judges' prompts."""
        offered = session.serving.judges
        listed = [one.model_dump() for one in offered.judges()]
        return Answer({"judges": listed, "prompts": await offered.prompts()})

    @routes.post("/api/replies/{reply_id}/judge", response_class=EventSourceResponse)
    async def judge(
        judging: Annotated[Begun, Depends(begun)],
    ) -> AsyncIterator[ServerSentEvent]:
        """New verdicts as they land; the old ones stay."""
        yield sent(judging.first)
        async for event in judging.rest:
            yield sent(event)

    return routes
