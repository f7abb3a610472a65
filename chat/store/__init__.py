"""What is kept: tables, repository and migrations, on SQLite or PostgreSQL."""

from chat.store.errors import NotFound, StoreError, StoreFault
from chat.store.export_records import (
    Compared,
    ExportRecord,
    NewExport,
    Purpose,
    WholeConversation,
)
from chat.store.leases import RENEW_SECONDS
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
    "RENEW_SECONDS",
    "Compared",
    "Consents",
    "Conversation",
    "ConversationSummary",
    "Deletion",
    "ExportRecord",
    "Feedback",
    "FeedbackInput",
    "NewExport",
    "NewReply",
    "NotFound",
    "Purpose",
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
    "WholeConversation",
    "sqlite_report",
    "storable",
]
