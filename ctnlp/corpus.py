"""Labelled samples as `datasets.Dataset`: load them, split them without leaks.

A sample says for every head what is known: a list of labels (perhaps empty) or None where nobody has said. `unknown`
names single labels about which an otherwise labelled sample says nothing, as a newspaper's section does.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ctnlp import places
from ctnlp.duplicates import near_duplicate_groups
from ctnlp.errors import CorpusError
from ctnlp.manifest import TrainingData
from ctnlp.records import Record, Rejected, open_table
from ctnlp.taxonomy import Taxonomy, default

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "KINDS",
    "describe",
    "from_table",
    "full_text",
    "label_fault",
    "load",
    "read_lines",
    "split",
    "texts_of",
    "to_dataset",
]

KINDS: Final = ("headline", "lead", "article", "comment")
_FIELDS: Final[dict[str, Any]] = {
    "id": "",
    "title": "",
    "text": "",
    "topics": None,
    "programme": None,
    "sentiment": None,
    "unknown": [],
    "kind": "",
    "register": "",
    "source": "",
    "license": "",
    "weight": 1.0,
    "split": "",
}


def to_dataset(samples: Iterable[dict[str, Any]]) -> "Dataset":
    """Samples as a `datasets.Dataset` with the columns of `load`; missing ones get their defaults, others are dropped.

    >>> to_dataset([{"id": "a", "text": "Giá điện tăng", "sentiment": "negative"}])[0]["sentiment"]
    'negative'
    """
    from datasets import Dataset, Features, List, Value

    features = Features(
        {
            name: List(Value("string")) if name in ("topics", "programme", "unknown") else Value("string")
            for name in _FIELDS
        }
        | {"weight": Value("float32")}
    )
    rows = list(samples)
    columns = {name: [row.get(name, default_) for row in rows] for name, default_ in _FIELDS.items()}
    return Dataset.from_dict(columns, features=features)


def load(folder: str | Path | None = None) -> "Dataset":
    """The samples of ctnlp: every `*.jsonl` under `policy_news` of the data folder, in the order of names and lines.

    Columns: id, title, text, topics, programme, sentiment, unknown, kind, register, source, license, weight, split.
    Raises `CorpusError` when there are none, or when a line is not a sample.

    >>> "giao_duc-0001" in load()["id"]
    True
    """
    root = places.find("data", folder) / "policy_news"
    return to_dataset(read_lines(root))


def read_lines(root: Path) -> Iterator[dict[str, Any]]:
    """The samples of all `*.jsonl` in a folder, as they stand. Raises `CorpusError` at a line that is not a sample."""
    files = sorted(root.glob("*.jsonl"))
    if not files:
        raise CorpusError(f"{root}: no *.jsonl files with samples; name the folder that holds policy_news/")
    for path in files:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    sample = json.loads(line)
                except ValueError as error:  # no JSON, or no UTF-8
                    raise CorpusError(f"{path}, line {number}: not JSON ({error})") from error
                if not isinstance(sample, dict):
                    raise CorpusError(f"{path}, line {number}: expected an object, got {type(sample).__name__}")
                for name, value in sample.items():
                    if not _fits(name, value):
                        raise CorpusError(f"{path}, line {number}: {name} can't be {value!r}; see the other samples")
                yield sample


def _fits(name: str, value: Any) -> bool:
    """Whether a field of a sample has a value of the right type."""
    if name in ("topics", "programme", "unknown"):
        return value is None or (isinstance(value, list) and all(isinstance(label, str) for label in value))
    if name == "weight":
        return isinstance(value, int | float)
    return name not in _FIELDS or isinstance(value, str) or (value is None and name == "sentiment")


def from_table(
    path: str | Path,
    *,
    text_column: str = "text",
    title_column: str | None = None,
    taxonomy: Taxonomy | None = None,
) -> "Dataset":
    """Your own labelled table (CSV, TSV, JSON Lines, Parquet) as samples.

    Label columns are `topics` (or `topic`), `programme` and `sentiment`; several labels are joined by `|` or a list.
    A head whose column is absent is unknown; an empty cell of `topics` or `programme` means no label, one of
    `sentiment` unknown. Optional columns: `id`, `title`, `split`, `weight`. Raises `CorpusError` with the line of the
    first bad row.
    """
    taxonomy = taxonomy or default()
    samples = []
    with open_table(path) as table:
        for column in (text_column, title_column or text_column):
            if column not in table.columns:
                raise CorpusError(f"{path}: no column {column!r}; it has {', '.join(table.columns)}")
        for row in table:
            if isinstance(row, Rejected):
                raise CorpusError(f"{path}, line {row.line}: {row.reason}")
            samples.append(_sample(row, str(path), text_column, title_column, taxonomy))
    if not samples:
        raise CorpusError(f"{path}: no rows")
    return to_dataset(samples)


def _sample(row: Record, path: str, text_column: str, title_column: str | None, taxonomy: Taxonomy) -> dict[str, Any]:
    values = row.values
    sample: dict[str, Any] = {
        "id": str(values.get("id") or f"{Path(path).name}:{row.line}"),
        "title": str(values.get(title_column or "title") or ""),
        "text": str(values.get(text_column) or ""),
        "topics": _labels(values, "topics" if "topics" in values else "topic"),
        "programme": _labels(values, "programme"),
        "sentiment": str(values.get("sentiment") or "").strip() or None,
        "split": str(values.get("split") or "").strip(),
        "weight": _weight(values.get("weight")),
        "source": path,
    }
    reason = label_fault(sample, taxonomy)
    if not 0 < sample["weight"] < float("inf"):
        reason = f"weight is {values['weight']!r}, expected a number above 0"
    if reason:
        raise CorpusError(f"{path}, line {row.line}: {reason}")
    return sample


def _labels(values: dict[str, Any], column: str) -> list[str] | None:
    if column not in values:
        return None
    cell = values[column]
    parts = cell if isinstance(cell, list) else str(cell or "").split("|")
    return [str(part).strip() for part in parts if str(part).strip()]


def _weight(cell: Any) -> float:
    try:
        return 1.0 if cell is None or cell == "" else float(cell)
    except (TypeError, ValueError):
        return float("nan")


def label_fault(sample: Mapping[str, Any], taxonomy: Taxonomy) -> str | None:
    """What is wrong with the labels of a sample, or None."""
    for column, head_id in (("topics", "topic"), ("programme", "programme"), ("sentiment", "sentiment")):
        value = sample.get(column)
        given = [value] if isinstance(value, str) else value or []
        known = next((head.label_ids for head in taxonomy.heads if head.id == head_id), ())
        for label in given:
            if label not in known:
                return f"{column} has the unknown label {label!r}; expected one of {', '.join(known)}"
    return None


def split(samples: "Dataset", *, folds: int = 5, seed: int = 765) -> "np.ndarray":
    """A fold number (0 to `folds` - 1) for each sample, shape (n,): near-duplicates together, labels spread evenly.

    Stratified by the first topic and the tone with scikit-learn's `StratifiedGroupKFold`.
    """
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    groups = near_duplicate_groups([full_text(sample) for sample in samples])
    strata = [f"{(sample['topics'] or ['-'])[0]} {sample['sentiment']}" for sample in samples]
    if len(set(groups.tolist())) < folds:
        raise CorpusError(
            f"{len(samples)} samples in {len(set(groups.tolist()))} groups can't be split in {folds} folds"
        )
    if max(Counter(strata).values()) < folds:
        strata = [""] * len(samples)  # too few of each to be spread
    assigned = np.zeros(len(samples), dtype=np.int64)
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A stratum smaller than the number of folds is spread as far as it goes.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for fold, (_, held_out) in enumerate(splitter.split(np.zeros(len(samples)), strata, groups)):
            assigned[held_out] = fold
    return assigned


def full_text(sample: Mapping[str, Any]) -> str:
    """Title and text of a sample as one string."""
    return "\n".join(part for part in (sample["title"], sample["text"]) if part)


def describe(name: str, revision: str, license_: str, samples: "Dataset") -> TrainingData:
    """What a manifest says of a set of samples."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(json.dumps(sample, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return TrainingData(name, revision, len(samples), digest.hexdigest(), license_)


def texts_of(path: str | Path) -> Iterator[str]:
    """The texts of any table, row by row: all its cells that hold more than one word, headline and body together.

    Raises `CorpusError` for a table without text.
    """
    found = False
    with open_table(path) as table:
        for row in table:
            values = row.values.values() if isinstance(row, Record) else ()
            cells = [value for value in values if isinstance(value, str) and " " in value]
            if cells:
                found = True
                yield "\n".join(cells)
    if not found:
        raise CorpusError(f"{path}: no text in it")
