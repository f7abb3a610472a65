"""What an export would hold, and which there were: tables, built from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from chat.export import ABOUT, TRAINER, Format, Order, Summary
from chat.store import ExportRecord
from chat.ui.lists import ago
from chat.ui.markup import esc

SOURCES: Final = {
    "vote": "votes in the arena",
    "pick": "picks among drafts",
    "correction": "better words",
    "reward": "gaps between rewards",
    "chosen": "replies gone on with",
    "corrected": "better words",
}
SHOWN: Final = 12
"""Hex digits of a digest that are shown; the whole of it is in the title, and in the files."""


def about(name: Format) -> str:
    """What a format is, and who takes it."""
    trainer = TRAINER.get(name)
    taken = f"TRL's <code>{trainer}</code> takes it as it is." if trainer else "For tables, plots."
    return f'<p class="about">{esc(ABOUT[name])}. {taken}</p>'


def counting(done: int, total: int) -> str:
    """While it is being counted."""
    how_far = (
        f"{done:,} of {total:,} conversations so far. What you change begins it anew."
        if total
        else "It begins when others’ countings are done."
    )
    return (
        '<section class="preview counting" role="status"><h3>Counting…</h3>'
        f"<p>{how_far}</p>"
        f'<progress value="{done}" max="{max(total, 1)}" aria-label="Conversations counted">'
        "</progress></section>"
    )


def preview(summary: Summary, address: str, *, everybody: bool = False) -> str:
    """Counts, what was left out, and the link; or how to come to something that can be exported."""
    left = _left_out(summary)
    if not summary.rows:
        return (
            '<section class="preview empty"><h3>Nothing to export yet</h3>'
            "<p>Only conversations are exported whose person agreed to it: tick <b>keep</b> and "
            f"<b>{_purpose(summary.order)}</b> before the first message, or later in the sidebar "
            f"of a conversation that is kept.</p>{left}</section>"
        )
    rows = "".join(
        f"<tr><th scope='row'>{split.value}</th><td>{one.rows:,}</td>"
        f"<td>{one.conversations:,}</td><td>{_digest(one.digest)}</td></tr>"
        for split, one in summary.splits.items()
    )
    return (
        '<section class="preview"><h3>What it would hold</h3><table><thead><tr>'
        "<th scope='col'>Split</th><th scope='col'>Rows</th><th scope='col'>Conversations</th>"
        "<th scope='col'>SHA-256 of the rows</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>{_counted('By source', summary.sources)}"
        f"{_redacted(summary)}{left}{_link(summary, address, everybody)}</section>"
    )


def earlier(records: Sequence[ExportRecord], now: datetime) -> str:
    """The exports there were; what of them was deleted or taken back since is said."""
    if not records:
        return ""
    lines = "".join(
        f"<tr><td>{ago(one.created_at, now)}</td><td>{esc(one.format)}, for {esc(one.purpose)}</td>"
        f"<td>{one.row_count:,}</td><td>{one.conversations:,}{_since(one)}</td>"
        f"<td>{_digest(one.checksum)}</td></tr>"
        for one in records
    )
    return (
        '<section class="earlier"><h3>Earlier exports</h3><table><thead><tr>'
        "<th scope='col'>When</th><th scope='col'>What</th><th scope='col'>Rows</th>"
        "<th scope='col'>Conversations</th><th scope='col'>Checksum</th></tr></thead>"
        f"<tbody>{lines}</tbody></table>"
        "<p class='note'>Here is only a record: the files are where you put them. What was deleted "
        "or taken back since is still in those; take it out by its <code>conversation_id</code>, "
        "or export anew.</p></section>"
    )


def _since(one: ExportRecord) -> str:
    said = [
        f"{number} {what}"
        for number, what in ((one.deleted, "deleted since"), (one.withdrawn, "taken back since"))
        if number
    ]
    return f"<small>{', '.join(said)}</small>" if said else ""


def _purpose(order: Order) -> str:
    return "research" if order.purpose == "research" else "train"


def _left_out(summary: Summary) -> str:
    if not summary.left_out:
        return ""
    lines = "".join(
        f"<li><b>{number:,} {unit}:</b> {esc(why)}</li>" for number, unit, why in summary.left_out
    )
    return f"<h4>Left out</h4><ul class='left-out'>{lines}</ul>"


def _counted(title: str, counted: Mapping[str, int]) -> str:
    if not counted:
        return ""
    parts = ", ".join(
        f"{number:,} {esc(SOURCES.get(name, name))}" for name, number in counted.items()
    )
    return f"<p class='counted'><b>{title}:</b> {parts}</p>"


def _redacted(summary: Summary) -> str:
    if not summary.order.redact:
        return ""
    found = ", ".join(f"{number} {esc(kind)}" for kind, number in summary.redacted.items())
    return (
        f"<p class='counted'><b>Redacted:</b> {found or 'nothing was found'}. Names, places and "
        "what only a reader understands are not found.</p>"
    )


def _digest(digest: str) -> str:
    return f"<code title='{esc(digest)}'>{esc(digest[:SHOWN])}…</code>"


def _link(summary: Summary, address: str, everybody: bool) -> str:
    wishes = summary.order.model_dump(mode="json", exclude_none=True)
    wishes |= {"everybody": "yes"} if everybody else {}
    where = f"{address}?{urlencode(wishes)}"
    rows = "1 row" if summary.rows == 1 else f"{summary.rows:,} rows"
    return (
        f'<p class="get"><a class="download" download href="{esc(where)}">'
        f"Download {rows} as ZIP</a>"
        "<span>With a card, the checksums, and nothing left behind here but a record.</span></p>"
    )
