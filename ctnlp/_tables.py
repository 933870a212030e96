"""Tables of numbers: indexes, rows that grow, and NPZ files without pickle in which they are kept."""

import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Index", "Rows", "filled", "kept"]

Ints = NDArray[np.int64]
KEPT: Final = 12
"""Files of a kind in the cache folder: the newest ones."""


@dataclass(frozen=True)
class Index:
    """Whole numbers and where they stand: an open-addressed hash table of the numbers `keys`, all >= 0."""

    slots: Ints
    rows: NDArray[np.int32]

    @classmethod
    def of(cls, keys: Ints) -> "Index":
        """The index of `keys`, which differ from each other.

        >>> Index.of(np.array([7, 3])).find(np.array([3, 4, 7]))
        array([ 1, -1,  0], dtype=int32)
        """
        size = 1 << max(int(len(keys) * 4 - 1).bit_length(), 4)
        slots, rows = np.full(size, -1, dtype=np.int64), np.full(size, -1, dtype=np.int32)
        left = np.arange(len(keys))
        place = _hashed(keys, size)
        while len(left):
            free = slots[place] < 0
            # Of keys that want the same slot, the one written last has it.
            slots[place[free]] = keys[left[free]]
            settled = slots[place] == keys[left]
            rows[place[settled]] = left[settled]
            left, place = left[~settled], (place[~settled] + 1) & (size - 1)
        return cls(slots, rows)

    def find(self, keys: Ints) -> NDArray[np.int32]:
        """The place of each key among the keys of the index, or -1."""
        mask = len(self.slots) - 1
        place = _hashed(keys, len(self.slots))
        seen = self.slots[place]
        found = np.where(seen == keys, self.rows[place], np.int32(-1))
        left = np.flatnonzero((seen != keys) & (seen >= 0))
        place = place[left]
        while len(left):
            place = (place + 1) & mask
            wanted = keys[left]
            seen = self.slots[place]
            hit = seen == wanted
            found[left[hit]] = self.rows[place[hit]]
            more = ~hit & (seen >= 0)
            left, place = left[more], place[more]
        return found


def _hashed(keys: Ints, size: int) -> Ints:
    # Fibonacci hashing: the high bits of a product with 2**64 over the golden ratio.
    product = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (product >> np.uint64(65 - size.bit_length())).astype(np.int64)


def filled(array: NDArray[Any], start: int, values: Any) -> NDArray[Any]:
    """`array` with `values` from `start` on, twice as long if there was no room.

    >>> filled(np.zeros(2, dtype=np.int64), 1, [5, 6]).tolist()
    [0, 5, 6, 0]
    """
    end = start + len(values)
    if end > len(array):
        larger = np.zeros((max(end, 2 * len(array)), *array.shape[1:]), dtype=array.dtype)
        larger[:start] = array[:start]
        array = larger
    array[start:end] = values
    return array


class Rows:
    """Rows of whole numbers, each as long as it is, one after the other in arrays that grow.

    >>> rows = Rows()
    >>> rows.add([[7, 8], [], [9]])
    >>> [found.tolist() for found in rows.of(np.array([2, 0]))]
    [[9, 7, 8], [1, 2]]
    """

    def __init__(self) -> None:
        self._begins, self._sizes, self._flat = (np.zeros(1024, dtype=np.int64) for _ in range(3))
        self._rows = self._filled = 0

    def add(self, rows: Sequence[Sequence[int]]) -> None:
        """The rows that follow."""
        sizes = np.fromiter(map(len, rows), np.int64, len(rows))
        ends = self._filled + np.cumsum(sizes)
        self._begins = filled(self._begins, self._rows, ends - sizes)
        self._sizes = filled(self._sizes, self._rows, sizes)
        self._flat = filled(self._flat, self._filled, list(chain.from_iterable(rows)))
        self._rows += len(rows)
        self._filled += int(sizes.sum())

    def of(self, numbers: Ints) -> tuple[Ints, Ints]:
        """These rows, one after the other, and how long each is."""
        sizes = self._sizes[numbers]
        ends = np.cumsum(sizes)
        places = np.arange(sizes.sum()) + np.repeat(self._begins[numbers] - ends + sizes, sizes)
        return self._flat[places], sizes


def kept(path: Path, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """The arrays, indexes and lists of strings of a cache file; made anew if it is missing or broken.

    The file begins with the SHA-256 of what follows. Where nothing can be kept, tables are made each time.
    """
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() == content[:32]:
            return _read(content[32:])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass
    content = _written(make())
    _keep(path, hashlib.sha256(content).digest() + content)
    return _read(content)


def _written(values: Mapping[str, Any]) -> bytes:
    arrays: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Index):
            arrays |= {f"{name}/slots": value.slots, f"{name}/rows": value.rows}
        elif isinstance(value, list | tuple):
            arrays[f"{name}/lines"] = _packed(value)
        else:
            arrays[name] = np.asarray(value)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _read(content: bytes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for key in arrays.files:
            name, _, part = key.partition("/")
            if part == "slots":
                values[name] = Index(arrays[key], arrays[f"{name}/rows"])
            elif part == "lines":
                values[name] = _unpacked(arrays[key])
            elif not part:
                values[name] = arrays[key]
    return values


def _packed(lines: Sequence[str]) -> NDArray[np.uint8]:
    # A line break after each, so that no line and one empty line differ.
    return np.frombuffer("".join(f"{line}\n" for line in lines).encode("utf-8"), dtype=np.uint8)


def _unpacked(letters: NDArray[np.uint8]) -> list[str]:
    return letters.tobytes().decode("utf-8").split("\n")[:-1]


def _keep(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and make room."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
        kind = path.name.partition("-")[0]
        written = sorted(path.parent.glob(f"{kind}-*.npz"), key=lambda file: file.stat().st_mtime)
        for old in written[:-KEPT]:  # of models and versions long gone, perhaps: they are made anew if not
            old.unlink()
