"""A fitted head: calibrated probabilities, thresholds, abstention, explanations.

A linear model over sparse features scores each label; a sigmoid a label (Platt 1999), or temperature and bias before
the softmax, turn scores into probabilities; thresholds turn probabilities into labels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp.features import Block, Document
from ctnlp.taxonomy import Kind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.pipeline import FeatureUnion

__all__ = ["Decision", "Explanation", "HeadModel", "Phrase"]

FloatArray = NDArray[np.float32] | NDArray[np.float64]

# Units that a person can read; characters count in `Explanation.rest`.
_READABLE: Final = ("word", "syllable")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a head says of one text: labels with their probabilities, best first, and whether it is unsure."""

    labels: tuple[tuple[str, float], ...]
    confidence: float
    needs_review: bool


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of the text and what it adds to the label's score (log-odds before calibration)."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a label has its score: `phrases`, strongest first, and `rest` add up to it.

    A phrase counts all columns that read like it: as words, as syllables, as part of the title. `rest` is the
    intercept, the characters and the lesser phrases.
    """

    label: str
    probability: float
    score: float
    phrases: tuple[Phrase, ...]
    rest: float


@dataclass(frozen=True)
class HeadModel:
    """A fitted head.

    `coef` has shape (labels, features), `intercept`, `scale`, `offset` and `thresholds` shape (labels,).
    Probabilities are sigmoid(scale * score + offset) a label for a multi-label head, softmax(scale * score + offset)
    for a multi-class one. `floor`: a multi-label head gives its best label from this probability on, even below the
    label's threshold. `review_below`: confidence under which a person should look.
    """

    head: str
    kind: Kind
    labels: tuple[str, ...]
    blocks: tuple[Block, ...]
    features: "FeatureUnion" = field(repr=False)  # its vocabulary takes many seconds to show
    coef: FloatArray
    intercept: FloatArray
    scale: FloatArray
    offset: FloatArray
    thresholds: FloatArray
    floor: float
    review_below: float
    text_protocol: Mapping[str, str] = field(default_factory=dict)

    def transform(self, documents: Sequence[Document]) -> "csr_matrix":
        """The documents as a sparse matrix of shape (n, features)."""
        matrix: csr_matrix = self.features.transform(documents)
        return matrix

    def decision_function(self, documents: Sequence[Document]) -> FloatArray:
        """Uncalibrated scores, shape (n, labels)."""
        return self.scores(self.transform(documents))

    def scores(self, matrix: "csr_matrix") -> FloatArray:
        """Uncalibrated scores of rows that `transform` made, shape (n, labels)."""
        return np.asarray(matrix @ self.coef.T + self.intercept, dtype=np.float64)

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
        confidence = top if chosen else 1.0 - top
        labels = tuple((self.labels[index], float(row[index])) for index in chosen)
        return Decision(labels, confidence, confidence < self.review_below)

    def explain(self, document: Document, *, top: int = 8) -> list[Explanation]:
        """Why the labels that the document gets (or the best one, if it gets none) have their scores."""
        row = self.transform([document]).tocsr()
        scores = self.scores(row)
        probabilities = self.probabilities(scores)[0]
        names = [name for name, _ in self._decision(probabilities).labels]
        chosen = [self.labels.index(name) for name in names] or [int(probabilities.argmax())]
        columns = {int(column): float(value) for column, value in zip(row.indices, row.data, strict=True)}
        readable = [(column, text) for column, text in self._columns(columns) if text]
        explanations = []
        for label in chosen:
            phrases: dict[str, float] = {}
            for column, text in readable:
                phrases[text] = phrases.get(text, 0.0) + columns[column] * float(self.coef[label, column])
            strongest = sorted(phrases.items(), key=lambda item: (-abs(item[1]), item[0]))[:top]
            shown = tuple(Phrase(text, weight) for text, weight in strongest)
            score = float(scores[0, label])
            rest = score - sum(phrase.weight for phrase in shown)
            explanations.append(Explanation(self.labels[label], float(probabilities[label]), score, shown, rest))
        return explanations

    def _columns(self, wanted: Mapping[int, float]) -> Iterator[tuple[int, str]]:
        """The phrase of each wanted column; empty for characters."""
        start = 0
        for block, (_, vectorizer) in zip(self.blocks, self.features.transformer_list, strict=True):
            names = vectorizer.get_feature_names_out()
            for column in wanted:
                if start <= column < start + len(names):
                    yield column, names[column - start].replace("_", " ") if block.unit in _READABLE else ""
            start += len(names)

    def feature_names(self) -> list[list[str]]:
        """Names of the columns of each block, in order."""
        return [vectorizer.get_feature_names_out().tolist() for _, vectorizer in self.features.transformer_list]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything numeric that the head is made of, by name; `storage` writes these and nothing else."""
        idf = {f"idf.{name}": vectorizer.idf_ for name, vectorizer in self.features.transformer_list}
        own = {name: getattr(self, name) for name in ("coef", "intercept", "scale", "offset", "thresholds")}
        return own | idf | {"floor": np.array([self.floor]), "review_below": np.array([self.review_below])}


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
