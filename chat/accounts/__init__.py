"""Accounts for a shared server: who may log in, and who is logged in."""

from __future__ import annotations

from chat.accounts.accounts import Accounts, LoginRefused
from chat.accounts.passwords import LONGEST, SHORTEST, check_name, check_password

__all__ = ["LONGEST", "SHORTEST", "Accounts", "LoginRefused", "check_name", "check_password"]
