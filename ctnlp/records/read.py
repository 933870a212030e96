"""Tables in: every row comes out as a `Record`, or as a `Rejected` with its line and the reason."""

import csv
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from ctnlp.errors import RecordError
from ctnlp.records.formats import Format, Record, Rejected, format_of
from ctnlp.records.text import SURROGATES, TextFile, detect_encoding, named_encoding

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Table", "open_table"]

LONGEST_CELL: Final = 16_000_000
"""Characters in one cell beyond which a quote is taken for one that never closes."""

_HALF: Final = re.compile("[\ud800-\udfff]")
_INT64: Final = range(-(2**63), 2**63)


class Table:
    """A table opened for reading: iterate over it for `Record` and `Rejected` rows. Made by `open_table`.

    `columns` are the names in the order of the file, `schema` their pyarrow types (strings for CSV and TSV).
    """

    def __init__(
        self, source: Path, kind: Format, columns: Sequence[str], schema: "pa.Schema", rows: Callable[[], "_Rows"]
    ) -> None:
        """Use `open_table`."""
        self.source = source
        self.format = kind
        self.columns = tuple(columns)
        self.schema = schema
        self._rows = rows

    def __iter__(self) -> "_Rows":
        """All rows from the start."""
        return self._rows()


_Rows = Iterator[Record | Rejected]


@contextmanager
def open_table(source: str | Path, *, encoding: str | None = None) -> Iterator[Table]:
    r"""Open a table by the name of its file; `-` is standard input (JSON Lines if it starts with a brace, else CSV).

    Text files may be UTF-8 with or without a byte order mark, UTF-16, or code page 1258; `encoding` overrules what is
    found. Raises `RecordError` when the file is missing, is in another encoding, or has no usable header.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "in.csv"
    >>> _ = path.write_text("title,body\nGiá điện,Tăng từ tháng 5\nlạc loài\n", encoding="utf-8")
    >>> with open_table(path) as table:
    ...     for row in table:
    ...         print(row.line, getattr(row, "values", None) or row.reason)
    2 {'title': 'Giá điện', 'body': 'Tăng từ tháng 5'}
    3 the row has 1 field, the header 2
    """
    if str(source) == "-":
        with _spooled(sys.stdin.buffer) as path:
            yield _table(path, _sniffed_format(path), None, encoding)
        return
    path = Path(source)
    try:
        if not path.is_file():
            raise RecordError("no such file", path=path)
    except OSError as error:
        raise RecordError(f"can't be read ({error.strerror})", path=path) from error
    kind, compression = format_of(path)
    yield _table(path, kind, compression, encoding)


def _table(path: Path, kind: Format, compression: str | None, encoding: str | None) -> Table:
    if kind == "parquet":
        return _parquet_table(path)
    found = named_encoding(encoding, path) if encoding else detect_encoding(path, compression)
    text = TextFile(path, compression, found)
    return _jsonl_table(text) if kind == "jsonl" else _csv_table(text, kind)


@contextmanager
def _spooled(stream: BinaryIO) -> Iterator[Path]:
    # Columns and encoding are found in a first pass, which a pipe can't give.
    with tempfile.TemporaryDirectory(prefix="ctnlp-") as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as copy:
            while block := stream.read(1 << 20):
                copy.write(block)
        yield path


def _sniffed_format(path: Path) -> Format:
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") else "csv"


