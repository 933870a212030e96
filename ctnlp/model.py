"""A fitted head: calibrated probabilities, thresholds, abstention.

A linear model over sparse features scores each label; a sigmoid a label (Platt 1999), or a scale and a bias a
label before the softmax, turn scores into probabilities; thresholds turn probabilities into labels.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp.features import Block, Document, Place, located, union
from ctnlp.taxonomy import Kind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.pipeline import FeatureUnion

__all__ = ["BEST", "NO_LABEL", "OTHER", "UNTOUCHED", "Decision", "HeadModel", "calibrated", "log_odds"]

FloatArray = NDArray[np.float32] | NDArray[np.float64]


BEST, OTHER, NO_LABEL = 0, 1, 2
"""Rows of `HeadModel.trust`."""
UNTOUCHED: Final = np.array([[1.0, 0.0]] * 3)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a head says of one text: labels with their probabilities, best first, and whether it is unsure."""

    labels: tuple[tuple[str, float], ...]
    confidence: float
    needs_review: bool


@dataclass(frozen=True)
class HeadModel:
    """A fitted head.

    `names` and `idf` hold the columns of each block and their inverse document frequencies. `coef` has shape (labels,
    features), `intercept`, `scale`, `offset` and `thresholds` shape (labels,).
    Probabilities are sigmoid(scale * score + offset) a label for a multi-label head, softmax(scale * score + offset)
    for a multi-class one. `floor`: a multi-label head gives its best label from this probability on, even below the
    label's threshold. `review_below`: confidence under which a person should look. `trust` of a multi-label head, shape
    (3, 2), has slope and offset by which the log-odds of a label become those of its being right once it is given as
    the best label, as another one, or when none is given: that a label is the best of all says something too.
    """

    head: str
    kind: Kind
    labels: tuple[str, ...]
    blocks: tuple[Block, ...]
    names: Sequence[Sequence[str]] = field(repr=False)  # a vocabulary takes many seconds to show
    idf: Sequence[FloatArray] = field(repr=False)
    coef: FloatArray
    intercept: FloatArray
    scale: FloatArray
    offset: FloatArray
    thresholds: FloatArray
    floor: float
    review_below: float
    text_protocol: Mapping[str, str] = field(default_factory=dict)
    trust: FloatArray = field(default_factory=lambda: UNTOUCHED)

    @cached_property
    def features(self) -> "FeatureUnion":
        """The columns as scikit-learn's `FeatureUnion`: what training fitted, and exports and explanations use."""
        return union(self.blocks, self.names, self.idf)

    def transform(self, documents: Sequence[Document]) -> "csr_matrix":
        """The documents as a sparse matrix of shape (n, features)."""
        matrix: csr_matrix = self.features.transform(documents)
        return matrix

    def decision_function(self, documents: Sequence[Document]) -> FloatArray:
        """Uncalibrated scores, shape (n, labels)."""
        return self.scores(self.transform(documents))

    def scores(self, matrix: "csr_matrix") -> FloatArray:
        """Uncalibrated scores of rows that `transform` made, shape (n, labels)."""
        # In double precision: the sum of a thousand products would lose the sixth digit of a probability.
        return np.asarray(matrix.astype(np.float64) @ self.coef.T.astype(np.float64) + self.intercept)

    def predict_proba(self, documents: Sequence[Document]) -> FloatArray:
        """Calibrated probabilities, shape (n, labels); rows of a multi-class head add up to 1."""
        return self.probabilities(self.decision_function(documents))

    def probabilities(self, scores: FloatArray) -> FloatArray:
        """Calibrate scores of shape (n, labels)."""
        return calibrated(self.kind, scores, self.scale, self.offset)

    def decide(self, probabilities: FloatArray) -> list[Decision]:
        """Labels of each row of probabilities, shape (n, labels)."""
        return [self._decision(row) for row in np.asarray(probabilities, dtype=np.float64)]

    def _decision(self, row: FloatArray) -> Decision:
        best = int(row.argmax())
        top = float(row[best])
        if self.kind == "multiclass":
            return Decision(((self.labels[best], top),), top, top < self.review_below)
        chosen = [index for index in np.argsort(-row, kind="stable").tolist() if row[index] >= self.thresholds[index]]
        if best not in chosen and top >= self.floor:
            chosen.insert(0, best)
        if not chosen:
            confidence = self._trusted(1.0 - top, NO_LABEL)
            return Decision((), confidence, confidence < self.review_below)
        first, *others = chosen
        confidence = self._trusted(float(row[first]), BEST if first == best else OTHER)
        # Another label is never surer than the best one.
        scores = [confidence, *(min(self._trusted(float(row[index]), OTHER), confidence) for index in others)]
        labels = tuple((self.labels[index], score) for index, score in zip(chosen, scores, strict=True))
        return Decision(labels, confidence, confidence < self.review_below)

    def _trusted(self, probability: float, how: int) -> float:
        slope, offset = self.trust[how]
        if slope == 1.0 and offset == 0.0:
            return probability
        return float(1.0 / (1.0 + np.exp(-(slope * log_odds(probability) + offset))))

    def word_weights(self, document: Document, label: int) -> dict[Place, float]:
        """What each word adds to the score of a label, as far as the linear model tells.

        A column's share goes to the places where it occurs, and there to its words, in equal parts; with the intercept
        all weights add up to the score.
        """
        weights: dict[Place, float] = defaultdict(float)
        start = 0
        for block, (_, vectorizer) in zip(self.blocks, self.features.transformer_list, strict=True):
            columns = vectorizer.vocabulary_
            row = vectorizer.transform([document]) * block.weight
            found = defaultdict(list)
            for gram, words in located(block, document):
                if gram in columns:
                    found[columns[gram]].append(words)
            for column, value in zip(row.indices.tolist(), row.data.tolist(), strict=True):
                effect = value * float(self.coef[label, start + column])
                for words in found[column]:
                    for word in words:
                        weights[word] += effect / len(found[column]) / len(words)
            start += len(columns)
        return dict(weights)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything numeric that the head is made of, by name; `storage` writes these and nothing else."""
        idf = {f"idf.{block.name}": np.asarray(own) for block, own in zip(self.blocks, self.idf, strict=True)}
        own = {name: getattr(self, name) for name in ("coef", "intercept", "scale", "offset", "thresholds")}
        own |= {"trust": self.trust} if self.kind == "multilabel" else {}
        return own | idf | {"floor": np.array([self.floor]), "review_below": np.array([self.review_below])}


def log_odds(probability: "float | FloatArray") -> Any:
    """Log-odds, bounded: certainty is not for models.

    >>> float(log_odds(0.5))
    0.0
    """
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def calibrated(kind: Kind, scores: FloatArray, scale: FloatArray, offset: FloatArray) -> FloatArray:
    """Scores of shape (n, labels) as probabilities: sigmoid a label, or softmax over the labels.

    >>> calibrated("multiclass", np.array([[0.0, 0.0]]), np.ones(2), np.zeros(2)).tolist()
    [[0.5, 0.5]]
    """
    logits = np.asarray(scores, dtype=np.float64) * scale + offset
    if kind == "multilabel":
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -500, 500))))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
