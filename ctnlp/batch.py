"""File in, file out: score a table row by row, keep every column, set bad rows aside."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from ctnlp._processes import alone, pool
from ctnlp.classify import BATCH, CHARACTERS, Classification, Classifier, classify_chunk
from ctnlp.errors import RecordError
from ctnlp.normalise import normalise
from ctnlp.records import Format, Record, Rejected, Table, atomic_file, format_of, open_table, write_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["COLUMNS", "Summary", "score"]

COLUMNS: Final = (
    "topic",
    "topic_score",
    "topics",
    "programme",
    "sentiment",
    "sentiment_score",
    "needs_review",
    "model",
)
"""The columns that `score` adds."""

AHEAD: Final = 8
"""Batches in memory, for each process if there are several."""

_TEXT_NAMES: Final = ("text", "body", "content", "noi_dung", "nội dung", "noi dung", "lead", "sapo")
_TITLE_NAMES: Final = ("title", "headline", "tieu_de", "tiêu đề", "tieu de")


@dataclass(frozen=True, slots=True)
class Summary:
    """What `score` did: rows written, rows set aside and the file that has them, counts of topics and tones."""

    rows: int
    rejected: int
    rejected_path: Path | None
    topics: dict[str, int]
    sentiments: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some rows of the source: the good ones with title and text, and the bad ones, in order."""

    rows: list[dict[str, Any]]
    pairs: list[tuple[str, str]]
    rejected: list[Rejected]


