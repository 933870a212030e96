"""Text files inside an archive or a folder, one after another, without unpacking to disk."""

import codecs
import gzip
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from ctnlp.errors import FetchError, MissingExtra

__all__ = ["KINDS", "commit_of", "members"]

KINDS: Final = (".tar.gz", ".tgz", ".zip", ".rar")
LARGEST: Final = 20 * 2**20
"""Bytes of one text beyond which an archive is not believed."""


def members(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[re.Match[str], str]]:
    """The texts whose name inside `path` is `wanted` (searched, with `/` between folders), in the archive's order.

    `path` is a folder or an archive: `KINDS`. UTF-8, or UTF-16 with its byte order mark. Raises `FetchError` for what
    is no archive, is cut short or damaged, or holds no such text; `MissingExtra` for RAR without `ctnlp[rar]`.
    """
    found = False
    try:
        for name, content in _files(path, wanted):
            match = wanted.search(name)
            if match is None:
                continue
            found = True
            yield match, _decode(path, name, content)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise FetchError(f"{path}: cut short, damaged or no such archive ({error or type(error).__name__})") from error
    if not found:
        raise FetchError(f"{path}: no file in it is named like {wanted.pattern}")


def commit_of(path: Path) -> str:
    """The commit that a tar archive made by git was made from; empty if it does not say.

    >>> commit_of(Path("none.zip"))
    ''
    """
    if not path.name.endswith((".tar.gz", ".tgz")):
        return ""
    try:
        with tarfile.open(path, "r:gz") as archive:
            return str(archive.pax_headers.get("comment", ""))
    except (tarfile.TarError, zlib.error, EOFError, OSError):
        return ""


def _files(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    readers: dict[str, Callable[[Path, re.Pattern[str]], Iterator[tuple[str, bytes]]]]
    readers = {".tar.gz": _tar, ".tgz": _tar, ".zip": _zip, ".rar": _rar}
    ending = next((kind for kind in KINDS if path.name.endswith(kind)), None)
    if ending is None and not path.is_dir():
        raise FetchError(f"{path}: expected a folder, a table, or an archive ({', '.join(KINDS)})")
    return readers[ending](path, wanted) if ending else _folder(path, wanted)


def _folder(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path.parent).as_posix()
        if wanted.search(name) and file.is_file():
            with file.open("rb") as opened:
                yield name, _read(path, name, opened)


def _tar(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    with gzip.open(path) as raw:
        with tarfile.open(fileobj=raw, mode="r|") as archive:
            for entry in archive:
                opened = archive.extractfile(entry) if entry.isfile() and wanted.search(entry.name) else None
                if opened is not None:
                    yield entry.name, _read(path, entry.name, opened)
        # tarfile takes an archive cut between two files for a whole one; gzip knows at its end.
        while raw.read(1 << 20):
            pass


def _zip(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if wanted.search(name):
                with archive.open(name) as opened:
                    yield name, _read(path, name, opened)


def _rar(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    try:
        import rarfile
    except ImportError as error:
        raise MissingExtra("rarfile", extra="rar") from error
    try:
        with rarfile.RarFile(path) as archive:
            for entry in archive.infolist():
                if entry.is_file() and wanted.search(entry.filename):
                    with archive.open(entry) as opened:
                        yield entry.filename, _read(path, entry.filename, opened)
    except rarfile.RarCannotExec as error:
        raise FetchError(f"{path}: RAR needs a program to unpack it; install unar, unrar, 7z or bsdtar") from error
    except rarfile.Error as error:
        raise FetchError(f"{path}: cut short, damaged or no such archive ({error})") from error


def _read(path: Path, name: str, stream: IO[bytes]) -> bytes:
    content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise FetchError(f"{path}: {name} has more than {LARGEST:,} bytes; this is not the corpus that was expected")
    return content


def _decode(path: Path, name: str, content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise FetchError(f"{path}: {name} is neither UTF-8 nor UTF-16 ({error.reason})") from error
