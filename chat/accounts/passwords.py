"""Passwords: what is taken for one, and their hashes (Argon2id, as argon2-cffi recommends it).

Hashing is slow and takes memory on purpose, so it runs in a thread, two at a time.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chat.limits import Refused

SHORTEST: Final = 10
LONGEST: Final = 1000
LONGEST_NAME: Final = 100
AT_ONCE: Final = 2


def check_name(name: str) -> str:
    """The name as it is kept. Refuses one that is empty, too long or cannot be read."""
    kept = unicodedata.normalize("NFKC", name).strip()
    if not kept or len(kept) > LONGEST_NAME or not kept.isprintable():
        raise Refused(
            "This name cannot be used.",
            f"Choose one of 1 to {LONGEST_NAME} letters, digits and signs, on one line.",
        )
    return kept


def check_password(password: str) -> None:
    """Refuses one that is too short to be a password, or too long to be hashed."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(
            f"The password has {len(password)} characters.",
            f"Choose one of at least {SHORTEST}, and at most {LONGEST:,}; a few words do well.",
        )


class Passwords:
    """Hashes and checks. An unknown name costs as much time as a known one."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._seats = asyncio.Semaphore(AT_ONCE)
        self._nobody = ""  # a hash that no password has

    async def hashed(self, password: str) -> str:
        async with self._seats:
            return await asyncio.to_thread(self._hasher.hash, _bytes(password))

    async def fits(self, password: str, known: str | None) -> bool:
        """`known`: the hash that it must have; None where there is no such account."""
        if len(password) > LONGEST:
            return False
        if not self._nobody:
            self._nobody = await self.hashed(secrets.token_hex())
        async with self._seats:
            found = await asyncio.to_thread(self._verified, known or self._nobody, password)
        return found and known is not None

    def outdated(self, known: str) -> bool:
        """Whether it was hashed with less care than is taken today."""
        return self._hasher.check_needs_rehash(known)

    def _verified(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False


def _bytes(password: str) -> bytes:
    """The same for every keyboard that writes the same letters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")
