"""The header of one safetensors file: names, types and shapes, without the weights.

Format: eight bytes, little-endian, give the header's length; the header is a JSON object that names
each tensor's type, shape and place; the data follows without holes, up to the file's last byte.
What the safetensors library would refuse is refused here too, in words and before it is loaded.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final

from perm.checkpoint.places import Place
from perm.checkpoint.report import OTHERWISE, Code, Halted
from perm.checkpoint.wording import named, shaped, shown

HEADER_BYTES: Final = 8 * 2**20
"""The longest header that is read. A 7B model's shards have about 12,000 bytes of it each."""

FIRST_BYTES: Final = 64 * 2**10
"""Read at once, so that nearly every header takes a single request."""

BITS: Final = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    **dict.fromkeys(("U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""Bits a number takes, for every type that safetensors 0.8 knows."""

WEIGHT_TYPES: Final = frozenset({"F16", "BF16", "F32", "F64"})
"""The types of weights that are not quantised."""

_LFS: Final = b"version https://git-lfs"
_MOST: Final = 2**63
_LONGEST_NAME: Final = 512


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as its file's header describes it; `start`, `stop` count from the data's start."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int
    file: str

    @property
    def count(self) -> int:
        """How many numbers it holds; 0 for an empty shape."""
        return math.prod(self.shape)


async def read_header(place: Place, file: str, size: int) -> tuple[Tensor, ...]:
    """The tensors of a file of `size` bytes, by place. Raises Halted if it is not whole."""
    first = await place.read(file, 0, min(size, FIRST_BYTES))
    if first.startswith(_LFS):
        raise Halted(
            Code.LFS_POINTER,
            f"{named(file)} has {size:,} bytes and is only git-lfs's pointer to the weights.",
            f"Fetch the weights themselves with `git lfs pull`, or {OTHERWISE}",
        )
    if len(first) < 8:
        raise _truncated(file, f"has {size:,} bytes, too few even for a header")
    stop = 8 + _length(file, size, first)
    rest = b"" if stop <= len(first) else await place.read(file, len(first), stop)
    header = (first + rest)[8:stop]
    if len(header) < stop - 8:
        raise _truncated(file, f"ends within its header, at {8 + len(header):,} of {stop:,} bytes")
    tensors = _tensors(file, header)
    _check_places(file, tensors, size - stop)
    return tensors


def _length(file: str, size: int, first: bytes) -> int:
    """The header's length in bytes, not believed before it is compared with the file's."""
    length = int.from_bytes(first[:8], "little")
    if length > HEADER_BYTES:
        raise _broken(
            file,
            f"it gives its header's length as {length:,} bytes (at most {HEADER_BYTES:,} is read)",
        )
    if 8 + length > size:
        raise _truncated(file, f"has {size:,} bytes, and its header alone takes {8 + length:,}")
    return length


def _tensors(file: str, header: bytes) -> tuple[Tensor, ...]:
    try:
        if not header.startswith(b"{"):
            raise _Wrong("its header does not start as a JSON object")
        entries = json.loads(
            header.decode("utf-8"),
            object_pairs_hook=_without_doubles,
            parse_constant=_refused,
        )
        return tuple(
            sorted(
                (
                    _tensor(file, name, entry)
                    for name, entry in entries.items()
                    if _is_tensor(name, entry)
                ),
                key=lambda tensor: (tensor.start, tensor.stop),
            )
        )
    except (ValueError, RecursionError) as error:
        raise _broken(file, _reason(error)) from None


def _is_tensor(name: str, entry: object) -> bool:
    """Every entry but `__metadata__`, which holds texts alone. Raises ValueError if it does not."""
    if name != "__metadata__":
        return True
    if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
        raise _Wrong("its metadata are not texts")
    return False


def _tensor(file: str, name: str, entry: Any) -> Tensor:  # noqa: ANN401 - JSON
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _Wrong(f"{named(name)} is not described by type, shape and place")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if len(name) > _LONGEST_NAME:
        raise _Wrong(f"it names a tensor with {len(name):,} letters")
    name.encode("utf-8")  # a lone surrogate raises ValueError, as it does in the library
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _Wrong(f"{named(name)} is stored as {shown(dtype)}, a type that is not known")
    if not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        raise _Wrong(f"{named(name)} has a shape or place that is not made of whole numbers")
    tensor = Tensor(name, dtype, tuple(shape), offsets[0], offsets[1], file)
    needed = _product(tensor) * BITS[dtype]
    if needed != 8 * (tensor.stop - tensor.start):
        raise _Wrong(
            f"{named(name)} takes {tensor.stop - tensor.start:,} bytes, and {shaped(shape)} of "
            f"{dtype} would take {needed // 8:,}"
        )
    return tensor


def _sizes(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item < _MOST for item in value
    )


def _product(tensor: Tensor) -> int:
    """The count, refused where it overflows on the way even if a later 0 would undo that."""
    count = 1
    for length in tensor.shape:
        count *= length
        if count >= _MOST:
            raise _Wrong(f"{named(tensor.name)} has an impossible shape")
    return count


def _check_places(file: str, tensors: tuple[Tensor, ...], data: int) -> None:
    """That tensors lie end to end and fill the file's `data` bytes after the header exactly."""
    end = 0
    for tensor in tensors:
        if tensor.start != end:
            kind = (
                "overlaps the tensor before it" if tensor.start < end else "leaves a hole before it"
            )
            raise _broken(file, f"{named(tensor.name)} {kind} (byte {tensor.start:,} of the data)")
        end = tensor.stop
    if end > data:
        raise _truncated(
            file,
            f"should hold {end:,} bytes of weights and holds {data:,}: {end - data:,} are missing",
        )
    if end < data:
        raise _broken(file, f"it holds {data - end:,} bytes that its header does not account for")


class _Wrong(ValueError):
    """Something in a header is wrong, in words fit to be shown."""


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, _Wrong) else "its header is not the JSON it should be"


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Wrong("its header names something twice")
    return found


def _refused(constant: str) -> Any:  # noqa: ANN401 - json's hook
    raise _Wrong(f"its header holds {constant}")


def _truncated(file: str, how: str) -> Halted:
    return Halted(
        Code.TRUNCATED,
        f"{named(file)} is cut off: it {how}.",
        f"Fetch that file again, or {OTHERWISE}",
    )


def _broken(file: str, how: str) -> Halted:
    return Halted(
        Code.BROKEN_HEADER,
        f"{named(file)} is damaged: {how}.",
        f"Fetch that file again, or {OTHERWISE}",
    )
