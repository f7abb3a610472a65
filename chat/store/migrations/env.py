"""Alembic's entry: runs the scripts on the connection it is given, inside its transaction.

The app gives one (`chat.store.schema`). A developer who writes a new script names a scratch
database: `alembic -x url=sqlite:///scratch.db revision --autogenerate -m "what it does"`.
"""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy import Connection, TypeDecorator, create_engine

from chat.store.tables import metadata


def render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """A script names plain types: what it says must not change when `chat.store.columns` does."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
        render_item=render,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with create_engine(context.get_x_argument(as_dictionary=True)["url"]).begin() as scratch:
        run(scratch)
