"""Samples -> a fitted head.

One linear support vector machine a label over sparse features. Everything that is tuned (calibration, thresholds,
abstention) is tuned on texts not trained on: out-of-fold samples, each scored by a model, vocabulary and idf included,
that never saw its fold, and tuning texts, which suffice for a multi-class head.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp import lexicon, normalise
from ctnlp.corpus import split
from ctnlp.counts import Counts, count, fit_on, rows_of
from ctnlp.errors import CorpusError
from ctnlp.features import BLOCKS, TONE_BLOCKS, Block, Document, documents
from ctnlp.model import FloatArray, HeadModel, calibrated
from ctnlp.segment import default_segmenter
from ctnlp.taxonomy import Head, default
from ctnlp.tune import IntArray, calibrate, thresholds_of, tuned_to

if TYPE_CHECKING:
    from datasets import Dataset
    from sklearn.pipeline import FeatureUnion

__all__ = ["COLUMNS", "Parameters", "targets", "text_protocol", "train"]

COLUMNS: Final = {"topic": "topics", "programme": "programme", "sentiment": "sentiment"}
"""The sample column that each head learns from; other heads use the column of their own name."""
TUNING_LEAST: Final = 10
"""Tuning texts that a multi-class head needs with each label: of fewer, a scale and a bias a label would be guesses."""
TUNING_SHARE: Final = 2.0
"""How much all tuning texts together weigh in calibration, against 1 for all out-of-fold samples together.

Of a multi-label head: two numbers for each of sixteen labels need the help of samples that are easier to read than the
texts to be scored. A multi-class head has few labels: the tuning texts alone tell its scales and biases.
"""
PLAIN_EVERY: Final = 4
"""Every so many-th sample is learned without diacritics too: readers type so, and few words look alike then."""
LEFT_OUT: Final = {"sentiment": 0.4}
"""Share of the words that a second copy of every text is learned without, by head.

