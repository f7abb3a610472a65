"""The addresses under /rate/turns: an invitation's token in the path, the rater from the cookie."""

# Annotations stay values here: FastAPI reads them.

from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request, Response

from chat.services import Services
from chat.store.records import FeedbackInput
from chat.ui.crisis_card import Whereabouts, country_of
from chat.ui.feedback import FormValues, NotFeedback, feedback_of
from chat.ui.rating_pages import turn_sheets
from chat.ui.rating_pages.answers import go, html_page, told, uuid_in


def turn_routes(services: Services, owner_of: Callable[[Request], str]) -> APIRouter:
    """`owner_of` tells who asks: the rater, with no more rights than the token gives."""
    routes = APIRouter(prefix="/rate/turns", include_in_schema=False)
    invitations, settings = services.store.invitations, services.settings

    def where(request: Request) -> Whereabouts:
        country = country_of(request.headers.get("accept-language", ""))
        return Whereabouts(country=country, file=settings.helplines_file)

    @routes.get("/{token}")
    async def page(token: str, request: Request) -> Response:
        async def shown() -> Response:
            found = await invitations.read(token, owner_of(request))
            place = _place(request.query_params.get("turn", ""), len(found.turns))
            if found.closed or request.query_params.get("agreed") != "yes" or not found.turns:
                return html_page(turn_sheets.invited_page(token, found))
            if place is None:
                return html_page(turn_sheets.thanks_page(token, found))
            return html_page(turn_sheets.turn_page(token, found, place, where(request)))

        return await told(shown())

    @routes.post("/{token}/say")
    async def say(token: str, request: Request) -> Response:
        async def said() -> Response:
            form = {name: str(value) for name, value in (await request.form()).items()}
            rater = owner_of(request)
            try:
                given = _given(form)
            except NotFeedback as refused:
                found = await invitations.read(token, rater)
                place = _place(form.get("turn", ""), len(found.turns)) or 1
                again = turn_sheets.turn_page(
                    token, found, place, where(request), sent=form, said=str(refused)
                )
                return html_page(again)
            await invitations.rate(token, rater, uuid_in(form.get("reply", ""), "reply"), given)
            turn = form.get("turn", "")
            following = int(turn) + 1 if turn.isascii() and turn.isdecimal() else 1
            return go(f"/rate/turns/{token}?turn={following}&agreed=yes")

        return await told(said())

    @routes.post("/{token}/withdraw")
    async def withdraw(token: str, request: Request) -> Response:
        async def withdrawn() -> Response:
            await invitations.withdraw(token, owner_of(request))
            return html_page(turn_sheets.withdrawn_page())

        return await told(withdrawn())

    return routes


def _place(text: str, turns: int) -> int | None:
    """A turn's place from 1; None after the last one, and for what is none."""
    place = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    return place if 1 <= place <= turns else None


def _given(form: Mapping[str, str]) -> FeedbackInput:
    """The form as feedback. Raises `NotFeedback`, in words, for what is outside its scale."""

    def number(name: str) -> int | None:
        text = form.get(name, "").strip()
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise NotFeedback("Bystander takes a whole number from 0 to 100.") from None

    return feedback_of(
        FormValues(
            thumb=number("thumb"),
            resonation=number("resonation"),
            expression=number("expression"),
            reception=number("reception"),
            bystander=number("bystander"),
            comment=form.get("comment", "")[:2000],
        )
    )
