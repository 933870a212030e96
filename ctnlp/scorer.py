"""Texts -> scores of several heads at once: those of `HeadModel.decision_function` to 1e-6, without a string a gram.

Heads that look at the same n-grams share the counting, and one product of counts and weights scores all their labels.
In NumPy alone: importing scikit-learn would take longer than tagging a thousand texts.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctnlp._processes import Lock
from ctnlp._reader import Reader
from ctnlp.model import HeadModel

__all__ = ["Scorer"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Scorer:
    """The tables of some heads, and what is known of the tokens seen so far. Threads may share it.

    >>> from ctnlp.registry import load
    >>> head = load("sentiment")[0]
    >>> (scores,), blank = Scorer([head]).scores(["Cháy lớn, hai công nhân thiệt mạng", ""], ["", ""])
    >>> head.labels[scores[0].argmax()], blank.tolist()
    ('negative', [False, True])
    """

    def __init__(self, models: Sequence[HeadModel]) -> None:
        """Make the tables of `models`, or read them from the cache folder."""
        self._intercepts = [np.asarray(model.intercept, dtype=np.float64) for model in models]
        blocks = [pair for model in models for pair in zip(model.blocks, model.names, strict=True)]
        self._reader = Reader(blocks)
        self._families = _families(models, self._reader.known.numbers)
        self._lock = Lock()

    def scores(self, texts: Sequence[str], titles: Sequence[str]) -> tuple[list[Floats], NDArray[np.bool_]]:
        """What each head's `decision_function` gives, shape (n, labels), and which texts have no word at all, (n,).

        All n-grams of the texts are in memory at once: some hundred articles, or thousands of leads.
        """
        size = len(texts)
        scores = [np.tile(intercept, (size, 1)) for intercept in self._intercepts]
        with self._lock.held:
            units = self._reader.read([*texts, *titles])
            for family in self._families:
                grams, text = units.grams(family.unit, family.low, family.high)
                _add(scores, family, grams, text, size)
        return scores, units.lengths[:size] + units.lengths[size:] == 0


@dataclass(frozen=True)
class _Family:
    """Blocks of several heads that count the same n-grams.

    `column` is the column of each gram, or -1. `effects` (columns, labels of all heads) are weights times inverse
    document frequency, `squares` (columns, heads) the squared frequencies, by which rows get length 1. `heads` tells
    the number of each head, and the first and last of its labels here, and how much its block weighs.
    """

    unit: str
    low: int
    high: int
    part: str
    column: NDArray[np.int32]
    effects: NDArray[np.float32]
    squares: NDArray[np.float32]
    heads: tuple[tuple[int, int, int, float], ...]


def _families(models: Sequence[HeadModel], numbers: Sequence[Ints]) -> list[_Family]:
    """The blocks of all heads, those that count the same n-grams together."""
    members: dict[tuple[str, int, int, str], list[_Member]] = defaultdict(list)
    ahead = iter(numbers)
    for place, model in enumerate(models):
        start = 0
        for block, idf in zip(model.blocks, model.idf, strict=True):
            coef = model.coef[:, start : start + len(idf)]
            members[block.unit, block.low, block.high, block.part].append(
                _Member(place, block.weight, next(ahead), idf, coef)
            )
            start += len(idf)
    return [_family(key, own) for key, own in members.items()]


class _Member(NamedTuple):
    """A block of a head: the head's place, the block's weight, its columns as numbers, their idf and coefficients."""

    place: int
    weight: float
    numbers: Ints
    idf: Any
    coef: Any


def _family(key: tuple[str, int, int, str], members: Sequence[_Member]) -> _Family:
    numbers = np.concatenate([member.numbers for member in members])
    known = np.unique(numbers[numbers >= 0])  # -1: no text can have it
    column = np.full(int(known.max(initial=0)) + 1, -1, dtype=np.int32)
    column[known] = np.arange(len(known))
    effects = np.zeros((len(known), sum(len(member.coef) for member in members)), dtype=np.float32)
    squares = np.zeros((len(known), len(members)), dtype=np.float32)
    heads, start = [], 0
    for place, member in enumerate(members):
        real, end = member.numbers >= 0, start + len(member.coef)
        own = column[member.numbers[real]]
        effects[own, start:end] = (member.coef * member.idf).T[real]
        squares[own, place] = np.asarray(member.idf, dtype=np.float32)[real] ** 2
        heads.append((member.place, start, end, member.weight))
        start = end
    return _Family(*key, column, effects, squares, tuple(heads))


def _add(scores: list[Floats], family: _Family, grams: Ints, text: Ints, size: int) -> None:
    """Add what a family of columns contributes: sublinear counts, rows of length 1, as `TfidfVectorizer` has them."""
    if family.part == "title":  # titles stand after the bodies
        own = text >= size
        grams, text = grams[own], text[own]
    inside = grams < len(family.column)
    columns = family.column[np.where(inside, grams, 0)]
    inside &= columns >= 0
    keys = np.sort((text[inside] % size) * np.int64(len(family.effects)) + columns[inside])
    if not len(keys):
        return
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    counts = np.diff(np.append(first, len(keys)))
    row, column = np.divmod(keys[first], len(family.effects))
    values = np.log(counts.astype(np.float32)) + np.float32(1)
    starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
    norms = np.sqrt(np.add.reduceat(family.squares[column] * (values**2)[:, None], starts, axis=0))
    # One product a text: summing slices of one large product would take several times as long.
    sums = np.empty((len(starts), family.effects.shape[1]))
    for text_number, (begin, end) in enumerate(pairwise([*starts.tolist(), len(values)])):
        sums[text_number] = values[begin:end] @ family.effects.take(column[begin:end], axis=0)
    rows = row[starts]
    for head, (place, begin, end, weight) in enumerate(family.heads):
        norm = norms[:, head, None]
        scores[place][rows] += np.divide(
            weight * sums[:, begin:end], norm, out=np.zeros((len(rows), end - begin)), where=norm > 0
        )
