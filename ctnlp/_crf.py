"""underthesea's word segmentation model as tables, and its decoding over many texts at once.

The model is a conditional random field over tokens with two labels: a token begins a word, or goes on with the one
before. With two labels only differences of weights matter: one number a token, the sum of what single tokens, pairs and
triples around it contribute (`Tables`). Files and templates: `underthesea/pipeline/word_tokenize`.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp._tables import Index

__all__ = ["Tables", "compile_tables", "decode", "from_arrays", "parse", "scores", "to_arrays"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TEMPLATES: Final = (
    *(
        "T[-2]",
        "T[-1]",
        "T[0]",
        "T[1]",
        "T[2]",
        "T[-2,-1]",
        "T[-1,0]",
        "T[0,1]",
        "T[1,2]",
        "T[-2,0]",
        "T[-1,1]",
        "T[0,2]",
    ),
    *("T[-2].lower", "T[-1].lower", "T[0].lower", "T[1].lower", "T[2].lower"),
    *("T[-2,-1].lower", "T[-1,0].lower", "T[0,1].lower", "T[1,2].lower"),
    *("T[-1].isdigit", "T[0].isdigit", "T[1].isdigit"),
    *(
        "T[-2].istitle",
        "T[-1].istitle",
        "T[0].istitle",
        "T[1].istitle",
        "T[2].istitle",
        "T[0,1].istitle",
        "T[0,2].istitle",
    ),
    *("T[-2].is_in_dict", "T[-1].is_in_dict", "T[0].is_in_dict", "T[1].is_in_dict", "T[2].is_in_dict"),
    *("T[-2,-1].is_in_dict", "T[-1,0].is_in_dict", "T[0,1].is_in_dict", "T[1,2].is_in_dict"),
    *("T[-2,0].is_in_dict", "T[-1,1].is_in_dict", "T[0,2].is_in_dict"),
)
"""What the model asks about a token's surroundings. A model with other templates is not this one."""

# The parts of the templates: places relative to the token that is scored.
_ONE: Final = ("T[-2]", "T[-1]", "T[0]", "T[1]", "T[2]")
_TWO: Final = ("T[-2,-1]", "T[-1,0]", "T[0,1]", "T[1,2]")
_THREE: Final = ("T[-2,0]", "T[-1,1]", "T[0,2]")

EDGES: Final = ("first", "second", "last", "last but one", "only")
_BEYOND: Final = {
    "first": (("T[-2]", "T[-1]", "T[-2,-1]", "T[-1,0]", "T[-2,0]", "T[-1,1]"), "BOS"),
    "second": (("T[-2]", "T[-2,-1]", "T[-2,0]"), "BOS"),
    "last": (("T[1]", "T[2]", "T[0,1]", "T[1,2]", "T[0,2]", "T[-1,1]"), "EOS"),
    "last but one": (("T[2]", "T[1,2]", "T[0,2]"), "EOS"),
    # The only token: T[-1,1] begins before the text, so it is BOS, not EOS; see `first`.
    "only": (("T[1]", "T[2]", "T[0,1]", "T[1,2]", "T[0,2]"), "EOS"),
}
"""Which templates reach beyond the text at its edges, and what they find there."""


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
    """By `EDGES`: what is different at the ends of a text."""
    transitions: Floats
    """Shape (2, 2): from the label of a row to the label of a column."""


def parse(model: bytes) -> tuple[dict[str, float], Floats]:
    """Attribute -> weight of "I-W" less weight of "B-W", and the transitions, of a CRFsuite model.

    The format: CRFsuite 0.12, `crf1d_model.c`. Raises `ValueError` if it is none.
    """
    magic, _, kind, version, _, labels, attributes, features_at, labels_at, attributes_at, *_ = struct.unpack_from(
        "<4sI4s9I", model
    )
    if (magic, kind, version, labels) != (b"lCRF", b"FOMC", 100, 2):
        raise ValueError("no first-order CRFsuite model of two labels")
    (count,) = struct.unpack_from("<I", model, features_at + 8)
    form = np.dtype([("kind", "<u4"), ("source", "<u4"), ("target", "<u4"), ("weight", "<f8")])
    features = np.frombuffer(model, form, count, features_at + 12)
    if _strings(model, labels_at) != ["B-W", "I-W"]:
        raise ValueError("its labels are not B-W and I-W")
    transitions = np.zeros((2, 2))
    moves = features[features["kind"] == 1]
    transitions[moves["source"], moves["target"]] = moves["weight"]
    states = features[features["kind"] == 0]
    difference = np.zeros(attributes)
    np.add.at(difference, states["source"], np.where(states["target"] == 1, 1.0, -1.0) * states["weight"])
    return dict(zip(_strings(model, attributes_at), difference.tolist(), strict=True)), transitions


def _strings(model: bytes, start: int) -> list[str]:
    """The strings of a constant quark database, by number."""
    count, table = struct.unpack_from("<2I", model, start + 16)
    found = []
    for place in struct.unpack_from(f"<{count}I", model, start + table):
        (size,) = struct.unpack_from("<I", model, start + place + 4)
        found.append(model[start + place + 8 : start + place + 7 + size].decode("utf-8"))
    return found


