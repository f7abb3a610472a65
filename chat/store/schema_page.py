"""docs/schema.md from the code: `python -m chat.store.schema_page > docs/schema.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Column, Table

import chat.store  # noqa: F401 - every table, by way of the package
from chat.store.tables import metadata
from chat.store.views import VIEWS

MEANINGS: Final = {
    "conversation": "Who talks (`owner`, a digest), as whom, and what may be done with it.",
    "turn": "What the seeker said, after which reply.",
    "reply": "What the supporter said, with the prompt as it was sent and all that was measured.",
    "verdict": "One judge call's outcome: scored, or unscored with a reason. Never changed.",
    "reward": "The latest reward of a reply, with its terms and settings.",
    "feedback": "What a rater said of a reply, or between two.",
    "prompt": "What a prompt's hash stands for.",
    "selfcheck": "How far a judge could be trusted when it was checked.",
    "pick": "Which of several candidates was picked, and by what.",
    "study": "A blind comparison of two ways to answer.",
    "study_item": "One message of a study, with the two replies.",
    "study_rater": "Somebody who takes part in a study.",
    "comparison": "One rater's item, with the sides as they were shown.",
    "vote": "What a rater chose.",
    "invitation": "A link by which other people rate a conversation’s replies.",
    "export": "A data set that was made for training, with its options and checksum.",
    "export_item": "Which conversations an export had, and how many rows of each.",
    "shelf": "What History filters and searches by, one row a reply; repeats what others say.",
    "tag": "An owner's tags on a conversation.",
    "note": "An owner's note on a conversation.",
    "account": "Who may log in, with the hash of the password; its `id` is the owner.",
    "login": "A login that is open, by the digest of its cookie.",
}

BEGIN: Final = """\
# The database

Written by `python -m chat.store.schema_page`; a test holds it equal to the code.

The file opens in [Datasette](https://datasette.io) as it is, also while the app runs:

    datasette perm-chat.db

Begin with the views: they have plain names and no JSON where it can be helped. Whoever opens the
file sees every owner's conversations; the app itself shows each owner their own alone. Times are
UTC, keys are random UUIDs. `shelf_search` and the tables named after it are the search index's own.
"""


def page() -> str:
    return "\n".join([BEGIN, "## Views", "", *_views(), "## Tables", "", *_tables()])


def _views() -> Iterator[str]:
    for name, view in VIEWS.items():
        yield from (f"### {name}", "", view.meaning, "", "| column | meaning |", "| --- | --- |")
        yield from (f"| {column} | {meaning} |" for column, meaning in view.columns.items())
        yield ""


def _tables() -> Iterator[str]:
    for table in metadata.tables.values():
        yield from (f"### {table.name}", "", MEANINGS.get(table.name, ""), "")
        yield from ("| column | type | |", "| --- | --- | --- |")
        yield from (_row(table, column) for column in table.columns)
        yield ""


def _row(table: Table, column: Column[object]) -> str:
    said = []
    if column.primary_key:
        said.append("key")
    said += [f"→ {one.target_fullname}" for one in sorted(column.foreign_keys, key=str)]
    if column.nullable:
        said.append("may be empty")
    kind = str(column.type).lower().replace("char(32)", "uuid")
    return f"| {column.name} | {kind} | {', '.join(said)} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
