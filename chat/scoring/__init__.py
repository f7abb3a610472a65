"""Scoring of texts that were written elsewhere, one record or a file of them."""

from chat.scoring.outfile import OutFile
from chat.scoring.records import BadRecord, Record, in_words, read_record
from chat.scoring.run import ScoreRun, Summary, Watcher
from chat.scoring.scorer import Gate, Scored, Scorer, as_line, method_for
from chat.scoring.seats import Seats

__all__ = [
    "BadRecord",
    "Gate",
    "OutFile",
    "Record",
    "ScoreRun",
    "Scored",
    "Scorer",
    "Seats",
    "Summary",
    "Watcher",
    "as_line",
    "in_words",
    "method_for",
    "read_record",
]
