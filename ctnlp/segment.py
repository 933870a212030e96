"""Words, exactly as underthesea cuts them.

If the model of the installed underthesea is known, its words are looked up in tables (`ctnlp._words`), many times
faster. Any other is called: `Segmenter` then keeps the side effects of `underthesea.word_tokenize` in. The handler that
its import leaves on the root logger is taken off again, no option that leaks into later calls is ever passed, and a
text on which its Rust core panics is cut by syllables instead of ending the program.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ctnlp.normalise import VERSION as normalise_rules
from ctnlp.normalise import normalise

if TYPE_CHECKING:
    from ctnlp._words import Cutter

__all__ = ["Segmenter", "default_segmenter", "segment", "segment_many"]

LONGEST_PIECE: Final = 100_000
"""Characters given to underthesea at once: it builds 43 strings a token, so a text of 2 MB would take gigabytes."""

BATCH: Final = 256
"""Texts in one task of `segment_many`, and in one entry of its cache."""

_SYLLABLE: Final = re.compile(r"\w+|[^\w\s]")
_PIECE: Final = re.compile(r"[^.!?\n]*[.!?\n]*\s*")


class Segmenter:
    """Cuts text into words by underthesea's model, without its side effects.

    >>> Segmenter().words("Bộ Giáo dục và Đào tạo công bố phương án tuyển sinh")
    ['Bộ', 'Giáo dục và Đào tạo', 'công bố', 'phương án', 'tuyển sinh']
    """

    def __reduce__(self) -> tuple[type["Segmenter"], tuple[()]]:
        """Another process makes its own: what was seen here stays here."""
        return Segmenter, ()

    @cached_property
    def identity(self) -> str:
        """Name, version and model hash. Models record it: other words would mean other features."""
        package = Path(str(metadata.distribution("underthesea").locate_file("underthesea")))
        models = sorted((package / "pipeline" / "word_tokenize" / "models").rglob("models.bin"))
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in models)).hexdigest()
        return f"underthesea {metadata.version('underthesea')} {digest[:16]}"

    @cached_property
    def _cutter(self) -> "Cutter | None":
        return _cutter(normalising=False)

    @cached_property
    def _normalising_cutter(self) -> "Cutter | None":
        return _cutter(normalising=True)

    @cached_property
    def _tokenize(self) -> Callable[[str], list[str]]:
        return _import_word_tokenize()

    def words(self, text: str) -> list[str]:
        """The words of `text` in order; syllables of one word are joined by a space. Blank text has none."""
        return self.words_of([text])[0]

    def words_of(self, texts: Sequence[str], *, normalising: bool = False) -> list[list[str]]:
        """The words of each text, or of its normalised form.

        A few hundred texts at once take a fraction of the time that single ones take.
        """
        cutter = self._normalising_cutter if normalising else self._cutter
        if cutter:
            return cutter.words(texts)
        return [self._called(normalise(text) if normalising else text) for text in texts]

    def _called(self, text: str) -> list[str]:
        # An unknown underthesea is called; texts longer than `LONGEST_PIECE` are cut at white space first.
        words: list[str] = []
        for piece in _pieces(text, LONGEST_PIECE):
            words += self._guarded(piece)
        return words

    def _guarded(self, text: str) -> list[str]:
        words = self._try(text)
        if words is not None:
            return words
        # One odd token makes the whole call panic: find its sentence, and keep the words of all the others.
        rescued: list[str] = []
        for sentence in _PIECE.findall(text):
            words = self._try(sentence)
            rescued += words if words is not None else _SYLLABLE.findall(sentence)
        return rescued

    def _try(self, text: str) -> list[str] | None:
        try:
            return list(self._tokenize(text)) if text.strip() else []
        except UnicodeEncodeError:  # half a surrogate pair
            return None
        except BaseException as error:
            # PyO3 raises a panic as a BaseException of a type that can't be imported.
            if type(error).__name__ != "PanicException":
                raise
            return None


@cache
def default_segmenter() -> Segmenter:
    """The segmenter that models of this version are trained and used with.

    >>> default_segmenter().identity.startswith("underthesea ")
    True
    """
    return Segmenter()


def segment(text: str) -> list[str]:
    """The words of one text.

    >>> segment("Giá điện tăng")
    ['Giá', 'điện', 'tăng']
    """
    return default_segmenter().words(text)


def segment_many(
    texts: Iterable[str], *, normalising: bool = False, n_jobs: int = 1, cache_dir: str | Path | None = None
) -> list[list[str]]:
    """The words of many texts, or of their normalised forms, in their order.

    `n_jobs` processes share the work (-1: one a core). With `cache_dir`, results are kept there by `joblib.Memory` and
    found again by text, segmenter and normaliser: meant for training corpora, which are segmented again and again.

    >>> segment_many(["Giá điện tăng", ""])
    [['Giá', 'điện', 'tăng'], []]
    """
    import joblib

    from ctnlp import _words

    # A path: given a string, joblib would use another folder, one level down.
    work = joblib.Memory(Path(cache_dir), verbose=0).cache(_segment_batch) if cache_dir is not None else _segment_batch
    # Part of what the cache looks for: other rules would give other words.
    made_by = (default_segmenter().identity, _words.VERSION, normalise_rules if normalising else "")
    tasks = (joblib.delayed(work)(batch, made_by, normalising) for batch in _batches(texts, BATCH))
    return [words for batch in joblib.Parallel(n_jobs=n_jobs)(tasks) for words in batch]


def _segment_batch(texts: Sequence[str], made_by: tuple[str, str, str], normalising: bool) -> list[list[str]]:
    assert made_by[0] == default_segmenter().identity, "workers run the same underthesea as their parent"
    return default_segmenter().words_of(texts, normalising=normalising)


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(texts)
    while batch := list(islice(iterator, size)):
        yield batch


def _pieces(text: str, longest: int) -> Iterator[str]:
    """`text` in pieces of at most `longest` characters, cut at the last line break, else space, else anywhere."""
    while len(text) > longest:
        cut = max(text.rfind("\n", 0, longest), 0) or max(text.rfind(" ", 0, longest), 0) or longest
        yield text[:cut]
        text = text[cut:]
    yield text


def _cutter(*, normalising: bool) -> "Cutter | None":
    """Our tables, if the installed underthesea is the one that they were made after."""
    from ctnlp._underthesea import known
    from ctnlp._words import Cutter

    return Cutter(normalising=normalising) if known() else None


def _import_word_tokenize() -> Callable[[str], list[str]]:
    root = logging.getLogger()
    handlers = root.handlers[:]
    try:
        from underthesea.pipeline.word_tokenize import word_tokenize
    finally:
        # underthesea.pipeline.classification, imported on the way, adds a handler to the root logger.
        for handler in [handler for handler in root.handlers if handler not in handlers]:
            root.removeHandler(handler)
    return word_tokenize  # type: ignore[no-any-return]
