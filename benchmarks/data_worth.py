"""What each part of the data is worth on real news: models of mapped corpora, of part 1, of parts 1 and 2.

    python -m benchmarks.data_worth --vntc FILE --phap-dien FILE --news FILE [--jobs 2] [--json]

Measured on the reporting half of the news of 2025-26, with 95 % bootstrap intervals. "mapped" are the sections of VNTC
and the statutes, with what these surely say of our topics and nothing of tone; "+ part 1" adds `policy_news`; "+ part
2" the labels of single VNTC articles. Calibration and thresholds are tuned on two folds of held-out samples only, not
on real news.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ctnlp import corpus, places, sources
from ctnlp.counts import count, fit_on
from ctnlp.evaluate import evaluate
from ctnlp.features import BLOCKS, documents
from ctnlp.taxonomy import default
from ctnlp.train import Parameters, targets, train

if TYPE_CHECKING:
    from datasets import Dataset

SEED = 765
RESAMPLES = 1000


@dataclass(frozen=True)
class Row:
    """One figure of one model: value and 95 % interval."""

    data: str
    head: str
    figure: str
    value: float
    low: float
    high: float


def mapped_only(extra: "list[Dataset]", news: "Dataset", jobs: int) -> list[Row]:
    """Topic from corpora whose classes are mapped to our labels: the label with the highest score."""
    import joblib
    from datasets import concatenate_datasets
    from sklearn.svm import LinearSVC

    samples = concatenate_datasets(extra)
    head = default().head("topic")
    known = targets(head, samples)
    cache = places.cache_dir() / "segmented"
    texts = documents(samples["text"], samples["title"], n_jobs=jobs, cache_dir=cache)
    features, matrix = fit_on(count(BLOCKS, texts), np.arange(len(texts)))
    weights = np.asarray(samples["weight"], dtype=np.float64)

    def score(column: int, rows: Any) -> Any:
        says = np.flatnonzero(known[:, column] >= 0)
        machine = LinearSVC(C=Parameters().C, random_state=SEED)
        machine.fit(matrix[says], known[says, column], sample_weight=weights[says])
        return machine.decision_function(rows)

    rows = features.transform(documents(news["text"], news["title"], n_jobs=jobs, cache_dir=cache))
    scores = np.column_stack(joblib.Parallel(n_jobs=1)(joblib.delayed(score)(k, rows) for k in range(known.shape[1])))
    gold = targets(head, news) == 1
    given = np.zeros_like(gold)
    given[np.arange(len(gold)), scores.argmax(axis=1)] = True
    hit = (given & gold).any(axis=1)
    draws = np.random.default_rng(SEED).integers(0, len(gold), (RESAMPLES, len(gold)))
    figures = {
        "hit": (hit.mean(), hit[draws].mean(axis=1)),
        "macro_f1": (_macro_f1(given, gold), np.array([_macro_f1(given[draw], gold[draw]) for draw in draws])),
    }
    return [
        Row("mapped", "topic", name, float(value), *(float(edge) for edge in np.quantile(spread, [0.025, 0.975])))
        for name, (value, spread) in figures.items()
    ]


def _macro_f1(given: Any, gold: Any) -> float:
    both = (given & gold).sum(axis=0)
    return float(np.mean(2 * both / np.maximum(given.sum(axis=0) + gold.sum(axis=0), 1)))


def trained(name: str, extra: "list[Dataset]", news: "Dataset", jobs: int) -> list[Row]:
    """Topic and tone of models trained as `ctnlp train` does, on `policy_news` and `extra`."""
    found = []
    for head, wanted in (("topic", ("hit", "macro_f1")), ("sentiment", ("accuracy", "macro_f1"))):
        cache = places.cache_dir() / "segmented"
        parameters = Parameters(seed=SEED, folds=2)
        model = train(head, corpus.load(), extra=extra, parameters=parameters, n_jobs=jobs, cache_dir=cache)
        figures = evaluate(model, news, seed=SEED, cache_dir=cache).figures
        for figure in wanted:
            one = figures[figure]
            found.append(Row(name, head, figure, one.value, one.low, one.high))
    return found


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--vntc", "--phap-dien", "--news"):
        parser.add_argument(option, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    news = sources.news_2026(arguments.news)
    statutes = sources.read("phap_dien", arguments.phap_dien, seed=SEED)
    sections = sources.read("vntc", arguments.vntc, seed=SEED, labelled=False)
    articles = sources.read("vntc", arguments.vntc, seed=SEED)
    rows = mapped_only([sections, statutes], news, arguments.jobs)
    rows += trained("mapped + part 1", [sections, statutes], news, arguments.jobs)
    rows += trained("mapped + parts 1 and 2", [articles, statutes], news, arguments.jobs)
    if arguments.json:
        json.dump([vars(row) for row in rows], sys.stdout)
        return
    print(f"{'data':<24} {'head':<10} {'figure':<9} value  95 % interval, {len(news)} texts")
    for row in rows:
        print(f"{row.data:<24} {row.head:<10} {row.figure:<9} {row.value:.3f}  {row.low:.3f} to {row.high:.3f}")


if __name__ == "__main__":
    main()
