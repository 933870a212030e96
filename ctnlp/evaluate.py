"""Model + samples -> figures, each with a 95 % interval.

Intervals are percentile bootstrap intervals over the samples (Efron 1979), 1,000 resamples. Expected calibration
error is that of Guo et al. (2017) over the confidence of the best label, in 15 bins of equal mass.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp.errors import CorpusError, ModelIncompatible
from ctnlp.features import documents
from ctnlp.figures import canvas
from ctnlp.model import FloatArray, HeadModel
from ctnlp.taxonomy import Head, default
from ctnlp.train import targets

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Evaluation", "Figure", "LabelFigures", "evaluate", "plot"]

RESAMPLES: Final = 1000
BINS: Final = 15
NONE: Final = "-"
"""How tables name "no label"."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label: precision, recall, F1 and how many samples have it."""

    label: str
    precision: Figure
    recall: Figure
    f1: Figure
    support: int


@dataclass(frozen=True)
class Evaluation:
    """All figures of a head on some samples.

    `figures` by name: accuracy (the whole set of labels is right), hit (the best label is right, or rightly none),
    micro_f1, macro_f1, weighted_f1, log_loss (nats a label), expected_calibration_error, and
    calibration_error_by_chance: what a head whose confidence is exactly right would show on so few texts (mean and
    95 % of 1,000 draws), since small bins never look calibrated. Resampling adds to that error, too: its interval lies
    high. `confusion` counts the first true label (rows) against the best label given (columns), both in the order of
    `confusion_labels`. `coverage` has pairs (share of texts kept, hit among them), most confident first. `reliability`
    has triples (confidence, hit, texts).
    """

    head: str
    samples: int
    seed: int
    figures: dict[str, Figure]
    labels: tuple[LabelFigures, ...]
    confusion_labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    coverage: tuple[tuple[float, float], ...]
    reliability: tuple[tuple[float, float, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def to_text(self) -> str:
        """Tables for a terminal."""
        lines = [f"{self.head}: {self.samples:,} samples, 95 % bootstrap intervals, seed {self.seed}", ""]
        lines += [f"  {name:<28} {figure}" for name, figure in self.figures.items()]
        lines += ["", f"  {'label':<26} {'precision':>9} {'recall':>7}  {'F1':<22} {'n':>6}"]
        lines += [
            f"  {row.label:<26} {row.precision.value:>9.3f} {row.recall.value:>7.3f}  {row.f1!s:<22} {row.support:>6,}"
            for row in self.labels
        ]
        kept = ", ".join(f"{share:.0%}: {hit:.3f}" for share, hit in self.coverage if round(share * 100) % 20 == 0)
        return "\n".join([*lines, "", f"  hit at coverage  {kept}"])


def evaluate(
    model: HeadModel,
    samples: "Dataset",
    *,
    head: Head | None = None,
    seed: int = 765,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
) -> Evaluation:
    """Score the samples and compare. Samples about whose labels something is unknown are left out.

    `head` is the one the model was trained for, if it is not of ctnlp's taxonomy. Raises `CorpusError` when no sample
    is left, and `ModelIncompatible` when the head has other labels than the model.
    """
    head = head or default().head(model.head)
    if head.label_ids != model.labels:
        raise ModelIncompatible(
            f"the model has the labels {', '.join(model.labels)}, head {head.id!r} has {', '.join(head.label_ids)}; "
            "name the head it was trained for"
        )
    known = targets(head, samples)
    keep = np.flatnonzero((known >= 0).all(axis=1))
    if not len(keep):
        raise CorpusError(f"none of {len(samples)} samples is fully labelled for head {model.head!r}")
    chosen = samples.select(keep)
    scored = documents(chosen["text"], chosen["title"], n_jobs=n_jobs, cache_dir=cache_dir)
    return compare(model, model.predict_proba(scored), known[keep] == 1, seed=seed)


def compare(model: HeadModel, probabilities: FloatArray, gold: NDArray[np.bool_], *, seed: int = 765) -> Evaluation:
    """Figures of probabilities, shape (n, labels), against the truth of the same shape."""
    decisions = model.decide(probabilities)
    given = np.zeros_like(gold)
    best = np.full(len(gold), len(model.labels))
    position = {label: index for index, label in enumerate(model.labels)}
    for row, decision in enumerate(decisions):
        for label, _ in decision.labels:
            given[row, position[label]] = True
        if decision.labels:
            best[row] = position[decision.labels[0][0]]
    # One more column stands for "no label": right when there is none.
    with_none = np.column_stack([gold, ~gold.any(axis=1)])
    hit = with_none[np.arange(len(gold)), best]
    confidence = np.array([decision.confidence for decision in decisions])
    figures, labels = _bootstrap(model, given, gold, hit, confidence, probabilities, seed)
    names = (*model.labels, NONE)
    confusion = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(confusion, (with_none.argmax(axis=1), best), 1)
    return Evaluation(
        head=model.head,
        samples=len(gold),
        seed=seed,
        figures=figures,
        labels=labels,
        confusion_labels=names,
        confusion=tuple(map(tuple, confusion.tolist())),
        coverage=_coverage(confidence, hit),
        reliability=_reliability(confidence, hit),
    )


def _bootstrap(
    model: HeadModel,
    given: NDArray[np.bool_],
    gold: NDArray[np.bool_],
    hit: NDArray[np.bool_],
    confidence: FloatArray,
    probabilities: FloatArray,
    seed: int,
) -> tuple[dict[str, Figure], tuple[LabelFigures, ...]]:
    """Every figure on the samples as they are (first row of the weights) and on each resample (the other rows)."""
    count = len(gold)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    weights = np.vstack([np.ones(count), draws]).astype(np.float32)
    right = weights @ (given & gold).astype(np.float32)
    claimed = weights @ given.astype(np.float32)
    true = weights @ gold.astype(np.float32)
    f1 = _ratio(2 * right, claimed + true)
    exact = (given == gold).all(axis=1)
    columns = {
        "accuracy": weights @ exact / count,
        "hit": weights @ hit / count,
        "micro_f1": _ratio(2 * right.sum(axis=1), (claimed + true).sum(axis=1)),
        # A label absent from the samples has no F1 and takes no part in the mean. If all are absent, it is 0.
        "macro_f1": f1[:, (true[0] > 0) | ~gold.any()].mean(axis=1),
        "weighted_f1": _ratio((f1 * true).sum(axis=1), true.sum(axis=1)),
        "log_loss": weights @ _log_loss(model, probabilities, gold) / count,
        "expected_calibration_error": np.array([_calibration_error(confidence, hit, row) for row in weights]),
    }
    if model.kind == "multiclass":
        del columns["hit"]  # the same as accuracy
    labels = tuple(
        LabelFigures(
            label,
            _figure(_ratio(right[:, i], claimed[:, i])),
            _figure(_ratio(right[:, i], true[:, i])),
            _figure(f1[:, i]),
            int(gold[:, i].sum()),
        )
        for i, label in enumerate(model.labels)
    )
    figures = {name: _figure(values) for name, values in columns.items()}
    return figures | {"calibration_error_by_chance": _chance(confidence, seed)}, labels


def _figure(values: FloatArray) -> Figure:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Figure(float(values[0]), float(low), float(high))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _log_loss(model: HeadModel, probabilities: FloatArray, gold: NDArray[np.bool_]) -> FloatArray:
    """Nats a sample (multi-class), or a sample and label (multi-label); shape (n,)."""
    clipped = np.clip(probabilities, 1e-12, 1 - 1e-12)
    if model.kind == "multiclass":
        return np.asarray(-np.log((clipped * gold).sum(axis=1)))
    return np.asarray(-np.where(gold, np.log(clipped), np.log(1 - clipped)).mean(axis=1))


def _calibration_error(confidence: FloatArray, hit: NDArray[np.bool_], weights: FloatArray) -> float:
    order = np.argsort(confidence, kind="stable")
    mass = np.cumsum(weights[order], dtype=np.float64)
    # A sample belongs to the bin in which the middle of its mass lies.
    bins = ((mass - weights[order] / 2) / mass[-1] * BINS).astype(np.int64)
    gaps = np.asarray(hit, dtype=np.float64) - np.asarray(confidence, dtype=np.float64)
    gap = np.bincount(bins, weights=(weights * gaps)[order], minlength=BINS)
    return float(np.abs(gap).sum() / mass[-1])


def _chance(confidence: FloatArray, seed: int) -> Figure:
    draws = np.random.default_rng(seed).random((RESAMPLES, len(confidence))) < confidence
    errors = [_calibration_error(confidence, draw, np.ones(len(confidence))) for draw in draws]
    low, high = np.percentile(errors, [2.5, 97.5])
    return Figure(float(np.mean(errors)), float(low), float(high))


def _coverage(confidence: FloatArray, hit: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    order = np.argsort(-confidence, kind="stable")
    share_right = np.cumsum(hit[order]) / np.arange(1, len(order) + 1)
    kept = [max(1, round(len(order) * percent / 100)) for percent in range(10, 101, 5)]
    return tuple((percent / 100, float(share_right[k - 1])) for percent, k in zip(range(10, 101, 5), kept, strict=True))


def _reliability(confidence: FloatArray, hit: NDArray[np.bool_]) -> tuple[tuple[float, float, int], ...]:
    order = np.argsort(confidence, kind="stable")
    return tuple(
        (float(confidence[part].mean()), float(hit[part].mean()), len(part))
        for part in np.array_split(order, BINS)
        if len(part)
    )


def plot(evaluation: Evaluation, path: str | Path | None = None) -> Any:
    """Coverage, reliability, confusion and F1 a label on one matplotlib figure; written to `path` if given.

    Raises `MissingExtra` without matplotlib.
    """
    figure = canvas(13, 10)
    panels: Sequence[Callable[[Any, Evaluation], None]] = (
        _draw_coverage,
        _draw_reliability,
        _draw_labels,
        _draw_confusion,
    )
    for axes, draw in zip(figure.subplots(2, 2).flat, panels, strict=True):
        draw(axes, evaluation)
    figure.suptitle(f"{evaluation.head}: {evaluation.samples:,} samples")
    if path is not None:
        figure.savefig(path, dpi=110)
    return figure


def _draw_coverage(axes: Any, evaluation: Evaluation) -> None:
    axes.plot(*zip(*evaluation.coverage, strict=True), marker="o", markersize=3)
    axes.set(title="Best label right, among the most confident", xlabel="share of texts kept", ylabel="hit")
    axes.grid(alpha=0.3)


def _draw_reliability(axes: Any, evaluation: Evaluation) -> None:
    confidence, hit, _ = zip(*evaluation.reliability, strict=True)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    axes.plot(confidence, hit, marker="o", markersize=3)
    axes.set(title="Calibration", xlabel="confidence", ylabel="hit")
    axes.grid(alpha=0.3)


def _draw_labels(axes: Any, evaluation: Evaluation) -> None:
    rows = evaluation.labels[::-1]
    values = [row.f1.value for row in rows]
    errors = [[row.f1.value - row.f1.low for row in rows], [row.f1.high - row.f1.value for row in rows]]
    axes.barh([f"{row.label} ({row.support})" for row in rows], values, xerr=np.maximum(errors, 0), alpha=0.7)
    axes.set(title="F1, with 95 % intervals", xlim=(0, 1))


def _draw_confusion(axes: Any, evaluation: Evaluation) -> None:
    counts = np.array(evaluation.confusion, dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(evaluation.confusion_labels))
    axes.set_xticks(ticks, evaluation.confusion_labels, rotation=90, fontsize=7)
    axes.set_yticks(ticks, evaluation.confusion_labels, fontsize=7)
    axes.set(title="First true label (rows), best label given (columns)")
