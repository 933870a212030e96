"""The n-grams of several vocabularies as numbers: strings once, then tables to follow from unit to unit.

Syllables are numbered; words are n-grams of syllables; grams of words are n-grams of words. A gram that no vocabulary
has has no number. A text is read by looking up whole numbers alone. Columns that no text can have, as a stranger's
model might name them, get the number -1.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp import lexicon, places
from ctnlp._tables import Index, kept
from ctnlp.features import Block

__all__ = ["Grams", "Vocabulary", "vocabulary"]

Ints = NDArray[np.int64]
VERSION: Final = "2"
"""Of these tables: another one needs a new number, or the cache would give the old."""
_NOWHERE: Final = re.compile("[\n\ud800-\udfff]")
"""No token has these."""
_SIDE: Final = re.compile("[<>]")


@dataclass(frozen=True)
class Grams:
    """N-grams of numbered units, numbered themselves: units first, then pairs, triples, ...

    `index[k]` finds grams of k + 2 units by `gram of the first k + 1 units * units + last unit`; `begins[k]` is the
    number of the first of them.
    """

    units: int
    index: tuple[Index, ...]
    begins: tuple[int, ...]

    def size(self) -> int:
        """How many units and grams there are."""
        return self.units + sum(int((index.rows >= 0).sum()) for index in self.index)

    def of(self, units: Ints, ends: Ints, low: int, high: int) -> tuple[Ints, Ints]:
        """All known grams of `low` to `high` units: their numbers and the places where they begin.

        `units` are numbers, -1 for unknown ones; `ends` tells for each place where its text ends.
        """
        grams, places = [units[:0]], [units[:0]]
        current = units
        here = np.flatnonzero(current >= 0)
        current = current[here]
        for size in range(1, high + 1):
            if size > 1:
                if size - 2 >= len(self.index):
                    break
                last = here + (size - 1)
                inside = last < ends[here]
                here, current, last = here[inside], current[inside], last[inside]
                follower = units[last]
                known = follower >= 0
                here, current, follower = here[known], current[known], follower[known]
                rows = self.index[size - 2].find(current * self.units + follower)
                known = rows >= 0
                here, current = here[known], rows[known].astype(np.int64) + self.begins[size - 2]
            if size >= low:
                grams.append(current)
                places.append(here)
        return np.concatenate(grams), np.concatenate(places)


def _number(grams: Iterable[tuple[int, ...]], units: int) -> tuple[Grams, dict[tuple[int, ...], int]]:
    """Number n-grams of unit numbers, with the beginnings that lead to them."""
    by_size: dict[int, dict[tuple[int, ...], None]] = defaultdict(dict)
    for gram in grams:
        for size in range(2, len(gram) + 1):
            by_size[size][gram[:size]] = None
    numbers: dict[tuple[int, ...], int] = {}
    index, begins = [], []
    begin = units
    for size in range(2, max(by_size, default=1) + 1):
        keys = np.empty(len(by_size[size]), dtype=np.int64)
        for row, gram in enumerate(by_size[size]):
            keys[row] = (numbers[gram[:-1]] if size > 2 else gram[0]) * units + gram[-1]
            numbers[gram] = begin + row
        index.append(Index.of(keys))
        begins.append(begin)
        begin += len(keys)
    return Grams(units, tuple(index), tuple(begins)), numbers


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams of some blocks as numbers.

    `words` are n-grams of syllables, `word_grams` n-grams of words. `near` finds grams of a class and a word by
    `(class * 2 + side) * words + word`. `tone_of` is the class of each word, or -1; `tone_pairs` finds pairs of words
    that carry tone, and `tone_of_pair` has their classes. `numbers` are those of each block's columns, in order, or -1.
    """

    syllables: Sequence[str]
    characters: Sequence[str]
    words: Grams
    word_grams: Grams
    syllable_grams: Grams
    tone_grams: Grams
    near: Index
    tone_of: Ints
    tone_pairs: Index
    tone_of_pair: Ints
    numbers: Sequence[Ints]


def vocabulary(blocks: Sequence[tuple[Block, Sequence[str]]]) -> Vocabulary:
    """The columns of blocks as numbers: made once, then kept in the cache folder."""
    digest = hashlib.sha256(f"{VERSION} {lexicon.identity()}".encode())
    for block, names in blocks:
        digest.update(f"\n{block!r}\n".encode() + "\n".join(names).encode("utf-8", "surrogatepass"))
    path = places.cache_dir() / "tables" / f"grams-{digest.hexdigest()[:32]}.npz"
    stored = kept(path, lambda: _compiled(blocks))
    grams = {name: _grams(name, stored) for name in ("words", "word_grams", "syllable_grams", "tone_grams")}
    numbers = [stored[f"numbers.{place}"] for place in range(len(blocks))]
    rest = ("syllables", "characters", "near", "tone_of", "tone_pairs", "tone_of_pair")
    values: dict[str, Any] = {**grams, **{name: stored[name] for name in rest}}
    return Vocabulary(**values, numbers=numbers)


