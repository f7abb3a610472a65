"""What can go wrong between us and a model's server, in words for people.

Nothing of what a server wrote is repeated, but short codes: its text may hold what a person said
or the key that was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import openai

from perm.types import EngineError, EngineFault

GARBLED: Final = (ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What reading an answer raises that is not one: the shapes of LangChain and of the SDK."""

FAILURES: Final = (openai.OpenAIError, OSError, *GARBLED)
"""All that a call can raise. `TimeoutError` is an `OSError`."""

_OVERFLOW: Final = re.compile(
    r"context_length_exceeded|exceed_context_size|context (?:length|window|size)"
    r"|maximum context|prompt is too long|too many tokens",
    re.IGNORECASE,
)
_BROKEN: Final = {"ReadError", "WriteError", "CloseError", "RemoteProtocolError"}
"""What the HTTP library calls a connection that came to be and then broke."""

_CODE: Final = re.compile(r"[\w.\-\[\]]{1,60}")


def translated(error: Exception, server: str, *, begun: bool = False) -> EngineError:
    """The `EngineError` for what a call raised. `begun`: some of the answer had come."""
    if isinstance(error, EngineError):
        found = error
    elif isinstance(error, openai.APIStatusError):
        found = _refused(error, server)
    elif begun and not isinstance(error, GARBLED):
        found = cut_off(server)
    elif isinstance(error, openai.APITimeoutError | TimeoutError):
        found = _late(server, "in time")
    elif isinstance(error, openai.APIConnectionError | OSError):
        found = _unconnected(error, server)
    elif type(error) is openai.APIError:  # told by the server inside a stream, before any text
        found = _told_in_stream(error, server)
    else:
        found = EngineError(
            EngineFault.GARBAGE,
            f"{server} gave an answer that cannot be read.",
            "Check that the address is that of an OpenAI-compatible server.",
        )
    return found


def cut_off(server: str) -> EngineError:
    return EngineError(
        EngineFault.CUT_OFF, f"{server} broke off in the middle of its answer.", "Try again."
    )


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that a server asks to wait, from `Retry-After` as seconds or as a date (RFC 9110)."""
    value = (headers.get("retry-after") or "").strip()
    if not value:
        return None
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _refused(error: openai.APIStatusError, server: str) -> EngineError:
    status = error.status_code
    wait = retry_after(error.response.headers)
    if status in (401, 403):
        fault, what = EngineFault.UNAUTHORISED, f"{server} does not accept the API key ({status})."
        todo = "Check the key in the settings and that it may use this model."
    elif status == 429:
        fault, what = EngineFault.RATE_LIMITED, f"{server} takes no more requests for now (429)."
        todo = "Wait a little; if it stays so, look at the account's limits."
    elif status in (408, 504):
        return _late(server, f"in time ({status})")
    elif status >= 500:
        fault, what = EngineFault.SERVER, f"{server} failed ({status})."
        todo = "Try again; if it stays so, look at the server's log."
    elif status == 413 or _overflows(error):
        return _too_long(server)
    elif status == 404:
        fault = EngineFault.REQUEST
        what = f"{server} does not know this model or this address (404)."
        todo = "Check the model's name, and the address: with many servers it ends in /v1."
    else:
        fault, what = (
            EngineFault.REQUEST,
            f"{server} refused the request ({_codes(error, status)}).",
        )
        todo = "Check that the server and the model can do what was asked."
    return EngineError(fault, what, todo, wait)


def _late(server: str, when: str) -> EngineError:
    return EngineError(
        EngineFault.TIMEOUT,
        f"{server} did not answer {when}.",
        "Try again; if it stays so, the server is overloaded or stuck.",
    )


def _told_in_stream(error: openai.APIError, server: str) -> EngineError:
    if _overflows(error):
        return _too_long(server)
    return EngineError(
        EngineFault.SERVER, f"{server} failed ({_codes(error, 'in its answer')}).", "Try again."
    )


def _unconnected(error: Exception, server: str) -> EngineError:
    connected = any(type(cause).__name__ in _BROKEN for cause in _causes(error))
    if connected:  # it took the request, and then it was gone
        return cut_off(server)
    return EngineError(
        EngineFault.UNREACHABLE,
        f"{server} cannot be reached.",
        "Check that it runs and that the address is right.",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _too_long(server: str) -> EngineError:
    return EngineError(
        EngineFault.TOO_LONG,
        f"The conversation is longer than the model behind {server} can read.",
        "Start a new conversation, or give the model a larger context.",
    )


def _overflows(error: openai.APIError) -> bool:
    body: Any = error.body
    told = " ".join(str(part) for part in (error.code, error.type, error.message, body))
    return _OVERFLOW.search(told) is not None


def _codes(error: openai.APIError, first: object) -> str:
    """Status and short codes, never sentences."""
    found = (str(part) for part in (error.code, error.type, error.param) if part)
    return ", ".join([str(first), *(code for code in found if _CODE.fullmatch(code))])
