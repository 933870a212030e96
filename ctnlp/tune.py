"""What is tuned on texts that a head was not trained on: calibration, thresholds, trust, abstention."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ctnlp.model import BEST, NO_LABEL, OTHER, UNTOUCHED, FloatArray, HeadModel, log_odds
from ctnlp.taxonomy import Head

__all__ = ["IntArray", "calibrate", "thresholds_of", "tuned_to"]

IntArray = NDArray[np.int8]

RARE: Final = 8
"""Fewer right or wrong cases do not tune trust."""


def tuned_to(model: HeadModel, probabilities: FloatArray, gold: IntArray, *, accuracy: float = 0.9) -> HeadModel:
    """The head with trust and abstention tuned to texts that it was not trained on, from their probabilities."""
    model = replace(model, trust=_trust(model, probabilities, gold))
    return replace(model, review_below=_review_below(model, probabilities, gold, accuracy))


def calibrate(
    head: Head, scores: FloatArray, gold: IntArray, weights: FloatArray, *, shifted: bool
) -> tuple[FloatArray, FloatArray]:
    """Scale and offset of each label from scores of texts that were not trained on.

    Multi-label: Platt's sigmoid a label. Multi-class, by multinomial log loss: one temperature (Guo et al. 2017), and
    where texts are `shifted` from the samples, so that labels are more or less frequent there, a scale and a bias a
    label (vector scaling, same source). Without a shift these only carry the faults of the smaller models of the folds
    into the choice of the best label.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax
    from sklearn.linear_model import LogisticRegression

    n_labels = len(head.labels)
    if head.kind == "multilabel":
        scale, offset = np.ones(n_labels), np.zeros(n_labels)
        for label in range(n_labels):
            sigmoid = LogisticRegression(C=1e3).fit(scores[:, [label]], gold[:, label], sample_weight=weights)
            scale[label], offset[label] = sigmoid.coef_[0, 0], sigmoid.intercept_[0]
        return scale, offset

    truth = gold.argmax(axis=1)

    def parts(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        if shifted:
            return np.exp(values[:n_labels]), values[n_labels:]
        return np.full(n_labels, np.exp(values[0])), np.zeros(n_labels)

    def loss(values: FloatArray) -> float:
        scale, offset = parts(values)
        losses = -log_softmax(scores * scale + offset, axis=1)[np.arange(len(truth)), truth]
        return float(np.average(losses, weights=weights))

    return parts(minimize(loss, np.zeros(2 * n_labels if shifted else 1), method="L-BFGS-B").x)


def thresholds_of(
    head: Head, probabilities: FloatArray, gold: IntArray, weights: FloatArray
) -> tuple[FloatArray, float]:
    """Threshold of each label, by best F1, and floor of the best label, by most texts whose best label is right."""
    n_labels = len(head.labels)
    if head.kind == "multiclass":
        return np.zeros(n_labels), 0.0
    grid = np.arange(0.15, 0.701, 0.01)
    thresholds = np.zeros(n_labels)
    for label in range(n_labels):
        given = probabilities[:, label] >= grid[:, None]
        right = gold[:, label] == 1
        f1 = 2 * (given & right) @ weights / (given @ weights + right @ weights)
        thresholds[label] = grid[np.flatnonzero(f1 >= f1.max() - 1e-9)].mean()
    best, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    hit, blank = gold[np.arange(len(gold)), best] == 1, ~gold.any(axis=1)
    floors = np.arange(0.1, 0.701, 0.01)
    right_share = np.array([np.average(np.where(top >= floor, hit, blank), weights=weights) for floor in floors])
    return thresholds, float(floors[np.flatnonzero(right_share >= right_share.max() - 1e-9)].mean())


def _trust(model: HeadModel, probabilities: FloatArray, gold: IntArray) -> FloatArray:
    """Slope and offset from log-odds of a label to log-odds of its being right, by how it is given."""
    from sklearn.linear_model import LogisticRegression

    trust = UNTOUCHED.copy()
    if model.kind == "multiclass":
        return trust
    cases: dict[int, list[tuple[float, bool]]] = {BEST: [], OTHER: [], NO_LABEL: []}
    for row, truth, decision in zip(probabilities, gold, model.decide(probabilities), strict=True):
        if not decision.labels:
            cases[NO_LABEL].append((1 - row.max(), not truth.any()))
        for label, _ in decision.labels:
            index = model.labels.index(label)
            cases[BEST if index == row.argmax() else OTHER].append((row[index], truth[index] == 1))
    for how, pairs in cases.items():
        right = np.array([one for _, one in pairs], dtype=np.int64)
        # Fewer can't tell slope and offset.
        if np.bincount(right, minlength=2).min() >= RARE:
            odds = log_odds(np.array([probability for probability, _ in pairs]))[:, None]
            fitted = LogisticRegression(C=1e3).fit(odds, right)
            if fitted.coef_[0, 0] > 0:
                trust[how] = fitted.coef_[0, 0], fitted.intercept_[0]
    return trust


def _review_below(model: HeadModel, probabilities: FloatArray, gold: IntArray, accuracy: float) -> float:
    """The lowest confidence from which on the best label (or none) is right in `accuracy` of the texts.

    Never so high that more than half of the texts would need review.
    """
    decisions = model.decide(probabilities)
    confidence = np.array([decision.confidence for decision in decisions])
    right = np.array(
        [
            gold[i, model.labels.index(decision.labels[0][0])] == 1 if decision.labels else not gold[i].any()
            for i, decision in enumerate(decisions)
        ]
    )
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= accuracy)
    kept = max(int(enough[-1]) + 1 if len(enough) else 0, len(order) // 2)
    return float(confidence[order][kept - 1]) if kept else 0.0
