"""Texts -> the numbers of their n-grams, without a string a gram.

Tokens are numbers (`ctnlp._words`); words, syllables and their n-grams are found by following numbers through tables
(`ctnlp._grams`), the same n-grams that `ctnlp.features.Analyzer` names.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ctnlp._grams import Vocabulary, vocabulary
from ctnlp._tables import Rows
from ctnlp._words import Cut, Cutter
from ctnlp.features import Block, char_grams, word_unit

__all__ = ["Reader", "Units"]

Ints = NDArray[np.int64]


class Reader:
    """Reads texts by the vocabularies of some blocks, and remembers what the tokens seen so far are made of."""

    def __init__(self, blocks: Sequence[tuple[Block, Sequence[str]]]) -> None:
        """Make the tables of these blocks and their columns, or read them from the cache folder."""
        self.known = vocabulary(blocks)
        self._cutter = Cutter(normalising=True)
        self._syllable_numbers = {syllable: number for number, syllable in enumerate(self.known.syllables)}
        self._character_numbers = {gram: number for number, gram in enumerate(self.known.characters)}
        self._ranges = {(block.low, block.high) for block, _ in blocks if block.unit == "char"}
        self._seen = (0, 0)

    def read(self, texts: Sequence[str]) -> "Units":
        """What the texts are made of. One thread at a time."""
        cut = self._cutter.cut(texts)
        self._learn()
        return Units(self.known, cut, self._syllables, self._characters)

    def _learn(self) -> None:
        """Look up what tokens that are seen for the first time are made of."""
        generation, known = self._seen
        if generation != self._cutter.forgotten:
            known = 0
            self._syllables = Rows()
            self._characters = {key: Rows() for key in self._ranges}
        names = self._cutter.names_from(known)
        self._seen = (0, 0)  # if this is broken off, all is looked up again
        self._syllables.add([self._syllables_of(name) for name in names])
        for (low, high), rows in self._characters.items():
            rows.add([self._characters_of(name, low, high) for name in names])
        self._seen = (self._cutter.forgotten, known + len(names))

    # Each token is looked up once: past the caches of `word_unit` and `char_grams`, which would keep long ones, too.

    def _syllables_of(self, token: str) -> list[int]:
        unit = word_unit.__wrapped__(token)
        return [self._syllable_numbers.get(part, -1) for part in unit.split("_")] if token else []

    def _characters_of(self, token: str, low: int, high: int) -> list[int]:
        numbers = self._character_numbers
        grams = (gram for part in token.split(" ") for gram in char_grams.__wrapped__(part, low, high)) if token else ()
        return [numbers[gram] for gram in grams if gram in numbers]


class Units:
    """Texts as numbers of tokens, syllables, words and words that carry tone; unknown ones are -1."""

    def __init__(self, known: Vocabulary, cut: Cut, syllables: Rows, characters: dict[tuple[int, int], Rows]) -> None:
        """See `Reader.read`."""
        self._known = known
        self._characters = characters
        self._tokens = cut.tokens
        self.lengths = cut.lengths
        """Tokens of each text."""
        self._text_of_token = np.repeat(np.arange(len(cut.lengths)), cut.lengths)
        first_tokens = np.flatnonzero(~cut.goes_on)
        self._text_of_word = self._text_of_token[first_tokens]
        self._syllables, counts = syllables.of(cut.tokens)
        self._text_of_syllable = np.repeat(self._text_of_token, counts)
        begins = np.cumsum(counts) - counts
        ends = np.append(begins[first_tokens[1:]], len(self._syllables)) if len(first_tokens) else begins
        self._words = self._find_words(begins[first_tokens], ends)
        self._found: dict[tuple[str, int, int], tuple[Ints, Ints]] = {}

    def grams(self, unit: str, low: int, high: int) -> tuple[Ints, Ints]:
        """The known n-grams of all texts, as often as they occur: their numbers, and the text of each."""
        key = (unit, low, high)
        if not len(self._words):
            return self._words, self._words
        if key not in self._found:
            self._found[key] = self._find(*key)
        return self._found[key]

    def _find(self, unit: str, low: int, high: int) -> tuple[Ints, Ints]:
        if unit == "char":
            grams, counts = self._characters[low, high].of(self._tokens)
            return grams, np.repeat(self._text_of_token, counts)
        if unit == "near":
            return self._near(low, high)
        if unit == "tone":
            begins, _, units = self._tones
            table, text = self._known.tone_grams, self._text_of_word[begins]
        elif unit == "word":
            table, units, text = self._known.word_grams, self._words, self._text_of_word
        else:
            table, units, text = self._known.syllable_grams, self._syllables, self._text_of_syllable
        grams, places = table.of(units, self._ends(text), low, high)
        return grams, text[places]

    def _ends(self, text: Ints) -> Ints:
        """For each place, where its text ends."""
        return np.cumsum(np.bincount(text, minlength=len(self.lengths)))[text]

    def _find_words(self, begins: Ints, ends: Ints) -> Ints:
        """The number of each word, or -1, from its syllables."""
        syllables, table = self._syllables, self._known.words
        words = syllables[begins]
        step = 1
        active = np.flatnonzero((ends - begins > 1) & (words >= 0))
        while len(active):
            if step > len(table.index):
                words[active] = -1
                break
            follower = syllables[begins[active] + step]
            rows = table.index[step - 1].find(words[active] * table.units + np.maximum(follower, 0))
            found = (rows >= 0) & (follower >= 0)
            words[active] = np.where(found, rows + table.begins[step - 1], -1)
            step += 1
            active = active[found & (ends[active] - begins[active] > step)]
        return words

    @cached_property
    def _tones(self) -> tuple[Ints, Ints, Ints]:
        """Words that carry tone, or pairs of them: begin, end and class. Of pairs that overlap, every other counts."""
        words, known = self._words, self._known
        places = np.arange(len(words))
        pair = np.full(len(words), -1, dtype=np.int64)
        inside = np.flatnonzero((places + 1 < self._ends(self._text_of_word)) & (words >= 0))
        inside = inside[words[inside + 1] >= 0]
        pair[inside] = known.tone_of_pair[
            known.tone_pairs.find(words[inside] * known.word_grams.units + words[inside + 1])
        ]
        flagged = pair >= 0
        begins_run = flagged & ~np.concatenate([[False], flagged[:-1]])
        run_begin = np.maximum.accumulate(np.where(begins_run, places, 0))
        taken = flagged & ((places - run_begin) % 2 == 0)
        covered = taken | np.concatenate([[False], taken[:-1]])
        one = np.where(covered | (words < 0), -1, known.tone_of[np.maximum(words, 0)])
        begins = np.flatnonzero(taken | (one >= 0))
        return begins, begins + 1 + taken[begins], np.where(taken, pair, one)[begins]

    def _near(self, low: int, high: int) -> tuple[Ints, Ints]:
        """Classes of tone and the words around them."""
        begins, ends, found = self._tones
        text = self._text_of_word[begins]
        keys, texts = [], []
        for distance in range(low, high + 1):
            for side, place in ((0, begins - distance), (1, ends - 1 + distance)):
                inside = (place >= 0) & (place < len(self._words))
                near, own = place[inside], text[inside]
                same = (self._text_of_word[near] == own) & (self._words[near] >= 0)
                gram = (found[inside][same] * 2 + side) * self._known.word_grams.units
                keys.append(gram + self._words[near[same]])
                texts.append(own[same])
        rows = self._known.near.find(np.concatenate(keys))
        known = rows >= 0
        return rows[known].astype(np.int64), np.concatenate(texts)[known]
