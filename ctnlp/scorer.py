"""Texts -> scores of several heads at once: the same as `HeadModel.decision_function`, without a string a gram.

Tokens are numbers (`ctnlp._words`); words, syllables and their n-grams are found by following numbers through tables
(`ctnlp._grams`). Heads that look at the same n-grams share the counting, and one product of counts and weights scores
all their labels. In NumPy alone: importing scikit-learn would take longer than tagging a thousand texts.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctnlp._grams import vocabulary
from ctnlp._tables import filled
from ctnlp._words import Cut, Cutter
from ctnlp.features import char_grams, word_unit
from ctnlp.model import HeadModel

__all__ = ["Scorer"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

AT_ONCE: Final = 1_500_000
"""Characters whose n-grams are in memory at once."""


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


@dataclass
class _Batch:
    """The units of some texts: bodies, then titles."""

    size: int
    text_of_word: Ints
    words: Ints
    word_ends: Ints
    text_of_syllable: Ints
    syllables: Ints
    syllable_ends: Ints
    tokens: Ints
    text_of_token: Ints


class Scorer:
    """The tables of some heads, and what is known of the tokens seen so far.

    >>> from ctnlp.registry import load
    >>> head = load("sentiment")[0]
    >>> scores, = Scorer([head]).scores(["Cháy lớn, hai công nhân thiệt mạng"], [""])
    >>> head.labels[scores[0].argmax()]
    'negative'
    """

    def __init__(self, models: Sequence[HeadModel]) -> None:
        """Make the tables of `models`, or read them from the cache folder."""
        self._intercepts = [np.asarray(model.intercept, dtype=np.float64) for model in models]
        self._cutter = Cutter(normalising=True)
        blocks = [pair for model in models for pair in zip(model.blocks, model.names, strict=True)]
        self._known = vocabulary(blocks)
        self._words = self._known.word_grams.units
        self._syllable_numbers = {syllable: number for number, syllable in enumerate(self._known.syllables)}
        self._character_numbers = {gram: number for number, gram in enumerate(self._known.characters)}
        self._families = _families(models, self._known.numbers)
        self._seen = (0, 0)

    def scores(self, texts: Sequence[str], titles: Sequence[str]) -> list[Floats]:
        """What each head's `decision_function` gives for these texts: an array of shape (n, labels) a head."""
        return self.scores_and_blank(texts, titles)[0]

    def scores_and_blank(self, texts: Sequence[str], titles: Sequence[str]) -> tuple[list[Floats], NDArray[np.bool_]]:
        """The scores, and which texts have no word at all."""
        parts = [self._part(texts[own], titles[own]) for own in _slices(texts)]
        if not parts:
            return [np.zeros((0, len(intercept))) for intercept in self._intercepts], np.zeros(0, dtype=np.bool_)
        scores = [np.vstack(own) for own in zip(*(scores for scores, _ in parts), strict=True)]
        return scores, np.concatenate([blank for _, blank in parts])

    def _part(self, texts: Sequence[str], titles: Sequence[str]) -> tuple[list[Floats], NDArray[np.bool_]]:
        size = len(texts)
        cut = self._cutter.cut([*texts, *titles])
        self._learn()
        scores = [np.tile(intercept, (size, 1)) for intercept in self._intercepts]
        blank = (cut.lengths[:size] + cut.lengths[size:]) == 0
        if len(cut.tokens):
            batch = self._units(cut, size)
            memory: dict[Any, Any] = {}
            for family in self._families:
                grams, text = self._grams(batch, family, memory)
                _add(scores, family, grams, text, size)
        return scores, blank

    def _learn(self) -> None:
        """Look up what tokens that are seen for the first time are made of."""
        generation, known = self._seen
        if generation != self._cutter.forgotten:
            known = 0
            # Syllables are kept under (0, 0): no block counts character n-grams of no characters.
            ranges = {(family.low, family.high) for family in self._families if family.unit == "char"}
            self._parts = {key: _Parts() for key in ((0, 0), *ranges)}
        names = self._cutter.names_from(known)
        if not names:
            return
        for key, parts in self._parts.items():
            parts.add([self._syllables_of(name) if key == (0, 0) else self._chars_of(name, *key) for name in names])
        self._seen = (self._cutter.forgotten, known + len(names))

    def _syllables_of(self, token: str) -> list[int]:
        return [self._syllable_numbers.get(part, -1) for part in word_unit(token).split("_")] if token else []

    def _chars_of(self, token: str, low: int, high: int) -> list[int]:
        numbers = self._character_numbers
        grams = (gram for part in token.split(" ") for gram in char_grams(part, low, high)) if token else ()
        return [numbers[gram] for gram in grams if gram in numbers]

    def _units(self, cut: Cut, size: int) -> _Batch:
        tokens, goes_on, lengths = cut
        text_of_token = np.repeat(np.arange(2 * size), lengths)
        first_tokens = np.flatnonzero(~goes_on)
        text_of_word = text_of_token[first_tokens]
        syllables, counts = self._parts[0, 0].of(tokens)
        text_of_syllable = np.repeat(text_of_token, counts)
        offsets = np.cumsum(counts) - counts
        word_sizes = np.add.reduceat(counts, first_tokens)
        words = self._words_of(syllables, offsets[first_tokens], word_sizes)
        return _Batch(
            size,
            text_of_word,
            words,
            _ends(text_of_word, 2 * size),
            text_of_syllable,
            syllables,
            _ends(text_of_syllable, 2 * size),
            tokens,
            text_of_token,
        )

    def _words_of(self, syllables: Ints, first: Ints, sizes: Ints) -> Ints:
        """The number of each word, or -1, from the syllables that it is made of."""
        words = syllables[first].copy()
        step = 1
        active = np.flatnonzero((sizes > 1) & (words >= 0))
        table = self._known.words
        while len(active):
            if step > len(table.index):
                words[active] = -1
                break
            follower = syllables[first[active] + step]
            rows = table.index[step - 1].find(words[active] * table.units + np.maximum(follower, 0))
            found = (rows >= 0) & (follower >= 0)
            words[active] = np.where(found, rows + table.begins[step - 1], -1)
            step += 1
            active = active[found & (sizes[active] > step)]
        return words

    def _grams(self, batch: _Batch, family: _Family, memory: dict[Any, Any]) -> tuple[Ints, Ints]:
        """The grams of a family in all texts, and the text of each."""
        key = (family.unit, family.low, family.high)
        if key not in memory:
            memory[key] = self._find_grams(batch, family, memory)
        found: tuple[Ints, Ints] = memory[key]
        return found

    def _find_grams(self, batch: _Batch, family: _Family, memory: dict[Any, Any]) -> tuple[Ints, Ints]:
        unit, low, high = family.unit, family.low, family.high
        if unit == "word":
            grams, places = self._known.word_grams.of(batch.words, batch.word_ends, low, high)
            return grams, batch.text_of_word[places]
        if unit == "syllable":
            grams, places = self._known.syllable_grams.of(batch.syllables, batch.syllable_ends, low, high)
            return grams, batch.text_of_syllable[places]
        if unit == "char":
            grams, counts = self._parts[low, high].of(batch.tokens)
            return grams, np.repeat(batch.text_of_token, counts)
        if "classes" not in memory:
            memory["classes"] = self._classes(batch)
        spans, found = memory["classes"]
        text = batch.text_of_word[spans[0]]
        if unit == "tone":
            grams, places = self._known.tone_grams.of(found, _ends(text, 2 * batch.size), low, high)
            return grams, text[places]
        return self._near_grams(batch, spans, found, low, high)

    def _classes(self, batch: _Batch) -> tuple[Any, Ints]:
        """Begin and end of the words that carry tone, and their classes; of pairs that overlap, every other counts."""
        words, ends = batch.words, batch.word_ends
        places = np.arange(len(words))
        pair = np.full(len(words), -1, dtype=np.int64)
        inside = np.flatnonzero((places + 1 < ends) & (words >= 0))
        inside = inside[words[inside + 1] >= 0]
        rows = self._known.tone_pairs.find(words[inside] * self._words + words[inside + 1])
        pair[inside] = self._known.tone_of_pair[rows]
        flagged = pair >= 0
        begins_run = flagged & ~np.concatenate([[False], flagged[:-1]])
        run_begin = np.maximum.accumulate(np.where(begins_run, places, 0))
        taken = flagged & ((places - run_begin) % 2 == 0)
        covered = taken | np.concatenate([[False], taken[:-1]])
        one = np.where(covered | (words < 0), -1, self._known.tone_of[np.maximum(words, 0)])
        start = np.flatnonzero(taken | (one >= 0))
        return (start, start + 1 + taken[start]), np.where(taken, pair, one)[start]

    def _near_grams(
        self, batch: _Batch, spans: tuple[Ints, Ints], found: Ints, low: int, high: int
    ) -> tuple[Ints, Ints]:
        text = batch.text_of_word[spans[0]]
        keys, texts = [], []
        for distance in range(low, high + 1):
            for side, place in ((0, spans[0] - distance), (1, spans[1] - 1 + distance)):
                inside = (place >= 0) & (place < len(batch.words))
                near, own = place[inside], text[inside]
                same = (batch.text_of_word[near] == own) & (batch.words[near] >= 0)
                keys.append((found[inside][same] * 2 + side) * self._words + batch.words[near[same]])
                texts.append(own[same])
        rows = self._known.near.find(np.concatenate(keys))
        known = rows >= 0
        return rows[known].astype(np.int64), np.concatenate(texts)[known]


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
    known = np.unique(np.concatenate([member.numbers for member in members]))
    column = np.full(int(known.max(initial=0)) + 1, -1, dtype=np.int32)
    column[known] = np.arange(len(known))
    effects = np.zeros((len(known), sum(len(member.coef) for member in members)), dtype=np.float32)
    squares = np.zeros((len(known), len(members)), dtype=np.float32)
    heads, start = [], 0
    for place, member in enumerate(members):
        own, end = column[member.numbers], start + len(member.coef)
        effects[own, start:end] = (member.coef * member.idf).T
        squares[own, place] = np.asarray(member.idf, dtype=np.float32) ** 2
        heads.append((member.place, start, end, member.weight))
        start = end
    return _Family(*key, column, effects, squares, tuple(heads))


