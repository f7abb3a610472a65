"""What is kept: tables, repository and migrations, on SQLite or PostgreSQL."""

from chat.store.errors import NotFound, StoreError, StoreFault
from chat.store.records import (
    Consents,
    Conversation,
    ConversationSummary,
    Feedback,
    FeedbackInput,
    NewReply,
    Reply,
    ReplyStatus,
    ReplyUpdate,
    SavedVerdict,
    Timings,
    Turn,
)
from chat.store.reports import Deletion, StoreHealth
from chat.store.sqlite_faults import sqlite_report
from chat.store.store import Store
from chat.store.text import storable

__all__ = [
    "Consents",
    "Conversation",
    "ConversationSummary",
    "Deletion",
    "Feedback",
    "FeedbackInput",
    "NewReply",
    "NotFound",
    "Reply",
    "ReplyStatus",
    "ReplyUpdate",
    "SavedVerdict",
    "Store",
    "StoreError",
    "StoreFault",
    "StoreHealth",
    "Timings",
    "Turn",
    "sqlite_report",
    "storable",
]
