"""The installed underthesea: whether it is one that we know, and its segmentation model as tables.

The model is a conditional random field. Its files and templates: `underthesea/pipeline/word_tokenize`.
"""

import hashlib
import pickle
import re
import struct
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp import places
from ctnlp._crf import Tables
from ctnlp._tables import Index, kept

__all__ = ["called", "compile_tables", "known", "load", "parse"]

Floats = NDArray[np.float64]

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
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

# What the model asks about: places relative to the token that is scored.
_ONE: Final = ("T[-2]", "T[-1]", "T[0]", "T[1]", "T[2]")
_TWO: Final = ("T[-2,-1]", "T[-1,0]", "T[0,1]", "T[1,2]")
_THREE: Final = ("T[-2,0]", "T[-1,1]", "T[0,2]")

TEMPLATES: Final = (
    *(*_ONE, *_TWO, *_THREE),
    *(f"{places}.lower" for places in (*_ONE, *_TWO)),
    *(f"{place}.isdigit" for place in _ONE[1:4]),
    *(f"{places}.istitle" for places in (*_ONE, "T[0,1]", "T[0,2]")),
    *(f"{places}.is_in_dict" for places in (*_ONE, *_TWO, *_THREE)),
)
"""A model with other templates is not this one."""
_BEYOND: Final = {
    "first": (("T[-2]", "T[-1]", "T[-2,-1]", "T[-1,0]", "T[-2,0]", "T[-1,1]"), "BOS"),
    "second": (("T[-2]", "T[-2,-1]", "T[-2,0]"), "BOS"),
    "last": (("T[1]", "T[2]", "T[0,1]", "T[1,2]", "T[0,2]", "T[-1,1]"), "EOS"),
    "last but one": (("T[2]", "T[1,2]", "T[0,2]"), "EOS"),
    # The only token: T[-1,1] begins before the text, so it is BOS, not EOS; see `first`.
    "only": (("T[1]", "T[2]", "T[0,1]", "T[1,2]", "T[0,2]"), "EOS"),
}
"""Which templates reach beyond the text at its edges, and what they find there."""


def known() -> bool:
    """Whether the installed underthesea is one whose words are known to be cut alike here."""
    try:
        content = b"".join(_installed(name).read_bytes() for name in FILES)
    except OSError:
        return False
    return metadata.version("underthesea_core") in CORE and hashlib.sha256(content).hexdigest() == KNOWN


def _installed(name: str) -> Path:
    return Path(str(metadata.distribution("underthesea").locate_file(f"underthesea/{name}")))


def load() -> tuple[Tables, dict[str, str]]:
    """The model's tables and underthesea's misspellings: compiled once, then kept in the cache folder."""
    return from_arrays(kept(places.cache_dir() / "tables" / f"words-{KNOWN[:32]}-{VERSION}.npz", _compiled))


def _compiled() -> dict[str, Any]:
    tables = compile_tables(_installed(f"{MODEL}/models.bin").read_bytes(), _plain(f"{MODEL}/dictionary.bin"))
    return to_arrays(tables, _plain("pipeline/text_normalize/tn_rules_2023_07_14.bin")["token"])


def called(tokens: list[str]) -> list[bool]:
    """Which tokens go on with the word before, by underthesea's own sums."""
    featurizer, tagger = _core()
    written = [[_SURROGATE.sub("\ufffd", token)] for token in tokens]  # Rust refuses half a pair
    return [label == "I-W" for label in tagger.tag(featurizer.process([written])[0])]


@cache
def _core() -> tuple[Any, Any]:
    """The features and the decoder of underthesea itself."""
    from underthesea_core import CRFFeaturizer, CRFTagger

    tagger = CRFTagger()
    tagger.load(str(_installed(f"{MODEL}/models.bin")))
    return CRFFeaturizer(_plain(f"{MODEL}/features.bin"), _plain(f"{MODEL}/dictionary.bin")), tagger


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


def _plain(name: str) -> Any:
    """What a file of underthesea holds: lists, sets and dictionaries of strings, which it keeps as a pickle."""
    with _installed(name).open("rb") as file:
        return _PlainUnpickler(file).load()


class _PlainUnpickler(pickle.Unpickler):
    """Reads containers of plain values; names no class or function, so nothing is run."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} in a file that should hold plain values")
