import errno
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import joblib
import numpy as np
import pytest

from ctnlp import registry, storage
from ctnlp.errors import ModelCorrupt, ModelError, ModelNotFound, RecordError
from ctnlp.manifest import TrainingData
from ctnlp.taxonomy import default

SHIPPED = Path(__file__).parents[1] / "models"
HEADS = [head.id for head in default().heads]
DATA = TrainingData("báo", "1", 3, "0" * 64, "CC BY 4.0")
TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture
def save(sentiment_model, tmp_path):
    """Save the small multi-class head under a root of one's own."""

    def saver(root=tmp_path / "mine", **options):
        options = {"training_data": [DATA], "parameters": {"C": 0.2}, "seed": 7, "metrics": {}} | options
        return registry.save(sentiment_model, root=root, **options)

    saver.root = tmp_path / "mine"
    return saver


@pytest.fixture
def three(save):
    """Three versions of one head, none in use."""
    return [save().version for _ in range(3)], save.root


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_version_is_named_by_day_and_number_and_loads(save, sentiment_model):
    manifest = save(parent="2020-01-01.1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d\.1", manifest.version)
    assert manifest.created.startswith(manifest.version[:10])
    model, read = registry.load("sentiment", manifest.version, save.root)
    assert read == manifest == registry.verify("sentiment", manifest.version, save.root)
    assert (read.parent, read.seed, read.parameters, read.training_data) == ("2020-01-01.1", 7, {"C": 0.2}, (DATA,))
    assert read.libraries.keys() == {*registry.LIBRARIES}
    np.testing.assert_array_equal(model.coef, sentiment_model.coef)


def test_a_new_version_is_not_in_use(save):
    version = save().version
    with pytest.raises(ModelNotFound, match=r"no model of head 'sentiment' in use: .*CURRENT is missing or empty"):
        registry.load("sentiment", root=save.root)
    assert registry.versions("sentiment", save.root) == [version]


def test_versions_are_numbered_on_and_never_overwritten(three):
    names, root = three
    assert [name.rpartition(".")[2] for name in names] == ["1", "2", "3"]
    assert registry.versions("sentiment", root) == names


def test_a_number_is_not_given_again(three, save):
    names, root = three
    shutil.rmtree(root / "sentiment" / names[0])
    assert save().version.endswith(".4")


def test_versions_are_ordered_by_day_and_number(save):
    folder = save.root / "sentiment"
    version = save().version
    for name in (
        "2020-01-02.10",
        "2020-01-02.9",
        "2019-12-31.2",
        "2020-01-02.1",
        "mine",
        ".new-x.part",
        "not a version",
    ):
        shutil.copytree(folder / version, folder / name)
    (folder / "2018-01-01.1").mkdir()  # empty: no version
    expected = ["2019-12-31.2", "2020-01-02.1", "2020-01-02.9", "2020-01-02.10", version, "mine"]
    assert registry.versions("sentiment", save.root) == expected
    assert registry.versions("topic", save.root) == []


