"""Logging in, and who is logged in, as HTML. Pure: escaped text out."""

from __future__ import annotations

from chat.store.account_records import Account
from chat.ui.markup import esc
from chat.ui.rating_pages.frame import document

ABOUT = "Behind it is an AI"


def login_page(wanted: str, *, name: str = "", said: str = "", todo: str = "") -> str:
    """`wanted`: where to go afterwards; `name`: as it was written; `said`: why it did not work."""
    wrong = (
        f'<p class="wrong" role="alert" id="wrong">{esc(said)}<span>{esc(todo)}</span></p>'
        if said
        else ""
    )
    described = ' aria-describedby="wrong"' if said else ""
    focus = {"name": "" if name else " autofocus", "password": " autofocus" if name else ""}
    body = (
        '<section class="rate-card login"><h1>Log in</h1>'
        '<p class="lede">Your conversations here are yours alone.</p>'
        f'{wrong}<form method="post" action="/login">'
        f'<input type="hidden" name="next" value="{esc(wanted)}">'
        f'<label class="why">Name<input name="name" value="{esc(name)}" required '
        f'autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="100"'
        f"{described}{focus['name']}></label>"
        '<label class="why">Password<input name="password" type="password" required '
        f'autocomplete="current-password" maxlength="1000"{described}{focus["password"]}></label>'
        '<button class="main">Log in</button></form>'
        '<p class="small-print">No account, or the password is lost? Ask whoever runs this server. '
        "A cookie keeps you logged in for two weeks.</p></section>"
    )
    return document("Log in · perm-chat", body, about=ABOUT)


def account_page(account: Account) -> str:
    """Who is logged in, and the way out."""
    may = (
        "As an administrator you may also export everybody’s conversations, as far as they agreed; "
        "you see nobody else’s otherwise."
        if account.administrator
        else "Your conversations here are yours alone."
    )
    body = (
        f'<section class="rate-card login"><h1>{esc(account.name)}</h1><p class="lede">{may}</p>'
        '<form method="post" action="/logout"><button class="main">Log out</button></form>'
        '<form method="post" action="/logout"><input type="hidden" name="everywhere" value="yes">'
        '<button class="quiet">Log out on every device</button></form>'
        '<p><a class="quiet" href="/">Back to the conversation</a></p></section>'
    )
    return document("Account · perm-chat", body, about=ABOUT)
