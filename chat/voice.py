"""Who answers a message: a model, what it is told, and how its tokens are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from perm.rubrics import SupporterPrompt
from perm.types import Value


class Voice(Value):
    """`model`: one that the supporter's engine offers; None is the conversation's own."""

    prompt: SupporterPrompt
    model: str | None = None
    sampling: Mapping[str, Any] = Field(default_factory=dict)
