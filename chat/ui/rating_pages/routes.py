"""The addresses under /rate: a study's token in the path, the rater from the cookie."""

# Annotations stay values here: FastAPI reads them.

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, Request, Response

from chat.arena.arena import Arena
from chat.limits import Refused
from chat.services import Services
from chat.store.study_records import NewVote, StudyKind, StudyPrompt
from chat.ui.crisis_card import Whereabouts, country_of
from chat.ui.rating_pages import sheets
from chat.ui.rating_pages.answers import go, html_page, told, uuid_in


class NotAVote(Refused):
    """The form came without an answer that can be counted."""


def rating_routes(services: Services, owner_of: Callable[[Request], str]) -> APIRouter:
    """`owner_of` tells who asks: the rater, and no more rights than the token gives."""
    routes = APIRouter(prefix="/rate", include_in_schema=False)
    arena = services.arena

    @routes.get("/{token}")
    async def rate(token: str, request: Request) -> Response:
        return await told(_page(services, token, owner_of(request), request))

    @routes.get("/{token}/seen/{comparison_id}")
    async def seen(token: str, comparison_id: UUID, request: Request) -> Response:
        async def shown() -> Response:
            study = await arena.by_token(token)
            sheet, ballot = await arena.seen(token, owner_of(request), comparison_id)
            return html_page(sheets.seen_page(study, sheet, ballot))

        return await told(shown())

    @routes.post("/{token}/join")
    async def join(token: str, request: Request) -> Response:
        async def joined() -> Response:
            form = await request.form()
            if form.get("keep") == "yes":
                await arena.join(token, owner_of(request))
            return _go(token)

        return await told(joined())

    @routes.post("/{token}/vote")
    async def vote(token: str, request: Request) -> Response:
        return await told(_vote(arena, token, owner_of(request), request))

    @routes.post("/{token}/say")
    async def say(token: str, request: Request) -> Response:
        async def said() -> Response:
            form = await request.form()
            values = {name: str(form.get(name, "")) for name in StudyPrompt.model_fields}
            await arena.say(token, owner_of(request), StudyPrompt(**values))
            return _go(token)

        return await told(said())

    @routes.post("/{token}/withdraw")
    async def withdraw(token: str, request: Request) -> Response:
        async def withdrawn() -> Response:
            study = await arena.by_token(token)
            await arena.withdraw(token, owner_of(request))
            return html_page(sheets.withdrawn_page(study))

        return await told(withdrawn())

    return routes


async def _page(services: Services, token: str, rater: str, request: Request) -> Response:
    arena, settings = services.arena, services.settings
    study = await arena.by_token(token)
    progress = await arena.progress(token, rater)
    if not progress.joined:
        if study.closed:
            raise Refused("This study is closed.", "It takes no more votes; thank you.")
        return html_page(sheets.consent_page(study, progress.total))
    sheet = None if study.closed else await arena.next_sheet(token, rater)
    if sheet is not None:
        country = country_of(request.headers.get("accept-language", ""))
        where = Whereabouts(country=country, file=settings.helplines_file)
        return html_page(sheets.sheet_page(study, sheet, progress, where))
    summary = await services.store.studies.summary(study.owner, study.id)
    if summary.ready + summary.failed < summary.items and not study.closed:
        return html_page(sheets.writing_page(study, progress))
    if study.kind is StudyKind.OWN and study.owner == rater and not study.closed:
        return html_page(sheets.own_page(study, progress, settings.max_message_chars))
    if summary.failed and not progress.done:
        return html_page(sheets.failed_page(study))
    return html_page(sheets.done_page(study, progress))


async def _vote(arena: Arena, token: str, rater: str, request: Request) -> Response:
    form = await request.form()
    said = sheets.READ.get(str(form.get("answer", "")))
    if said is None:
        raise NotAVote("There was no answer in it.", "Go back and choose one of the six.")
    choice, margin = said
    why = str(form.get("why", "")).strip() or None
    comparison_id = uuid_in(str(form.get("comparison", "")), "comparison")
    given = NewVote(choice=choice, margin=margin, why=why)
    await arena.vote(token, rater, comparison_id, given)
    study = await arena.by_token(token)
    seen = f"/seen/{comparison_id}" if study.kind is StudyKind.OWN else ""
    return _go(token, seen)


def _go(token: str, further: str = "") -> Response:
    return go(f"/rate/{token}{further}")
