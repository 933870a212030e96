"""Public corpora onto this machine: downloaded, verified, normalised, kept in the cache folder as one table each."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ctnlp import archives, places
from ctnlp.archives import members
from ctnlp.download import download
from ctnlp.errors import CorpusError, CtnlpError, FetchError
from ctnlp.normalise import normalise
from ctnlp.records import Record, open_table, write_table
from ctnlp.sources import SOURCES, Source

__all__ = ["fetch", "fetched", "fingerprint"]

_TABLES: Final = (".csv", ".tsv", ".jsonl", ".parquet", ".gz", ".zst")
_LETTERS: Final = re.compile(r"\w+")
_BATCH: Final = 2000

Rows = Iterable[Mapping[str, str]]


def fetch(
    source_id: str,
    *,
    local: str | Path | None = None,
    homes: Sequence[str] | None = None,
    cache: str | Path | None = None,
    wait: float = 1.0,
    on_step: Callable[[str], None] = lambda step: None,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> Path:
    """The table of a public corpus (`vntc`, `phap_dien`) in the cache folder; fetched first if it is not there.

    From `local`, if given: a table, an archive or an unpacked folder; else from the first of `homes` (by default those
    that `ctnlp.sources` names) that gives the right corpus. Texts are normalised. Raises `CorpusError` for an unknown
    corpus, `FetchError` with what failed at each home, or with what is wrong with the local copy.
    """
    if source_id not in SOURCES:
        raise CorpusError(f"unknown corpus {source_id!r}; expected one of {', '.join(SOURCES)}")
    source = SOURCES[source_id]
    folder = Path(cache) if cache is not None else places.cache_dir() / "corpora"
    target = folder / f"{source.id}.parquet"
    if local is not None:
        return _keep(source, Path(local), target, on_step)
    if target.is_file():
        return target
    faults = []
    for home in source.homes if homes is None else homes:
        # The same name for the same file, so that a broken download goes on.
        ending = next((kind for kind in archives.KINDS if home.endswith(kind)), ".tar.gz")
        archive = folder / f"{source.id}-{hashlib.sha256(home.encode()).hexdigest()[:12]}{ending}"
        try:
            on_step(f"downloading {home}")
            download(home, archive, wait=wait, on_bytes=on_bytes)
            _keep(source, archive, target, on_step)
        except CtnlpError as error:
            faults.append(str(error))
            on_step(str(error))
        else:
            return target
        finally:
            # Kept as a table by now, or not the corpus: either way of no more use. A part of a download stays.
            archive.unlink(missing_ok=True)
    raise FetchError(f"{source.name} could not be fetched: {'; '.join(faults)}; fetch it by hand and give --from FILE")


def fetched(source_id: str) -> Path:
    """The table of a corpus that was fetched before.

    Raises `CorpusError` for an unknown corpus, `FetchError` with what to do for one that was not fetched.
    """
    if source_id not in SOURCES:
        raise CorpusError(f"unknown corpus {source_id!r}; expected one of {', '.join(SOURCES)}")
    path = places.cache_dir() / "corpora" / f"{source_id}.parquet"
    if not path.is_file():
        raise FetchError(f"{source_id} was not fetched yet; run: ctnlp data fetch {source_id}, or name a file")
    return path


def fingerprint(rows: Rows, columns: Sequence[str]) -> str:
    """SHA-256 over the letters and digits of all rows, whatever their order, spacing, punctuation and encoding.

    >>> one = fingerprint([{"id": "1", "text": "Giá  điện."}], ["id", "text"])
    >>> one == fingerprint([{"id": "1", "text": "Giá điện"}], ["id", "text"])
    True
    """
    digests = []
    for row in rows:
        cells = (" ".join(_LETTERS.findall(unicodedata.normalize("NFC", row[name]))) for name in columns)
        digests.append(hashlib.sha256("\t".join(cells).encode("utf-8", "replace")).digest())
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def _keep(source: Source, path: Path, target: Path, on_step: Callable[[str], None]) -> Path:
    """Read, verify, normalise and write the corpus."""
    import pyarrow as pa

    if not path.exists():
        raise FetchError(f"{path}: no such file or folder")
    commit = archives.commit_of(path)
    named = re.search(r"/([0-9a-f]{8,40})$", source.homes[0])
    if commit and named and not commit.startswith(named[1]):
        raise FetchError(f"{path}: made from commit {commit[:12]}, expected {named[1][:12]}")
    on_step(f"reading {path.name}")
    rows = list(_rows(source, path))
    on_step(f"verifying {len(rows):,} texts")
    _verify(source, path, rows)
    on_step("normalising")
    target.parent.mkdir(parents=True, exist_ok=True)
    clean = ({name: normalise(row[name]) for name in source.columns} for row in rows)
    with write_table(target, pa.schema([(name, pa.string()) for name in source.columns])) as writer:
        while batch := list(islice(clean, _BATCH)):
            writer.write(batch)
    return target


def _rows(source: Source, path: Path) -> Iterator[Mapping[str, str]]:
    if path.is_dir() or path.name.endswith(archives.KINDS):
        for name, text in members(path, source.members):
            yield from source.rows(name, text)
    elif path.name.endswith(_TABLES):
        yield from _table(source, path)
    else:
        raise FetchError(f"{path}: expected a table, a folder or an archive ({', '.join((*_TABLES, *archives.KINDS))})")


def _table(source: Source, path: Path) -> Iterator[Mapping[str, str]]:
    with open_table(path) as table:
        missing = [name for name in source.columns if name not in table.columns]
        if missing:
            raise FetchError(f"{path}: not a table of {source.id}, it lacks the columns {', '.join(missing)}")
        for row in table:
            if not isinstance(row, Record):
                raise FetchError(f"{path}, line {row.line}: {row.reason}")
            yield {name: _cell(row.values[name]) for name in source.columns}


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _verify(source: Source, path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    if len(rows) < source.least_rows:
        raise FetchError(f"{path}: {len(rows):,} texts, {source.name} has at least {source.least_rows:,}")
    if source.fingerprint and fingerprint(rows, source.columns) != source.fingerprint:
        raise FetchError(f"{path}: its texts are not those of {source.name} ({source.revision}); they were changed")
