"""`perm-chat export FORMAT --out DIR`: conversations with consent, as TRL's trainers take them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from chat.cli.exports import SETTINGS, opened
from chat.cli.options import with_some_settings
from chat.export import (
    ABOUT,
    TRAINER,
    Exported,
    Exporter,
    ExportError,
    FileType,
    FolderTarget,
    Format,
    Order,
    Summary,
)
from chat.export.order import ForWhat
from chat.export.redaction import presidio
from chat.settings import Settings
from chat.store import Store
from perm import rubrics

DAYS: Final = ["%Y-%m-%d"]
FORMATS: Final = "; ".join(
    f"{name.value}: {ABOUT[name][0].lower()}{ABOUT[name][1:]}"
    + (f" ({TRAINER[name]})" if name in TRAINER else "")
    for name in Format
)


@with_some_settings(*SETTINGS)
def export(  # noqa: PLR0917 - options are given by name
    settings: Settings,
    name: Annotated[Format, typer.Argument(metavar="FORMAT", help=f"{FORMATS}.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="A folder that is new or empty.")
    ] = None,
    with_analysis: Annotated[
        bool,
        typer.Option(
            "--with-analysis/--without-analysis",
            help="Completions and earlier turns with their Analysis, as PERM trains, or without.",
        ),
    ] = True,
    file_type: Annotated[
        FileType, typer.Option("--format", help="Type of the files; csv for scores alone.")
    ] = FileType.JSONL,
    purpose: Annotated[
        ForWhat, typer.Option(help="What it is for; the consent of this name is needed.")
    ] = ForWhat.TRAIN,
    test_share: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of conversations in the test split.")
    ] = 0.1,
    margin: Annotated[
        float, typer.Option(min=0.001, help="Gap between two rewards that makes a pair.")
    ] = 0.1,
    min_reward: Annotated[
        float | None, typer.Option(help="sft: the least reward.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option(help="Replies of this model alone.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=DAYS, help="From this day on.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=DAYS, help="Up to this day, which is in.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Whose conversations; not needed where there is one owner.")
    ] = None,
    all_owners: Annotated[
        bool, typer.Option("--all-owners", help="Everybody's. For an administrator.")
    ] = False,
    redact: Annotated[
        bool,
        typer.Option(
            "--redact", help="Take out what tells who somebody is, as far as Presidio finds it."
        ),
    ] = False,
    names: Annotated[
        str | None,
        typer.Option(help="An installed spaCy pipeline, so that --redact also finds names."),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what it would hold, and write nothing.")
    ] = False,
) -> None:
    """Export conversations whose people agreed to it, as a dataset with a card and checksums.

    Left out, and counted: what there is no consent for, turns that spoke of a crisis and what
    follows them, replies that are not complete. What was exported is recorded, so that a deletion
    can say which exports had contained a conversation.

    Exit code: 0 if it was written; 1 if there is nothing to export; 2 for settings.
    """
    if not preview and out is None:
        raise ExportError("There is nowhere to export to.", "Name a folder with --out.")
    wanted = _order(
        format=name,
        purpose=purpose.value,
        analysis=with_analysis,
        file_type=file_type,
        test_share=test_share,
        margin=margin,
        min_reward=min_reward,
        model=model,
        since=since and since.date(),
        until=until and until.date(),
        redact=redact or names is not None,
    )
    asyncio.run(_export(settings, wanted, None if preview else out, (owner, all_owners), names))


def _order(**values: object) -> Order:
    try:
        return Order.model_validate(values)
    except ValidationError as error:
        why = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise ExportError(
            f"This cannot be exported: {why}.", "See perm-chat export --help."
        ) from None


async def _export(
    settings: Settings,
    order: Order,
    out: Path | None,
    whose: tuple[str | None, bool],
    names: str | None,
) -> None:
    redactor = presidio(names) if order.redact else None
    async with opened(settings) as store:
        owners = await _owners(store, *whose)
        exporter = Exporter(store, rubrics.load(settings.prompts_dir).supporter, redactor)
        if out is None:
            typer.echo(in_words(await exporter.preview(order, owners)))
            return
        by = None if whose[1] else owners[0]
        done = await exporter.write(order, owners, FolderTarget(out), by)
    typer.echo(_done(done, out))


async def _owners(store: Store, owner: str | None, all_owners: bool) -> Sequence[str]:
    """Whose conversations are asked for; nobody's by mistake."""
    known = await store.owners()
    if not known:
        raise ExportError(
            "Nobody has a kept conversation here.",
            "Is it the right database? See perm-chat doctor.",
        )
    if all_owners:
        return known
    if owner is not None and owner not in known:
        raise ExportError(
            "Nobody of this name has a conversation here.", "Leave --owner out to see who has."
        )
    if owner is None and len(known) > 1:
        listed = "\n  ".join(known)
        raise ExportError(
            f"There are {len(known)} owners:\n  {listed}",
            "Say --owner, or --all-owners for everybody's.",
        )
    return [owner or known[0]]


def in_words(summary: Summary) -> str:
    """What an export holds and what not."""
    lines = [
        f"{split.value}: {one.rows} rows of {one.conversations} conversations, SHA-256 {one.digest}"
        for split, one in summary.splits.items()
    ] or ["There is nothing to export."]
    if summary.sources:
        lines.append("By source: " + ", ".join(f"{k} {n}" for k, n in summary.sources.items()))
    if summary.redacted:
        lines.append("Redacted: " + ", ".join(f"{k} {n}" for k, n in summary.redacted.items()))
    lines += [f"Left out: {number} {unit}, since {why}" for number, unit, why in summary.left_out]
    return "\n".join(lines)


def _done(done: Exported, out: Path) -> str:
    files = "\n".join(f"  {digest}  {out / name}" for name, digest in done.files.items())
    return f"{in_words(done.summary)}\nWritten:\n{files}"
