"""Versions of models: save, load, list, verify, promote, roll back, export.

`models/<head>/<version>/` holds a version, which never changes once saved; `models/<head>/CURRENT` names the one in
use on its first line, and those used before it on the following ones.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from ctnlp import card, places, storage
from ctnlp.errors import ModelCorrupt, ModelError, ModelNotFound
from ctnlp.manifest import VERSION, Manifest, TrainingData
from ctnlp.model import HeadModel
from ctnlp.records import atomic_file
from ctnlp.taxonomy import Head, default

__all__ = [
    "current",
    "export",
    "heads",
    "load",
    "promote",
    "read_manifest",
    "rollback",
    "save",
    "verify",
    "versions",
]

CURRENT: Final = "CURRENT"
LIBRARIES: Final = ("ctnlp", "scikit-learn", "underthesea", "underthesea_core", "numpy", "scipy", "safetensors")
_DIGITS: Final = re.compile(r"(\d+)")


def heads(root: str | Path | None = None) -> list[str]:
    """The heads that have at least one version."""
    folder = places.find("models", root)
    if not folder.is_dir():
        raise ModelNotFound(f"{folder}: no such folder of models; name one with --models or CTNLP_MODELS")
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and versions(path.name, root))


def versions(head: str, root: str | Path | None = None) -> list[str]:
    """All versions of a head, oldest first.

    >>> current("topic") in versions("topic")
    True
    """
    folder = places.find("models", root) / head
    if not folder.is_dir():
        return []
    names = [
        path.name for path in folder.iterdir() if VERSION.fullmatch(path.name) and (path / storage.MANIFEST).is_file()
    ]
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in _DIGITS.split(name)])


def current(head: str, root: str | Path | None = None) -> str:
    """The version of a head that is in use. Raises `ModelNotFound` when there is none."""
    return _history(head, root)[0]


def _history(head: str, root: str | Path | None) -> list[str]:
    path = places.find("models", root) / head / CURRENT
    try:
        names = path.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        names = []
    except (OSError, UnicodeDecodeError) as error:
        raise ModelNotFound(f"{path}: can't be read ({error})") from error
    if not names:
        raise ModelNotFound(f"no model of head {head!r} in use: {path} is missing or empty; train one or name --models")
    return names


def _folder(head: str, version: str, root: str | Path | None) -> Path:
    if version == "current":
        version = current(head, root)
    folder = places.find("models", root) / head / version
    if not VERSION.fullmatch(version) or not folder.is_dir():
        known = ", ".join(versions(head, root)) or "none"
        raise ModelNotFound(f"no version {version!r} of head {head!r} in {folder.parent}; there is: {known}")
    return folder


def load(head: str, version: str = "current", root: str | Path | None = None) -> tuple[HeadModel, Manifest]:
    """A model and its manifest, every file checked. Raises `ModelNotFound` or `ModelCorrupt`.

    >>> model, manifest = load("sentiment")
    >>> model.labels
    ('negative', 'neutral', 'positive')
    """
    folder = _folder(head, version, root)
    model, manifest = storage.read_model(folder)
    if manifest.head != head:
        raise ModelCorrupt(f"{folder}: holds a model of head {manifest.head!r}, not of {head!r}; move it there")
    return model, manifest


def read_manifest(head: str, version: str = "current", root: str | Path | None = None) -> Manifest:
    """The manifest alone."""
    return storage.read_manifest(_folder(head, version, root))


def verify(head: str, version: str = "current", root: str | Path | None = None) -> Manifest:
    """Check every file by loading the model; raises `ModelCorrupt` with what is wrong."""
    return load(head, version, root)[1]


def save(
    model: HeadModel,
    *,
    training_data: Sequence[TrainingData],
    parameters: Mapping[str, Any],
    seed: int,
    metrics: Mapping[str, Any],
    behaviour: Mapping[str, Mapping[str, int]] | None = None,
    head: Head | None = None,
    root: str | Path | None = None,
    parent: str | None = None,
) -> Manifest:
    """Save a new version, named by the date (UTC) and a running number; it is not in use until promoted.

    The folder appears whole or not at all. Returns the manifest as written.
    """
    head = head or default().head(model.head)
    folder = places.find("models", root) / head.id
    now = datetime.now(UTC)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", suffix=".part", dir=folder))
    except OSError as error:
        raise ModelError(f"{folder}: the model can't be saved ({error.strerror})") from error
    try:
        while True:
            version = _next_version(folder, now)
            manifest = Manifest(
                head=head.id,
                kind=model.kind,
                version=version,
                labels=model.labels,
                blocks=tuple(asdict(block) for block in model.blocks),
                text_protocol=dict(model.text_protocol),
                arrays=storage.describe_arrays(model),
                training_data=tuple(training_data),
                parameters=dict(parameters),
                seed=seed,
                libraries={name: metadata.version(name) for name in LIBRARIES},
                metrics=dict(metrics),
                behaviour={name: dict(counts) for name, counts in (behaviour or {}).items()},
                created=now.isoformat(timespec="seconds"),
                parent=parent,
                taxonomy=f"{default().name} {default().version}",
            )
            manifest = storage.write_model(model, manifest, card.render(manifest, head), temporary)
            temporary.chmod(0o755)
            try:
                temporary.rename(folder / version)
            except OSError:
                if not (folder / version).exists():
                    raise
                continue  # another training took the name meanwhile
            _sync(folder)
            return manifest
    except OSError as error:
        raise ModelError(f"{folder}: the model can't be saved ({error.strerror})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _next_version(folder: Path, now: datetime) -> str:
    day = f"{now:%Y-%m-%d}."
    numbers = [path.name.removeprefix(day) for path in folder.glob(f"{day}*")]
    # One more than the highest: a number that was deleted is not given to another model.
    return f"{day}{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"


def _sync(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def promote(head: str, version: str, root: str | Path | None = None) -> str:
    """Put a version in use, after verifying it; returns its name."""
    folder = _folder(head, version, root)
    verify(head, folder.name, root)
    try:
        history = _history(head, root)
    except ModelNotFound:
        history = []
    _set_history(folder.parent, [folder.name, *(name for name in history if name != folder.name)])
    return folder.name


def rollback(head: str, root: str | Path | None = None) -> str:
    """Put the version in use again that was used before the current one; returns its name."""
    history = _history(head, root)
    if len(history) < 2:
        raise ModelNotFound(f"head {head!r} has no earlier version to go back to; {history[0]} is the first in use")
    verify(head, history[1], root)
    _set_history(places.find("models", root) / head, history[1:])
    return history[1]


def _set_history(folder: Path, names: Sequence[str]) -> None:
    with atomic_file(folder / CURRENT) as temporary:
        temporary.write_text("\n".join(names[:20]) + "\n", encoding="utf-8")


def export(head: str, path: str | Path, version: str = "current", root: str | Path | None = None) -> Path:
    """Write the version as a scikit-learn `Pipeline` with joblib, for those who want one (see `ctnlp.export`).

    Such a file is a pickle: it can run code when loaded, so take one only from whom you trust.
    """
    import joblib

    from ctnlp.export import pipeline

    model, _ = load(head, version, root)
    target = Path(path)
    with atomic_file(target) as temporary:
        joblib.dump(pipeline(model), temporary, compress=3)
    return target
