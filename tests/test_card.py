import re
from pathlib import Path

import pytest

from ctnlp import card, registry
from ctnlp.manifest import TrainingData, from_json, to_json
from ctnlp.taxonomy import default

SHIPPED = Path(__file__).parents[1] / "models"
HEADS = [head.id for head in default().heads]


@pytest.fixture(params=HEADS)
def carded(request, models_root):
    """A head, the manifest of its small model, and its card."""
    head, manifest = default().head(request.param), registry.read_manifest(request.param, root=models_root)
    return head, manifest, card.render(manifest, head)


def rows(text):
    """The cells of every row of every table."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def test_a_card_names_every_label_in_both_languages_with_its_figures(carded):
    head, manifest, text = carded
    ((_, figures),) = manifest.metrics.items()
    measured = {row["label"]: row for row in figures["labels"]}
    assert measured.keys() == {*head.label_ids}
    for label in head.labels:
        row = measured[label.id]
        values = [f"{row[name]['value']:.3f}" for name in ("precision", "recall", "f1")]
        interval = f"{row['f1']['low']:.3f} to {row['f1']['high']:.3f}"
        assert [label.id, label.vi, label.en, *values, interval, str(row["support"])] in rows(text)


def test_a_card_has_every_figure_with_its_interval(carded):
    _, manifest, text = carded
    ((name, figures),) = manifest.metrics.items()
    assert f"On **{name}**, {figures['samples']:,} samples never trained on" in text
    for key, figure in figures["figures"].items():
        assert [key, f"{figure['value']:.3f}", f"{figure['low']:.3f} to {figure['high']:.3f}"] in rows(text)
    assert f"100%: {figures['coverage'][-1][1]:.1%}." in text


def test_a_card_says_it_all_in_english_and_vietnamese(carded):
    head, manifest, text = carded
    assert text.startswith(f"# ctnlp {manifest.head} {manifest.version}\n")
    several = manifest.kind == "multilabel"
    assert (
        f"{head.en}: gives a Vietnamese news text {'several labels or none' if several else 'exactly one label'}."
        in text
    )
    assert (
        f"{head.vi}: gán cho tin, bài tiếng Việt {'nhiều nhãn hoặc không nhãn nào' if several else 'đúng một nhãn'}."
        in text
    )
    for sentence in ("It has no label for truth", "không có nhãn về đúng - sai", "**Limits.**", "Hạn chế:"):
        assert sentence in text
    columns = sum(array["shape"][0] for name, array in manifest.arrays.items() if name.startswith("idf."))
    assert f"over {columns:,} n-gram features" in text
    assert f"seed {manifest.seed}." in text


def test_a_card_names_every_source_with_its_licence(carded):
    head, manifest, _ = carded
    other = TrainingData("Kho khác", "r7", 12_345, "f" * 64, "MIT")
    more = from_json(to_json(manifest)).__class__(
        **vars(manifest) | {"training_data": (*manifest.training_data, other)}
    )
    found = rows(card.render(more, head))
    assert ["Kho khác", "r7", "12,345", "MIT", f"`{'f' * 16}`"] in found
    (own,) = manifest.training_data
    assert [own.name, own.revision, f"{own.rows:,}", "CC BY 4.0", f"`{own.sha256[:16]}`"] in found


def test_a_card_names_blocks_libraries_and_parent(carded):
    head, manifest, text = carded
    for block in manifest.blocks:
        assert f"{block['name']} ({block['low']} to {block['high']} {block['unit']}s of {block['part']})" in text
    for name in registry.LIBRARIES:
        assert f"{name} {manifest.libraries[name]}" in text
    assert "after" not in text.splitlines()[2]
    child = manifest.__class__(**vars(manifest) | {"parent": "2020-01-01.1"})
    assert card.render(child, head).splitlines()[2].endswith(", after 2020-01-01.1.")


def test_the_stored_card_is_that_of_the_stored_manifest(carded, models_root):
    head, manifest, text = carded
    assert (models_root / head.id / manifest.version / "README.md").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", HEADS)
def test_shipped_cards_are_those_of_their_manifests(name):
    if not (SHIPPED / name).is_dir():
        pytest.skip("no shipped models")
    manifest = registry.read_manifest(name, root=SHIPPED)  # the one in use; older ones keep older sentences
    text = (SHIPPED / name / manifest.version / "README.md").read_text(encoding="utf-8")
    assert text == card.render(manifest, default().head(name))
    assert len(re.findall(r"\d\.\d{3} to \d\.\d{3}", text)) > len(manifest.labels)
