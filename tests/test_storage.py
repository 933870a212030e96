import gzip
import hashlib
import json
import re
import shutil
import struct
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import load, save

from ctnlp import storage
from ctnlp.errors import ModelCorrupt, ModelError
from ctnlp.features import Document
from ctnlp.manifest import Manifest
from ctnlp.storage import describe_arrays, read_manifest, read_model, write_model

WEIGHTS, VOCABULARY, MANIFEST, CARD = "weights.safetensors", "vocabulary.json.gz", "manifest.json", "README.md"


def written(model, folder):
    """The model in a new folder."""
    folder.mkdir()
    manifest = Manifest(
        head=model.head,
        kind=model.kind,
        version="1",
        labels=model.labels,
        blocks=tuple(vars(block) for block in model.blocks),
        text_protocol=dict(model.text_protocol),
        arrays=describe_arrays(model),
        training_data=(),
        parameters={},
        seed=1,
        libraries={},
        metrics={},
        created="now",
    )
    return write_model(model, manifest, "# Thẻ\n", folder)


@pytest.fixture(scope="module")
def stored(topic_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored") / "model"
    written(topic_model, folder)
    return folder


@pytest.fixture
def folder(stored, tmp_path):
    """A stored multi-label head, to be damaged."""
    return shutil.copytree(stored, tmp_path / "model")


def put(folder, name, data):
    """Replace a file and, as an attacker would, its size and hash in the manifest."""
    (folder / name).write_bytes(data)
    entry = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    change(folder, lambda raw: raw["files"].update({name: entry}))


def change(folder, edit):
    """Edit the manifest's JSON."""
    raw = json.loads((folder / MANIFEST).read_bytes())
    edit(raw)
    (folder / MANIFEST).write_text(json.dumps(raw), encoding="utf-8")


def put_arrays(folder, arrays):
    """Replace the weights, and what the manifest says of them."""
    put(folder, WEIGHTS, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
    said = {name: {"dtype": str(array.dtype), "shape": list(array.shape)} for name, array in arrays.items()}
    change(folder, lambda raw: raw.update(arrays=said))


def put_vocabulary(folder, names):
    put(folder, VOCABULARY, gzip.compress(json.dumps(names).encode()))


def refused(folder, what=None):
    """The folder is refused as corrupt, in one line that names it."""
    with pytest.raises(ModelCorrupt, match=what) as caught:
        read_model(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_comes_back_exactly(fitted, small_documents, tmp_path):
    manifest = written(fitted, tmp_path / "model")
    loaded, read = read_model(tmp_path / "model")
    assert read == manifest == read_manifest(tmp_path / "model")
    documents = [*small_documents[::10], Document((), ()), Document(("Y tế",), ()), Document((), ("zzz",))]
    probabilities = loaded.predict_proba(documents)
    np.testing.assert_array_equal(probabilities, fitted.predict_proba(documents))
    assert loaded.decide(probabilities) == fitted.decide(probabilities)
    assert loaded.word_weights(documents[0], 0) == fitted.word_weights(documents[0], 0)
    for name in ("head", "kind", "labels", "blocks", "floor", "review_below", "text_protocol"):
        assert getattr(loaded, name) == getattr(fitted, name)
    for name, array in fitted.arrays().items():
        np.testing.assert_array_equal(loaded.arrays()[name], array, err_msg=name)


def test_the_same_model_gives_the_same_bytes(topic_model, stored, tmp_path):
    written(topic_model, tmp_path / "again")
    names = sorted(path.name for path in stored.iterdir())
    assert names == sorted([WEIGHTS, VOCABULARY, MANIFEST, CARD])
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (stored / name).read_bytes(), name


def test_packing_leaves_no_time_stamp(stored):
    assert (stored / VOCABULARY).read_bytes()[4:8] == b"\0\0\0\0"


def test_the_manifest_lists_every_other_file(stored):
    files = read_manifest(stored).files
    assert files.keys() == {WEIGHTS, VOCABULARY, CARD}
    for name, entry in files.items():
        data = (stored / name).read_bytes()
        assert (entry.size, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0], ids=["first", "middle", "last"])
@pytest.mark.parametrize("name", [WEIGHTS, VOCABULARY, CARD])
def test_a_flipped_bit_is_noticed(folder, name, place):
    data = bytearray((folder / name).read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    (folder / name).write_bytes(data)
    refused(folder, re.escape(f"{name}: SHA-256 differs from the manifest's"))


def test_a_manifest_with_a_flipped_bit_is_read_or_refused(folder):
    data = (folder / MANIFEST).read_bytes()
    for place in np.random.default_rng(2).integers(0, len(data), size=80).tolist():
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 7
        (folder / MANIFEST).write_bytes(damaged)
        try:
            read_model(folder)
        except ModelError as error:
            assert str(folder) in str(error)


@pytest.mark.parametrize("name", [WEIGHTS, VOCABULARY, CARD, MANIFEST])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99], ids=["empty", "half", "nearly-all"])
def test_a_truncated_file_is_noticed(folder, name, kept):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: min(int(len(data) * kept), len(data) - 1)])
    refused(folder, "not JSON" if name == MANIFEST else r"bytes, the manifest says .* fetch it again")


