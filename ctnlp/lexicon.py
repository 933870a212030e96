"""Words that carry tone in news, and what they do: a table of words and of pairs of words.

`tone_words.tsv` was made by a language model that read the vocabulary of the training texts (never of the real news
that models are measured on) and said of each word what it tends to do in a headline or lead. The classes:

- `--`, `-`, `+`, `++`: clearly bad, mildly bad, mildly good, clearly good matter
- `N` negates, `D` lessens or stops, `U` raises or strengthens what comes next
- `P`, `M`: without tone of their own, but more of the one is good news ("doanh thu"), more of the other bad ("học phí")
- `B` turns ("nhưng"), `Q` announces, plans, asks, explains
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["CLASSES", "classes", "identity", "tone_words"]

CLASSES: Final = ("--", "-", "+", "++", "N", "D", "U", "P", "M", "B", "Q")
_FILE: Final = Path(__file__).with_name("tone_words.tsv")


@cache
def tone_words() -> dict[str, str]:
    """The class of every word of the table: syllables joined by `_`, the two words of a pair by a space.

    >>> tone_words()["khởi_tố"], tone_words()["vô_địch"]
    ('--', '++')
    """
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


@cache
def identity() -> str:
    """Which table this is: the beginning of its SHA-256."""
    return hashlib.sha256(_FILE.read_bytes()).hexdigest()[:16]


def classes(words: Sequence[str]) -> list[tuple[int, int, str]]:
    """The words that carry tone, in order: where each begins and ends among `words`, and its class.

    `words` are in small letters, syllables joined by `_`. A pair of the table counts as one.

    >>> classes(["học_phí", "không", "giảm"])
    [(0, 1, 'M'), (1, 2, 'N'), (2, 3, 'D')]
    """
    table = tone_words()
    found = []
    start = 0
    while start < len(words):
        pair = table.get(" ".join(words[start : start + 2])) if start + 1 < len(words) else None
        one = pair or table.get(words[start])
        end = start + (2 if pair else 1)
        if one:
            found.append((start, end, one))
        start = end
    return found
