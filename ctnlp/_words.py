"""Texts -> words in batches: underthesea's tokens and model, looked up in tables.

`Cutter` remembers what it has seen: pieces of text between white space and their tokens (no pattern of the tokens
crosses white space, save one), tokens and what they add to the model's score. What it remembers is bounded.
"""

import hashlib
import pickle
import re
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctnlp import _crf, places
from ctnlp._tables import filled, kept
from ctnlp._tokens import normalised, tokens
from ctnlp.normalise import begins_plainly, normalise, normalise_piece

__all__ = ["Cut", "Cutter", "known"]

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


class Cut(NamedTuple):
    """Texts as tokens: their numbers, whether each goes on with the word before, how many each text has."""

    tokens: NDArray[np.int64]
    goes_on: NDArray[np.bool_]
    lengths: NDArray[np.int64]


class Cutter:
    """Cuts texts into the words that `underthesea.word_tokenize` cuts them into; with `normalising`, normalised texts.

    >>> Cutter().words(["Bộ Giáo dục và Đào tạo", ""])
    [['Bộ', 'Giáo dục và Đào tạo'], []]
    >>> Cutter(normalising=True).words(["Hoà  bình", "（Chinhphu.vn）– Sáng"])
    [['Hòa', 'bình'], ['(', 'Chinhphu', '.', 'vn', ')', '-', 'Sáng']]
    """

    def __init__(self, *, normalising: bool = False) -> None:
        self._normalising = normalising
        self._tables, self._misspelt = _load()
        self._numbers = {word: number for number, word in enumerate(self._tables.words) if word}
        self.forgotten = 0
        """How often tokens got new numbers, because too many had been seen."""
        self._forget()

    def names_from(self, number: int) -> list[str]:
        """The tokens of this number and the following, as many as were seen; number 0 is none."""
        return [line[1:] for line in self._written[2 * number :: 2]]

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """The words of each text, in order."""
        tokens, goes_on, lengths = self.cut(texts)
        # One string of all words: a line a word. Tokens hold no line break, so it is cut at these again.
        words = "".join(map(self._written.__getitem__, (tokens * 2 + goes_on).tolist())).split("\n")[1:]
        counts = np.zeros(len(texts) + 1, dtype=np.int64)
        if len(tokens):
            counts[1:][lengths > 0] = np.add.reduceat(~goes_on, np.flatnonzero(_firsts(lengths)))
        return [words[begin:end] for begin, end in pairwise(np.cumsum(counts).tolist())]

    def cut(self, texts: Sequence[str]) -> Cut:
        """The tokens of each text and which of them go on with a word; `names_from` says what the numbers mean."""
        if len(self._pieces) > PIECES or self._characters > CHARACTERS:
            self._forget()
        tokens, lengths = self._tokens_of(texts)
        return Cut(tokens, self._labels(tokens, lengths) if len(tokens) else np.zeros(0, dtype=np.bool_), lengths)

    def _forget(self) -> None:
        self.forgotten += 1
        self._pieces: dict[str, int] = {}
        self._begins = np.zeros(1024, dtype=np.int64)
        self._sizes = np.zeros(1024, dtype=np.int64)
        self._odd = np.zeros(1024, dtype=np.bool_)
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
        pieces = [self._pieces_of(text) for text in texts]
        counts, numbers = self._look_up(pieces)
        odd = self._odd[numbers]
        if odd.any():  # what stands around a piece has a say: the text is normalised as a whole
            for place in np.unique(np.searchsorted(np.cumsum(counts), np.flatnonzero(odd), side="right")).tolist():
                pieces[place] = _pieces(normalise(texts[place]))
            counts, numbers = self._look_up(pieces)
        sizes = self._sizes[numbers]
        ends = np.cumsum(sizes)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(self._begins[numbers] - ends + sizes, sizes)
        totals = np.concatenate([[0], ends])[np.concatenate([[0], np.cumsum(counts)])]
        return self._of_pieces[places], np.diff(totals)

    def _pieces_of(self, text: str) -> list[str]:
        if not self._normalising:
            return _pieces(text)
        if not begins_plainly(text) or (_CROSSING in text and _MAY_CROSS.search(text)):
            return _pieces(normalise(text))
        own = text.split()
        if own and not own[-1][-1].isalnum():
            own[-1] += END
        return own

    def _look_up(self, pieces: list[list[str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many pieces each text has, and the numbers of all."""
        flat = list(chain.from_iterable(pieces))
        counts = np.fromiter(map(len, pieces), np.int64, len(pieces))
        try:
            return counts, np.fromiter(map(self._pieces.__getitem__, flat), np.int64, len(flat))
        except KeyError:
            self._learn([piece for piece in dict.fromkeys(flat) if piece not in self._pieces])
        return counts, np.fromiter(map(self._pieces.__getitem__, flat), np.int64, len(flat))

    def _learn(self, pieces: list[str]) -> None:
        """Cut new pieces into tokens."""
        new: list[str] = []
        found: list[int] = []
        begins, sizes, odd = [], [], []
        for piece in pieces:
            begins.append(self._filled + len(found))
            own = self._cut_piece(piece)
            odd.append(own is None)
            own = own or []
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
        self._begins = filled(self._begins, size - len(begins), begins)
        self._sizes = filled(self._sizes, size - len(begins), sizes)
        self._odd = filled(self._odd, size - len(begins), odd)
        self._of_pieces = filled(self._of_pieces, self._filled, found)
        self._filled += len(found)
        if new:
            self._describe(new)

    def _cut_piece(self, piece: str) -> list[str] | None:
        """The tokens of a piece, or None if they can't be told without the text around it."""
        if piece.endswith(TOKEN):
            return [piece.removesuffix(TOKEN)]
        at_end = piece.endswith(END)
        text = piece.removesuffix(END)
        if self._normalising:
            settled = normalise_piece(text)
            crossing = settled and settled != text and (settled.endswith(_CROSSING) or settled[0] in "Ss")
            if settled is None or crossing:
                return None
            text = settled
        # A space stands for the white space that follows; an abbreviation at the end of a text loses its dot.
        return tokens(normalised(text) if at_end else normalised(text) + " ")

    def _describe(self, new: list[str]) -> None:
        """Look up what new tokens add to the model's score."""
        tables, start = self._tables, len(self._tokens) - len(new)
        self._written += [line for token in new for line in (f"\n{token}", f" {token}")]
        written = np.array([self._numbers.get(token, 0) for token in new], dtype=np.int64)
        lower = np.array([self._numbers.get(token.lower(), 0) for token in new], dtype=np.int64)
        digit = np.array([_is_number(token) for token in new], dtype=np.int64)
        title = np.array([_is_title(token) for token in new], dtype=np.int64)
        single = tables.as_written[written] + tables.lower[lower] + tables.digit[digit] + tables.title[title]
        self._single = filled(self._single, start, single)
        self._as_written = filled(self._as_written, start, written)
        self._lower = filled(self._lower, start, lower)
        self._title = filled(self._title, start, title.astype(np.bool_))

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
        goes_on[np.cumsum(lengths) - lengths] = False  # the first token begins a word, whatever the model says
        return goes_on


def _pieces(text: str) -> list[str]:
    """The pieces of a text between white space, as `_cut_piece` knows them."""
    if _CROSSING in text and _CROSSES.search(text):
        return [f"{token}{TOKEN}" for token in tokens(normalised(text))]
    own = text.split()
    if own and own[-1].endswith(".") and text[len(text.rstrip()) :] in ("", "\n"):
        own[-1] += END
    return own


END: Final = "\n"
"""Marks a piece that ends its text. No piece holds white space."""
TOKEN: Final = "\n\n"
"""Marks a piece that is a token already."""
_CROSSING: Final = "Th"
_CROSSES: Final = re.compile(r"Th[^\S\n][Ss]")
"""The one pattern that crosses white space: its dot, for "Th.S", matches a space too."""
_MAY_CROSS: Final = re.compile(r"Th\s+[Ss]")
"""What may become so when white space is normalised."""
_NUMBER: Final = re.compile(r"(?P<sign>[+-]?)0*(?P<figures>[0-9]{1,10})")
"""Python refuses to read thousands of figures, so the zeros before ten of them are left out."""


def _is_number(token: str) -> bool:
    """Whether a token is a signed number of 32 bits, as underthesea_core asks."""
    match = _NUMBER.fullmatch(token)
    return match is not None and -(2**31) <= int(match["sign"] + match["figures"]) < 2**31


def _is_title(token: str) -> bool:
    # "Th s" is one token of two parts.
    return all(part[:1] == part[:1].upper() for part in token.split(" "))


def _firsts(lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The first token of every text that has any."""
    lengths = lengths[lengths > 0]
    firsts = np.zeros(lengths.sum(), dtype=np.bool_)
    firsts[np.cumsum(lengths) - lengths] = True
    return firsts


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
    return _crf.from_arrays(kept(places.cache_dir() / "tables" / f"words-{KNOWN[:32]}-{VERSION}.npz", _compiled))


def _compiled() -> dict[str, Any]:
    tables = _crf.compile_tables(_installed(f"{MODEL}/models.bin").read_bytes(), _plain(f"{MODEL}/dictionary.bin"))
    return _crf.to_arrays(tables, _plain("pipeline/text_normalize/tn_rules_2023_07_14.bin")["token"])


def _plain(name: str) -> Any:
    """What a file of underthesea holds: lists, sets and dictionaries of strings, which it keeps as a pickle."""
    with _installed(name).open("rb") as file:
        return _PlainUnpickler(file).load()


class _PlainUnpickler(pickle.Unpickler):
    """Reads containers of plain values; names no class or function, so nothing is run."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} in a file that should hold plain values")