Word dropout: no word can rely on its usual company, so more of them learn to carry the label (Wager, Wang, Liang 2013).
Fields are told by many words in any case.
"""
_BLOCKS: Final[dict[str, tuple[Block, ...]]] = {"sentiment": TONE_BLOCKS}


@dataclass(frozen=True)
class Parameters:
    """What training can be told. `C` is the inverse regularisation of scikit-learn's `LinearSVC`.

    `blocks` are those of the head when not given: `TONE_BLOCKS` for sentiment, `BLOCKS` for all others. With `views`,
    samples are learned as users may give them too (title and text in one, the title alone, without diacritics), and for
    tone all texts with words left out.
    """

    blocks: tuple[Block, ...] | None = None
    views: bool = True
    C: float = 0.1
    folds: int = 5
    seed: int = 765
    review_accuracy: float = 0.9


@dataclass(frozen=True)
class _Rows:
    """Training rows: targets are 1, 0 or -1 for unknown, shape (n, labels); fold -1 is in every training part."""

    documents: list[Document]
    targets: IntArray
    weights: FloatArray
    fold: NDArray[np.int64]
    natural: NDArray[np.bool_]


def train(
    head: str | Head,
    samples: "Dataset",
    *,
    extra: "Sequence[Dataset]" = (),
    tuning: "Dataset | None" = None,
    parameters: Parameters | None = None,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> HeadModel:
    """Fit a head on the samples whose split is not `test`.

    `extra` sets (see `ctnlp.sources`) are trained on too, but only `samples` tune calibration, thresholds and
    abstention. `tuning` texts, like those that will be scored, are not trained on: where given they weigh most in
    calibration and thresholds, and tune abstention alone; a multi-class head is tuned on nothing else. `on_step` hears
    what is going on. Raises `CorpusError` when a label has too few samples to be tuned, or tuning texts lack it.
    """
    head = default().head(head) if isinstance(head, str) else head
    parameters = parameters or Parameters()
    alone = tuning is not None and head.kind == "multiclass"
    if tuning is not None:
        known = targets(head, tuning)
        chosen = np.flatnonzero((known >= 0).all(axis=1))
        tuning, known = tuning.select(chosen), known[chosen]
        _all_told(head, known)
    on_step(f"segmenting {len(samples) + sum(map(len, extra))} samples")
    rows = _rows(head, samples, extra, parameters, n_jobs, cache_dir)
    tuned = (rows.fold >= 0) & rows.natural & (rows.targets >= 0).all(axis=1)
    _enough(head, rows.targets[tuned], rows.fold[tuned], parameters)
    on_step("counting n-grams")
    counts = count(parameters.blocks or _BLOCKS.get(head.id, BLOCKS), rows.documents, n_jobs=n_jobs)
    scores = np.full(rows.targets.shape, np.nan)
    for fold in range(0 if alone else parameters.folds):
        on_step(f"fold {fold + 1} of {parameters.folds}")
        held_out = (rows.fold == fold) & rows.natural
        features, coef, intercept = _fit(head, rows, rows.fold != fold, parameters, counts, n_jobs)
        scores[held_out] = rows_of(counts, features, np.flatnonzero(held_out)) @ coef.T + intercept
    on_step("all samples")
    features, coef, intercept = _fit(head, rows, np.ones(len(rows.fold), dtype=bool), parameters, counts, n_jobs)
    n_labels = len(head.labels)
    model = HeadModel(
        head=head.id,
        kind=head.kind,
        labels=head.label_ids,
        blocks=counts.blocks,
        names=[vectorizer.get_feature_names_out().tolist() for _, vectorizer in features.transformer_list],
        idf=[vectorizer.idf_ for _, vectorizer in features.transformer_list],
        coef=coef,
        intercept=intercept,
        scale=np.ones(n_labels),
        offset=np.zeros(n_labels),
        thresholds=np.zeros(n_labels),
        floor=0.0,
        review_below=0.0,
        text_protocol=text_protocol(counts.blocks),
    )
    gold, held_scores = rows.targets[tuned], scores[tuned]
    weights, deciding = np.ones(len(gold)), len(gold)
    if tuning is not None:
        real = documents(tuning["text"], tuning["title"], n_jobs=n_jobs, cache_dir=cache_dir)
        real_scores, deciding = model.decision_function(real), len(known)
        if alone:
            gold, held_scores, weights = known, real_scores, np.ones(deciding)
        else:
            share = TUNING_SHARE * len(gold) / deciding
            weights = np.concatenate([np.full(deciding, share), weights])
            gold, held_scores = np.vstack([known, gold]), np.vstack([real_scores, held_scores])
    scale, offset = calibrate(head, held_scores, gold, weights, shifted=tuning is not None)
    probabilities = calibrated(head.kind, held_scores, scale, offset)
    thresholds, floor = thresholds_of(head, probabilities, gold, weights)
    model = replace(model, scale=scale, offset=offset, thresholds=thresholds, floor=floor)
    return tuned_to(model, probabilities[:deciding], gold[:deciding], accuracy=parameters.review_accuracy)


def text_protocol(blocks: Sequence[Block]) -> dict[str, str]:
    """How text becomes units of these blocks here: a model made under another protocol would see other features.

    >>> sorted(text_protocol(BLOCKS)), sorted(text_protocol(TONE_BLOCKS))
    (['normaliser', 'segmenter'], ['lexicon', 'normaliser', 'segmenter'])
    """
    words = {"normaliser": normalise.VERSION, "segmenter": default_segmenter().identity}
    return words | ({"lexicon": lexicon.identity()} if any(block.unit in ("tone", "near") for block in blocks) else {})


def targets(head: Head, samples: "Dataset") -> IntArray:
    """What the samples say of each label: 1 yes, 0 no, -1 unknown; shape (n, labels).

    Raises `CorpusError` for a label that the head has not.
    """
    column = COLUMNS.get(head.id, head.id)
    result = np.full((len(samples), len(head.labels)), -1, dtype=np.int8)
    position = {label: index for index, label in enumerate(head.label_ids)}
    for number, (labels, unknown) in enumerate(zip(samples[column], samples["unknown"], strict=True)):
        if labels is None:
            continue
        result[number] = 0
        for label in unknown or ():
            if label in position:
                result[number, position[label]] = -1
        for label in [labels] if isinstance(labels, str) else labels:
            if label not in position:
                raise CorpusError(
                    f"sample {samples[number].get('id', number)!r} has {label!r} under {column}; expected one of "
                    f"{', '.join(position)}"
                )
            result[number, position[label]] = 1
    return result


def _rows(
    head: Head,
    samples: "Dataset",
    extra: "Sequence[Dataset]",
    parameters: Parameters,
    n_jobs: int,
    cache_dir: str | Path | None,
) -> _Rows:
    own = samples.select([i for i, part in enumerate(samples["split"]) if part != "test"])
    fold = split(own, folds=parameters.folds, seed=parameters.seed)
    parts = []
    for dataset, folds in [(own, fold), *((other, np.full(len(other), -1)) for other in extra)]:
        known = targets(head, dataset)
        keep = np.flatnonzero((known >= 0).any(axis=1))
        parts.append((dataset.select(keep), known[keep], folds[keep]))
    texts, titles, owner, natural = [], [], [], []
    number = 0
    for dataset, _, folds in parts:
        for sample, own_fold in zip(dataset, folds, strict=True):
            # Other views only of our own samples: public corpora have enough text as it is.
            views = _views(sample, plain=number % PLAIN_EVERY == 0)
            views = views if parameters.views and own_fold >= 0 else views[:1]
            for view, (title, text) in enumerate(views):
                texts.append(text)
                titles.append(title)
                owner.append(number)
                natural.append(view == 0)
            number += 1
    read = documents(texts, titles, n_jobs=n_jobs, cache_dir=cache_dir)
    share = LEFT_OUT.get(head.id, 0.0) if parameters.views else 0.0
    if share:
        chance = random.Random(parameters.seed)
        whole = np.flatnonzero(natural)
        read += [_thinned(read[row], share, chance) for row in whole]
        owner += [owner[row] for row in whole]
        natural += [False] * len(whole)
    index = np.array(owner, dtype=np.int64)
    weights = np.concatenate([np.asarray(dataset["weight"], dtype=np.float64) for dataset, _, _ in parts])[index]
    weights[~np.array(natural, dtype=bool)] *= 0.5
    return _Rows(
        read,
        np.concatenate([known for _, known, _ in parts])[index],
        weights,
        np.concatenate([folds for _, _, folds in parts])[index],
        np.array(natural, dtype=bool),
    )


def _thinned(document: Document, share: float, chance: random.Random) -> Document:
    title, body = (
        tuple(word for word in words if chance.random() >= share) for words in (document.title, document.body)
    )
    return Document(title, body)


def _views(sample: dict[str, Any], *, plain: bool = False) -> list[tuple[str, str]]:
    """A sample as users may give it: title and text apart (the natural way), both in one, the headline alone.

    With `plain`, also both in one without diacritics.
    """
    title, text = sample["title"] or "", sample["text"] or ""
    whole = f"{title}\n{text}".strip()
    views = [(title, text), ("", whole), ("", title)] if title and text else [("", whole)]
    return [*views, ("", normalise.strip_diacritics(whole))] if plain else views


def _enough(head: Head, gold: IntArray, fold: NDArray[np.int64], parameters: Parameters) -> None:
    """Refuse what can't be tuned: every label needs samples with and without it, in more than one fold."""
    need = 2 * parameters.folds
    for label, has in zip(head.label_ids, (gold == 1).T, strict=True):
        if min(has.sum(), (~has).sum()) < need:
            raise CorpusError(
                f"label {label!r} of head {head.id!r} has {has.sum()} training samples ({(~has).sum()} are without "
                f"it); {need} of each are needed, two for each of {parameters.folds} folds: add samples, or take the "
                "label out of the taxonomy"
            )
        if min(len(np.unique(fold[has])), len(np.unique(fold[~has]))) < 2:
            raise CorpusError(
                f"all training samples with label {label!r} of head {head.id!r}, or all without it, are "
                "near-duplicates of each other: add different ones"
            )


