"""A head as a scikit-learn `Pipeline` from raw text to labels, for those who live in scikit-learn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline

from ctnlp.features import Document, documents
from ctnlp.model import FloatArray, HeadModel

__all__ = ["Segmented", "ThresholdedLinear", "pipeline"]


class Segmented(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Raw texts, or pairs of title and text, as documents."""

    def fit(self, X: Any, y: Any = None) -> "Segmented":
        """Nothing to learn."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Sequence[str | tuple[str, str]]) -> list[Document]:
        """Normalise and segment."""
        pairs = [("", item) if isinstance(item, str) else item for item in X]
        return documents([text for _, text in pairs], [title for title, _ in pairs])


class ThresholdedLinear(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """The linear part of a head: scores, calibration, thresholds, as `HeadModel` has them."""

    def __init__(self, model: HeadModel) -> None:
        """Take coefficients and calibration of `model`."""
        self.model = model

    @property
    def classes_(self) -> NDArray[np.str_]:
        """Label ids in the order of the columns."""
        return np.array(self.model.labels)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> "ThresholdedLinear":
        """Nothing to learn: `ctnlp train` has done it."""
        return self

    def decision_function(self, X: Any) -> FloatArray:
        """Uncalibrated scores, shape (n, labels)."""
        return self.model.scores(X)

    def predict_proba(self, X: Any) -> FloatArray:
        """Calibrated probabilities, shape (n, labels)."""
        return self.model.probabilities(self.decision_function(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Label ids, shape (n,), of a multi-class head; indicators, shape (n, labels), of a multi-label one."""
        decisions = self.model.decide(self.predict_proba(X))
        if self.model.kind == "multiclass":
            return np.array([decision.labels[0][0] for decision in decisions])
        given = [{label for label, _ in decision.labels} for decision in decisions]
        return np.array([[int(label in labels) for label in self.model.labels] for labels in given])


def pipeline(model: HeadModel) -> Pipeline:
    """The head as a fitted pipeline of segmentation, features and linear model, which gives the same labels.

    >>> from ctnlp import registry
    >>> pipe = pipeline(registry.load("sentiment")[0])
    >>> pipe.predict(["Cháy lớn, hai người chết"]).tolist()
    ['negative']
    """
    return Pipeline([("segment", Segmented()), ("features", model.features), ("linear", ThresholdedLinear(model))])
