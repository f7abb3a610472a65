"""Where parsing is imported from: the supporter's output to parts, a judge's to a verdict."""

from perm.parsing_digits import LEAST_MASS, Digits, numbers_mass, read_digits, tokens_of
from perm.parsing_output import OutputSplitter, Piece, SupporterOutput, split_output
from perm.parsing_structured import place_of_level, read_structured, schema_of
from perm.parsing_verdicts import Reading, read_digit, read_parts, read_reasoned

__all__ = [
    "LEAST_MASS",
    "Digits",
    "OutputSplitter",
    "Piece",
    "Reading",
    "SupporterOutput",
    "numbers_mass",
    "place_of_level",
    "read_digit",
    "read_digits",
    "read_parts",
    "read_reasoned",
    "read_structured",
    "schema_of",
    "split_output",
    "tokens_of",
]
