"""Accuracy on public benchmarks, beside plain baselines on the same texts in the same run.

    python -m benchmarks.accuracy {vntc,vsfc-sentiment,vsfc-topic,vlsp2016} --train FILE [--test FILE] [--json]

FILE is a Parquet table with `text` and `label` (`topic` for vsfc-topic). Ours is trained by `ctnlp.train.train`, as
`ctnlp train` does. The baselines: TF-IDF of 1-2-grams of syllables with `LinearSVC`, and `underthesea_core`'s
`TextClassifier` (20,000 features, 1-2-grams: what `underthesea.classify` is). Without `--test`, repeated stratified
cross-validation of FILE. Intervals are 95 % bootstrap intervals over the texts that were tested.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ctnlp import corpus, places
from ctnlp.features import Block, documents
from ctnlp.records import Record, open_table
from ctnlp.sources import BENCHMARKS
from ctnlp.taxonomy import Head, LabelDefinition
from ctnlp.train import Parameters, train

SEED: Final = 765
FOLDS: Final = 5
RESAMPLES: Final = 1000
FIGURES: Final = ("accuracy", "macro_f1", "weighted_f1")

_ARTICLES: Final = (
    Block("word", "word", 1, 2, max_features=300_000),
    Block("syllable", "syllable", 1, 2, min_df=3, max_features=300_000),
    Block("lead", "word", 1, 2, part="title", max_features=100_000, weight=0.7),
)
_SENTENCES: Final = (
    Block("word", "word", 1, 2, min_df=1, max_features=100_000),
    Block("syllable", "syllable", 1, 3, min_df=1, max_features=100_000),
    Block("char", "char", 2, 5, min_df=2, max_features=100_000),
    Block("tone", "tone", 1, 3, min_df=2, weight=0.5),
)
_OPINIONS: Final = (*_SENTENCES, Block("near", "near", 1, 2, min_df=1))
SETTINGS: Final = {
    "vntc": Parameters(blocks=_ARTICLES, views=False, C=0.3, folds=2, seed=SEED),
    "vsfc-sentiment": Parameters(blocks=_OPINIONS, views=False, C=0.3, folds=3, seed=SEED),
    "vsfc-topic": Parameters(blocks=_SENTENCES, views=False, C=0.3, folds=3, seed=SEED),
    "vlsp2016": Parameters(blocks=_OPINIONS, views=False, C=0.1, folds=3, seed=SEED),
}
LEAD: Final = {"vntc": 50}
"""Syllables at the beginning that are read as a field of their own: articles say first what they are about."""
REPEATS: Final = {"vntc": 1}
"""Repetitions of the cross-validation; 2 where not told."""

Predict = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True)
class Texts:
    """Texts and their labels."""

    texts: list[str]
    labels: list[str]

    def take(self, rows: Any) -> "Texts":
        """Some of them."""
        return Texts([self.texts[i] for i in rows], [self.labels[i] for i in rows])


@dataclass(frozen=True)
class Result:
    """What one system reached: value, low, high of each figure; seconds of training and testing; bytes of the model."""

    system: str
    figures: dict[str, tuple[float, float, float]]
    train_seconds: float
    test_seconds: float
    model_bytes: int


def read(path: str, column: str) -> Texts:
    """The texts and labels of a table."""
    texts, labels = [], []
    with open_table(path) as table:
        missing = [name for name in ("text", column) if name not in table.columns]
        if missing:
            sys.exit(f"{path}: lacks the columns {', '.join(missing)}; it has {', '.join(table.columns)}")
        for row in table:
            if isinstance(row, Record):
                texts.append(str(row.values["text"] or ""))
                labels.append(str(row.values[column]))
    return Texts(texts, labels)


def ours(name: str, data: Texts, jobs: int) -> tuple[Predict, int]:
    """A head of these labels, trained by the library."""
    cache = places.cache_dir() / "segmented"
    labels = tuple(LabelDefinition(one, one, one, one, one, (), (), "benchmark") for one in sorted(set(data.labels)))
    head = Head("sentiment", name, name, "multiclass", labels)
    pairs = enumerate(zip(data.texts, data.labels, strict=True))
    samples = corpus.to_dataset(
        {"id": str(i), "title": lead(name, text), "text": text, "sentiment": label} for i, (text, label) in pairs
    )
    model = train(head, samples, parameters=SETTINGS[name], n_jobs=jobs, cache_dir=cache)

    def predict(texts: Sequence[str]) -> list[str]:
        titles = [lead(name, text) for text in texts]
        scores = model.predict_proba(documents(texts, titles, n_jobs=jobs, cache_dir=cache))
        return [model.labels[i] for i in scores.argmax(axis=1)]

    columns = sum(len(names) for names in model.names)
    return predict, columns * (2 * len(model.labels) + 4)


def lead(name: str, text: str) -> str:
    """The beginning of a text, where the benchmark has long ones."""
    return " ".join(text.split(maxsplit=LEAD[name])[: LEAD[name]]) if name in LEAD else ""


def plain(name: str, data: Texts, jobs: int) -> tuple[Predict, int]:
    """TF-IDF of syllables and a linear support vector machine, as everybody begins."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    model = make_pipeline(vectorizer, LinearSVC(C=1.0, random_state=SEED)).fit(data.texts, data.labels)
    return lambda texts: list(model.predict(texts)), int(model[1].coef_.size * 8 + len(vectorizer.idf_) * 8)


