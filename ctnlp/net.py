"""A small convolutional network over the first words of a text, in NumPy alone.

What n-grams can't say because the words were never seen together: each word is a vector, each mark of the table of
tone words another, and filters over three neighbours look for what makes news good or bad (Kim 2014, one width).
`ctnlp.net_training` fits it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST", "Net", "Sequences"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

LONGEST: Final = 80
"""Words of a text that are read, its title's first: what news is, it says first."""
_AT_ONCE: Final = 64
"""Texts computed together: their numbers fit into a processor's cache."""


@dataclass(frozen=True)
class Sequences:
    """The first words of `size` texts, one after the other, each title before its body; all arrays have shape (n,).

    `words` are rows of `Net.words`, `marks` those of `Net.marks`: the class of a word that carries tone, another if it
    is the second of a pair, 0 for all others. `parts` is 0 in titles and 1 in bodies, `texts` the number of the text,
    which never falls.
    """

    words: Ints
    marks: Ints
    parts: Ints
    texts: Ints
    size: int


@dataclass(frozen=True)
class Net:
    """The arrays of the network.

    `words` (words + 1, dimensions) are vectors, the last that of unknown words; `marks` (2 * classes + 1, dimensions)
    and `parts` (2, dimensions) stand beside them. `kernel` (3, all dimensions, filters) sees the word before, the word
    and the word after; `out` (2 * filters, labels) adds up each filter's maximum over the text, and its
    sum over the square root of the text's length.
    """

    words: NDArray[np.float16]
    marks: Floats
    parts: Floats
    kernel: Floats
    bias: Floats
    out: Floats
    out_bias: Floats

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], *, words: int, marks: int, labels: int) -> "Net":
        """The network of arrays that `arrays` gave, for so many words, marks and labels.

        Raises `KeyError` when one is missing, `ValueError` when one is not in half precision or has another shape.
        """
        own = {one.name: arrays[f"net.{one.name}"] for one in fields(cls)}
        for name, array in own.items():
            if array.dtype != np.float16 or not array.size or not array.ndim:
                raise ValueError(f"net.{name} is {array.dtype}{list(array.shape)}, expected numbers in half precision")
        dimensions = [own[name].shape[-1] for name in ("words", "marks", "parts")]
        filters = own["bias"].size
        expected: dict[str, tuple[int, ...]] = {
            "words": (words + 1, dimensions[0]),
            "marks": (marks, dimensions[1]),
            "parts": (2, dimensions[2]),
            "kernel": (3, sum(dimensions), filters),
            "bias": (filters,),
            "out": (2 * filters, labels),
            "out_bias": (labels,),
        }
        for name, shape in expected.items():
            if own[name].shape != shape:
                raise ValueError(f"net.{name} is {list(own[name].shape)}, expected {list(shape)}")
        # The vectors stay small; those of a text are widened when it is read.
        return cls(own.pop("words"), **{name: array.astype(np.float32) for name, array in own.items()})

    def __reduce__(self) -> tuple[type["Net"], tuple[Any, ...]]:
        """What has been computed on the way is not handed over."""
        return Net, tuple(getattr(self, one.name) for one in fields(self))

    def arrays(self) -> dict[str, NDArray[np.float16]]:
        """All arrays by name, in half precision."""
        return {f"net.{one.name}": np.asarray(getattr(self, one.name), dtype=np.float16) for one in fields(self)}

    def scores(self, read: Sequences) -> Floats:
        """What the network adds to the score of each label, shape (size, labels); nothing for a text without words."""
        scores = np.zeros((read.size, len(self.out_bias)), dtype=np.float32)
        for start in range(0, read.size, _AT_ONCE):
            chosen = slice(*np.searchsorted(read.texts, (start, start + _AT_ONCE)))
            texts, first = np.unique(read.texts[chosen], return_index=True)
            filtered = self._filtered(read, chosen)
            pooled = np.empty((len(texts), len(self.out)), dtype=np.float32)
            # A slice a text: `reduceat` along rows takes several times as long.
            for row, (begin, end) in enumerate(pairwise([*first.tolist(), len(filtered)])):
                own = filtered[begin:end]
                np.concatenate([own.max(axis=0), own.sum(axis=0) / np.float32(np.sqrt(end - begin))], out=pooled[row])
            scores[texts] = pooled.astype(np.float64) @ self.out + self.out_bias
        return scores

    def _filtered(self, read: Sequences, chosen: slice) -> Floats:
        """What each filter finds at each of these words, shape (n, filters)."""
        words, marks, parts, texts = (own[chosen] for own in (read.words, read.marks, read.parts, read.texts))
        of_words, beside = self._kernels
        met, is_met = self._met
        new = np.unique(words[~is_met[words]])
        met[new] = self.words[new].astype(np.float64) @ of_words
        is_met[new] = True
        known, place = np.unique(words * len(beside) + marks * 2 + parts, return_inverse=True)
        word, mark = np.divmod(known, len(beside))
        seen = np.zeros((len(known) + 1, beside.shape[1]), dtype=np.float32)
        np.add(met[word], beside[mark], out=seen[:-1])
        before, here, after = (np.ascontiguousarray(one) for one in np.split(seen, 3, axis=1))
        # Beyond the ends of a title or a body stands nothing: the last row.
        ends = np.append((texts[1:] != texts[:-1]) | (parts[1:] != parts[:-1]), True)[: len(texts)]
        found: Any = here.take(place, axis=0)
        found += before.take(np.where(np.roll(ends, 1), -1, np.roll(place, 1)), axis=0)
        found += after.take(np.where(ends, -1, np.roll(place, -1)), axis=0)
        found += self.bias
        np.maximum(found, 0, out=found)
        return np.asarray(found)

    # Products are computed in double precision and rounded: how many rows or threads a product has changes its last
    # digits, and a text must get the same score in whatever company, on however many processes.

    @cached_property
    def _kernels(self) -> tuple[NDArray[np.float64], Floats]:
        """What vectors are multiplied by, shape (dimensions, 3 * filters), and what marks and parts give besides."""
        kernel = self.kernel.transpose(1, 0, 2).reshape(-1, 3 * len(self.bias)).astype(np.float64)
        words, marks, parts = np.split(kernel, np.cumsum((self.words.shape[1], self.marks.shape[1])))
        beside = (self.marks @ marks)[:, None] + self.parts @ parts
        return words, beside.reshape(-1, beside.shape[-1]).astype(np.float32)

    @cached_property
    def _met(self) -> tuple[Floats, NDArray[np.bool_]]:
        """Words that have met the kernel, and which have: once a process. Threads may do the same word twice."""
        return np.zeros((len(self.words), 3 * len(self.bias)), dtype=np.float32), np.zeros(len(self.words), dtype=bool)
