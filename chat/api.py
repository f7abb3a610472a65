"""The HTTP API: the same turns as on the page, as server-sent events; scores; and health.

Who asks is decided elsewhere (`owner_of`); everything a person may not see is simply not found.
"""

# Annotations stay values here: FastAPI reads dependencies from them that live inside `router`.

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

from fastapi import APIRouter, Body, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field
from starlette.exceptions import HTTPException

from chat.downloads import NotAdministrator
from chat.engines.base import Engine, Phase
from chat.events import TurnEvent, TurnFailed
from chat.limits import MAX_CANDIDATES, Refused, TooOften
from chat.plain_json import dumps
from chat.scoring import BadRecord, Record, Scorer, as_line, in_words, method_for, read_record
from chat.services import Services
from chat.store import NotFound
from chat.store.records import Consents
from chat.store.study_records import PickedBy
from perm.types import Part, PermError, Value

MAX_RECORDS: Final = 100
"""Records of one call to /api/score."""

STATUS: Final = {Part.INPUT: 400, Part.SETTINGS: 500}
"""By where an error came from; every other part is a service that is not available now."""

ANY: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Owner = Callable[[Request], str]


class NewTurn(Value):
    """The body of `POST /api/turns`.

    With a `conversation_id` the conversation goes on, and persona, scenario, consents and model are
    its own; without one a new conversation begins. Unless `consents.keep` is true it leaves no
    trace. `model`: one of those that `GET /api/models` lists; left out, the first. `candidates`:
    so many replies to this one message, each event saying by its `reply_id` which it is about.
    """

    message: str
    conversation_id: UUID | None = None
    persona: str | None = None
    scenario: str | None = None
    consents: Consents | None = None
    model: str | None = None
    candidates: int = Field(default=1, ge=1, le=MAX_CANDIDATES)


class Pick(Value):
    """The body of `POST /api/turns/{turn_id}/pick`: which reply; none is the highest reward."""

    reply_id: UUID | None = None


@dataclass(frozen=True)
class Begun:
    """A turn that is under way: its first event, and the others as they come."""

    first: TurnEvent
    rest: AsyncIterator[TurnEvent]


class Refusal(PermError):
    """A turn that did not begin, for the reason its event gave."""

    def __init__(self, event: TurnFailed) -> None:
        super().__init__(event.what, event.todo)
        self.part, self.wait = event.part, event.wait


class Answer(Response):
    """JSON as it leaves the app: ASCII, no NaN."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return dumps(content).encode("ascii")


def handle_errors(app: FastAPI) -> None:
    """Every error of the app becomes JSON for people: part, what happened, what to do."""

    @app.exception_handler(PermError)
    async def known(_: Request, error: PermError) -> Response:
        wait = _wait_of(error)
        more = {"Retry-After": str(wait)} if wait is not None else None
        return failure(status_of(error), error.part, error.what, error.todo, more)

    @app.exception_handler(RequestValidationError)
    async def not_understood(_: Request, error: RequestValidationError) -> Response:
        what = f"The request cannot be used: {in_words(error.errors())}"
        return failure(422, Part.INPUT, what, "Correct it and send it again.")

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        return failure(error.status_code, Part.INPUT, str(error.detail), "", error.headers)

    @app.exception_handler(Exception)
    async def unknown(_: Request, error: Exception) -> Response:
        what = f"Something went wrong inside perm-chat ({type(error).__name__})."
        return failure(500, "app", what, "Try again; the log of the server says more.")


def status_of(error: PermError) -> int:
    """The HTTP status that an error has."""
    if _wait_of(error) is not None:
        return 429
    if isinstance(error, NotAdministrator):
        return 403
    return 404 if isinstance(error, NotFound) else STATUS.get(error.part, 503)


def _wait_of(error: PermError) -> int | None:
    """Seconds until what came too often may come again."""
    if isinstance(error, Refusal):
        return error.wait
    return error.seconds if isinstance(error, TooOften) else None


def failure(
    status: int, part: str, what: str, todo: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An error as an answer."""
    return Answer({"error": {"part": part, "what": what, "todo": todo}}, status, headers)


