"""JSON as it leaves the app: plain ASCII on one line, and never NaN.

ASCII, so that lone surrogates and U+2028 survive every reader of lines; no NaN, since it is not
JSON and a reader in another language would refuse the whole file.
"""

from __future__ import annotations

import json
import math
from typing import Any

from pydantic import BaseModel


def dumps(value: object) -> str:
    """One line of JSON. Records become objects; a number that is not finite becomes null."""
    return json.dumps(_plain(value), ensure_ascii=True, allow_nan=False, separators=(", ", ": "))


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
