import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctnlp.errors import ModelCorrupt, ModelError, ModelIncompatible
from ctnlp.manifest import FORMAT, FileEntry, Manifest, TrainingData, from_json, to_json

HASH = "0123456789abcdef" * 4
MANIFEST = Manifest(
    head="sentiment",
    kind="multiclass",
    version="2026-11-23.1",
    labels=("negative", "positive"),
    blocks=({"name": "word", "unit": "word", "low": 1, "high": 2, "weight": 0.5},),
    text_protocol={"normaliser": "1"},
    arrays={"coef": {"dtype": "float16", "shape": [2, 3]}},
    training_data=(TrainingData("báo", "1", 10, HASH, "CC BY 4.0"),),
    parameters={"C": 0.2},
    seed=7,
    libraries={"numpy": "2.0"},
    metrics={"test": {"samples": 3}},
    created="2026-11-23T00:00:00+00:00",
    parent="2026-11-22.1",
    taxonomy="policy-news 1",
    files={"weights.safetensors": FileEntry(3, HASH)},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def changed(**values):
    """The manifest's JSON with other values; those that are ... are taken out."""
    raw = asdict(MANIFEST) | values
    return json.dumps({name: value for name, value in raw.items() if value is not ...})


def test_a_manifest_survives_json():
    text = to_json(MANIFEST)
    assert from_json(text) == from_json(text.encode()) == MANIFEST
    assert "báo" in text
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_what_later_versions_add_is_ignored_and_what_has_a_default_may_lack():
    assert from_json(changed(mood="fine")) == MANIFEST
    assert from_json(changed(parent=..., taxonomy=...)) == replace(MANIFEST, parent=None, taxonomy="")


def test_a_newer_format_says_to_upgrade():
    with pytest.raises(
        ModelIncompatible, match=rf"m\.json: written in format {FORMAT + 1}, this .* pip install -U ctnlp"
    ):
        from_json(json.dumps({"format": FORMAT + 1, "all": "else is unknown"}), source="m.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        b"\xff\xfe\x00",
        "[]",
        "null",
        "5",
        '"text"',
        "{}",
        '{"format": "1"}',
        '{"format": null}',
        "[" * 100_000,
        to_json(MANIFEST)[:-20],
    ],
    ids=[
        "empty",
        "open",
        "bytes",
        "list",
        "null",
        "number",
        "text",
        "object",
        "text-format",
        "no-format",
        "deep",
        "cut",
    ],
)
def test_garbage_is_no_manifest(text):
    with pytest.raises(ModelCorrupt, match=r"^here: not "):
        from_json(text, source="here")


OPTIONAL = ("format", "parent", "taxonomy", "behaviour")


@pytest.mark.parametrize("name", [name for name in asdict(MANIFEST) if name not in OPTIONAL])
def test_every_part_is_needed(name):
    with pytest.raises(ModelCorrupt, match="not a valid manifest"):
        from_json(changed(**{name: ...}))


@pytest.mark.parametrize(
    "values",
    [
        {"labels": "negative"},
        {"labels": []},
        {"labels": ["a", 1]},
        {"labels": ["a", "a"]},
        {"kind": "regression"},
        {"kind": ["multiclass"]},
        {"version": ""},
        {"version": "../evil"},
        {"version": ".hidden"},
        {"version": 1},
        {"head": 1},
        {"arrays": []},
        {"text_protocol": "1"},
        {"metrics": None},
        {"blocks": ["word"]},
        {"training_data": [{"name": "x"}]},
        {"files": ["weights.safetensors"]},
        {"files": {"w": {"size": -1, "sha256": HASH}}},
        {"files": {"w": {"size": "3", "sha256": HASH}}},
        {"files": {"w": {"size": 3, "sha256": HASH[1:]}}},
        {"files": {"w": {"size": 3, "sha256": HASH.upper()}}},
        {"files": {"w": {"size": 3}}},
    ],
    ids=str,
)
def test_values_of_the_wrong_kind_are_refused(values):
    with pytest.raises(ModelCorrupt, match="not a valid manifest"):
        from_json(changed(**values))


@pytest.mark.parametrize("name", ["../w", "a/b", "/etc/passwd", "..", ".w", "", "a\\b", "C:w", "w\n", "w\0"])
def test_file_names_that_could_lead_elsewhere_are_refused(name):
    with pytest.raises(ModelCorrupt, match="file entry"):
        from_json(changed(files={name: {"size": 3, "sha256": HASH}}))


@given(name=st.sampled_from(list(asdict(MANIFEST))), value=JSON)
def test_any_other_value_is_read_or_refused(name, value):
    try:
        assert isinstance(from_json(changed(**{name: value})), Manifest)
    except ModelError as error:
        assert str(error).startswith("manifest.json: ")
