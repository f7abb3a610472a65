"""The dataset card: what an export holds, where it comes from, and what it does not say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from string import Template
from typing import Final

from huggingface_hub import DatasetCardData

from chat.export.columns import COLUMNS, card_features
from chat.export.order import ABOUT, TRAINER, Format
from chat.export.redaction import MISSES
from chat.export.split import Split
from chat.export.summary import Summary
from chat.settings import ROOT

CARD: Final = "README.md"
TEMPLATE: Final = ROOT / "assets" / "export" / "card.md"

SOURCES: Final = {
    "vote": "compared side by side, without knowing whose they were",
    "pick": "a person picked one of several drafts",
    "correction": "a person put the reply into better words",
    "reward": "a gap between two rewards of at least {margin:g}",
    "chosen": "the reply that was gone on with",
    "corrected": "better words that a person gave for a reply",
}

WITH_ANALYSIS: Final = """\
- **With the Analysis.** Prompts are what the supporter was given: system message, framed first
  message, its earlier turns as it wrote them. Completions have the two parts `# Analysis` and
  `# Response`. Better words have no Analysis of their own; they stand under the one of the reply
  that they were written for, so that only the Response differs."""
WITHOUT_ANALYSIS: Final = """\
- **Without the Analysis.** Completions are Responses alone, earlier turns too, and there is no
  system message, because the supporter's asks for an Analysis."""


def card(summary: Summary, files: Mapping[Split, str], now: datetime) -> str:
    """The card's whole text: header for `datasets`, then words for people."""
    order = summary.order
    data = [{"split": split.value, "path": name} for split, name in files.items()]
    header = DatasetCardData(
        pretty_name=f"perm-chat {order.format.value}",
        configs=[{"config_name": "default", "data_files": data}],
        dataset_info={"features": card_features(COLUMNS[order.format])},
        tags=["perm-chat", "empathy", *(["trl"] if order.format in TRAINER else [])],
    )
    words = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=f"perm-chat: {order.format.value}",
        about=ABOUT[order.format],
        date=f"{now:%Y-%m-%d %H:%M} UTC",
        purpose=order.purpose,
        trainer=TRAINER.get(order.format, "none of the trainers: a table"),
        table=_table(summary, files),
        share=f"{order.test_share:.0%}",
        wording=_wording(summary),
        sources=_sources(summary),
        models=_listed("Models and rows", summary.models, "No model's reply is in it."),
        judges=_listed("Judges and rows", summary.judges, "No judge's score went into it."),
        prompts=", ".join(f"`{one[:12]}` {rows}" for one, rows in summary.prompts.items()),
        left_out="\n".join(f"- {number} {unit}: {why}" for number, unit, why in summary.left_out)
        or "Nothing.",
        redaction=_redaction(summary),
    )
    return f"---\n{header.to_yaml()}\n---\n{words}"


def _table(summary: Summary, files: Mapping[Split, str]) -> str:
    lines = ["| split | file | rows | conversations | digest |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {split.value} | `{files[split]}` | {one.rows} | {one.conversations} | `{one.digest}` |"
        for split, one in summary.splits.items()
    ]
    return "\n".join(lines)


def _wording(summary: Summary) -> str:
    if summary.order.format is Format.SCORES:
        return ""
    whole = summary.order.analysis or summary.order.format is Format.GRPO
    return WITH_ANALYSIS if whole else WITHOUT_ANALYSIS


def _sources(summary: Summary) -> str:
    margin = summary.order.margin
    lines = [
        f"- `source: {source}`, {rows} rows: {SOURCES[source].format(margin=margin)}"
        for source, rows in summary.sources.items()
    ]
    return "\n".join(lines) + "\n" if lines else ""


def _listed(what: str, counted: Mapping[str, int], none: str) -> str:
    if not counted:
        return none
    return f"{what}: " + ", ".join(f"{name} {rows}" for name, rows in counted.items()) + "."


def _redaction(summary: Summary) -> str:
    if not summary.order.redact:
        return (
            "Nothing was redacted: the texts are as people wrote them and may say who they are."
            " Treat them as personal data."
        )
    found = ", ".join(f"{kind} {number}" for kind, number in summary.redacted.items()) or "nothing"
    return (
        f"Redacted with Presidio, by what has a form of its own. Found: {found}. It **misses**"
        f" {MISSES}. Treat the texts as personal data all the same."
    )
