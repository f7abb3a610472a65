"""Datasets for training: conversations with consent, as TRL takes them, with card and checksums."""

from chat.export.order import ABOUT, TRAINER, ExportError, FileType, Format, Order
from chat.export.run import Exported, Exporter
from chat.export.split import Split
from chat.export.summary import Summary
from chat.export.targets import FolderTarget, ZipTarget

__all__ = [
    "ABOUT",
    "TRAINER",
    "ExportError",
    "Exported",
    "Exporter",
    "FileType",
    "FolderTarget",
    "Format",
    "Order",
    "Split",
    "Summary",
    "ZipTarget",
]
