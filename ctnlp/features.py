"""Words and characters -> sparse matrix, with scikit-learn's `TfidfVectorizer`.

A text is a `Document`: its title and its body, each as words. A `Block` says which n-grams of which part become
columns; the blocks of a head stand side by side in a `FeatureUnion`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ctnlp.lexicon import classes
from ctnlp.normalise import strip_diacritics
from ctnlp.segment import segment_many

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

__all__ = [
    "BLOCKS",
    "TONE_BLOCKS",
    "Analyzer",
    "Block",
    "Document",
    "Part",
    "Place",
    "char_grams",
    "documents",
    "located",
    "union",
    "word_unit",
]

FloatArray = NDArray[np.float32] | NDArray[np.float64]
Part = Literal["title", "text"]
Place = tuple[Part, int]
"""A word of a document: its part and its number there."""

LONGEST_GRAM: Final = 40
"""Units of an n-gram beyond which a stored block is not believed."""

_DIGIT: Final = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Document:
    """A segmented text: the words of its title and of its body."""

    title: tuple[str, ...]
    body: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """One group of columns: n-grams of `low` to `high` units of the title, or of title and body.

    `unit` is a `word` as segmented, a `syllable`, a character (`char`) of a syllable without diacritics (what is left
    of Vietnamese typed in a hurry), or the class of a word that carries `tone` (`ctnlp.lexicon`). With the unit `near`
    a gram is such a class and a word `low` to `high` words before (`<`) or after (`>`) it: what rises, what is avoided.
    A column must occur in `min_df` training texts; the `max_features` most frequent stay. `weight` multiplies the
    block's rows, each of Euclidean length 1.
    """

    name: str
    unit: Literal["word", "syllable", "char", "tone", "near"]
    low: int
    high: int
    part: Literal["title", "all"] = "all"
    min_df: int = 2
    max_features: int = 40_000
    weight: float = 1.0


BLOCKS: Final = (
    Block("word", "word", 1, 1, max_features=30_000),
    Block("phrase", "word", 2, 2, weight=0.6),
    Block("syllable", "syllable", 1, 2, min_df=3, weight=0.5),
    Block("char", "char", 3, 5, min_df=3, weight=0.4),
    Block("title", "word", 1, 1, part="title", max_features=10_000, weight=0.5),
)
"""What every head sees."""

TONE_BLOCKS: Final = (
    Block("word", "word", 1, 1, max_features=30_000, weight=0.6),
    Block("phrase", "word", 2, 2, weight=0.8),
    Block("syllable", "syllable", 1, 2, min_df=3),
    *BLOCKS[3:],
    Block("tone", "tone", 1, 3, min_df=5, weight=0.6),
    Block("tone_title", "tone", 1, 3, part="title", min_df=5, weight=0.4),
    Block("near", "near", 1, 2, min_df=3, weight=0.8),
)
"""What the head of tone sees: phrases more than words, which tones follow each other, and what they are said of."""


def documents(
    texts: Iterable[str],
    titles: Iterable[str | None] | None = None,
    *,
    n_jobs: int = 1,
    cache_dir: "str | Path | None" = None,
) -> list[Document]:
    """Normalise and segment texts, and their titles where given.

    >>> documents(["Giá điện tăng"], ["Thông báo"])
    [Document(title=('Thông báo',), body=('Giá', 'điện', 'tăng'))]
    """
    bodies = list(texts)
    heads = [title or "" for title in titles] if titles is not None else [""] * len(bodies)
    words = segment_many(chain(bodies, heads), normalising=True, n_jobs=n_jobs, cache_dir=cache_dir)
    return [
        Document(tuple(title), tuple(body))
        for body, title in zip(words[: len(bodies)], words[len(bodies) :], strict=True)
    ]


@dataclass(frozen=True)
class Analyzer:
    """A document's n-grams for one block, as the callable that `TfidfVectorizer` takes.

    >>> Analyzer("word", 1, 2, "all")(Document((), ("Giá", "điện", "tăng")))
    ['giá', 'điện', 'tăng', 'giá điện', 'điện tăng']
    """

    unit: str
    low: int
    high: int
    part: str

    def __call__(self, document: Document) -> list[str]:
        """All n-grams, repeated as often as they occur; none spans title and body."""
        parts = (document.title,) if self.part == "title" else (document.title, document.body)
        return [gram for words in parts for gram in self._grams(words)]

    def _grams(self, words: Sequence[str]) -> Iterator[str]:
        if self.unit == "char":
            return chain.from_iterable(
                char_grams(syllable, self.low, self.high) for word in words for syllable in word.split(" ")
            )
        tokens = [word_unit(word) for word in words]
        if self.unit == "near":
            return (gram for gram, _ in _near(tokens, self.low, self.high))
        if self.unit == "tone":
            tokens = [found for _, _, found in classes(tokens)]
        elif self.unit == "syllable":
            tokens = [syllable for token in tokens for syllable in token.split("_")]
        return chain.from_iterable(
            [" ".join(tokens[i : i + size]) for i in range(len(tokens) - size + 1)] if size > 1 else tokens
            for size in range(self.low, self.high + 1)
        )


def located(block: Block, document: Document) -> Iterator[tuple[str, tuple[Place, ...]]]:
    """The n-grams that the block's `Analyzer` finds, each with the words it is made of: their part and number.

    >>> list(located(BLOCKS[1], Document((), ("Giá", "điện", "tăng"))))
    [('giá điện', (('text', 0), ('text', 1))), ('điện tăng', (('text', 1), ('text', 2)))]
    """
    parts: tuple[tuple[Part, tuple[str, ...]], ...] = (("title", document.title), ("text", document.body))
    for part, words in parts[: 1 if block.part == "title" else 2]:
        if block.unit == "near":
            for gram, own in _near([word_unit(word) for word in words], block.low, block.high):
                yield gram, tuple((part, number) for number in own)
            continue
        units = list(_units(block.unit, words))
        if block.unit == "char":
            for syllable, own in units:
                for gram in char_grams(syllable, block.low, block.high):
                    yield gram, tuple((part, number) for number in own)
            continue
        for size in range(block.low, block.high + 1):
            for start in range(len(units) - size + 1):
                grams = units[start : start + size]
                numbers = dict.fromkeys(number for _, own in grams for number in own)
                yield " ".join(unit for unit, _ in grams), tuple((part, number) for number in numbers)


def _units(unit: str, words: Sequence[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The units of a part, and the numbers of the words that each is made of."""
    if unit == "tone":
        for start, end, found in classes([word_unit(word) for word in words]):
            yield found, tuple(range(start, end))
        return
    for number, word in enumerate(words):
        if unit == "word":
            yield word_unit(word), (number,)
        else:
            for syllable in word.split(" ") if unit == "char" else word_unit(word).split("_"):
                yield syllable, (number,)


