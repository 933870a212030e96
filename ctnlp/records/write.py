"""Tables out: into a temporary file that takes the target's name only when everything is there."""

import csv
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from ctnlp.errors import RecordError
from ctnlp.records.formats import Format, format_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Writer", "atomic_file", "write_table"]


class Writer:
    """Rows going into a table. Made by `write_table`."""

    def __init__(self, path: Path, schema: "pa.Schema", write: Callable[[Sequence[dict[str, Any]]], None]) -> None:
        """Use `write_table`."""
        self._path = path
        self._names = frozenset(schema.names)
        self._write = write
        self.rows = 0

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows; keys not in the schema are an error, keys missing from a row are empty cells."""
        for row in rows:
            if unknown := row.keys() - self._names:
                raise RecordError(f"no column {min(unknown)!r} in the schema", path=self._path)
        self._write(rows)
        self.rows += len(rows)


@contextmanager
def write_table(target: str | Path, schema: "pa.Schema", *, kind: Format | None = None) -> Iterator[Writer]:
    """Write a table whose name tells the format; `-` is standard output, in the format `kind`.

    The target appears only when the block ends well; when it fails, nothing is left behind. In CSV and TSV lists are
    joined by `|`, and a leading byte order mark lets spreadsheets see UTF-8.

    >>> import pyarrow as pa, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "out.csv"
    >>> with write_table(path, pa.schema([("id", pa.int64()), ("labels", pa.list_(pa.string()))])) as writer:
    ...     writer.write([{"id": 1, "labels": ["y_te", "giao_duc"]}])
    >>> path.read_text(encoding="utf-8-sig").split()
    ['id,labels', '1,y_te|giao_duc']
    """
    if str(target) == "-":
        if kind is None or kind == "parquet":
            raise RecordError("standard output takes CSV, TSV or JSON Lines; name a file for Parquet", path="-")
        yield Writer(Path("-"), schema, _text_rows(sys.stdout, schema, kind))
        sys.stdout.flush()
        return
    path = Path(target)
    kind, compression = format_of(path)
    with atomic_file(path) as temporary:
        if kind == "parquet":
            with _parquet_rows(path, temporary, schema) as write:
                yield Writer(path, schema, write)
        else:
            with _open_output(temporary, compression) as raw:
                encoding = "utf-8" if kind == "jsonl" else "utf-8-sig"
                with io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
                    yield Writer(path, schema, _text_rows(text, schema, kind))


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to it when the block ends well, and removed when it does not."""
    try:
        if path.is_dir():
            raise RecordError("is a folder; name a file", path=path)
        if not path.parent.is_dir():
            raise RecordError(f"the folder {path.parent} does not exist; make it first", path=path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise RecordError(f"can't be written ({error.strerror})", path=path) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes files only their owner can read; results are ordinary files.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def _open_output(path: Path, compression: str | None) -> Iterator[BinaryIO]:
    if compression is None:
        with path.open("wb") as file:
            yield file
        return
    import pyarrow as pa

    with pa.output_stream(str(path), compression=compression) as stream:
        yield cast("BinaryIO", io.BufferedWriter(stream))


def _text_rows(stream: IO[str], schema: "pa.Schema", kind: Format) -> Callable[[Sequence[dict[str, Any]]], None]:
    names = schema.names
    if kind == "jsonl":

        def write_json(rows: Sequence[dict[str, Any]]) -> None:
            stream.writelines(json.dumps(row, ensure_ascii=False, default=_json_value) + "\n" for row in rows)

        return write_json
    # The csv module of Python 3.11 quotes only what stands in the line end, and a bare "\r" has to be quoted too.
    target = _LineFeeds(stream) if kind == "tsv" else stream
    out = csv.DictWriter(target, names, delimiter="\t" if kind == "tsv" else ",", lineterminator="\r\n")
    out.writeheader()

    def write_csv(rows: Sequence[dict[str, Any]]) -> None:
        out.writerows({name: _cell(value) for name, value in row.items()} for row in rows)

    return write_csv


class _LineFeeds:
    """Takes rows that end in CRLF and ends them in LF."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, row: str) -> int:
        return self._stream.write(row.removesuffix("\r\n") + "\n")


def _cell(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return "|".join(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=_json_value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _json_value(value: object) -> str:
    # Dates, decimals and bytes of Parquet have no JSON type.
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@contextmanager
def _parquet_rows(
    path: Path, temporary: Path, schema: "pa.Schema"
) -> Iterator[Callable[[Sequence[dict[str, Any]]], None]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(temporary, schema, compression="zstd") as out:

        def write(rows: Sequence[dict[str, Any]]) -> None:
            columns = [_parquet_column(rows, field, path) for field in schema]
            out.write_table(pa.Table.from_arrays(columns, schema=schema))

        yield write


def _parquet_column(rows: Iterable[dict[str, Any]], field: "pa.Field", path: Path) -> "pa.Array":
    import pyarrow as pa

    values = [row.get(field.name) for row in rows]
    if field.type == pa.string():
        values = [value if value is None or isinstance(value, str) else str(_cell(value)) for value in values]
    try:
        return pa.array(values, type=field.type)
    except (pa.ArrowException, OverflowError) as error:
        raise RecordError(f"column {field.name!r} can't hold a value ({error})", path=path) from error
