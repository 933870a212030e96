"""Texts -> words in batches: underthesea's tokens and model, looked up in tables.

`Cutter` remembers what it has seen: pieces of text between white space and their tokens (no pattern of the tokens
crosses white space, save one), tokens and what they add to the model's score. What it remembers is bounded.
"""

import hashlib
import os
import pickle
import re
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp import _crf, places
from ctnlp._tokens import normalised, tokens

__all__ = ["Cutter", "known"]

MODEL: Final = "pipeline/word_tokenize/models/ws_crf_vlsp2013_20230727"
FILES: Final = (
    "pipeline/text_normalize/character_normalize.py",
    "pipeline/text_normalize/text_normalizer.py",
    "pipeline/text_normalize/tn_rules_2023_07_14.bin",
    "pipeline/text_normalize/token_normalize.py",
    "pipeline/word_tokenize/__init__.py",
    "pipeline/word_tokenize/models/ws_crf_vlsp2013_20230727/dictionary.bin",
    "pipeline/word_tokenize/models/ws_crf_vlsp2013_20230727/features.bin",
    "pipeline/word_tokenize/models/ws_crf_vlsp2013_20230727/models.bin",
    "pipeline/word_tokenize/regex_tokenize.py",
    "models/fast_crf_sequence_tagger.py",
)
"""What decides how underthesea cuts words."""
KNOWN: Final = "978f1966e867702a2877adece5eaa4d982c79223d48565618a6119be001f89de"
"""SHA-256 of these files as this module was made after them (underthesea 9.5.0)."""
VERSION: Final = "1"
"""Of these tables: another one needs a new number, or the cache would give the old."""
CORE: Final = frozenset({"3.3.2"})
"""Versions of underthesea_core, which computes the model's questions, that were compared with this module."""

PIECES: Final = 200_000
"""Pieces remembered at most (a year of news has more; what is rare is cut again)."""
CHARACTERS: Final = 4_000_000
"""Characters of them remembered at most: a hostile piece may be long."""
LONGEST_TIED: Final = 5_000
"""Tokens of a text that underthesea is asked about: it builds 43 strings a token."""
SHORT: Final = 6
"""Tokens up to this length are looked up in underthesea's table of misspellings."""


def known() -> bool:
    """Whether the installed underthesea is one whose words are known to be cut alike here."""
    try:
        content = b"".join(_installed(name).read_bytes() for name in FILES)
    except OSError:
        return False
    return metadata.version("underthesea_core") in CORE and hashlib.sha256(content).hexdigest() == KNOWN


def _installed(name: str) -> Path:
    return Path(str(metadata.distribution("underthesea").locate_file(f"underthesea/{name}")))


