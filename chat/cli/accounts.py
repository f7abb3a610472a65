"""`perm-chat accounts`: who may log in to a shared server. Passwords are asked for, never flags."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

import typer

from chat.accounts import SHORTEST, Accounts
from chat.cli.exports import SETTINGS, opened
from chat.cli.options import with_some_settings
from chat.cli.people import for_people
from chat.limits import Refused
from chat.settings import Settings
from chat.store import Store
from chat.store.account_records import AccountSummary, Role

T = TypeVar("T")

accounts: Final = typer.Typer(
    help="Who may log in to a shared server (serve --login).", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The name; large and small letters are one.")]


@with_some_settings(*SETTINGS)
def add(
    settings: Settings,
    name: Name,
    administrator: Annotated[
        bool,
        typer.Option("--administrator", help="May export everybody's conversations."),
    ] = False,
) -> None:
    """Add an account. The password is asked for, or read as one line from standard input."""
    role = Role.ADMINISTRATOR if administrator else Role.PERSON
    password = read_password()
    made = _with(settings, lambda store: Accounts(store).add(name, password, role))
    typer.echo(f"{made.name} may log in. What is said under this name belongs to {made.owner}.")


@with_some_settings(*SETTINGS)
def listed(settings: Settings) -> None:
    """List the accounts, with their owner as exports name it."""
    found = _with(settings, lambda store: Accounts(store).listed())
    for one in found:
        typer.echo(_line(one))
    if not found:
        typer.echo("There are no accounts. Add one with: perm-chat accounts add NAME")


@with_some_settings(*SETTINGS)
def password(settings: Settings, name: Name) -> None:
    """Give an account a new password. Every login of it ends."""
    new = read_password()
    _with(settings, lambda store: Accounts(store).set_password(name, new))
    typer.echo(f"{name} has a new password, and is logged out everywhere.")


@with_some_settings(*SETTINGS)
def remove(
    settings: Settings,
    name: Name,
    conversations: Annotated[
        bool | None,
        typer.Option(
            "--delete-conversations/--keep-conversations",
            help="What becomes of what was said under it; to be said where there is something.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Remove an account, and end its logins at once."""
    typer.echo(_with(settings, lambda store: _removed(store, name, conversations)))


async def _removed(store: Store, name: str, delete: bool | None) -> str:
    known = await store.accounts.by_name(name)
    if known is None:
        raise Refused("There is no account of this name.", "See perm-chat accounts list.")
    owner = known[0].owner
    talks = await store.conversation_ids(owner)
    if talks and delete is None:
        raise Refused(
            f"{len(talks)} conversations belong to {known[0].name}.",
            "Say --delete-conversations or --keep-conversations.",
        )
    gone = await store.accounts.remove(name)
    if not talks or not delete:
        left = f" {len(talks)} conversations of {owner} stay." if talks else ""
        return f"{gone.name} may not log in any more.{left}"
    for study in await store.studies.listed(owner):
        await store.studies.delete(owner, study.study.id)
    for place in await store.conversation_ids(owner):
        await store.delete_conversation(owner, place)
    return f"{gone.name} may not log in any more. {len(talks)} conversations are deleted."


def read_password() -> str:
    """Asked for twice and not shown; or one line of standard input, for scripts."""
    if sys.stdin.isatty():
        return str(
            typer.prompt(
                f"Password (at least {SHORTEST} characters)",
                hide_input=True,
                confirmation_prompt="Once more",
            )
        )
    return sys.stdin.readline().rstrip("\r\n")


def _with(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened(settings) as store:
            return await work(store)

    return asyncio.run(run())


def _line(one: AccountSummary) -> str:
    account = one.account
    return (
        f"{account.name}  {account.role.value}, since {account.created_at:%Y-%m-%d}, logged in"
        f" {one.logins} times, {one.conversations} conversations, owner {account.owner}"
    )


for _name, _command in {
    "add": add,
    "list": listed,
    "password": password,
    "remove": remove,
}.items():
    accounts.command(_name)(for_people(_command))
