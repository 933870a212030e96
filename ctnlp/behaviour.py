"""Behavioural tests of a head: hand-written minimal pairs, by capability (CheckList, Ribeiro et al. 2020)."""

import json
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ctnlp import places
from ctnlp.errors import CorpusError
from ctnlp.features import documents
from ctnlp.model import HeadModel
from ctnlp.normalise import strip_diacritics, with_new_tone_marks

__all__ = ["Outcome", "Pair", "pairs", "pairs_file", "run"]

TRANSFORMS: Final[dict[str, Callable[[str], str]]] = {
    "nfd": lambda text: unicodedata.normalize("NFD", text),
    "new_tone_marks": with_new_tone_marks,
    "upper": str.upper,
    "no_diacritics": strip_diacritics,
}
SAME: Final = "same"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts that differ in one thing. `expect` is the best label of each, or None twice: the same, whichever."""

    capability: str
    head: str
    first: str
    second: str
    expect: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many pairs of a capability a head passed: both labels as expected, or the same where that is expected."""

    capability: str
    pairs: int
    passed: int


def pairs_file(folder: str | Path | None = None) -> Path:
    """Where the pairs of a data folder stand, if it has any."""
    return places.find("data", folder) / "behaviour" / "pairs.jsonl"


def pairs(folder: str | Path | None = None) -> list[Pair]:
    """The pairs of the data folder (`behaviour/pairs.jsonl`). Raises `CorpusError` at a line that is none.

    >>> len(pairs()) >= 200
    True
    """
    path = pairs_file(folder)
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CorpusError(f"{path}: can't be read ({error.strerror})") from error
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_pair(json.loads(line)))
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(f"{path}, line {number}: no pair ({type(error).__name__}: {error})") from error
    return found


def run(model: HeadModel, cases: Iterable[Pair], *, n_jobs: int = 1) -> list[Outcome]:
    """Try the head on its pairs; one outcome a capability, in the order of the pairs."""
    own = [case for case in cases if case.head == model.head]
    texts = [text for case in own for text in (case.first, case.second)]
    if not texts:
        return []
    decisions = model.decide(model.predict_proba(documents(texts, n_jobs=n_jobs)))
    given = [[name for name, _ in decision.labels] for decision in decisions]
    totals: dict[str, list[int]] = {}
    for number, case in enumerate(own):
        count = totals.setdefault(case.capability, [0, 0])
        count[0] += 1
        count[1] += _passes(case, given[2 * number], given[2 * number + 1])
    return [Outcome(name, *count) for name, count in totals.items()]


def _passes(case: Pair, first: list[str], second: list[str]) -> bool:
    if case.expect == (None, None):
        return first[:1] == second[:1]
    return all(wanted in given for wanted, given in zip(case.expect, (first, second), strict=True))


def _pair(raw: dict[str, Any]) -> Pair:
    second = TRANSFORMS[raw["transform"]](raw["first"]) if raw["transform"] else raw["second"]
    expect = (None, None) if raw["expect"] == SAME else tuple(raw["expect"])
    if len(expect) != 2 or not raw["first"] or not second:
        raise ValueError("expected two texts, and two labels or 'same'")
    return Pair(raw["capability"], raw["head"], raw["first"], second, expect)