@pytest.mark.parametrize(
    ("failure", "error"),
    [(OSError(errno.ENOSPC, "No space left on device"), ModelError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["disk-full", "interrupted"],
)
def test_a_save_that_fails_leaves_nothing(save, monkeypatch, failure, error):
    before = save().version
    files = everything(save.root)
    written = []

    def failing(model, manifest, card, folder):
        (folder / "weights.safetensors").write_bytes(b"half")
        written.append(folder)
        raise failure

    monkeypatch.setattr(storage, "write_model", failing)
    with pytest.raises(error, match="can't be saved .No space left on device" if error is ModelError else None):
        save()
    assert everything(save.root) == files
    assert written[0].parent == save.root / "sentiment"
    assert registry.versions("sentiment", save.root) == [before]


def test_a_root_that_can_not_be_a_folder_is_told(save, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="the model can't be saved"):
        save(root=tmp_path / "file")


def test_a_name_taken_meanwhile_is_left_alone(save, monkeypatch):
    first = save().version
    kept = {path: path.read_bytes() for path in (save.root / "sentiment" / first).iterdir()}
    names = iter([first, f"{TODAY}.77"])
    monkeypatch.setattr(registry, "_next_version", lambda folder, now: next(names))
    manifest = save(seed=8)
    assert manifest.version == f"{TODAY}.77"
    assert registry.verify("sentiment", manifest.version, save.root) == manifest
    assert {path: path.read_bytes() for path in (save.root / "sentiment" / first).iterdir()} == kept


def test_promoting_and_rolling_back(three):
    (one, two, three_), root = three
    assert registry.promote("sentiment", one, root) == one
    assert registry.promote("sentiment", two, root) == two
    assert registry.promote("sentiment", three_, root) == registry.current("sentiment", root) == three_
    assert registry.load("sentiment", root=root)[1].version == three_
    assert registry.rollback("sentiment", root) == registry.current("sentiment", root) == two
    assert registry.rollback("sentiment", root) == one
    with pytest.raises(ModelNotFound, match=f"no earlier version to go back to; {re.escape(one)} is the first in use"):
        registry.rollback("sentiment", root)
    assert registry.current("sentiment", root) == one


def test_promoting_again_does_not_repeat_history(three):
    (one, two, _), root = three
    for version in (one, two, one, one, "current"):
        assert registry.promote("sentiment", version, root) == (version if version != "current" else one)
    assert (root / "sentiment" / "CURRENT").read_text().split() == [one, two]
    assert registry.rollback("sentiment", root) == two


def test_rolling_back_without_any_version_in_use(three):
    with pytest.raises(ModelNotFound, match="no model of head 'sentiment' in use"):
        registry.rollback("sentiment", three[1])


def test_a_damaged_version_is_not_put_in_use(three):
    (one, two, _), root = three
    registry.promote("sentiment", one, root)
    (root / "sentiment" / two / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ModelCorrupt, match=r"weights\.safetensors"):
        registry.promote("sentiment", two, root)
    assert registry.current("sentiment", root) == one


def test_a_damaged_version_is_not_gone_back_to(three):
    (one, two, _), root = three
    registry.promote("sentiment", one, root)
    registry.promote("sentiment", two, root)
    (root / "sentiment" / one / "manifest.json").write_bytes(b"")
    with pytest.raises(ModelCorrupt):
        registry.rollback("sentiment", root)
    assert registry.current("sentiment", root) == two


@pytest.mark.parametrize("act", [registry.load, registry.verify, registry.read_manifest, registry.promote])
def test_an_unknown_version_is_told_with_those_there_are(three, act):
    names, root = three
    with pytest.raises(ModelNotFound, match=re.escape(f"there is: {', '.join(names)}")):
        act("sentiment", "1999-01-01.1", root=root)
    with pytest.raises(ModelNotFound, match=r"no version '1' of head 'topic' in .*; there is: none"):
        act("topic", "1", root=root)


@pytest.mark.parametrize("name", ["..", "../sentiment", ".", "", "a/b", "../../etc", "/etc", ".new-x.part", "x\n"])
def test_a_version_can_not_lead_out_of_its_folder(three, name):
    names, root = three
    for folder in (root / "sentiment" / ".new-x.part", root / "sentiment" / "a" / "b"):
        shutil.copytree(root / "sentiment" / names[0], folder)
    with pytest.raises(ModelNotFound, match="no version"):
        registry.load("sentiment", name, root)
    (root / "sentiment" / "CURRENT").write_text(name)
    with pytest.raises(ModelNotFound):
        registry.load("sentiment", root=root)


@pytest.mark.parametrize(
    "content", [b"", b"\n \n", b"\xff\xfe\x00\x01", b"<html>"], ids=["empty", "blank", "bytes", "text"]
)
def test_garbage_in_current_is_told_and_mended_by_promoting(three, content):
    (one, _, _), root = three
    (root / "sentiment" / "CURRENT").write_bytes(content)
    with pytest.raises(ModelNotFound, match="sentiment"):
        registry.load("sentiment", root=root)
    registry.promote("sentiment", one, root)
    assert registry.load("sentiment", root=root)[1].version == one


def test_a_model_of_another_head_is_refused(models_copy):
    version = registry.current("sentiment", models_copy)
    shutil.copytree(models_copy / "sentiment" / version, models_copy / "topic" / "moved")
    with pytest.raises(ModelCorrupt, match="holds a model of head 'sentiment', not of 'topic'"):
        registry.load("topic", "moved", models_copy)


def test_heads_are_those_with_a_version(models_copy):
    (models_copy / "empty").mkdir()
    (models_copy / "README.md").touch()
    assert registry.heads(models_copy) == sorted(HEADS)


def test_a_root_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ModelNotFound, match="no such folder of models; name one with --models or CTNLP_MODELS"):
        registry.heads(tmp_path / "gone")


def test_the_environment_names_the_root(models_root, monkeypatch):
    monkeypatch.setenv("CTNLP_MODELS", str(models_root))
    assert registry.versions("topic") == registry.versions("topic", models_root) != []


@pytest.mark.parametrize("head", HEADS)
def test_an_exported_pipeline_is_the_head(head, models_root, small_samples, small_documents, tmp_path):
    path = registry.export(head, tmp_path / "head.joblib", root=models_root)
    pipeline = joblib.load(path)
    model, _ = registry.load(head, root=models_root)
    pairs = list(zip(small_samples["title"], small_samples["text"], strict=True))[:20]
    np.testing.assert_array_equal(pipeline.predict_proba(pairs), model.predict_proba(small_documents[:20]))
    assert everything(tmp_path) == ["head.joblib"]


def test_an_export_goes_into_a_folder_that_exists(models_root, tmp_path):
    with pytest.raises(RecordError, match="does not exist"):
        registry.export("topic", tmp_path / "gone" / "head.joblib", root=models_root)


@pytest.mark.parametrize("head", HEADS)
def test_shipped_models_are_whole_and_measured(head):
    if not (SHIPPED / head).is_dir():
        pytest.skip("no shipped models")
    assert registry.current(head, SHIPPED) in registry.versions(head, SHIPPED)
    for version in registry.versions(head, SHIPPED):
        manifest = registry.verify(head, version, SHIPPED)
        assert (manifest.version, manifest.labels) == (version, default().head(head).label_ids)
        assert manifest.training_data and manifest.metrics
        for evaluation in manifest.metrics.values():
            figures = [*evaluation["figures"].values(), *(row["f1"] for row in evaluation["labels"])]
            assert all(0 <= figure["low"] <= figure["high"] for figure in figures)
            assert any(figure["low"] < figure["value"] < figure["high"] for figure in figures)


def test_shipped_models_are_small():
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 25_000_000