def _grams(name: str, stored: Mapping[str, Any]) -> Grams:
    units, *begins = stored[name].tolist()
    return Grams(units, tuple(stored[f"{name}.{size}"] for size in range(len(begins))), tuple(begins))


def _compiled(blocks: Sequence[tuple[Block, Sequence[str]]]) -> dict[str, Any]:
    grams: dict[str, dict[str, None]] = {unit: {} for unit in ("word", "syllable", "char", "tone", "near")}
    for block, names in blocks:
        grams[block.unit] |= dict.fromkeys(name for name in names if not _NOWHERE.search(name))
    classes = {name: number for number, name in enumerate(lexicon.CLASSES)}
    said = {gram: three for gram in grams["near"] if (three := _near(gram)) and three[0] in classes}
    tones = lexicon.tone_words() if {block.unit for block, _ in blocks} & {"tone", "near"} else {}
    words = dict.fromkeys(word for gram in (*grams["word"], *tones) for word in gram.split(" "))
    words |= dict.fromkeys(word for _, _, word in said.values())
    spelled = {word: tuple(word.split("_")) for word in words}
    parts = dict.fromkeys(part for spelling in spelled.values() for part in spelling)
    parts |= dict.fromkeys(part for gram in grams["syllable"] for part in gram.split(" "))
    syllables = {syllable: number for number, syllable in enumerate(parts)}
    known_words, word_number = _numbered(spelled, syllables, len(syllables))
    size = known_words.size()
    word_grams, numbers_of_words = _numbered({gram: gram.split(" ") for gram in grams["word"]}, word_number, size)
    syllable_grams, of_syllables = _numbered({g: g.split(" ") for g in grams["syllable"]}, syllables, len(syllables))
    runs = {gram: run for gram in grams["tone"] if set(run := gram.split(" ")) <= classes.keys()}
    tone_grams, of_tones = _numbered(runs, classes, len(classes))
    numbers: dict[str, Mapping[str, int]] = {
        "word": numbers_of_words,
        "syllable": of_syllables,
        "tone": of_tones,
        "near": {gram: number for number, gram in enumerate(said)},
        "char": {gram: number for number, gram in enumerate(grams["char"])},
    }
    tone_of = np.full(size, -1, dtype=np.int64)
    pairs = {}
    for entry, name in tones.items():
        own = [word_number[word] for word in entry.split(" ")]
        if len(own) == 1:
            tone_of[own[0]] = classes[name]
        else:
            pairs[own[0] * size + own[1]] = classes[name]
    stored: dict[str, Any] = {
        "syllables": list(syllables),
        "characters": list(grams["char"]),
        "near": Index.of(
            _int64((classes[found] * 2 + side) * size + word_number[word] for found, side, word in said.values())
        ),
        "tone_of": tone_of,
        "tone_pairs": Index.of(_int64(pairs)),
        # Rows that are not found are -1: the last.
        "tone_of_pair": _int64([*pairs.values(), -1]),
    }
    for place, (block, names) in enumerate(blocks):
        stored[f"numbers.{place}"] = _int64(numbers[block.unit].get(name, -1) for name in names)
    for name, own_grams in (
        ("words", known_words),
        ("word_grams", word_grams),
        ("syllable_grams", syllable_grams),
        ("tone_grams", tone_grams),
    ):
        stored[name] = _int64([own_grams.units, *own_grams.begins])
        stored |= {f"{name}.{size}": index for size, index in enumerate(own_grams.index)}
    return stored


def _numbered(
    spelled: Mapping[str, Sequence[str]], units: Mapping[str, int], size: int
) -> tuple[Grams, dict[str, int]]:
    """Number grams by the numbers of their units, of which there are `size`."""
    tuples = {gram: tuple(units[part] for part in parts) for gram, parts in spelled.items()}
    grams, numbers = _number(tuples.values(), size)
    return grams, {gram: own[0] if len(own) == 1 else numbers[own] for gram, own in tuples.items()}


def _near(gram: str) -> tuple[str, bool, str] | None:
    """Class, side (after?) and word of a gram of the unit `near`: no class has a `<` or `>`, a word may."""
    match = _SIDE.search(gram)
    return (gram[: match.start()], match[0] == ">", gram[match.end() :]) if match else None


def _int64(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)
