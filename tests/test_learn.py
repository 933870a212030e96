import json

import pytest

from ctnlp import corpus, registry
from ctnlp.errors import CorpusError, ModelNotFound
from ctnlp.evaluate import evaluate
from ctnlp.learn import learn, test_split
from ctnlp.sources import SOURCES, annotations

# pytest would take the function for a test.
part_for_testing = test_split
del test_split


@pytest.fixture
def teach(small_samples, small_parameters, words_cache, tmp_path):
    """Learn the small multi-class head into a folder of one's own."""

    def teacher(**options):
        options = {"parameters": small_parameters, "root": tmp_path / "models", "cache_dir": words_cache} | options
        return learn("sentiment", options.pop("samples", small_samples), **options)

    teacher.root = tmp_path / "models"
    return teacher


def test_learning_saves_a_measured_version(teach, small_samples, sentiment_model):
    steps = []
    manifest, evaluation = teach(name="mine", on_step=steps.append)
    model, read = registry.load("sentiment", manifest.version, teach.root)
    assert read == manifest
    assert (model.coef == sentiment_model.coef).all()
    assert evaluation == evaluate(sentiment_model, part_for_testing(small_samples))
    assert manifest.metrics == {"mine, test split": evaluation.to_dict()}
    tuned_on = "held-out folds of the first set"
    assert manifest.parameters == {"C": 0.2, "folds": 3, "review_accuracy": 0.95, "tuned_on": tuned_on, "views": True}
    assert manifest.seed == 765
    (data,) = manifest.training_data
    trained = small_samples.filter(lambda sample: sample["split"] != "test")
    assert data == corpus.describe("mine, training split", "this version of ctnlp", "CC BY 4.0", trained)
    assert data.rows == 180
    assert steps[0] == "segmenting 240 samples"
    assert steps[-2:] == ["evaluating on 60 test samples", "trying minimal pairs"]


def test_a_version_follows_the_one_in_use(teach):
    first, _ = teach()
    assert first.parent is None
    with pytest.raises(ModelNotFound):
        registry.current("sentiment", teach.root)
    second, _ = teach(promote=True)
    assert second.parent is None
    assert registry.current("sentiment", teach.root) == second.version
    third, _ = teach()
    assert third.parent == second.version
    assert registry.current("sentiment", teach.root) == second.version
    assert registry.versions("sentiment", teach.root) == [first.version, second.version, third.version]


def test_public_corpora_are_trained_on_and_named(teach, tmp_path):
    path = tmp_path / "vntc.jsonl"
    labelled = [id_ for id_, labels in annotations("vntc").items() if labels["sentiment"]][:5]
    ids = [*labelled, "unlabelled-1", "unlabelled-2"]  # the section of a newspaper says nothing of the tone
    rows = [{"id": id_, "text": f"Đội bóng thắng trận {id_}", "label": "The thao"} for id_ in ids]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    manifest, _ = teach(extra={"vntc": path})
    source = SOURCES["vntc"]
    own, other = manifest.training_data
    assert (other.name, other.revision, other.license, other.rows) == (source.name, source.revision, source.license, 5)
    assert own.rows == 180
    card = (teach.root / "sentiment" / manifest.version / "README.md").read_text(encoding="utf-8")
    assert f"| {source.name} | {source.revision} | 5 | MIT |" in card


def test_real_news_is_measured_on_but_not_learned_from(teach, sentiment_model, tmp_path):
    path = tmp_path / "news.jsonl"
    labelled = annotations("news_2026").values()
    report = [row["id"] for row in labelled if row["half"] == "report"][:9]
    tune = [row for row in labelled if row["half"] == "tune"]
    tones = ("negative", "neutral", "positive")
    urls = [*report, *(own["id"] for tone in tones for own in [r for r in tune if r["sentiment"] == tone][:12])]
    rows = [{"url": url, "title": "Giá điện", "body": f"Giá điện tăng {i} %"} for i, url in enumerate(urls)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    manifest, evaluation = teach(news=path)
    own, real = (manifest.metrics[name] for name in sorted(manifest.metrics))
    assert own == evaluation.to_dict()
    assert (real["head"], real["samples"]) == ("sentiment", 9)
    assert len(manifest.training_data) == 1
    trained = registry.load("sentiment", manifest.version, teach.root)[0]
    assert (trained.coef == sentiment_model.coef).all()
    assert trained.scale != pytest.approx(sentiment_model.scale), "the tuning half takes part in calibration"
    assert manifest.parameters["tuned_on"] == "real news of 2025-26, tuning half"
    card = (teach.root / "sentiment" / manifest.version / "README.md").read_text(encoding="utf-8")
    assert "On **policy_news, test split**, 60 samples" in card
    assert "reporting half**, 9 samples" in card


def test_samples_without_licence_say_so(teach, small_samples):
    samples = corpus.to_dataset(sample | {"license": ""} for sample in small_samples)
    assert teach(samples=samples)[0].training_data[0].license == "not stated"


def test_without_a_test_split_nothing_is_trained_or_saved(teach, small_samples):
    steps = []
    samples = corpus.to_dataset(sample | {"split": "train"} for sample in small_samples)
    with pytest.raises(CorpusError, match="no sample has split 'test', so nothing could be measured"):
        teach(samples=samples, on_step=steps.append)
    assert not steps and not teach.root.exists()


def test_the_test_split_is_what_is_called_so(small_samples):
    assert part_for_testing(small_samples)["id"] == [s["id"] for s in small_samples if s["split"] == "test"]


def test_a_data_folder_without_minimal_pairs_can_be_learned_from(teach, monkeypatch, tmp_path):
    monkeypatch.setenv("CTNLP_DATA", str(tmp_path / "own"))
    assert teach()[0].behaviour == {}
