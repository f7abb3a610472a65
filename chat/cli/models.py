"""`perm-chat models list | pull | check`: the catalogue, and the files in the models folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from chat.cli.checkpoint import is_checkpoint, tell_of
from chat.cli.options import with_some_settings
from chat.cli.people import INTERRUPTED, for_people, size
from chat.engines import fetching, lora
from chat.engines.catalogue import Entry, entries, find
from chat.settings import Settings
from perm.types import EngineError, EngineFault

INDENT: Final = "    "

models = typer.Typer(
    help="The models that perm-chat knows: list, pull, check.", no_args_is_help=True
)


@models.command("list")
@for_people
@with_some_settings("models_dir")
def list_models(settings: Settings) -> None:
    """List the models of the catalogue, which of them are here, and the LoRA adapters beside them.

    An adapter's name serves as --model, with the engines vllm and transformers.
    """
    console = Console(highlight=False)
    for entry in entries():
        for line in _card(entry, settings.models_dir):
            console.print(line, soft_wrap=True)
    for line in _beside(asyncio.run(lora.adapters_in(settings.models_dir))):
        console.print(line, soft_wrap=True)
    console.print(f"\nFiles lie in {settings.models_dir}", soft_wrap=True)


@models.command("pull")
@for_people
@with_some_settings("models_dir")
def pull(
    settings: Settings,
    name: Annotated[
        str, typer.Argument(help="A name from the list. Default: the model for this machine.")
    ] = "",
) -> None:
    """Fetch a model. What has come stays when it breaks off, and the next pull goes on from there.

    The file is used only if its SHA-256 is the catalogue's.
    """
    wanted = find(name) if name else None
    try:
        path = asyncio.run(_pull(wanted, settings.models_dir))
    except KeyboardInterrupt:
        typer.echo("Stopped. What has come is kept; pull again to go on.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(str(path))


@models.command("check")
@for_people
@with_some_settings("models_dir")
def check(
    settings: Settings,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names from the list (default: all that are here), folders with a checkpoint, "
            "or repositories of the hub as OWNER/NAME."
        ),
    ] = None,
) -> None:
    """Compare models of the list byte for byte (SHA-256); examine checkpoints by their headers.

    A checkpoint is not loaded: the headers of its files and its config.json tell whether every
    weight is there. Exit code: 1 if something is missing or is not what it should be.
    """
    sources = [name for name in names or () if is_checkpoint(name)]
    wanted = [find(name) for name in names or () if name not in sources]
    unsound = [source for source in sources if not tell_of(source)]
    checked = wanted or [entry for entry in entries() if _is_here(entry, settings.models_dir)]
    if sources and not wanted:
        raise typer.Exit(1 if unsound else 0)
    if not checked:
        raise EngineError(
            EngineFault.NOT_READY,
            f"There is no model in {settings.models_dir}.",
            "Fetch one: perm-chat models pull",
        )
    if not asyncio.run(_check(checked, settings.models_dir)) or unsound:
        raise typer.Exit(1)


async def fetch_with_bar(entry: Entry, models_dir: Path) -> Path:
    """The model's file. What is fetched is said first, with its size, then shown as it comes.

    Raises `EngineError` with what is in the way.
    """
    console = Console(stderr=True, highlight=False)
    if found := fetching.present(entry, models_dir):
        return found
    about = f"{entry.name}, {size(entry.size or 0)}, {entry.licence}, from {entry.origin}"
    console.print(f"Fetching {about}", soft_wrap=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console) as progress:
        task = progress.add_task("Fetching", total=entry.size)
        return await fetching.fetch(
            entry,
            models_dir,
            lambda done, total: progress.update(task, completed=done, total=total),
        )


async def _pull(wanted: Entry | None, models_dir: Path) -> Path:
    entry = wanted or await fetching.choose_default(models_dir)
    return await fetch_with_bar(entry, models_dir)


async def _check(checked: list[Entry], models_dir: Path) -> bool:
    """Tell of each; whether all are right."""
    all_right = True
    for entry in checked:
        found = await fetching.check(entry, models_dir)
        all_right &= found.ok
        typer.echo(f"{entry.name}: {in_words(entry, found)}")
    return all_right


def in_words(entry: Entry, found: fetching.Presence) -> str:
    """What a check found."""
    if not found.present and found.begun:
        return f"{size(found.begun)} of {size(entry.size or 0)} are here; pull goes on from there."
    if not found.present:
        return "it is not here."
    if found.hash_ok is False:
        return f"{found.path} is not this model: its SHA-256 differs. Remove it and pull it again."
    return f"{found.path} is right ({size(found.size or 0)}, SHA-256 as in the catalogue)."


def _is_here(entry: Entry, models_dir: Path) -> bool:
    return bool(entry.file) and (models_dir / entry.file).is_file()


def _card(entry: Entry, models_dir: Path) -> list[Text]:
    """A model in three lines."""
    facts = [size(entry.size) if entry.size else "size unknown", entry.licence]
    facts += [f"for {' or '.join(entry.engines)}"]
    if fetching.present(entry, models_dir):
        facts.append("here")
    elif not entry.file:
        facts.append("fetched by its engine at the first start")
    return [
        Text.assemble((entry.name, "bold"), "  ", "; ".join(facts)),
        Text(INDENT + entry.about),
        Text(INDENT + entry.origin),
    ]


def _beside(found: Sequence[lora.Found]) -> Iterator[Text]:
    """The adapters in the models folder, an adapter in two lines; nothing where there is none."""
    for one in found:
        about = "LoRA adapter"
        if one.adapter is None:
            yield Text.assemble((one.name, "bold"), f"  {about}; it cannot be served")
            yield Text(INDENT + one.why_not)
        else:
            facts = f"{about}; rank {one.adapter.rank}; for vllm or transformers; here"
            yield Text.assemble((one.name, "bold"), "  ", facts)
            yield Text(f"{INDENT}Beside {one.adapter.base_model}")