def _near(tokens: Sequence[str], low: int, high: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The words around those that carry tone, with the class of these, and the numbers of all words concerned."""
    for start, end, found in classes(tokens):
        carrier = tuple(range(start, end))
        for place in range(max(start - high, 0), start - low + 1):
            yield f"{found}<{tokens[place]}", (place, *carrier)
        for place in range(end - 1 + low, min(end + high, len(tokens))):
            yield f"{found}>{tokens[place]}", (*carrier, place)


# Words repeat: bounded tables of what they become.
@lru_cache(maxsize=200_000)
def word_unit(word: str) -> str:
    """A word as it is counted: lower case, one digit for all, syllables joined by `_`.

    >>> word_unit("12/2026/NĐ-CP"), word_unit("Giáo dục")
    ('00/0000/nđ-cp', 'giáo_dục')
    """
    return _DIGIT.sub("0", word.lower().replace(" ", "_"))


@lru_cache(maxsize=50_000)
def char_grams(syllable: str, low: int, high: int) -> tuple[str, ...]:
    """The character n-grams of a syllable as they are counted: small letters without diacritics, a space around.

    >>> char_grams("Giá", 4, 5)
    (' gia', 'gia ', ' gia ')
    """
    padded = f" {strip_diacritics(_DIGIT.sub('0', syllable.lower()))[:40]} "
    return tuple(
        padded[i : i + size] for size in range(low, min(high, len(padded)) + 1) for i in range(len(padded) - size + 1)
    )


def union(blocks: Sequence[Block], names: Sequence[Sequence[str]], idf: Sequence["FloatArray"]) -> "FeatureUnion":
    """A fitted `FeatureUnion` over documents: one `TfidfVectorizer` (sublinear tf, smooth idf, l2) a block.

    `names` and `idf` hold the columns of each block and their inverse document frequencies.

    >>> one = union(BLOCKS[:1], [["giá", "điện"]], [[1.0, 1.0]])
    >>> one.transform([Document((), ("Giá",))]).toarray().tolist()
    [[1.0, 0.0]]
    """
    from sklearn.pipeline import FeatureUnion

    parts = []
    for block, columns, weights in zip(blocks, names, idf, strict=True):
        vectorizer = _vectorizer(block, dict(zip(columns, range(len(columns)), strict=True)))
        vectorizer.idf_ = np.asarray(weights, dtype=np.float32)
        parts.append((block.name, vectorizer))
    return FeatureUnion(parts, transformer_weights={block.name: block.weight for block in blocks})


def _vectorizer(block: Block, vocabulary: dict[str, int] | None = None) -> "TfidfVectorizer":
    from sklearn.feature_extraction.text import TfidfVectorizer

    analyzer = Analyzer(block.unit, block.low, block.high, block.part)
    return TfidfVectorizer(analyzer=analyzer, vocabulary=vocabulary, sublinear_tf=True, dtype=np.float32)


def block_from(values: dict[str, Any]) -> Block:
    """A block from its JSON form; the inverse of `dataclasses.asdict`. Raises `ValueError` for what is none.

    >>> from dataclasses import asdict
    >>> block_from(asdict(BLOCKS[0])) == BLOCKS[0]
    True
    """
    block = Block(**values)
    sizes = (block.low, block.high, block.min_df, block.max_features)
    if block.unit not in ("word", "syllable", "char", "tone", "near") or block.part not in ("title", "all"):
        raise ValueError(f"block {block.name!r} of unit {block.unit!r} and part {block.part!r}")
    if not all(type(size) is int for size in sizes) or not 1 <= block.low <= block.high <= LONGEST_GRAM:
        raise ValueError(f"block {block.name!r} of sizes {sizes}")
    if not isinstance(block.weight, int | float) or not np.isfinite(block.weight):
        raise ValueError(f"block {block.name!r} of weight {block.weight!r}")
    return block
