"""Every exception that ctnlp raises on purpose.

::

    CtnlpError
    ├── InputError            what the caller gave can't be used (also a ValueError)
    │   ├── RecordError       a table can't be read or written; knows the path and, if any, the line
    │   ├── TaxonomyError     a taxonomy file breaks its rules
    │   └── CorpusError       labelled samples break their rules
    ├── FetchError            a public corpus can't be fetched, or is not what was expected
    ├── MissingExtra          an optional package is not installed (also an ImportError)
    └── ModelError            something about a model version
        ├── ModelNotFound     no such head, version or folder
        ├── ModelCorrupt      files are damaged, incomplete or not what the manifest says
        └── ModelIncompatible made by a newer ctnlp, or for other text rules

Each message says what was given, what was expected and what to do. The command line prints it in one line.
"""

from pathlib import Path

__all__ = [
    "CorpusError",
    "CtnlpError",
    "FetchError",
    "InputError",
    "MissingExtra",
    "ModelCorrupt",
    "ModelError",
    "ModelIncompatible",
    "ModelNotFound",
    "RecordError",
    "TaxonomyError",
]


class CtnlpError(Exception):
    """Base of all errors of ctnlp.

    >>> issubclass(ModelCorrupt, CtnlpError)
    True
    """


class InputError(CtnlpError, ValueError):
    """What the caller gave can't be used."""


class RecordError(InputError):
    """A table can't be read or written.

    >>> str(RecordError("no column 'body'", path="in.csv", line=1))
    "in.csv, line 1: no column 'body'"
    """

    def __init__(self, message: str, *, path: str | Path | None = None, line: int | None = None) -> None:
        """Keep `path` and `line` (1-based) as attributes and put them before `message`."""
        place = ", ".join([str(path)] * (path is not None) + [f"line {line}"] * (line is not None))
        super().__init__(f"{place}: {message}" if place else message)
        self.path = path
        self.line = line


class TaxonomyError(InputError):
    """A taxonomy file breaks its rules."""


class CorpusError(InputError):
    """Labelled samples break their rules."""


class FetchError(CtnlpError):
    """A public corpus can't be fetched, or is not what was expected."""


class MissingExtra(CtnlpError, ImportError):
    """An optional package is not installed.

    >>> str(MissingExtra("matplotlib", extra="plot"))
    'matplotlib is not installed; run: pip install "ctnlp[plot]"'
    """

    def __init__(self, package: str, *, extra: str) -> None:
        """Name the `package` that is missing and the `extra` of ctnlp that brings it."""
        super().__init__(f'{package} is not installed; run: pip install "ctnlp[{extra}]"')


class ModelError(CtnlpError):
    """Something is wrong with a model version."""


class ModelNotFound(ModelError):
    """No such head, version or model folder."""


class ModelCorrupt(ModelError):
    """Files of a model are damaged, incomplete or not what its manifest says."""


class ModelIncompatible(ModelError):
    """The model was made by a newer ctnlp, or for other text rules than this one's."""
