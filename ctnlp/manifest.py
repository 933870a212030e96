"""One model version described as JSON: what it is, how it was made, from what, how good it is, and its files.

Format 1. To change the format: raise `FORMAT`, teach `from_json` to read the old number too, and keep a saved model of
the old one among the tests.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from ctnlp.errors import ModelCorrupt, ModelIncompatible

__all__ = ["FORMAT", "FileEntry", "Manifest", "TrainingData", "from_json", "to_json"]

FORMAT: Final = 1

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_FILE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DICTS: Final = ("text_protocol", "arrays", "parameters", "libraries", "metrics", "behaviour")
_TYPES: Final = dict.fromkeys(_DICTS, dict) | dict.fromkeys(("head", "created"), str)
VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")


@dataclass(frozen=True)
class FileEntry:
    """A file of the version: its size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class TrainingData:
    """A set of samples that the model learned from. `sha256` is that of the samples as JSON lines."""

    name: str
    revision: str
    rows: int
    sha256: str
    license: str


@dataclass(frozen=True)
class Manifest:
    """Everything about a version but its weights.

    `arrays` gives dtype and shape of each stored array; `metrics` holds, by the name of a sample set, the figures of
    `ctnlp.evaluate` with their intervals; `behaviour`, by capability, how many minimal pairs there are and how many
    passed.
    """

    head: str
    kind: str
    version: str
    labels: tuple[str, ...]
    blocks: tuple[dict[str, Any], ...]
    text_protocol: dict[str, str]
    arrays: dict[str, dict[str, Any]]
    training_data: tuple[TrainingData, ...]
    parameters: dict[str, Any]
    seed: int
    libraries: dict[str, str]
    metrics: dict[str, Any]
    created: str
    parent: str | None = None
    taxonomy: str = ""
    behaviour: dict[str, dict[str, int]] = field(default_factory=dict)
    files: dict[str, FileEntry] = field(default_factory=dict)
    format: int = FORMAT


def to_json(manifest: Manifest) -> str:
    """The manifest as indented JSON with sorted keys."""
    return json.dumps(asdict(manifest), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def from_json(text: str | bytes, *, source: str = "manifest.json") -> Manifest:
    """Read a manifest back.

    Raises `ModelIncompatible` for a newer format and `ModelCorrupt` for anything that is no manifest; both name
    `source`.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelCorrupt(f"{source}: not JSON ({error})") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("format"), int):
        raise ModelCorrupt(f"{source}: not a model manifest; expected an object with a format number")
    if raw["format"] > FORMAT:
        raise ModelIncompatible(
            f"{source}: written in format {raw['format']}, this ctnlp reads up to {FORMAT}; run: pip install -U ctnlp"
        )
    try:
        return _checked(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelCorrupt(f"{source}: not a valid manifest ({type(error).__name__}: {error})") from error


def _checked(raw: Mapping[str, Any]) -> Manifest:
    known = {entry.name for entry in fields(Manifest)}
    values = {name: value for name, value in raw.items() if name in known}
    values["labels"] = tuple(_strings(raw["labels"]))
    values["blocks"] = tuple(dict(block) for block in raw["blocks"])
    values["training_data"] = tuple(TrainingData(**entry) for entry in raw["training_data"])
    values["files"] = {name: FileEntry(**entry) for name, entry in raw["files"].items()}
    manifest = Manifest(**values)
    for name, kind in _TYPES.items():
        if not isinstance(getattr(manifest, name), kind):
            raise TypeError(f"{name} is {type(getattr(manifest, name)).__name__}, not {kind.__name__}")
    if manifest.kind not in ("multilabel", "multiclass"):
        raise ValueError(f"kind {manifest.kind!r}")
    if not VERSION.fullmatch(manifest.version):
        raise ValueError(f"version {manifest.version!r}")
    for name, entry in manifest.files.items():
        # A name with a slash could lead out of the model's folder.
        if not _FILE.fullmatch(name) or not _SHA256.fullmatch(entry.sha256) or entry.size < 0:
            raise ValueError(f"file entry {name!r}")
    return manifest


def _strings(values: Any) -> list[str]:
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise TypeError("labels are not a list of strings")
    if len(set(values)) < len(values):
        raise ValueError("a label stands twice")
    return values
