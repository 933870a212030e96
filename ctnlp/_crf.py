"""A conditional random field of two labels as tables, and its decoding over many texts at once.

A token begins a word, or goes on with the one before. With two labels only differences of weights matter: one number a
token, the sum of what single tokens, pairs and triples around it contribute (`Tables`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ctnlp._tables import Index

__all__ = ["Tables", "decode", "scores"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TIE: Final = 1e-9
"""Two labellings whose scores differ by less are as good as each other: which one is found hangs on rounding."""
ROUNDS: Final = 24
"""Rounds in which leads are computed side by side before the few that still change are followed one by one."""


@dataclass(frozen=True)
class Tables:
    """What tokens, pairs and triples add to the score of "goes on" over "begins".

    `words` are the tokens that the model or its dictionary knows; number 0 stands for all others. Pairs are keyed by
    `first * len(words) + second`, triples by `row of the pair * len(words) + third`.
    """

    words: tuple[str, ...]
    as_written: Floats
    """Shape (words, 5): by the places -2 to 2 of the token relative to the one that is scored."""
    lower: Floats
    """The same for the token in small letters, with what the dictionary says of it."""
    digit: Floats
    title: Floats
    """Shape (2, 5): what it adds that a token is no number or one, begins small or with a capital."""
    pairs: Index
    pair_as_written: Floats
    pair_lower: Floats
    """Shape (pairs, 4)."""
    begins_triple: NDArray[np.bool_]
    triples: Index
    triple_as_written: Floats
    triple_lower: Floats
    """Shape (triples, 3)."""
    title_runs: Floats
    """Shape (2,): added when two, when three tokens from the scored one on begin with capitals."""
    base: float
    """Of every token: what unknown pairs and triples add."""
    edges: Floats
    """Shape (5,): what is different for a text's first, second, last, last but one and only token."""
    transitions: Floats
    """Shape (2, 2): from the label of a row to the label of a column."""


def scores(tables: Tables, single: Floats, written: Ints, lower: Ints, title: NDArray[np.bool_], ends: Ints) -> Floats:
    """How much more each token goes on with a word than begins one, before its neighbours' labels count.

    `single` (n, 5) is what each token adds by itself, `written` and `lower` its numbers among the tables' words as it
    stands and in small letters, `title` whether it begins with a capital. Texts follow each other with two padding
    tokens (zeros) before, between and after them; `ends` (texts, 2) tells where each begins and ends.
    """
    score = single[:, 2] + tables.base
    for column, shift in ((0, 2), (1, 1), (3, -1), (4, -2)):  # a token at place -2 adds to the one two later
        source, target = (
            (slice(None, -shift), slice(shift, None)) if shift > 0 else (slice(-shift, None), slice(None, shift))
        )
        score[target] += single[source, column]
    _add_grams(score, tables, written, lower)
    two = title[:-1] & title[1:]
    score[:-1] += two * tables.title_runs[0]
    score[:-2] += (two[:-1] & title[2:]) * tables.title_runs[1]
    first, last = ends[:, 0], ends[:, 1] - 1
    longer = last > first
    score[first] += tables.edges[0]
    score[first[longer] + 1] += tables.edges[1]
    score[last] += np.where(longer, tables.edges[2], tables.edges[4])
    score[last[longer] - 1] += tables.edges[3]
    return score


def _add_grams(score: Floats, tables: Tables, written: Ints, lower: Ints) -> None:
    """Add what known pairs and triples say, as written and in small letters, at the places that they touch."""
    size = len(tables.words)
    different = written != lower
    rows = _pair_rows(tables, written, np.flatnonzero((written[:-1] > 0) & (written[1:] > 0)))
    rows_lower = rows.copy()
    rows_lower[different[:-1] | different[1:]] = -1
    places = np.flatnonzero((different[:-1] | different[1:]) & (lower[:-1] > 0) & (lower[1:] > 0))
    rows_lower[places] = _pair_rows(tables, lower, places)[places]
    for numbers, found, pair_weights, triple_weights in (
        (written, rows, tables.pair_as_written, tables.triple_as_written),
        (lower, rows_lower, tables.pair_lower, tables.triple_lower),
    ):
        places = np.flatnonzero(found >= 0)
        known = found[places]
        weights = pair_weights[known]
        for column, shift in enumerate((2, 1, 0, -1)):
            score[places + shift] += weights[:, column]
        begins = tables.begins_triple[known]
        places, known = places[begins], known[begins].astype(np.int64)
        third = numbers[places + 2]
        known = np.where(third > 0, tables.triples.find(known * size + third), -1)
        places, known = places[known >= 0], known[known >= 0]
        weights = triple_weights[known]
        for column, shift in enumerate((2, 1, 0)):
            score[places + shift] += weights[:, column]


def _pair_rows(tables: Tables, numbers: Ints, places: Ints) -> NDArray[np.int32]:
    """The row of the pair that begins at each place, or -1; looked for at `places` only."""
    rows = np.full(len(numbers) - 1, -1, dtype=np.int32)
    rows[places] = tables.pairs.find(numbers[places] * len(tables.words) + numbers[places + 1])
    return rows


def decode(transitions: Floats, score: Floats, first: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which tokens go on with the word before, by Viterbi's algorithm, and for which the last bits of a sum decide.

    `score` are the tokens' scores, text after text; `first` marks where texts begin. With two labels the algorithm's
    state is one number, the lead of "goes on": `lead[t] = score[t] + passed(lead[t - 1])`, where `passed` is flat but
    for a short middle. So all leads are computed at once, again and again where a neighbour's has changed.
    """
    (stay_b, b_to_i), (i_to_b, stay_i) = transitions.tolist()
    # Which label before a beginning, and before a going on, is best: "goes on" if its lead is above these.
    before_b, before_i = stay_b - i_to_b, b_to_i - stay_i

    def passed(lead: Floats) -> Floats:
        return np.asarray(np.maximum(b_to_i, lead + stay_i) - np.maximum(stay_b, lead + i_to_b))

    lead = score.copy()
    # A first guess: that the token before begins a word for sure.
    lead[1:] += np.where(first[1:], 0.0, b_to_i - stay_b)
    changed = np.flatnonzero(~first)
    for _ in range(ROUNDS):
        better = score[changed] + passed(lead[changed - 1])
        moved = better != lead[changed]
        lead[changed[moved]] = better[moved]
        changed = changed[moved] + 1
        changed = changed[changed < len(lead)]
        changed = changed[~first[changed]]
        if not len(changed):
            break
    for place in changed.tolist():  # a long run of doubtful tokens: one after the other, which stays linear
        while place < len(lead) and not first[place]:
            better = score[place] + float(passed(lead[place - 1]))
            if better == lead[place]:
                break
            lead[place] = better
            place += 1
    above_b, above_i = lead > before_b, lead > before_i
    last = np.append(first[1:], True)
    sure = last | (above_b == above_i)
    label = np.where(last, lead > 0, above_b)
    # A token in between takes the label that its follower has not, or has: follow to the next sure one.
    places = np.arange(len(lead))
    settled = np.minimum.accumulate(np.where(sure, places, len(lead))[::-1])[::-1]
    # Above one bound only: if a going on follows, the token goes on exactly if it is above `before_i`.
    flips = (settled - places) % 2 == 1 if before_b < before_i else np.zeros(len(lead), dtype=bool)
    tied = (np.abs(lead - before_b) < TIE) | (np.abs(lead - before_i) < TIE) | (last & (np.abs(lead) < TIE))
    return np.asarray(label[settled] ^ flips), np.asarray(tied)
