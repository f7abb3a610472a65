"""Links that are a right by themselves: an unguessable token, and nothing that looks otherwise."""

from __future__ import annotations

import re
import secrets
from typing import Final

BYTES: Final = 24
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{20,64}")


def new_token() -> str:
    return secrets.token_urlsafe(BYTES)


def is_token(text: str) -> bool:
    """Whether it can be one; what cannot is not looked up."""
    return _FORM.fullmatch(text) is not None