def router(services: Services, owner_of: Owner) -> APIRouter:
    """The routes. `owner_of` tells from a request who asks."""
    routes = APIRouter()

    async def begun(turn: NewTurn, owner: Annotated[str, Depends(owner_of)]) -> Begun:
        return await _begin(services, owner, turn)

    @routes.post("/api/turns", response_class=EventSourceResponse)
    async def turns(turn: Annotated[Begun, Depends(begun)]) -> AsyncIterator[ServerSentEvent]:
        """One turn as it happens. Hanging up ends the stream, never the turn."""
        yield sent(turn.first)
        async for event in turn.rest:
            yield sent(event)

    @routes.post("/api/turns/{turn_id}/pick")
    async def pick(turn_id: UUID, wish: Pick, owner: Annotated[str, Depends(owner_of)]) -> Response:
        """Go on from one of a turn's replies; the others stay, as rejected ones."""
        session = services.session
        if wish.reply_id is None:
            picked = await session.pick_highest(owner, turn_id)
        else:
            store, _ = await session.find_turn(owner, turn_id)
            turn = await store.turn(owner, turn_id)
            if wish.reply_id not in {reply.id for reply in turn.replies}:
                raise NotFound("reply")
            picked = wish.reply_id
            await session.pick_reply(owner, picked, PickedBy.PERSON)
        return Answer({"reply_id": str(picked)})

    @routes.post("/api/score")
    async def score(body: Annotated[Any, Body()]) -> Response:  # noqa: ANN401
        """Four verdicts and a reward for a record, or a list of them for a list of records."""
        if isinstance(body, list):
            records = _read_all(body)
            scorer = await _scorer(services)
            return Answer([await _scored(scorer, record) for record in records])
        record = read_record(body)
        return Answer(await _scored(await _scorer(services), record))

    @routes.get("/api/models")
    async def models() -> Response:
        """The models that a conversation can be begun with; the first is used unless one is named.

        The list is complete once `/healthz` says that the engine is ready.
        """
        return Answer([choice.model_dump() for choice in services.supporter.models])

    @routes.get("/healthz")
    async def healthz() -> Response:
        """Engine, judge and store, each by name: 200 when all are ready, else 503."""
        parts = await health(services)
        ready = all(part["ready"] for part in parts.values())
        return Answer({"ready": ready, **parts}, 200 if ready else 503)

    @routes.api_route("/api/{_:path}", methods=ANY, include_in_schema=False)
    async def nothing() -> Response:
        """What is not there is told as errors are; the page's own routes stand behind these."""
        raise HTTPException(404, "There is nothing at this address for this method.")

    return routes


async def health(services: Services) -> dict[str, dict[str, Any]]:
    """The three parts by name, each with its state; what the page's doctor and monitors read."""
    store = await services.store.check()
    return {
        "engine": _engine_health(services.supporter),
        "judge": _engine_health(services.judge_engine),
        "store": {"ready": store.ok, "name": store.database, "detail": store.detail},
    }


def _engine_health(engine: Engine) -> dict[str, Any]:
    state = engine.state
    return {
        "ready": state.phase is Phase.READY,
        "name": engine.name,
        "model": engine.model_name,
        "phase": state.phase.value,
        "detail": state.detail,
        "todo": state.todo,
    }


async def _begin(services: Services, owner: str, turn: NewTurn) -> Begun:
    """Begin the turn, as far as its first event, so that a refusal has a status of its own."""
    session = services.session
    session.limits.check_message(turn.message)
    conversation_id = turn.conversation_id or await _new_conversation(services, owner, turn)
    if turn.conversation_id is not None:
        _refuse_second_frame(turn)
        await session.conversation(owner, conversation_id)
    events = (
        session.run_turn(owner, conversation_id, turn.message)
        if turn.candidates == 1
        else session.candidates(owner, conversation_id, turn.message, turn.candidates)
    )
    first = await anext(events)
    if isinstance(first, TurnFailed) and not first.saved:
        if turn.conversation_id is None:
            await session.delete(owner, conversation_id)
        raise Refusal(first)
    return Begun(first, events)


async def _new_conversation(services: Services, owner: str, turn: NewTurn) -> UUID:
    persona, scenario = turn.persona or "", turn.scenario or ""
    services.session.limits.check_text("persona", persona)
    services.session.limits.check_text("scenario", scenario)
    consents = turn.consents or Consents()
    session = services.session
    return (await session.begin(owner, persona, scenario, consents, turn.model)).id


def _refuse_second_frame(turn: NewTurn) -> None:
    if any(given is not None for given in (turn.persona, turn.scenario, turn.consents, turn.model)):
        raise Refused(
            "A conversation keeps the persona, the scenario, the consents and the model it began "
            "with.",
            "Leave them out, or leave the conversation_id out to begin another.",
        )


def sent(event: TurnEvent) -> ServerSentEvent:
    """An event as the stream carries it."""
    return ServerSentEvent(event=event.event, raw_data=dumps(event))


def _read_all(body: list[object]) -> list[Record]:
    if not 1 <= len(body) <= MAX_RECORDS:
        raise BadRecord(
            f"There are {len(body)} records; 1 to {MAX_RECORDS} are taken at once.",
            "Send them in parts, or use the command perm-chat score.",
        )
    records = []
    for number, value in enumerate(body, start=1):
        try:
            records.append(read_record(value))
        except BadRecord as error:
            raise BadRecord(f"Record {number}: {error.what}", error.todo) from None
    return records


async def _scorer(services: Services) -> Scorer:
    """A scorer that stands in the same line as the page's judging: chat goes first."""
    serving, settings = services.session.serving, services.settings
    judge = await serving.judge()
    return Scorer(
        judge=judge,
        method=method_for(settings.method, services.judge_engine.capabilities),
        reward=settings.reward,
        gate=lambda call: serving.line.judging(uuid4(), call),
    )


async def _scored(scorer: Scorer, record: Record) -> dict[str, Any]:
    return {"id": record.id, **as_line(await scorer.score(record))}