class Cutter:
    """Cuts texts into the words that `underthesea.word_tokenize` cuts them into.

    >>> Cutter().words(["Bộ Giáo dục và Đào tạo", ""])
    [['Bộ', 'Giáo dục và Đào tạo'], []]
    """

    def __init__(self) -> None:
        self._tables, self._misspelt = _load()
        self._numbers = {word: number for number, word in enumerate(self._tables.words) if word}
        self._forget()

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """The words of each text, in order."""
        if len(self._pieces) > PIECES or self._characters > CHARACTERS:
            self._forget()
        flat, lengths = self._tokens_of(texts)
        if not len(flat):
            return [[] for _ in texts]
        goes_on = self._labels(flat, lengths)
        # One string of all words: a line a word. Tokens hold no line break, so it is cut at these again.
        written = "".join(map(self._written.__getitem__, (flat * 2 + goes_on).tolist()))
        words = written.split("\n")[1:]
        counts = np.add.reduceat(~goes_on, np.flatnonzero(_firsts(lengths))) if len(flat) else np.zeros(0)
        ends = np.zeros(len(texts) + 1, dtype=np.int64)
        ends[1:][lengths > 0] = counts
        cuts = np.cumsum(ends).tolist()
        return [words[begin:end] for begin, end in pairwise(cuts)]

    def _forget(self) -> None:
        self._pieces: dict[str, int] = {}
        self._begins = np.zeros(1024, dtype=np.int64)
        self._sizes = np.zeros(1024, dtype=np.int64)
        self._of_pieces = np.zeros(1024, dtype=np.int64)
        self._filled = 0
        self._characters = 0
        self._tokens: dict[str, int] = {"": 0}
        self._written = ["", ""]
        self._single = np.zeros((1024, 5))
        self._as_written = np.zeros(1024, dtype=np.int64)
        self._lower = np.zeros(1024, dtype=np.int64)
        self._title = np.zeros(1024, dtype=np.bool_)

    def _tokens_of(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of the tokens of all texts, and how many each text has."""
        pieces: list[str] = []
        counts = np.zeros(len(texts), dtype=np.int64)
        for place, text in enumerate(texts):
            own = text.split()
            if not own:
                continue
            if _CROSSING in text and _CROSSES.search(text):
                own = [f"{token}\n\n" for token in tokens(normalised(text))]
            elif own[-1].endswith(".") and text[len(text.rstrip()) :] in ("", "\n"):
                own[-1] += "\n"  # the end of a text: an abbreviation's dot is cut off there
            counts[place] = len(own)
            pieces += own
        try:
            numbers = np.fromiter(map(self._pieces.__getitem__, pieces), np.int64, len(pieces))
        except KeyError:
            self._learn(piece for piece in dict.fromkeys(pieces) if piece not in self._pieces)
            numbers = np.fromiter(map(self._pieces.__getitem__, pieces), np.int64, len(pieces))
        sizes = self._sizes[numbers]
        ends = np.cumsum(sizes)
        flat = self._of_pieces[
            np.arange(ends[-1] if len(ends) else 0) + np.repeat(self._begins[numbers] - ends + sizes, sizes)
        ]
        lengths = np.zeros(len(texts) + 1, dtype=np.int64)
        lengths[1:] = np.concatenate([[0], ends])[np.cumsum(counts)]
        return flat, np.diff(lengths)

    def _learn(self, pieces: Any) -> None:
        """Cut new pieces into tokens."""
        new: list[str] = []
        found: list[int] = []
        begins, sizes = [], []
        for piece in pieces:
            begins.append(self._filled + len(found))
            if piece.endswith("\n\n"):  # a token already
                own = [piece[:-2]]
            elif piece.endswith("\n"):
                own = tokens(normalised(piece[:-1]))
            else:
                own = tokens(normalised(piece) + " ")
            for token in own:
                if len(token) <= SHORT:
                    token = normalised(token)
                    token = self._misspelt.get(token, token)
                number = self._tokens.get(token)
                if number is None:
                    number = self._tokens[token] = len(self._tokens)
                    new.append(token)
                found.append(number)
            sizes.append(len(own))
            self._pieces[piece] = len(self._pieces)
            self._characters += len(piece)
        size = len(self._pieces)
        self._begins = _filled(self._begins, size - len(begins), begins)
        self._sizes = _filled(self._sizes, size - len(begins), sizes)
        self._of_pieces = _filled(self._of_pieces, self._filled, found)
        self._filled += len(found)
        if new:
            self._describe(new)

    def _describe(self, new: list[str]) -> None:
        """Look up what new tokens add to the model's score."""
        tables, start = self._tables, len(self._tokens) - len(new)
        self._written += [line for token in new for line in (f"\n{token}", f" {token}")]
        written = np.array([self._numbers.get(token, 0) for token in new], dtype=np.int64)
        lower = np.array([self._numbers.get(token.lower(), 0) for token in new], dtype=np.int64)
        digit = np.array([_is_number(token) for token in new], dtype=np.int64)
        title = np.array([_is_title(token) for token in new], dtype=np.int64)
        single = tables.as_written[written] + tables.lower[lower] + tables.digit[digit] + tables.title[title]
        self._single = _filled(self._single, start, single)
        self._as_written = _filled(self._as_written, start, written)
        self._lower = _filled(self._lower, start, lower)
        self._title = _filled(self._title, start, title.astype(np.bool_))

    def _labels(self, flat: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which tokens go on with the word before them.

        Where two labellings are as good as each other, as for rows of odd signs, underthesea's own sums decide.
        """
        lengths = lengths[lengths > 0]
        # Two tokens of nothing (number 0) before, between and after the texts.
        shifts = np.repeat(np.arange(1, len(lengths) + 1) * 2, lengths)
        places = np.arange(len(flat)) + shifts
        padded = np.zeros(len(flat) + 2 * len(lengths) + 2, dtype=np.int64)
        padded[places] = flat
        ends = np.cumsum(lengths + 2)
        score = _crf.scores(
            self._tables,
            self._single[padded],
            self._as_written[padded],
            self._lower[padded],
            self._title[padded],
            np.column_stack([ends - lengths, ends]),
        )
        goes_on, tied = _crf.decode(self._tables.transitions, score[places], _firsts(lengths))
        if tied.any():
            stops = np.cumsum(lengths)
            for number in np.unique(np.searchsorted(stops, np.flatnonzero(tied), side="right")).tolist():
                own = slice(stops[number] - lengths[number], stops[number])
                if lengths[number] <= LONGEST_TIED:
                    goes_on[own] = _called([self._written[2 * token][1:] for token in flat[own].tolist()])
        return goes_on


_CROSSING: Final = "Th"
_CROSSES: Final = re.compile(r"Th[^\S\n][Ss]")
"""The one pattern that crosses white space: its dot, for "Th.S", matches a space too."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")


def _is_number(token: str) -> bool:
    """Whether a token is a signed number of 32 bits, as underthesea_core asks."""
    return bool(_NUMBER.fullmatch(token)) and -(2**31) <= int(token) < 2**31


def _is_title(token: str) -> bool:
    # "Th s" is one token of two parts.
    return all(part[:1] == part[:1].upper() for part in token.split(" "))


def _firsts(lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The first token of every text that has any."""
    lengths = lengths[lengths > 0]
    firsts = np.zeros(lengths.sum(), dtype=np.bool_)
    firsts[np.cumsum(lengths) - lengths] = True
    return firsts


def _filled(array: NDArray[Any], start: int, values: Any) -> NDArray[Any]:
    """`array` with `values` from `start` on, twice as long if there was no room."""
    end = start + len(values)
    if end > len(array):
        larger = np.zeros((max(end, 2 * len(array)), *array.shape[1:]), dtype=array.dtype)
        larger[:start] = array[:start]
        array = larger
    array[start:end] = values
    return array


def _called(tokens: list[str]) -> list[bool]:
    featurizer, tagger = _core()
    return [label == "I-W" for label in tagger.tag(featurizer.process([[[token] for token in tokens]])[0])]


@cache
def _core() -> tuple[Any, Any]:
    """The features and the decoder of underthesea itself."""
    from underthesea_core import CRFFeaturizer, CRFTagger

    tagger = CRFTagger()
    tagger.load(str(_installed(f"{MODEL}/models.bin")))
    return CRFFeaturizer(_plain(f"{MODEL}/features.bin"), _plain(f"{MODEL}/dictionary.bin")), tagger


def _load() -> tuple[_crf.Tables, dict[str, str]]:
    """The model's tables and underthesea's misspellings: compiled once, then kept in the cache folder."""
    kept = places.cache_dir() / "segmenter" / f"{KNOWN[:32]}-{VERSION}.npz"
    try:
        return _crf.read(kept.read_bytes())
    except (OSError, ValueError, KeyError):  # none there yet, or a broken one
        content = _compile()
    _keep(kept, content)
    return _crf.read(content)


def _compile() -> bytes:
    tables = _crf.compile_tables(_installed(f"{MODEL}/models.bin").read_bytes(), _plain(f"{MODEL}/dictionary.bin"))
    return _crf.write(tables, _plain("pipeline/text_normalize/tn_rules_2023_07_14.bin")["token"])


def _plain(name: str) -> Any:
    """What a file of underthesea holds: lists, sets and dictionaries of strings, which it keeps as a pickle."""
    with _installed(name).open("rb") as file:
        return _PlainUnpickler(file).load()


class _PlainUnpickler(pickle.Unpickler):
    """Reads containers of plain values; names no class or function, so nothing is run."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} in a file that should hold plain values")


def _keep(path: Path, content: bytes) -> None:
    """Write a cache file whole or not at all. Where nothing can be kept, it is compiled each time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        return
