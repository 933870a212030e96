"""Text files of unknown encoding, plain or compressed, as lines."""

import codecs
import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TextIO, cast

from ctnlp.errors import RecordError

__all__ = ["SURROGATES", "TextFile", "detect_encoding", "named_encoding"]

SURROGATES: Final = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as `TextFile` hands them on."""

_SAMPLE: Final = 1 << 20
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Letters that only Vietnamese has among the languages of code page 1258.
_VIETNAMESE: Final = re.compile("[ơưđăƠƯĐĂ]|[ạ-ỹẠ-Ỹ]")


@dataclass(frozen=True)
class TextFile:
    """A file of text: where it is, how it is packed, what its bytes mean."""

    path: Path
    compression: str | None
    encoding: str

    @contextmanager
    def open(self) -> Iterator[TextIO]:
        """The text with its line ends kept; bytes that are no UTF-8 come as lone surrogates: one row fails, not all."""
        errors = "surrogateescape" if self.encoding.startswith("utf-8") else "strict"
        with _open_bytes(self.path, self.compression) as raw:
            with io.TextIOWrapper(raw, encoding=self.encoding, errors=errors, newline="") as text:
                yield text

    def lines(self) -> Iterator[str]:
        """Line by line. Raises `RecordError` with the number of the last good line when the file breaks off."""
        number = 0
        with self.open() as text:
            try:
                for number, line in enumerate(text, start=1):  # noqa: B007 - the errors below tell it
                    yield line
            except UnicodeError as error:
                raise RecordError(
                    f"not {self.encoding} after this line ({getattr(error, 'reason', error)}); save the file as UTF-8",
                    path=self.path,
                    line=number,
                ) from error
            except (EOFError, OSError) as error:
                raise RecordError(
                    f"the file ends early or is damaged ({error})", path=self.path, line=number
                ) from error


@contextmanager
def _open_bytes(path: Path, compression: str | None) -> Iterator[BinaryIO]:
    if compression is None:
        with path.open("rb") as file:
            yield file
        return
    import pyarrow as pa

    with pa.input_stream(str(path), compression=compression) as stream:
        yield cast("BinaryIO", io.BufferedReader(stream))


def named_encoding(name: str, path: Path) -> str:
    """The canonical name of an encoding that the user named; UTF-8 may still start with a byte order mark."""
    try:
        "".encode(name)
    except LookupError as error:
        raise RecordError(f"{error}; expected a name such as utf-8 or cp1258", path=path) from None
    canonical = codecs.lookup(name).name
    return "utf-8-sig" if canonical == "utf-8" else canonical


def detect_encoding(path: Path, compression: str | None) -> str:
    """Tell UTF-8, UTF-16 and code page 1258 apart by the first megabyte; refuse anything else with `RecordError`."""
    try:
        with _open_bytes(path, compression) as file:
            sample = file.read(_SAMPLE)
    except (EOFError, OSError) as error:
        raise RecordError(f"can't be read ({error})", path=path) from error
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    pairs = len(sample) // 2
    if pairs and sample[1::2].count(0) > 0.3 * pairs:
        return "utf-16-le"
    if pairs and sample[0::2].count(0) > 0.3 * pairs:
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        # Broken bytes in a file that is UTF-8 otherwise cost their rows, not the file.
        if _mostly_utf8(sample):
            return "utf-8"
        if _is_cp1258(sample):
            return "cp1258"
        raise RecordError(
            "the text is not UTF-8, UTF-16 or code page 1258 (it may be TCVN3 or VNI, or no text at all); "
            "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8'), or name its encoding with --encoding",
            path=path,
        ) from None
    return "utf-8"


def _is_cp1258(sample: bytes) -> bool:
    """Code page 1258 writes tones as combining marks: read right, every mark composes and Vietnamese letters abound."""
    try:
        text = unicodedata.normalize("NFC", sample.decode("cp1258"))
    except UnicodeDecodeError:
        return False
    foreign = sum(1 for char in text if ord(char) > 0x7F)
    vietnamese = len(_VIETNAMESE.findall(text))
    loose = sum(1 for char in text if unicodedata.combining(char))
    return vietnamese > 0.3 * foreign and loose <= 0.01 * foreign


def _mostly_utf8(sample: bytes) -> bool:
    text = sample.decode("utf-8", errors="surrogateescape")
    foreign = sum(1 for char in text if ord(char) > 0x7F)
    # In any other encoding hardly a byte above 0x7F is good UTF-8, for it needs the right ones beside it.
    return len(SURROGATES.findall(text)) < 0.5 * foreign