class _Lines:
    """Physical lines with a memory of the current row, so that a row that fails can be given back but for its first."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._fresh = lines
        self._again: list[str] = []
        self.row: list[str] = []
        self.next_line = 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._fresh)
        self.row.append(line)
        self.next_line += 1
        return line

    def give_back(self) -> None:
        """Read again from the line after the one where the current row starts."""
        self._again.extend(reversed(self.row[1:]))
        self.next_line -= len(self.row) - 1


def _csv_table(text: TextFile, kind: Format) -> Table:
    first = next((line for line in text.lines() if line.strip()), "")
    delimiter = "\t" if kind == "tsv" else max(",;\t|", key=first.count)
    header: list[str] | None = None
    line = 1
    for (line, _), fields in _csv_rows(text, delimiter):
        if isinstance(fields, str):
            raise RecordError(f"the header can't be read: {fields}", path=text.path, line=line)
        header = fields
        break
    if header is None or SURROGATES.search("".join(header)):
        what = "the file is empty" if header is None else "the header is not UTF-8"
        raise RecordError(f"{what}; expected a first row of column names", path=text.path, line=line)
    columns = [name.strip() for name in header]
    _unique_columns(columns, text.path, line)

    def rows() -> _Rows:
        parsed = _csv_rows(text, delimiter)
        next(parsed)
        for lines, fields in parsed:
            start, raw = lines
            reason = fields if isinstance(fields, str) else _row_fault(fields, columns)
            if reason:
                yield Rejected(start, reason, raw)
            else:
                yield Record(start, dict(zip(columns, fields, strict=True)))

    return Table(text.path, kind, columns, _string_schema(columns), rows)


def _csv_rows(text: TextFile, delimiter: str) -> Iterator[tuple[tuple[int, str], list[str] | str]]:
    """`((line, raw), fields)`, or a reason in place of the fields; blank lines are no rows."""
    csv.field_size_limit(LONGEST_CELL)
    lines = _Lines(text.lines())
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start, lines.row = lines.next_line, []
        try:
            fields: list[str] | str = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fields = f"broken quoting or no text ({error})"
            raw = lines.row[0] if lines.row else ""
            lines.give_back()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            yield (start, _readable(raw)), fields
            continue
        if fields:
            yield (start, _readable("".join(lines.row))), fields


def _row_fault(fields: list[str], columns: list[str]) -> str | None:
    if len(fields) != len(columns):
        return f"the row has {len(fields)} field{'s' * (len(fields) != 1)}, the header {len(columns)}"
    if any(SURROGATES.search(value) for value in fields):
        return "the row has bytes that are not UTF-8"
    return None


def _unique_columns(columns: Sequence[str], path: Path, line: int = 1) -> None:
    twice = sorted({name for name in columns if list(columns).count(name) > 1})
    if twice:
        raise RecordError(f"the header names {twice[0]!r} twice; give every column its own name", path=path, line=line)


def _readable(raw: str) -> str:
    """The beginning of a raw row, safe to write anywhere."""
    return SURROGATES.sub("\ufffd", raw.rstrip("\r\n")[:500])


def _string_schema(columns: Sequence[str]) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in columns])


def _jsonl_table(text: TextFile) -> Table:
    def rows() -> _Rows:
        for number, line in enumerate(text.lines(), start=1):
            if line.strip():
                yield _json_row(number, line)

    columns: dict[str, set[type]] = {}
    for row in rows():
        if isinstance(row, Record):
            for name, value in row.values.items():
                # An integer that 64 bits can't hold makes its column text.
                fits = not isinstance(value, int) or value in _INT64
                columns.setdefault(name, set()).add(type(value) if fits else object)
    if not columns:
        raise RecordError("no line holds a JSON object", path=text.path)
    return Table(text.path, "jsonl", list(columns), _json_schema(columns), rows)


def _json_row(number: int, line: str) -> Record | Rejected:
    if SURROGATES.search(line):
        return Rejected(number, "the row has bytes that are not UTF-8", _readable(line))
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:  # no JSON, or a number of thousands of digits
        return Rejected(number, f"not JSON ({error})", _readable(line))
    if not isinstance(value, dict):
        return Rejected(number, f"expected a JSON object, got {type(value).__name__}", _readable(line))
    if "\\u" in line and _HALF.search(json.dumps(value, ensure_ascii=False)):
        return Rejected(number, "the row has half a surrogate pair, which is no text", _readable(line))
    return Record(number, value)


def _json_schema(columns: dict[str, set[type]]) -> "pa.Schema":
    """Plain types stay; a column of lists, objects or mixed types is kept in Parquet as JSON text."""
    import pyarrow as pa

    plain = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}

    def arrow_type(types: set[type]) -> pa.DataType:
        found = types - {type(None)}
        if found == {int, float}:
            return pa.float64()
        return plain.get(next(iter(found)), pa.string()) if len(found) == 1 else pa.string()

    return pa.schema([(name, arrow_type(types)) for name, types in columns.items()])


def _parquet_table(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise RecordError(f"not a readable Parquet file ({_first_line(error)})", path=path) from error
    _unique_columns(schema.names, path)

    def rows() -> _Rows:
        number = 0
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=1024):
                    yield from _parquet_rows(batch, number + 1)
                    number += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise RecordError(f"damaged after this row ({_first_line(error)})", path=path, line=number) from error

    return Table(path, "parquet", schema.names, schema.remove_metadata(), rows)


def _parquet_rows(batch: "pa.RecordBatch", first: int) -> _Rows:
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError) as error:
        # Strings that are not UTF-8, dates after the year 9999: Arrow holds what Python can't. Find the row.
        if batch.num_rows == 1:
            yield Rejected(first, f"a value can't be read ({_first_line(error)})", "")
            return
        for index in range(batch.num_rows):
            yield from _parquet_rows(batch.slice(index, 1), first + index)
        return
    for number, values in enumerate(rows, start=first):
        yield Record(number, values)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
