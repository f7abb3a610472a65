"""The commands of `perm-chat`. `serve` is added by app.py, which alone knows the page."""

from __future__ import annotations

from typing import Final

import typer

from chat.cli.accounts import accounts
from chat.cli.agree import agree
from chat.cli.backup import backup, restore
from chat.cli.doctor import doctor
from chat.cli.export import export
from chat.cli.exports import exports
from chat.cli.models import models
from chat.cli.people import for_people
from chat.cli.score import score
from chat.cli.selfcheck import selfcheck
from chat.cli.train import train

__all__ = ["cli", "for_people"]

cli: Final = typer.Typer(
    name="perm-chat",
    help="An empathetic chat with live feedback: every turn scored from four seats by PERM.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # rich would print local variables, keys among them
)
cli.command("doctor")(for_people(doctor))
cli.command("backup")(for_people(backup))
cli.command("restore")(for_people(restore))
cli.command("export")(for_people(export))
cli.command("exports")(for_people(exports))
cli.command("score")(for_people(score))
cli.command("selfcheck")(for_people(selfcheck))
cli.command("agree")(for_people(agree))
cli.command("train")(for_people(train))
cli.add_typer(models, name="models")
cli.add_typer(accounts, name="accounts")