def score(
    source: str | Path,
    target: str | Path,
    *,
    text_column: str | None = None,
    title_column: str | None = None,
    classifier: Classifier | None = None,
    prefix: str = "",
    encoding: str | None = None,
    n_jobs: int = 1,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Summary:
    """Tag every row of a table and write it with the columns of `COLUMNS` added, each name after `prefix`.

    `text_column` and `title_column` are found by their usual names when not given. Rows that can't be read or whose
    text is no text go to `<target>.rejected.jsonl` with line and reason. `on_rows` hears how many rows each batch
    had. The target appears only when all is done. Raises `RecordError` when the table can't be used.
    """
    if str(source) != "-" and Path(source).resolve() == Path(target).resolve():
        raise RecordError("source and target are the same file; name another target", path=target)
    if Path(source).resolve() == _rejected_path(target).resolve():
        raise RecordError("rejected rows would overwrite the source; name another target", path=source)
    classifier = classifier or Classifier.load()
    with open_table(source, encoding=encoding) as table:
        text_column, title_column = _columns(table, text_column, title_column)
        kind = _target_format(table, target)
        schema = _schema(table, kind, prefix)
        topics: dict[str, int] = {}
        sentiments: dict[str, int] = {}
        with write_table(target, schema, kind=kind) as writer, _rejects(target) as reject:
            for batch, results in _scored(_batches(table, text_column, title_column), classifier, n_jobs):
                added = [_added(result, kind, prefix) for result in results]
                writer.write([row | columns for row, columns in zip(batch.rows, added, strict=True)])
                reject.write(batch.rejected)
                for result in results:
                    topic = result.topic.name if result.topic else "-"
                    topics[topic] = topics.get(topic, 0) + 1
                    tone = result.sentiment.name if result.sentiment else "-"
                    sentiments[tone] = sentiments.get(tone, 0) + 1
                on_rows(len(batch.rows) + len(batch.rejected))
    return Summary(writer.rows, reject.count, reject.path if reject.count else None, topics, sentiments)


def _columns(table: Table, text: str | None, title: str | None) -> tuple[str, str | None]:
    """The columns to read; named ones must exist, others are found by their usual names."""
    for name in (text, title):
        if name is not None and name not in table.columns:
            raise RecordError(f"no column {name!r}; it has {', '.join(table.columns)}", path=table.source)
    by_lower = {normalise(column).lower().strip(): column for column in table.columns}
    title = title or next((by_lower[name] for name in _TITLE_NAMES if name in by_lower), None)
    text = text or next((by_lower[name] for name in _TEXT_NAMES if name in by_lower), None)
    if text is None and (title is not None or len(table.columns) == 1):
        text, title = title or table.columns[0], None
    if text is None:
        raise RecordError(
            f"can't tell which column has the text: {', '.join(table.columns)}; name it with --text-column",
            path=table.source,
        )
    return text, None if title == text else title


def _target_format(table: Table, target: str | Path) -> Format:
    if str(target) != "-":
        return format_of(target)[0]
    return "csv" if table.format == "parquet" else table.format


def _schema(table: Table, kind: Format, prefix: str) -> "pa.Schema":
    import pyarrow as pa

    taken = [prefix + name for name in COLUMNS if prefix + name in table.columns]
    if taken:
        raise RecordError(
            f"already has the column{'s' * (len(taken) > 1)} {', '.join(taken)}, which scoring adds; "
            "give the new ones another name with --prefix, such as --prefix ctnlp_",
            path=table.source,
        )
    scores = pa.list_(pa.struct([("label", pa.string()), ("score", pa.float64())]))
    labels = pa.list_(pa.string()) if kind in ("csv", "tsv") else scores
    types = {
        "topic": pa.string(),
        "topic_score": pa.float64(),
        "topics": labels,
        "programme": labels,
        "sentiment": pa.string(),
        "sentiment_score": pa.float64(),
        "needs_review": pa.bool_(),
        "model": pa.string(),
    }
    return pa.schema([*table.schema, *(pa.field(prefix + name, types[name]) for name in COLUMNS)])


def _batches(table: Table, text_column: str, title_column: str | None) -> Iterator[_Batch]:
    batch, characters = _Batch([], [], []), 0
    for row in table:
        fault = row if isinstance(row, Rejected) else _fault(row, (text_column, title_column))
        if fault is not None:
            batch.rejected.append(fault)
        elif isinstance(row, Record):
            title = row.values.get(title_column) if title_column else None
            batch.rows.append(row.values)
            batch.pairs.append((row.values.get(text_column) or "", title or ""))
            characters += sum(map(len, batch.pairs[-1]))
        if len(batch.rows) + len(batch.rejected) >= BATCH or characters >= CHARACTERS:
            yield batch
            batch, characters = _Batch([], [], []), 0
    yield batch


def _fault(row: Record, columns: Iterable[str | None]) -> Rejected | None:
    for column in columns:
        value = row.values.get(column) if column else None
        if value is not None and not isinstance(value, str):
            raw = json.dumps(row.values, ensure_ascii=False, default=str)[:500]
            return Rejected(row.line, f"column {column!r} is {type(value).__name__}, expected text", raw)
    return None


def _scored(
    batches: Iterator[_Batch], classifier: Classifier, n_jobs: int
) -> Iterator[tuple[_Batch, list[Classification]]]:
    if alone(n_jobs):
        for batch in batches:
            texts, titles = [text for text, _ in batch.pairs], [title for _, title in batch.pairs]
            yield batch, classifier.classify_many(texts, titles=titles)
        return
    import joblib

    ahead = AHEAD * joblib.effective_n_jobs(n_jobs)
    with pool(n_jobs) as run:
        # In rounds: within one, joblib reads on as fast as it scores, however slowly the results are written.
        while own := list(islice(batches, ahead)):
            tasks = [joblib.delayed(classify_chunk)(classifier.spec, batch.pairs) for batch in own]
            yield from zip(own, run(tasks), strict=True)


def _added(result: Classification, kind: Format, prefix: str) -> dict[str, Any]:
    """The new columns of one row."""
    topics: list[Any] = [label.name for label in result.topics]
    programme: list[Any] = [label.name for label in result.programme]
    if kind not in ("csv", "tsv"):
        topics = [{"label": label.name, "score": round(label.score, 4)} for label in result.topics]
        programme = [{"label": label.name, "score": round(label.score, 4)} for label in result.programme]
    columns = {
        "topic": result.topic.name if result.topic else None,
        "topic_score": round(result.topic.score, 4) if result.topic else None,
        "topics": topics,
        "programme": programme,
        "sentiment": result.sentiment.name if result.sentiment else None,
        "sentiment_score": round(result.sentiment.score, 4) if result.sentiment else None,
        "needs_review": result.needs_review,
        "model": " ".join(f"{head}@{version}" for head, version in result.versions.items()),
    }
    return {prefix + name: value for name, value in columns.items()}


class _Rejects:
    """Rows set aside, as JSON lines; on standard error when the results go to standard output."""

    def __init__(self, stream: IO[str], path: Path | None) -> None:
        self._stream = stream
        self.path = path
        self.count = 0

    def write(self, rows: Sequence[Rejected]) -> None:
        for row in rows:
            line = {"line": row.line, "reason": row.reason, "raw": row.raw}
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.count += len(rows)


def _rejected_path(target: str | Path) -> Path:
    return Path(f"{target}.rejected.jsonl")


@contextmanager
def _rejects(target: str | Path) -> Iterator[_Rejects]:
    if str(target) == "-":
        yield _Rejects(sys.stderr, None)
        return
    path = _rejected_path(target)
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        rejects = _Rejects(stream, path)
        yield rejects
    if not rejects.count:
        # An empty file, or one of an earlier run, would tell of rows that are not there.
        path.unlink()
