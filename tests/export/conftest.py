"""A store in memory: what exports read is the same in every database (tests/store/test_exports)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chat.store import Store


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()
