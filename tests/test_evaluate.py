import json
import sys
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from ctnlp.errors import CorpusError, MissingExtra, ModelIncompatible
from ctnlp.evaluate import BINS, compare, evaluate, plot
from ctnlp.taxonomy import default

FIGURES = ["accuracy", "hit", "micro_f1", "macro_f1", "weighted_f1", "log_loss", "expected_calibration_error"]
FIGURES += ["calibration_error_by_chance"]


def multilabel(n=300, seed=3):
    """Random probabilities of four labels and truths that lean on them; the last label is never true."""
    rng = np.random.default_rng(seed)
    probabilities = rng.uniform(0.02, 0.98, size=(n, 4)) * [1, 1, 0.6, 0.6]
    gold = rng.uniform(size=(n, 4)) < probabilities
    gold[:, 3] = False
    return probabilities, gold


def multiclass(n=300, seed=3):
    """Random probabilities of four classes and classes drawn from them."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(4) * 0.5, size=n)
    return probabilities, np.eye(4, dtype=bool)[[rng.choice(4, p=row) for row in probabilities]]


def two_classes(n, *, confidence, right, seed=9):
    """Probabilities of two classes whose best one has this confidence and is right this often."""
    rng = np.random.default_rng(seed)
    best = rng.integers(0, 2, size=n)
    true = np.where(rng.uniform(size=n) < right, best, 1 - best)
    probabilities = np.where(
        np.eye(2, dtype=bool)[best], np.reshape(confidence, (-1, 1)), 1 - np.reshape(confidence, (-1, 1))
    )
    return probabilities, np.eye(2, dtype=bool)[true]


@pytest.fixture
def compared(bare_model):
    """Compare with a head whose thresholds are all one half and which has no floor."""

    def comparer(probabilities, gold, kind="multilabel", **options):
        return compare(bare_model(kind, "abcd"[: gold.shape[1]]), probabilities, gold, **options)

    return comparer


@pytest.fixture(params=[("multilabel", multilabel), ("multiclass", multiclass)], ids=["multilabel", "multiclass"])
def random_evaluation(request, compared):
    kind, make = request.param
    probabilities, gold = make()
    return probabilities, gold, compared(probabilities, gold, kind)


def test_multi_label_figures_are_those_of_scikit_learn(compared):
    probabilities, gold = multilabel()
    given = probabilities >= 0.5
    values = {name: figure.value for name, figure in compared(probabilities, gold).figures.items()}
    assert list(values) == FIGURES
    assert values["accuracy"] == pytest.approx(accuracy_score(gold, given))
    for average in ("micro", "weighted"):
        assert values[f"{average}_f1"] == pytest.approx(f1_score(gold, given, average=average, zero_division=0))
    assert values["macro_f1"] == pytest.approx(f1_score(gold[:, :3], given[:, :3], average="macro"))
    each = [log_loss(gold[:, i], probabilities[:, i], labels=[False, True]) for i in range(4)]
    assert values["log_loss"] == pytest.approx(np.mean(each))


def test_multi_class_figures_are_those_of_scikit_learn(compared):
    probabilities, gold = multiclass()
    true, given = gold.argmax(axis=1), probabilities.argmax(axis=1)
    evaluation = compared(probabilities, gold, "multiclass")
    values = {name: figure.value for name, figure in evaluation.figures.items()}
    assert list(values) == [name for name in FIGURES if name != "hit"]
    assert values["accuracy"] == values["micro_f1"] == pytest.approx(accuracy_score(true, given))
    assert values["macro_f1"] == pytest.approx(f1_score(true, given, average="macro"))
    assert values["weighted_f1"] == pytest.approx(f1_score(true, given, average="weighted"))
    assert values["log_loss"] == pytest.approx(log_loss(true, probabilities))
    assert evaluation.confusion_labels == ("a", "b", "c", "d", "-")
    np.testing.assert_array_equal(np.array(evaluation.confusion)[:4, :4], confusion_matrix(true, given))
    assert np.sum(evaluation.confusion) == 300


def test_labels_have_the_figures_of_scikit_learn(compared):
    probabilities, gold = multilabel()
    evaluation = compared(probabilities, gold)
    expected = precision_recall_fscore_support(gold, probabilities >= 0.5, zero_division=0)
    for i, row in enumerate(evaluation.labels):
        found = (row.precision.value, row.recall.value, row.f1.value, row.support)
        assert found == pytest.approx(tuple(column[i] for column in expected))
    assert evaluation.labels[3].support == 0


def test_confusion_and_hit_count_texts_without_label(compared):
    gold = np.array([[1, 1], [0, 0], [0, 0], [0, 1]], dtype=bool)
    probabilities = np.array([[0.2, 0.9], [0.1, 0.2], [0.6, 0.9], [0.3, 0.1]])
    evaluation = compared(probabilities, gold)
    assert evaluation.confusion == ((0, 1, 0), (0, 0, 1), (0, 1, 1))
    assert evaluation.figures["hit"].value == 0.5
    assert evaluation.figures["accuracy"].value == 0.25


def test_intervals_bracket_their_values(random_evaluation):
    _, _, evaluation = random_evaluation
    figures = dict(evaluation.figures)
    del figures["expected_calibration_error"]  # of absolute values: resamples are never better calibrated
    for figure in [*figures.values(), *(row.f1 for row in evaluation.labels if row.support)]:
        assert figure.low < figure.value < figure.high


def test_intervals_shrink_with_the_root_of_the_samples(compared):
    probabilities, gold = multilabel(100)
    few = compared(probabilities, gold).figures
    many = compared(np.tile(probabilities, (16, 1)), np.tile(gold, (16, 1))).figures
    for name in ("accuracy", "hit", "micro_f1", "macro_f1", "log_loss"):
        assert many[name].value == pytest.approx(few[name].value, rel=1e-4)
        assert 0.2 < (many[name].high - many[name].low) / (few[name].high - few[name].low) < 0.3


def test_intervals_are_those_of_the_seed(compared):
    data = multilabel()
    one, same, other = compared(*data, seed=1), compared(*data, seed=1), compared(*data, seed=2)
    assert one == same
    assert one.figures["hit"].value == other.figures["hit"].value
    assert one.figures["hit"].low != other.figures["hit"].low or one.figures["hit"].high != other.figures["hit"].high


def test_the_interval_of_a_share_is_that_of_the_binomial(compared):
    data = two_classes(400, confidence=np.full(400, 0.8), right=0.8)
    figure = compared(*data, "multiclass").figures["accuracy"]
    deviation = np.sqrt(figure.value * (1 - figure.value) / 400)
    assert (figure.high - figure.low) / (2 * 1.96 * deviation) == pytest.approx(1, abs=0.1)


def test_a_calibrated_head_has_a_small_calibration_error(compared):
    confidence = np.random.default_rng(1).uniform(0.5, 1, size=3000)
    error = compared(*two_classes(3000, confidence=confidence, right=confidence), "multiclass")
    assert error.figures["expected_calibration_error"].value < 0.04
    chance = error.figures["calibration_error_by_chance"]
    assert chance.low < error.figures["expected_calibration_error"].value < chance.high


def test_an_over_confident_head_has_a_large_one(compared):
    error = compared(*two_classes(1500, confidence=np.full(1500, 0.95), right=0.6), "multiclass")
    assert error.figures["expected_calibration_error"].value == pytest.approx(0.35, abs=0.04)


def test_the_calibration_error_is_that_of_bins_of_equal_mass(random_evaluation):
    _, _, evaluation = random_evaluation
    assert len(evaluation.reliability) == BINS
    assert sum(texts for _, _, texts in evaluation.reliability) == 300
    expected = sum(abs(confidence - hit) * texts for confidence, hit, texts in evaluation.reliability) / 300
    assert evaluation.figures["expected_calibration_error"].value == pytest.approx(expected)


def test_coverage_goes_from_the_surest_texts_to_all(random_evaluation):
    probabilities, gold, evaluation = random_evaluation
    assert [share for share, _ in evaluation.coverage] == [percent / 100 for percent in range(10, 101, 5)]
    right = evaluation.figures.get("hit", evaluation.figures["accuracy"]).value
    assert evaluation.coverage[-1][1] == pytest.approx(right)
    if "hit" not in evaluation.figures:
        surest = np.argsort(-probabilities.max(axis=1))[:30]
        expected = (probabilities.argmax(axis=1) == gold.argmax(axis=1))[surest].mean()
        assert evaluation.coverage[0][1] == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 5])
def test_few_samples_and_no_label_at_all_still_make_figures(compared, n):
    evaluation = compared(np.full((n, 3), 0.1), np.zeros((n, 3), dtype=bool))
    assert evaluation.figures["accuracy"].value == evaluation.figures["hit"].value == 1
    assert evaluation.figures["macro_f1"].value == 0
    assert all(np.isfinite([figure.value, figure.low, figure.high]).all() for figure in evaluation.figures.values())
    json.dumps(evaluation.to_dict(), allow_nan=False)


def test_a_certain_error_costs_much_but_not_everything(compared):
    evaluation = compared(np.array([[1.0, 0.0]]), np.array([[False, True]]), "multiclass")
    assert evaluation.figures["log_loss"].value == pytest.approx(-np.log(1e-12))


def test_samples_are_scored_and_compared(topic_model, small_head, small_samples, small_documents, words_cache):
    evaluation = evaluate(topic_model, small_samples, head=small_head, cache_dir=words_cache)
    gold = np.array([[label in sample["topics"] for label in topic_model.labels] for sample in small_samples])
    assert evaluation == compare(topic_model, topic_model.predict_proba(small_documents), gold)
    assert evaluation.samples == 240
    assert evaluation.figures["hit"].value > 0.8


def test_samples_of_which_something_is_unknown_are_left_out(sentiment_model, small_samples, words_cache):
    head = default().head("sentiment")
    some = small_samples.select(range(10)).map(
        lambda sample, i: {"sentiment": None if i < 3 else sample["sentiment"], "unknown": ["neutral"] * (i == 4)},
        with_indices=True,
    )
    expected = 10 - 3 - (small_samples[4]["sentiment"] != "neutral")
    assert evaluate(sentiment_model, some, cache_dir=words_cache).samples == expected
    with pytest.raises(CorpusError, match="none of 3 samples is fully labelled for head 'sentiment'"):
        evaluate(sentiment_model, some.select(range(3)), head=head)


def test_a_head_with_other_labels_is_refused(topic_model, small_samples):
    with pytest.raises(
        ModelIncompatible, match="the model has the labels giao_duc, y_te, giao_thong, head 'topic' has"
    ):
        evaluate(topic_model, small_samples)


def test_the_text_has_every_figure(random_evaluation):
    _, _, evaluation = random_evaluation
    text = evaluation.to_text()
    assert text.startswith("made: 300 samples, 95 % bootstrap intervals, seed 765")
    lines = [line.split() for line in text.splitlines()]
    for name, figure in evaluation.figures.items():
        assert [name, *str(figure).split()] in lines
    for row in evaluation.labels:
        assert [
            row.label,
            f"{row.precision.value:.3f}",
            f"{row.recall.value:.3f}",
            *str(row.f1).split(),
            str(row.support),
        ] in lines
    assert f"100%: {evaluation.coverage[-1][1]:.3f}" in lines[-1][-2] + " " + lines[-1][-1]


def test_the_dictionary_is_plain_json(random_evaluation):
    _, _, evaluation = random_evaluation
    plain = evaluation.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["figures"]["accuracy"] == asdict(evaluation.figures["accuracy"])
    assert plain["labels"][0]["label"] == "a"


def test_a_plot_is_written_as_png(random_evaluation, tmp_path):
    _, _, evaluation = random_evaluation
    path = tmp_path / "figures.png"
    figure = plot(evaluation, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [axes.get_title() for axes in figure.axes][1] == "Calibration"
    bars = [label.get_text() for label in figure.axes[2].get_yticklabels()]
    assert bars == [f"{row.label} ({row.support})" for row in evaluation.labels[::-1]]


def test_a_plot_needs_no_file(random_evaluation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(plot(random_evaluation[2]).axes) == 4
    assert not list(tmp_path.iterdir())


def test_a_plot_needs_matplotlib(random_evaluation, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r'pip install "ctnlp\[plot\]"'):
        plot(random_evaluation[2])