def compile_tables(model: bytes, dictionary: set[str]) -> Tables:
    """The tables of a model file and its dictionary."""
    weights, transitions = parse(model)
    by_template: _Weights = {template: {} for template in TEMPLATES}
    for attribute, weight in weights.items():
        template, value = attribute.split("=", 1)
        by_template[template][value] = weight
    entries = {tuple(entry.split(" ")) for entry in dictionary}
    ones, twos, threes = _grams(by_template, entries)
    words = ("", *dict.fromkeys(word for gram in (*ones, *twos, *threes) for word in gram))
    number = {word: place for place, word in enumerate(words)}
    pair_number = {pair: place for place, pair in enumerate(twos)}
    pair_keys = [number[a] * len(words) + number[b] for a, b in twos]
    triple_keys = [pair_number[a, b] * len(words) + number[c] for a, b, c in threes]

    alone = [(word,) for word in words]
    lower = _column(by_template, _ONE, ".lower", alone) + _in_dictionary(by_template, _ONE, alone, entries)
    lower[0] = 0
    title_two, title_three = by_template["T[0,1].istitle"], by_template["T[0,2].istitle"]
    base = {template: by_template[f"{template}.is_in_dict"].get("False", 0.0) for template in (*_TWO, *_THREE)}
    base["T[0,1]"] += title_two.get("False", 0.0)
    base["T[0,2]"] += title_three.get("False", 0.0)
    edges = []
    for templates, found in _BEYOND.values():
        here = [values.get(found, 0.0) for name, values in by_template.items() if name.partition(".")[0] in templates]
        edges.append(sum(here) - sum(base.get(template, 0.0) for template in templates))
    return Tables(
        words=words,
        as_written=_column(by_template, _ONE, "", alone) * (np.arange(len(words)) > 0)[:, None],
        lower=lower + _flags(by_template, _ONE, ".is_in_dict")[0],
        digit=_flags(by_template, _ONE, ".isdigit"),
        title=_flags(by_template, _ONE, ".istitle"),
        pairs=Index.of(np.array(pair_keys, dtype=np.int64)),
        pair_as_written=_column(by_template, _TWO, "", twos),
        pair_lower=_column(by_template, _TWO, ".lower", twos) + _in_dictionary(by_template, _TWO, twos, entries),
        begins_triple=np.isin(np.arange(len(twos)), [pair_number[a, b] for a, b, _ in threes]),
        triples=Index.of(np.array(triple_keys, dtype=np.int64)),
        triple_as_written=_column(by_template, _THREE, "", threes),
        triple_lower=_in_dictionary(by_template, _THREE, threes, entries),
        title_runs=np.array([title.get("True", 0.0) - title.get("False", 0.0) for title in (title_two, title_three)]),
        base=sum(base.values()),
        edges=np.array(edges),
        transitions=transitions,
    )


_Weights = dict[str, dict[str, float]]
"""Template -> value -> weight."""
_Gram = tuple[str, ...]


def _grams(by_template: _Weights, entries: set[_Gram]) -> tuple[list[_Gram], list[_Gram], list[_Gram]]:
    """All single tokens, pairs and triples that the model or its dictionary knows."""
    grams: dict[int, dict[_Gram, None]] = {1: {}, 2: {}, 3: {}}
    for template, values in by_template.items():
        places, _, ending = template.partition(".")
        if ending in ("", "lower"):
            size = 1 if places in _ONE else 2 if places in _TWO else 3
            own = (tuple(value.split(" ")) for value in values)
            grams[size] |= dict.fromkeys(gram for gram in own if len(gram) == size)  # else BOS or EOS
    for entry in sorted(entries):
        if len(entry) in grams and all(entry):
            grams[len(entry)][entry] = None
    grams[2] |= dict.fromkeys(triple[:2] for triple in grams[3])
    return list(grams[1]), list(grams[2]), list(grams[3])


def _column(by_template: _Weights, templates: _Gram, ending: str, grams: Sequence[_Gram]) -> Floats:
    """The weights of grams, a column a template."""
    columns = [by_template.get(template + ending, {}) for template in templates]
    weights = [[column.get(" ".join(gram), 0.0) for column in columns] for gram in grams]
    return np.array(weights).reshape(-1, len(columns))


def _flags(by_template: _Weights, templates: _Gram, ending: str) -> Floats:
    """The weights of False (first row) and True, a column a template."""
    columns = [by_template.get(template + ending, {}) for template in templates]
    return np.array([[column.get(value, 0.0) for column in columns] for value in ("False", "True")])


def _in_dictionary(by_template: _Weights, templates: _Gram, grams: Sequence[_Gram], entries: set[_Gram]) -> Floats:
    """What it adds that a gram is in the dictionary, over what it adds that it is not."""
    no, yes = _flags(by_template, templates, ".is_in_dict")
    return np.asarray(np.outer([gram in entries for gram in grams], yes - no), dtype=np.float64)


def to_arrays(tables: Tables, misspelt: Mapping[str, str]) -> dict[str, Any]:
    """The tables and a table of misspellings as arrays; `from_arrays` reads them."""
    words = [word for pair in misspelt.items() for word in pair]
    return vars(tables) | {"misspelt": words}


def from_arrays(arrays: Mapping[str, Any]) -> tuple[Tables, dict[str, str]]:
    """The inverse of `to_arrays`. Raises `KeyError` or `TypeError` for anything else."""
    values = dict(arrays)
    misspelt = values.pop("misspelt")
    tables = Tables(**values | {"words": tuple(values["words"]), "base": float(values["base"])})
    return tables, dict(zip(misspelt[::2], misspelt[1::2], strict=True))


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


TIE: Final = 1e-9
"""Two labellings whose scores differ by less are as good as each other: which one is found hangs on rounding."""
ROUNDS: Final = 24
"""Rounds in which leads are computed side by side before the few that still change are followed one by one."""
