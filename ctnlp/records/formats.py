"""What the name of a table tells, and what its rows are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ctnlp.errors import RecordError

__all__ = ["Format", "Record", "Rejected", "format_of"]

Format = Literal["csv", "tsv", "jsonl", "parquet"]

FORMATS: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True, slots=True)
class Record:
    """One good row. `line` is the 1-based line where it starts (the row number in Parquet)."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """One bad row: where it starts, why it was refused, and its beginning as it stands in the file."""

    line: int
    reason: str
    raw: str


def format_of(path: str | Path) -> tuple[Format, str | None]:
    """Format and compression that the name of a file tells. Raises `RecordError` for a name that tells nothing.

    >>> format_of("news.jsonl.gz")
    ('jsonl', 'gzip')
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    kind = FORMATS.get(suffixes[-1]) if suffixes else None
    if kind is None or (kind == "parquet" and compression):
        known = ", ".join(FORMATS)
        raise RecordError(
            f"can't tell the format; expected a name ending in {known}, all but Parquet also with .gz or .zst",
            path=path,
        )
    return kind, compression
