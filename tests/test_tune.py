"""What is tuned on texts not trained on: calibration of a multi-class head."""

import numpy as np

from ctnlp.model import calibrated
from ctnlp.taxonomy import default
from ctnlp.tune import calibrate

TONE = default().head("sentiment")


def drawn(scale, offset, *, texts=20_000):
    """Scores, and labels drawn with the probabilities that scale and offset make of them."""
    random = np.random.default_rng(765)
    scores = random.normal(0, 1, (texts, len(TONE.labels)))
    probabilities = calibrated("multiclass", scores, np.array(scale), np.array(offset))
    labels = (probabilities.cumsum(axis=1) < random.random((texts, 1))).sum(axis=1)
    return scores, np.eye(len(TONE.labels), dtype=np.int8)[labels], probabilities


def test_texts_of_another_kind_tell_a_scale_and_a_bias_a_label():
    scores, gold, probabilities = drawn([2.0, 0.4, 1.2], [0.5, -0.3, 0.0])
    scale, offset = calibrate(TONE, scores, gold, np.ones(len(gold)), shifted=True)
    np.testing.assert_allclose(scale, [2.0, 0.4, 1.2], atol=0.1)
    np.testing.assert_allclose(calibrated("multiclass", scores, scale, offset), probabilities, atol=0.03)


def test_held_out_folds_tell_one_temperature_that_changes_no_best_label():
    scores, gold, _ = drawn([1.5, 1.5, 1.5], [0.0, 0.0, 0.0])
    scale, offset = calibrate(TONE, scores, gold, np.ones(len(gold)), shifted=False)
    np.testing.assert_allclose(scale, scale[0])
    np.testing.assert_allclose(scale, 1.5, atol=0.1)
    assert not offset.any()


def test_a_text_counts_as_often_as_it_weighs():
    scores, gold, _ = drawn([2.0, 0.4, 1.2], [0.5, -0.3, 0.0], texts=600)
    twice = np.arange(600) % 3 == 0
    repeated = np.concatenate([np.arange(600), np.flatnonzero(twice)])
    once = calibrate(TONE, scores, gold, 1.0 + twice, shifted=True)
    again = calibrate(TONE, scores[repeated], gold[repeated], np.ones(len(repeated)), shifted=True)
    np.testing.assert_allclose(once, again, atol=1e-3)