def underthesea_core(name: str, data: Texts, jobs: int) -> tuple[Predict, int]:
    """The classifier behind `underthesea.classify`."""
    from underthesea_core import TextClassifier

    model = TextClassifier(max_features=20_000, ngram_range=(1, 2))
    model.fit(data.texts, data.labels)
    classes = len(set(data.labels))
    return lambda texts: list(model.predict_batch(list(texts))), 20_000 * 8 * (classes + 1)


SYSTEMS: Final = {"ctnlp": ours, "TF-IDF + LinearSVC": plain, "underthesea_core": underthesea_core}


def measure(name: str, system: str, splits: Sequence[tuple[Texts, Texts]], jobs: int) -> Result:
    """Train and test one system on every split."""
    gold: list[str] = []
    given: list[str] = []
    spent = [0.0, 0.0]
    size = 0
    for training, testing in splits:
        start = time.perf_counter()
        predict, size = SYSTEMS[system](name, training, jobs)
        middle = time.perf_counter()
        given += predict(testing.texts)
        gold += testing.labels
        spent[0] += middle - start
        spent[1] += time.perf_counter() - middle
    return Result(system, figures(gold, given), spent[0], spent[1], size)


def figures(gold: Sequence[str], given: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Accuracy, macro- and weighted F1, each with its interval."""
    labels = sorted({*gold, *given})
    place = {label: i for i, label in enumerate(labels)}
    pairs = np.array([[place[one], place[two]] for one, two in zip(gold, given, strict=True)])
    draws = np.random.default_rng(SEED).integers(0, len(pairs), (RESAMPLES, len(pairs)))
    spread = np.array([_figures(pairs[draw], len(labels)) for draw in draws])
    low, high = np.quantile(spread, [0.025, 0.975], axis=0)
    return {
        name: (float(value), float(low[i]), float(high[i]))
        for i, (name, value) in enumerate(zip(FIGURES, _figures(pairs, len(labels)), strict=True))
    }


def _figures(pairs: Any, labels: int) -> tuple[float, float, float]:
    table = np.zeros((labels, labels))
    np.add.at(table, (pairs[:, 0], pairs[:, 1]), 1)
    support, both = table.sum(axis=1), table.diagonal()
    f1 = 2 * both / np.maximum(support + table.sum(axis=0), 1)
    seen = support > 0
    return float(both.sum() / len(pairs)), float(f1[seen].mean()), float(np.average(f1, weights=support))


def splits_of(name: str, data: Texts, test: Texts | None) -> list[tuple[Texts, Texts]]:
    """The one split that is given, or those of repeated stratified cross-validation."""
    from sklearn.model_selection import RepeatedStratifiedKFold

    if test is not None:
        return [(data, test)]
    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS.get(name, 2), random_state=SEED)
    return [(data.take(rows), data.take(held)) for rows, held in folds.split(data.texts, data.labels)]


def main() -> None:
    """Measure all systems, print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", choices=sorted(SETTINGS))
    parser.add_argument("--train", required=True, help="table to train on")
    parser.add_argument("--test", help="table to test on; cross-validation of --train without it")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    column = BENCHMARKS[arguments.benchmark].column
    data = read(arguments.train, column)
    test = read(arguments.test, column) if arguments.test else None
    splits = splits_of(arguments.benchmark, data, test)
    results = [measure(arguments.benchmark, system, splits, arguments.jobs) for system in arguments.systems]
    if arguments.json:
        json.dump({"benchmark": arguments.benchmark, "results": [asdict(one) for one in results]}, sys.stdout)
        return
    how = Path(arguments.test).name if test else f"{FOLDS}-fold cross-validation, {len(splits) // FOLDS} times"
    tested = sum(len(testing.texts) for _, testing in splits)
    print(f"{arguments.benchmark}: {len(data.texts):,} texts, tested on {how} ({tested:,} texts), seed {SEED}")
    print(f"{'':<20}{''.join(f'{name:<24}' for name in FIGURES)} train s  test s  model MB")
    for one in results:
        cells = "".join(f"{value:.4f} [{low:.4f}, {high:.4f}]".ljust(24) for value, low, high in one.figures.values())
        print(
            f"{one.system:<20}{cells} {one.train_seconds:>7.1f} {one.test_seconds:>7.1f} {one.model_bytes / 1e6:>9.1f}"
        )


if __name__ == "__main__":
    main()
