"""What stands in the way of training, in words."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from perm.types import Part, PermError

LIBRARIES: Final = ("torch", "transformers", "trl", "peft", "datasets")


class TrainingError(PermError):
    """A run cannot begin, go on or be called done."""

    part = Part.SETTINGS


def require_libraries() -> None:
    """Raises `TrainingError` where the extra `train` is not installed. Imports none of it."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"Training needs libraries that are not installed: {', '.join(missing)}.",
            "Install them: pip install 'perm-chat[train]', or pip install -e '.[train]' here.",
        )
