"""Texts that are too much alike: near-duplicates, and runs of words taken from another text."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ctnlp.normalise import normalise

if TYPE_CHECKING:
    import numpy as np

__all__ = ["NEAR_DUPLICATE", "near_duplicate_groups", "shared_runs", "tokens"]

NEAR_DUPLICATE: Final = 0.5
"""Jaccard similarity of 5-gram sets from which two texts count as the same (Broder 1997)."""

RUN: Final = 20
"""So many syllables in a row in two texts are no chance; fewer may be the name of a body, an office, a crime."""
_STEP: Final = 4

_TOKEN: Final = re.compile(r"\w+")


def tokens(text: str) -> list[str]:
    """The syllables and numbers of a text, in small letters.

    >>> tokens("Giá điện tăng 4,8 %!")
    ['giá', 'điện', 'tăng', '4', '8']
    """
    return _TOKEN.findall(normalise(text).lower())


def near_duplicate_groups(texts: Sequence[str], *, threshold: float = NEAR_DUPLICATE) -> "np.ndarray":
    """A group number for each text, shape (n,): texts whose 5-gram sets are alike, directly or by others, share one.

    Candidates come from MinHash (datasketch, 128 permutations, seed 1) and are confirmed by the exact Jaccard
    similarity.

    >>> near_duplicate_groups(["Giá điện tăng từ hôm nay 4,8 %"] * 2 + ["Học sinh nghỉ Tết hai tuần"]).tolist()
    [0, 0, 2]
    """
    import numpy as np
    from datasketch import MinHash, MinHashLSH

    shingles = [_shingles(text) for text in texts]
    group = np.arange(len(texts))
    # A looser index than the threshold: MinHash misses few pairs, and each is confirmed below.
    index = MinHashLSH(threshold=max(threshold - 0.1, 0.05), num_perm=128)

    def root(number: int) -> int:
        while group[number] != number:
            number = int(group[number])
        return number

    for number, grams in enumerate(shingles):
        if not grams:
            continue
        sketch = MinHash(num_perm=128, seed=1)
        sketch.update_batch([gram.encode() for gram in grams])
        for other in sorted(index.query(sketch)):
            if len(grams & shingles[other]) >= threshold * len(grams | shingles[other]):
                low, high = sorted((root(number), root(other)))
                group[high] = low
        index.insert(number, sketch)
    return np.array([root(number) for number in range(len(texts))])


def _shingles(text: str) -> frozenset[str]:
    words = tokens(text)
    return frozenset(" ".join(words[i : i + 5]) for i in range(max(len(words) - 4, 1))) if words else frozenset()


def shared_runs(texts: Mapping[str, str], others: Iterable[str], *, length: int = RUN) -> Iterator[tuple[str, str]]:
    """Which texts share `length` syllables in a row with any of `others`: their id and the first such run, once each.

    >>> list(shared_runs({"a": "Giá điện tăng từ hôm nay"}, ["Hà Nội: giá điện tăng từ mai"], length=4))
    [('a', 'giá điện tăng từ')]
    """
    # A common run has a shorter one that starts at a multiple of the step in the other text: only these are looked up.
    step = min(_STEP, length)
    probe = length - step + 1
    owners: dict[int, set[str]] = {}
    words_of = {name: tokens(text) for name, text in texts.items()}
    for name, words in words_of.items():
        for start in range(len(words) - probe + 1):
            owners.setdefault(hash(tuple(words[start : start + probe])), set()).add(name)
    told: set[str] = set()
    for other in others:
        words = tokens(other)
        near = {
            name
            for start in range(0, len(words) - probe + 1, step)
            for name in owners.get(hash(tuple(words[start : start + probe])), ())
        }
        for name in sorted(near - told):
            run = _common_run(words_of[name], words, length)
            if run:
                told.add(name)
                yield name, run


def _common_run(one: Sequence[str], other: Sequence[str], length: int) -> str:
    runs = {tuple(other[start : start + length]) for start in range(len(other) - length + 1)}
    starts = range(len(one) - length + 1)
    return next((" ".join(run) for run in (tuple(one[i : i + length]) for i in starts) if run in runs), "")