def _all_told(head: Head, gold: IntArray) -> None:
    """Refuse tuning texts that can't tune: none, or of a multi-class head fewer than `TUNING_LEAST` with a label."""
    if not len(gold):
        raise CorpusError(f"no tuning text is fully labelled for head {head.id!r}: label some, or tune without them")
    for label, with_it in zip(head.label_ids, (gold == 1).sum(axis=0), strict=True):
        if head.kind == "multiclass" and with_it < TUNING_LEAST:
            raise CorpusError(
                f"{with_it} tuning texts have label {label!r} of head {head.id!r}; at least {TUNING_LEAST} are needed: "
                "add some, or tune without them"
            )


def _fit(
    head: Head, rows: _Rows, chosen: NDArray[np.bool_], parameters: Parameters, counts: Counts, n_jobs: int
) -> tuple["FeatureUnion", FloatArray, FloatArray]:
    import joblib

    numbers = np.flatnonzero(chosen)
    features, matrix = fit_on(counts, numbers)
    matrix.sort_indices()  # workers get it read-only, and scikit-learn would sort it in place
    known, weights = rows.targets[numbers], rows.weights[numbers]
    # Processes: threads would share liblinear's one sequence of random numbers, and no two runs would be the same.
    # Rows without a say on a label go along with weight 0, which liblinear leaves out: so all labels share one matrix.
    fitted = joblib.Parallel(n_jobs=n_jobs)(
        joblib.delayed(_fit_label)(matrix, target == 1, weights * (target >= 0), parameters) for target in known.T
    )
    # Half precision is what is stored; rounding here makes a loaded model the very model that was tuned and measured.
    coef = np.vstack([coef for coef, _ in fitted]).astype(np.float16).astype(np.float32)
    return features, coef, np.array([intercept for _, intercept in fitted], dtype=np.float64)


def _fit_label(
    matrix: Any, target: NDArray[np.bool_], weights: FloatArray, parameters: Parameters
) -> tuple[FloatArray, float]:
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=parameters.C, random_state=parameters.seed, max_iter=2000)
    machine.fit(matrix, target, sample_weight=weights)
    return machine.coef_[0], float(machine.intercept_[0])
