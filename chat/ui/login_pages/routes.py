"""Log in, log out, and the page that says who is logged in."""

# Annotations stay values here: FastAPI reads them.

from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from chat.accounts import LoginRefused
from chat.limits import Refused, TooOften
from chat.services import Services
from chat.ui.login_pages.sheets import account_page, login_page
from chat.ui.rating_pages.answers import go, html_page, told
from chat.visitors import LOGIN_COOKIE, cookies_of, set_cookie, visitor_of

LASTS: Final = 14 * 24 * 3600
"""Seconds that a browser keeps the cookie; the server decides for itself."""


def login_routes(services: Services) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    accounts, on = services.accounts, services.settings.login

    @routes.get("/login")
    async def ask(request: Request) -> Response:
        async def asked() -> Response:
            _only_if(on)
            wanted = place_in(request.query_params.get("next", ""))
            known = visitor_of(request).account is not None
            return go(wanted) if known else html_page(login_page(wanted))

        return await told(asked())

    @routes.post("/login")
    async def log_in(request: Request) -> Response:
        return await told(_log_in(services, request))

    @routes.get("/logout")
    async def way_out() -> Response:
        return go("/account")  # what changes something is a POST

    @routes.post("/logout")
    async def log_out(request: Request) -> Response:
        async def logged_out() -> Response:
            _only_if(on)
            account = visitor_of(request).account
            if account is not None and (await request.form()).get("everywhere") == "yes":
                await accounts.log_out_everywhere(account)
            await accounts.log_out(cookies_of(request.headers).get(LOGIN_COOKIE, ""))
            answer = go("/login")
            _give(answer, request, "", 0)
            answer.headers["clear-site-data"] = '"cache", "storage"'
            return answer

        return await told(logged_out())

    @routes.get("/account")
    async def who(request: Request) -> Response:
        async def shown() -> Response:
            _only_if(on)
            account = visitor_of(request).account
            return go("/login") if account is None else html_page(account_page(account))

        return await told(shown())

    @routes.post("/account/password")
    async def change(request: Request) -> Response:
        return await told(_change_password(services, request))

    return routes


async def _change_password(services: Services, request: Request) -> Response:
    _only_if(services.settings.login)
    account = visitor_of(request).account
    if account is None:
        return go("/login")
    form = await request.form()
    password, wanted = str(form.get("password", "")), str(form.get("wanted", ""))
    try:
        token = await services.accounts.change_password(
            account, password, wanted, request.client.host if request.client else ""
        )
    except TooOften as error:
        answer = html_page(account_page(account, said=error.what, todo=error.todo), 429)
        answer.headers["retry-after"] = str(error.seconds)
        return answer
    except Refused as error:
        status = 401 if isinstance(error, LoginRefused) else 400
        return html_page(account_page(account, said=error.what, todo=error.todo), status)
    answer = html_page(account_page(account, changed=True))
    _give(answer, request, token, LASTS)
    return answer


async def _log_in(services: Services, request: Request) -> Response:
    _only_if(services.settings.login)
    form = await request.form()
    name, password = str(form.get("name", "")), str(form.get("password", ""))
    wanted = place_in(str(form.get("next", "")))
    address = request.client.host if request.client else ""
    try:
        token = await services.accounts.log_in(name, password, address)
    except TooOften as error:
        again = login_page(wanted, name=name, said=error.what, todo=error.todo)
        answer = html_page(again, 429)
        answer.headers["retry-after"] = str(error.seconds)
        return answer
    except LoginRefused as error:
        return html_page(login_page(wanted, name=name, said=error.what, todo=error.todo), 401)
    answer = go(wanted)
    _give(answer, request, token, LASTS)
    return answer


def place_in(text: str) -> str:
    """Where to go after the login: a page of this server, or its first one."""
    parts = urlsplit(text) if text.isprintable() and "\\" not in text else None
    if parts is None or parts.scheme or parts.netloc or not text.startswith("/"):
        return "/"
    return "/" if text.startswith("//") or parts.path in {"/login", "/logout"} else text


def _give(answer: Response, request: Request, token: str, lasts: int) -> None:
    secure = request.url.scheme == "https"
    answer.headers.append("set-cookie", set_cookie(LOGIN_COOKIE, token, lasts, secure=secure))


def _only_if(on: bool) -> None:
    if not on:
        raise Refused("Nobody logs in here.", "This server knows each browser by a cookie.")