def _slices(texts: Sequence[str]) -> Iterator[slice]:
    """Runs of texts of `AT_ONCE` characters, or one longer text."""
    begin = length = 0
    for place, text in enumerate(texts):
        length += len(text)
        if length > AT_ONCE and place > begin:
            yield slice(begin, place)
            begin, length = place, len(text)
    if begin < len(texts):
        yield slice(begin, len(texts))


class _Parts:
    """What each token is made of: numbers, one token after the other, in arrays that grow."""

    def __init__(self) -> None:
        self.begins = np.zeros(1024, dtype=np.int64)
        self.sizes = np.zeros(1024, dtype=np.int64)
        self.flat = np.zeros(1024, dtype=np.int64)
        self.tokens = self.parts = 0

    def add(self, tokens: Sequence[Sequence[int]]) -> None:
        """The parts of the tokens that follow."""
        sizes = np.fromiter(map(len, tokens), np.int64, len(tokens))
        ends = self.parts + np.cumsum(sizes)
        self.begins = filled(self.begins, self.tokens, ends - sizes)
        self.sizes = filled(self.sizes, self.tokens, sizes)
        self.flat = filled(self.flat, self.parts, [part for parts in tokens for part in parts])
        self.tokens += len(tokens)
        self.parts = int(ends[-1])

    def of(self, tokens: Ints) -> tuple[Ints, Ints]:
        """The parts of these tokens, one after the other, and how many each has."""
        counts = self.sizes[tokens]
        ends = np.cumsum(counts)
        places = np.arange(ends[-1]) + np.repeat(self.begins[tokens] - ends + counts, counts)
        return self.flat[places], counts


def _ends(text: Ints, size: int) -> Ints:
    """For each place, where its text ends."""
    return np.cumsum(np.bincount(text, minlength=size))[text]


def _add(scores: list[Floats], family: _Family, grams: Ints, text: Ints, size: int) -> None:
    """Add what a family of columns contributes: sublinear counts, rows of length 1, as `TfidfVectorizer` has them."""
    if family.part == "title":
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
