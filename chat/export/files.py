"""Rows into files: JSONL, Parquet or CSV, one a split, and the digest of what went in.

The digest is the SHA-256 of the rows as JSONL, whatever the file's type: so a preview can give it
before anything is written, two exports can be compared, and of a JSONL file it is the checksum.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from typing import Any, BinaryIO, Final, Protocol

from chat.export.columns import INNER, Column, Kind
from chat.export.order import ExportError, FileType
from chat.plain_json import dumps

BATCH: Final = 1000
"""Rows of one Parquet group: what is held in memory at once."""

MEANS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class RowFile(Protocol):
    def write(self, line: bytes, values: dict[str, Any]) -> None:
        """One row: as a line of JSON, and as values."""

    def close(self) -> None:
        """Write what is held back. The file itself stays open."""


class Digest:
    """The number of rows and their digest."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    def add(self, line: bytes) -> None:
        self.rows += 1
        self._hash.update(line)

    @property
    def hex(self) -> str:
        return self._hash.hexdigest()


def as_line(values: dict[str, Any]) -> bytes:
    return dumps(values).encode("ascii") + b"\n"


def row_file(file_type: FileType, file: BinaryIO, columns: Sequence[Column]) -> RowFile:
    """Raises `ExportError` where the type needs what is not installed."""
    if file_type is FileType.PARQUET:
        return _Parquet(file, columns)
    return _Csv(file, columns) if file_type is FileType.CSV else _Jsonl(file)


class _Jsonl:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes, values: dict[str, Any]) -> None:
        self._file.write(line)

    def close(self) -> None:
        """Nothing is held back."""


class _Csv:
    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._out = csv.DictWriter(self._text, [one.name for one in columns])
        self._out.writeheader()

    def write(self, line: bytes, values: dict[str, Any]) -> None:
        self._out.writerow({name: _cell(value) for name, value in values.items()})

    def close(self) -> None:
        self._text.detach()


def _cell(value: object) -> object:
    """A text that a spreadsheet would run as a formula is led in by an apostrophe."""
    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode("utf-8")
        return f"'{value}" if value.startswith(MEANS_A_FORMULA) else value
    return value


class _Parquet:
    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415 - comes with the extra `train`
            import pyarrow.parquet as pq  # noqa: PLC0415
        except ModuleNotFoundError:
            raise ExportError(
                "Parquet cannot be written: pyarrow is not installed.",
                "Install it with pip install 'perm-chat[train]', or take JSONL.",
            ) from None
        self._table, self._schema = pa.Table.from_pylist, _schema(columns)
        self._out = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._held: list[dict[str, Any]] = []

    def write(self, line: bytes, values: dict[str, Any]) -> None:
        self._held.append(values)
        if len(self._held) >= BATCH:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._out.close()

    def _flush(self) -> None:
        if self._held:
            self._out.write_table(self._table(self._held, schema=self._schema))
            self._held.clear()


def _schema(columns: Sequence[Column]) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa  # noqa: PLC0415

    plain = {
        Kind.NAME: pa.string(),
        Kind.TEXT: pa.string(),
        Kind.NUMBER: pa.float64(),
        Kind.WHOLE: pa.int64(),
        Kind.FLAG: pa.bool_(),
    }
    for kind, fields in INNER.items():
        plain[kind] = pa.list_(pa.struct([(field, pa.string()) for field in fields]))
    return pa.schema([(name, plain[kind]) for name, kind in columns])