@pytest.mark.parametrize("name", [WEIGHTS, VOCABULARY, CARD, MANIFEST])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, re.escape(f"{name}: missing"))


def test_a_folder_in_place_of_a_file_is_noticed(folder):
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()
    refused(folder, "can't be read|bytes, the manifest says")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda raw: raw["arrays"]["coef"].update(shape=[3, 1]), "coef is float16"),
        (lambda raw: raw["arrays"]["coef"].update(shape=[10**9, 10**9]), "coef is float16"),
        (lambda raw: raw["arrays"]["intercept"].update(dtype="float32"), "intercept is float64"),
        (lambda raw: raw["arrays"].pop("scale"), "the manifest says"),
        (lambda raw: raw["arrays"].update(more={"dtype": "float64", "shape": [1]}), "the manifest says"),
        (lambda raw: raw["arrays"].update(coef=5), "do not make a model"),
        (lambda raw: raw["arrays"]["coef"].pop("dtype"), "do not make a model"),
        (lambda raw: raw.update(labels=["one", "two"]), r"coef is \[3, \d+\], expected \[2, \d+\]"),
        (lambda raw: raw["blocks"].pop(), "has blocks"),
        (lambda raw: raw["blocks"].reverse(), "has blocks"),
        (lambda raw: raw["blocks"][0].update(unit="byte"), "block 'word' of unit 'byte'"),
        (lambda raw: raw["blocks"][0].update(high=10**9), "block 'word' of sizes"),
        (lambda raw: raw["blocks"][0].update(mood=1), "do not make a model"),
        (lambda raw: raw["files"].pop("weights.safetensors"), "does not list weights.safetensors"),
        (lambda raw: raw["files"].pop("vocabulary.json.gz"), "does not list vocabulary.json.gz"),
        (lambda raw: raw["files"].update({"../x": raw["files"]["README.md"]}), "file entry"),
        (lambda raw: raw.update(text_protocol=["normaliser"]), "text_protocol is list"),
        (lambda raw: raw.update(kind="other"), "kind 'other'"),
    ],
    ids=[
        "shape",
        "huge-shape",
        "dtype",
        "lacks-an-array",
        "one-array-more",
        "array-is-a-number",
        "array-without-dtype",
        "fewer-labels",
        "fewer-blocks",
        "blocks-in-another-order",
        "unknown-unit",
        "endless-n-grams",
        "unknown-key-of-block",
        "weights-not-listed",
        "vocabulary-not-listed",
        "path-out-of-the-folder",
        "protocol",
        "kind",
    ],
)
def test_a_manifest_that_does_not_fit_the_files_is_refused(folder, edit, message):
    change(folder, edit)
    refused(folder, message)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    "name", ["coef", "intercept", "scale", "offset", "thresholds", "floor", "review_below", "idf.word"]
)
def test_weights_that_are_no_numbers_are_refused_whatever_the_hashes_say(folder, name, bad):
    arrays = load((folder / WEIGHTS).read_bytes())
    arrays[name].flat[-1] = bad
    put_arrays(folder, arrays)
    refused(folder, re.escape(f"{name} holds a number that is not finite"))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda arrays: arrays.pop("floor"), "floor is missing"),
        (lambda arrays: arrays.pop("idf.char"), "idf.char is missing"),
        (lambda arrays: arrays.update(coef=arrays["coef"].T), "coef is"),
        (lambda arrays: arrays.update(coef=arrays["coef"][:, 1:]), "coef is"),
        (lambda arrays: arrays.update(intercept=arrays["intercept"][:2]), "intercept is"),
        (lambda arrays: arrays.update(floor=np.zeros(0)), "floor is"),
        (lambda arrays: arrays.update({"idf.word": arrays["idf.word"][1:]}), "idf.word is"),
    ],
    ids=["no-floor", "no-idf", "transposed", "fewer-columns", "fewer-labels", "empty", "short-idf"],
)
def test_weights_that_do_not_fit_are_refused_whatever_the_hashes_say(folder, edit, message):
    arrays = load((folder / WEIGHTS).read_bytes())
    edit(arrays)
    put_arrays(folder, arrays)
    refused(folder, message)


