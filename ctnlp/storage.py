"""A model to and from a folder, without pickle.

`weights.safetensors` holds arrays, `vocabulary.json.gz` the column names of each block, `manifest.json` the rest and
the hash of every file. Nothing is used before its size, hash, shape and dtype are what the manifest says.
"""

import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp.errors import ModelCorrupt
from ctnlp.features import Block, block_from
from ctnlp.manifest import FileEntry, Manifest, from_json, to_json
from ctnlp.model import UNTOUCHED, HeadModel

__all__ = ["describe_arrays", "read_manifest", "read_model", "verify_files", "write_model"]

MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "weights.safetensors"
VOCABULARY: Final = "vocabulary.json.gz"
CARD: Final = "README.md"

# What JSON, gzip and arrays raise on contents that some program made up.
_UNREADABLE: Final = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    zlib.error,
)

LARGEST: Final = 512 * 1024 * 1024
"""Bytes of one file, packed or not, beyond which it is not read: a small hostile file can't claim all memory."""


def describe_arrays(model: HeadModel) -> dict[str, dict[str, Any]]:
    """Dtype and shape of each array as it is stored, for the manifest."""
    return {
        name: {"dtype": str(array.dtype), "shape": list(array.shape)} for name, array in _stored_arrays(model).items()
    }


def write_model(model: HeadModel, manifest: Manifest, card: str, folder: Path) -> Manifest:
    """Write all files into an existing, empty `folder`, each flushed to disk; return the manifest with their hashes."""
    from safetensors.numpy import save

    vocabulary = json.dumps(dict(zip([b.name for b in model.blocks], model.names, strict=True)), ensure_ascii=False)
    contents = {
        WEIGHTS: save(_stored_arrays(model)),
        # No time stamp: the same model gives the same bytes.
        VOCABULARY: gzip.compress(vocabulary.encode(), mtime=0),
        CARD: card.encode(),
    }
    files = {name: FileEntry(len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()}
    manifest = replace(manifest, files=files)
    for name, data in {**contents, MANIFEST: to_json(manifest).encode()}.items():
        with (folder / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model folder. Raises `ModelCorrupt` when it is missing or damaged."""
    return from_json(_bytes(folder / MANIFEST), source=str(folder / MANIFEST))


def verify_files(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """The contents of every file, if each has the size and hash of the manifest; else `ModelCorrupt`."""
    missing = {WEIGHTS, VOCABULARY} - manifest.files.keys()
    if missing:
        raise ModelCorrupt(f"{folder / MANIFEST}: does not list {', '.join(sorted(missing))}")
    contents = {}
    for name, entry in manifest.files.items():
        data = _bytes(folder / name)
        if len(data) != entry.size:
            raise ModelCorrupt(
                f"{folder / name}: {len(data):,} bytes, the manifest says {entry.size:,}; fetch it again"
            )
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise ModelCorrupt(
                f"{folder / name}: SHA-256 differs from the manifest's; the file is damaged, fetch it again"
            )
        contents[name] = data
    return contents


def read_model(folder: Path) -> tuple[HeadModel, Manifest]:
    """Load a model. Raises `ModelCorrupt` for any file that is missing, damaged, or does not fit the others."""
    manifest = read_manifest(folder)
    contents = verify_files(folder, manifest)
    try:
        blocks = tuple(block_from(values) for values in manifest.blocks)
        arrays = _arrays(contents[WEIGHTS], manifest)
        names = _vocabulary(contents[VOCABULARY], blocks)
        return _assemble(manifest, blocks, arrays, names), manifest
    except ModelCorrupt as error:
        raise ModelCorrupt(f"{folder}: {error}") from error
    except _UNREADABLE as error:
        raise ModelCorrupt(f"{folder}: the files do not make a model ({type(error).__name__}: {error})") from error


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise ModelCorrupt(f"{path}: larger than {LARGEST:,} bytes, which no model file is")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelCorrupt(f"{path}: missing") from error
    except OSError as error:
        raise ModelCorrupt(f"{path}: can't be read ({error.strerror})") from error


def _stored_arrays(model: HeadModel) -> dict[str, NDArray[Any]]:
    """As `model.arrays`, weights in half precision: `train` has rounded them to it already."""
    arrays = model.arrays()
    return {**arrays, "coef": np.ascontiguousarray(arrays["coef"].astype(np.float16))}


def _arrays(data: bytes, manifest: Manifest) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, NDArray[Any]] = load(data)
    except SafetensorError as error:
        raise ModelCorrupt(f"{WEIGHTS}: not safetensors ({error})") from error
    if arrays.keys() != manifest.arrays.keys():
        raise ModelCorrupt(f"{WEIGHTS}: holds {sorted(arrays)}, the manifest says {sorted(manifest.arrays)}")
    for name, array in arrays.items():
        said = manifest.arrays[name]
        if str(array.dtype) != said["dtype"] or list(array.shape) != said["shape"]:
            raise ModelCorrupt(f"{WEIGHTS}: {name} is {array.dtype}{list(array.shape)}, the manifest says {said}")
        if not np.isfinite(array).all():
            raise ModelCorrupt(f"{WEIGHTS}: {name} holds a number that is not finite")
    return arrays


def _vocabulary(data: bytes, blocks: tuple[Block, ...]) -> list[list[str]]:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ModelCorrupt(f"{VOCABULARY}: unpacks to more than {LARGEST:,} bytes")
    names = json.loads(raw)
    if list(names) != [block.name for block in blocks]:
        raise ModelCorrupt(f"{VOCABULARY}: has blocks {list(names)}, the manifest {[block.name for block in blocks]}")
    for block, columns in names.items():
        strings = isinstance(columns, list) and columns and all(isinstance(column, str) for column in columns)
        if not strings or len(set(columns)) != len(columns):
            raise ModelCorrupt(f"{VOCABULARY}: block {block!r} is not a list of different strings")
    return list(names.values())


def _assemble(
    manifest: Manifest, blocks: tuple[Block, ...], arrays: Mapping[str, NDArray[Any]], names: list[list[str]]
) -> HeadModel:
    n_labels, n_features = len(manifest.labels), sum(map(len, names))
    expected: dict[str, tuple[int, ...]] = {
        "coef": (n_labels, n_features),
        **dict.fromkeys(("intercept", "scale", "offset", "thresholds"), (n_labels,)),
        **dict.fromkeys(("floor", "review_below"), (1,)),
        **{f"idf.{block.name}": (len(columns),) for block, columns in zip(blocks, names, strict=True)},
    }
    if "trust" in arrays:  # models saved before it was there have none
        expected["trust"] = (3, 2)
    for name, shape in expected.items():
        if name not in arrays or arrays[name].shape != shape:
            found = list(arrays[name].shape) if name in arrays else "missing"
            raise ModelCorrupt(f"{name} is {found}, expected {list(shape)} for {n_labels} labels, {n_features} columns")
    return HeadModel(
        head=manifest.head,
        kind=manifest.kind,  # type: ignore[arg-type]  # manifest.from_json has checked it
        labels=manifest.labels,
        blocks=blocks,
        names=names,
        idf=[arrays[f"idf.{block.name}"] for block in blocks],
        coef=arrays["coef"].astype(np.float32),
        **{name: arrays[name] for name in ("intercept", "scale", "offset", "thresholds")},
        floor=float(arrays["floor"][0]),
        review_below=float(arrays["review_below"][0]),
        text_protocol=dict(manifest.text_protocol),
        trust=arrays.get("trust", UNTOUCHED),
    )
