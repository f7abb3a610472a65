"""Logging in, and who is logged in, as HTML. Pure: escaped text out."""

from __future__ import annotations

from chat.accounts.passwords import LONGEST, SHORTEST
from chat.store.account_records import Account
from chat.ui.markup import esc
from chat.ui.rating_pages.frame import document

ABOUT = "Behind it is an AI"
DONE = '<p class="done" role="status">Your password is changed.</p>'


def login_page(wanted: str, *, name: str = "", said: str = "", todo: str = "") -> str:
    """`wanted`: where to go afterwards; `name`: as it was written; `said`: why it did not work."""
    wrong = _wrong(said, todo)
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


def account_page(account: Account, *, said: str = "", todo: str = "", changed: bool = False) -> str:
    """Who is logged in, another password, and the way out.

    `said`: why the password was not changed; `changed`: that it was.
    """
    may = (
        "As an administrator you may also export everybody’s conversations, as far as they agreed; "
        "you see nobody else’s otherwise."
        if account.administrator
        else "Your conversations here are yours alone."
    )
    body = (
        f'<section class="rate-card login"><h1>{esc(account.name)}</h1><p class="lede">{may}</p>'
        f"{_wrong(said, todo)}{DONE if changed else ''}"
        '<form method="post" action="/logout"><button class="main">Log out</button></form>'
        '<form method="post" action="/logout"><input type="hidden" name="everywhere" value="yes">'
        '<button class="quiet">Log out on every device</button></form>'
        f'<details class="password"{" open" if said else ""}><summary>Change the password</summary>'
        '<form method="post" action="/account/password">'
        '<label class="why">Password now<input name="password" type="password" required '
        'autocomplete="current-password" maxlength="1000"></label>'
        '<label class="why">New password<input name="wanted" type="password" required '
        f'autocomplete="new-password" minlength="{SHORTEST}" maxlength="{LONGEST}"></label>'
        '<button class="main">Change it</button></form>'
        '<p class="small-print">Every other device is logged out by it.</p></details>'
        '<p><a class="quiet" href="/">Back to the conversation</a></p></section>'
    )
    return document("Account · perm-chat", body, about=ABOUT)


def _wrong(said: str, todo: str) -> str:
    if not said:
        return ""
    return f'<p class="wrong" role="alert" id="wrong">{esc(said)}<span>{esc(todo)}</span></p>'
