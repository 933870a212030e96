"""How far two labellings of the same texts agree: Cohen's kappa per head and per label."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ctnlp import places
from ctnlp.errors import CorpusError
from ctnlp.taxonomy import Taxonomy, default

__all__ = ["Agreement", "kappas", "labellings"]

_COLUMNS: Final = {"topic": "topics", "programme": "programme", "sentiment": "sentiment"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two labellings of `texts` texts by one label, or by a whole head (`label` is then empty).

    `kappa` is Cohen's (1960): 1 agree always, 0 as by chance; of a whole multi-label head, the mean over the labels
    that both use. `agree`: share of texts with the same label, or the same set of labels. `first`, `second`: how many
    texts each gave the label.
    """

    head: str
    label: str
    texts: int
    kappa: float
    agree: float
    first: int
    second: int


def labellings(part: str, folder: str | Path | None = None) -> list[dict[str, Any]]:
    """Both labellings of a part of the data (`policy_news`, `vntc`, `news_2026`).

    Each has id, first, second, and where these differ, decided and reason. Raises `CorpusError` for a part without.
    """
    path = places.find("data", folder) / "labellings" / f"{part}.jsonl"
    if not path.is_file():
        raise CorpusError(f"{path}: no such labellings; expected policy_news, vntc or news_2026")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def kappas(rows: Iterable[Mapping[str, Any]], *, taxonomy: Taxonomy | None = None) -> list[Agreement]:
    """Agreement of the first and the second labelling, per head and then per label.

    >>> one = {"topics": ["y_te"], "programme": [], "sentiment": "neutral"}
    >>> two = one | {"sentiment": "negative"}
    >>> found = kappas([{"first": one, "second": two}, {"first": two, "second": two}])
    >>> [(each.kappa, each.agree) for each in found if each.head == "sentiment" and not each.label]
    [(0.0, 0.5)]
    """
    rows = list(rows)
    found = []
    for head in (taxonomy or default()).heads:
        column = _COLUMNS.get(head.id, head.id)
        pairs = [(_given(row["first"][column]), _given(row["second"][column])) for row in rows]
        labels = [_label(head.id, label, pairs) for label in head.label_ids]
        used = [label.kappa for label in labels if label.first and label.second]
        whole = sum(used) / len(used) if used else 1.0
        if head.kind == "multiclass":
            whole = _kappa([min(one, default="") for one, _ in pairs], [min(two, default="") for _, two in pairs])
        same = sum(one == two for one, two in pairs) / max(len(pairs), 1)
        given = [sum(bool(pair[number]) for pair in pairs) for number in (0, 1)]
        found += [Agreement(head.id, "", len(pairs), whole, same, *given), *labels]
    return found


def _given(value: str | list[str]) -> frozenset[str]:
    return frozenset([value] if isinstance(value, str) else value)


def _label(head: str, label: str, pairs: list[tuple[frozenset[str], frozenset[str]]]) -> Agreement:
    first, second = [label in one for one, _ in pairs], [label in two for _, two in pairs]
    same = sum(one == two for one, two in zip(first, second, strict=True)) / max(len(pairs), 1)
    return Agreement(head, label, len(pairs), _kappa(first, second), same, sum(first), sum(second))


def _kappa(first: list[Any], second: list[Any]) -> float:
    from sklearn.metrics import cohen_kappa_score

    # Undefined (0 / 0) where both say the same of every text.
    return 1.0 if first == second else float(cohen_kappa_score(first, second))