def header(claims):
    """A safetensors file of nothing but a header."""
    text = json.dumps(claims).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"\x80\x04\x95" + b"pickle" * 9,
        struct.pack("<Q", 2**62) + b"{}",
        header({"coef": {"dtype": "F16", "shape": [2**40, 2**20], "data_offsets": [0, 2**61]}}),
        header({"coef": {"dtype": "F99", "shape": [1], "data_offsets": [0, 1]}}),
        header([]),
    ],
    ids=["empty", "garbage", "pickle", "endless-header", "huge-array", "unknown-dtype", "no-object"],
)
def test_what_is_not_safetensors_is_refused_whatever_the_hashes_say(folder, data):
    put(folder, WEIGHTS, data)
    refused(folder, "weights.safetensors: not safetensors")


def test_arrays_of_a_kind_that_numpy_has_not_are_refused(folder):
    put(folder, WEIGHTS, header({"coef": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}) + b"\0\0")
    refused(folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda names: names["word"].__setitem__(0, names["word"][1]), "block 'word' is not a list of different"),
        (lambda names: names["word"].__setitem__(0, 7), "block 'word' is not a list of different strings"),
        (lambda names: names["word"].__setitem__(0, []), "block 'word' is not a list of different strings"),
        (lambda names: names.update(title={name: 1 for name in names["title"]}), "block 'title' is not a list"),
        (lambda names: names.update(title="abc"), "block 'title' is not a list of different strings"),
        (lambda names: names.update(title=[]), "block 'title' is not a list of different strings"),
        (lambda names: names.update(title=None), "block 'title' is not a list of different strings"),
        (lambda names: names.pop("title"), "has blocks"),
        (lambda names: names.update(other=["a"]), "has blocks"),
        (lambda names: names["char"].pop(), "coef is"),
        (lambda names: names["char"].append("more"), "coef is"),
    ],
    ids=["twice", "number", "list", "object", "text", "empty", "null", "fewer", "more", "short", "long"],
)
def test_a_vocabulary_that_does_not_fit_is_refused_whatever_the_hashes_say(folder, edit, message):
    names = json.loads(gzip.decompress((folder / VOCABULARY).read_bytes()))
    edit(names)
    put_vocabulary(folder, names)
    refused(folder, message)


def broken_deflate():
    data = bytearray(gzip.compress(b"[" * 1000))
    data[12:16] = b"\xff\xff\xff\xff"
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{}")[:-9],
        broken_deflate(),
        gzip.compress(b"{"),
        gzip.compress(b"\xff\xfe"),
        gzip.compress(b"5"),
        gzip.compress(b'["word", "syllable", "char", "title"]'),
        gzip.compress(b"[" * 1_000_000),
    ],
    ids=["empty", "no-gzip", "cut-gzip", "broken-gzip", "no-json", "no-utf8", "number", "list-of-names", "deep"],
)
def test_what_is_no_vocabulary_is_refused_whatever_the_hashes_say(folder, data):
    put(folder, VOCABULARY, data)
    refused(folder)


def test_a_vocabulary_that_unpacks_to_too_much_is_refused(folder, monkeypatch):
    put(folder, VOCABULARY, gzip.compress(b" " * 50_000_000))
    monkeypatch.setattr(storage, "LARGEST", 1_000_000)
    tracemalloc.start()
    refused(folder, "unpacks to more than 1,000,000 bytes")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("name", [WEIGHTS, MANIFEST])
def test_a_file_that_is_too_large_is_not_even_read(folder, name):
    with (folder / name).open("r+b") as file:
        file.truncate(storage.LARGEST + 1)  # a hole: it takes no room on the disk
    refused(folder, "larger than 536,870,912 bytes")


def test_a_folder_that_is_not_there_is_corrupt(tmp_path):
    refused(tmp_path / "gone", "manifest.json: missing")
