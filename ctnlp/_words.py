"""Texts -> words in batches: underthesea's tokens and model, looked up in tables.

`Cutter` remembers what it has seen: pieces of text between white space and their tokens (no pattern of the tokens
crosses white space, save one), tokens and what they add to the model's score. What it remembers is bounded, and is
forgotten after work that was broken off, by Ctrl-C for one: it may be half written.
"""

import re
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctnlp import _crf, _underthesea
from ctnlp._processes import Lock
from ctnlp._tables import Rows, filled
from ctnlp._tokens import normalised, tokens
from ctnlp.normalise import begins_plainly, normalise, normalise_piece

__all__ = ["VERSION", "Cut", "Cutter"]

VERSION: Final = "2"
"""Number of this way of looking words up: a change that cuts any text otherwise needs a new one."""

PIECES: Final = 200_000
"""Pieces remembered at most (a year of news has more; what is rare is cut again)."""
CHARACTERS: Final = 4_000_000
"""Characters of them remembered at most: a hostile piece may be long."""
LONGEST_TIED: Final = 20_000
"""Tokens of a text that underthesea is asked about, for it builds 43 strings a token; longer ones keep our choice."""
SHORT: Final = 6
"""Tokens up to this length are looked up in underthesea's table of misspellings."""

END: Final = "\n"
"""Marks a piece that ends its text, where that may matter: an abbreviation there loses its dot."""
TOKEN: Final = "\n\n"
"""Marks a piece that is a token already. No other piece holds white space."""
_DROPPED: Final = "\u115f\u1160\u3164\uffa0"
"""Letters to Python, nothing to `normalise`: Hangul fillers."""
_CROSSING: Final = "Th"
_CROSSES: Final = re.compile(r"Th[^\S\n][Ss]")
"""The one pattern that crosses white space: its dot, for "Th.S", matches a space too."""
_MAY_CROSS: Final = re.compile(r"Th\s+[Ss]")
"""What may become so when white space is normalised."""
_NUMBER: Final = re.compile(r"(?P<sign>[+-]?)0*(?P<figures>[0-9]{1,10})")
"""Python refuses to read thousands of figures, so the zeros before ten of them are left out."""


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
        self._tables, self._misspelt = _underthesea.load()
        self._numbers = {word: number for number, word in enumerate(self._tables.words) if word}
        self.forgotten = 0
        """How often tokens got new numbers."""
        self._lock = Lock()
        self._broken_off = False
        self._forget()

    def names_from(self, number: int) -> list[str]:
        """The tokens of this number and the following, as many as were seen; number 0 is none."""
        return [line[1:] for line in self._written[2 * number :: 2]]

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """The words of each text, in order; threads may share a cutter."""
        with self._lock.held:
            tokens, goes_on, lengths = self.cut(texts)
            # One string of all words: a line a word. Tokens hold no line break, so it is cut at these again.
            words = "".join(map(self._written.__getitem__, (tokens * 2 + goes_on).tolist())).split("\n")[1:]
        counts = np.zeros(len(texts) + 1, dtype=np.int64)
        if len(tokens):
            counts[1:][lengths > 0] = np.add.reduceat(~goes_on, np.flatnonzero(_firsts(lengths)))
        return [words[begin:end] for begin, end in pairwise(np.cumsum(counts).tolist())]

    def cut(self, texts: Sequence[str]) -> Cut:
        """The tokens of each text and which of them go on with a word; `names_from` says what the numbers mean.

        One thread at a time: numbers change when tokens are forgotten.
        """
        stale = self._broken_off or len(self._pieces) > PIECES or self._characters > CHARACTERS
        self._broken_off = True
        if stale:
            self._forget()
        tokens, lengths = self._tokens_of(texts)
        self._broken_off = False
        return Cut(tokens, self._labels(tokens, lengths) if len(tokens) else np.zeros(0, dtype=np.bool_), lengths)

    def _forget(self) -> None:
        self.forgotten += 1
        self._pieces: dict[str, int] = {}
        self._tokens_of_pieces = Rows()
        self._odd = np.zeros(1024, dtype=np.bool_)
        self._characters: int = 0
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
        found, sizes = self._tokens_of_pieces.of(numbers)
        totals = np.concatenate([[0], np.cumsum(sizes)])[np.concatenate([[0], np.cumsum(counts)])]
        return found, np.diff(totals)

    def _pieces_of(self, text: str) -> list[str]:
        if not self._normalising:
            return _pieces(text)
        # A unit separator is white space to Python, and nothing to `normalise`.
        if not begins_plainly(text) or "\x1f" in text or (_CROSSING in text and _MAY_CROSS.search(text)):
            return _pieces(normalise(text))
        own = text.split()
        if own and (not own[-1][-1].isalnum() or own[-1][-1] in _DROPPED):
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
        rows: list[list[int]] = []
        odd = []
        for piece in pieces:
            found = self._cut_piece(piece)
            odd.append(found is None)
            rows.append([])
            for token in found or ():
                if len(token) <= SHORT:
                    token = normalised(token)
                    token = self._misspelt.get(token, token)
                number = self._tokens.get(token)
                if number is None:
                    number = self._tokens[token] = len(self._tokens)
                    new.append(token)
                rows[-1].append(number)
            self._pieces[piece] = len(self._pieces)
            self._characters += len(piece)
        self._odd = filled(self._odd, len(self._pieces) - len(odd), odd)
        self._tokens_of_pieces.add(rows)
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
                    goes_on[own] = _underthesea.called([self._written[2 * token][1:] for token in flat[own].tolist()])
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
