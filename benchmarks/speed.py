"""How fast words and tags come, as ratios against the plain pipeline in the same run.

    python -m benchmarks.speed --corpus FILE [--rows N] [--json]

FILE is any table of real articles. In each round the systems take turns on the same texts, new ones every round:

- segmentation: `underthesea.word_tokenize`; ours, with empty tables of what was seen ("cold"), and again ("warm")
- tagging: the plain pipeline (`word_tokenize`, TF-IDF of 1-2-grams of words, `LinearSVC`, one head of sixteen topics),
  and ours (three heads, calibrated), cold and warm
- `underthesea_core.TextClassifier.predict_batch`, which does not segment

Then ours on one and on two processes, on 1,000 to 60,000 texts, and on longer and longer ones. Ratios are medians over
the rounds, with the lowest and the highest.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

from ctnlp import corpus
from ctnlp._words import Cutter
from ctnlp.classify import Classifier

ROUNDS: Final = 3
TURNS: Final = 9
"""Of one and of two processes, which take less time and vary more."""
TRAINING: Final = 3_000
"""Samples that the plain pipeline and underthesea_core's classifier are fitted on: only their speed is measured."""
BATCH: Final = 256
SIZES: Final = (1_000, 4_000, 16_000, 60_000)
LENGTHS: Final = (1, 4, 16, 64)
HOSTILE: Final = {"a.a.a.": "a.", "http://.....": ".", "((((": "("}


@dataclass(frozen=True)
class Ratio:
    """How many times faster: median over the rounds, lowest and highest."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, slow: Sequence[float], fast: Sequence[float]) -> "Ratio":
        """The ratios of seconds, round by round."""
        ratios = [one / other for one, other in zip(slow, fast, strict=True)]
        return cls(statistics.median(ratios), min(ratios), max(ratios))


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long it takes, and what comes out."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def cut(cutter: Cutter, texts: Sequence[str]) -> list[list[str]]:
    """Our words, in batches as the library takes them."""
    return [words for start in range(0, len(texts), BATCH) for words in cutter.words(texts[start : start + BATCH])]


def fresh() -> Classifier:
    """A classifier that has read its tables and seen no text."""
    classifier = Classifier.load()
    classifier.classify("")
    return classifier


def plain_pipeline() -> Callable[[Sequence[str]], Any]:
    """Segmentation by underthesea, then scikit-learn, as everybody begins."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC
    from underthesea import word_tokenize

    def segmented(text: str) -> str:
        return str(word_tokenize(text, format="text"))

    texts, labels = training()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, preprocessor=segmented)
    return make_pipeline(vectorizer, LinearSVC()).fit(texts, labels).predict  # type: ignore[no-any-return]


def core_classifier() -> Callable[[list[str]], Any]:
    """The classifier behind `underthesea.classify`."""
    from underthesea_core import TextClassifier

    model = TextClassifier(max_features=20_000, ngram_range=(1, 2))
    model.fit(*training())
    return model.predict_batch  # type: ignore[no-any-return]


def training() -> tuple[list[str], list[str]]:
    """Samples with one topic."""
    chosen = islice((one for one in corpus.load() if len(one["topics"]) == 1 and one["split"] == "train"), TRAINING)
    pairs = [(corpus.full_text(one), one["topics"][0]) for one in chosen]
    return [text for text, _ in pairs], [label for _, label in pairs]


def rounds(texts: Sequence[str]) -> dict[str, Any]:
    """All systems in turn, on a third of the texts in each round."""
    from underthesea import word_tokenize

    pipeline, core = plain_pipeline(), core_classifier()
    size = len(texts) // ROUNDS
    spent: dict[str, list[float]] = {}
    identical = True
    word_tokenize("khởi động")
    for number in range(ROUNDS):
        part = list(texts[number * size : (number + 1) * size])
        cutter, classifier = Cutter(), fresh()
        systems: dict[str, Callable[[list[str]], Any]] = {
            "word_tokenize": lambda part: [word_tokenize(text) for text in part],
            "words, cold": partial(cut, cutter),
            "words, warm": partial(cut, cutter),
            "plain pipeline": pipeline,
            "tags, cold": classifier.classify_many,
            "tags, warm": classifier.classify_many,
            "underthesea_core": core,
        }
        words = {}
        for name, work in systems.items():
            duration, words[name] = seconds(partial(work, part))
            spent.setdefault(name, []).append(duration)
        identical &= words["word_tokenize"] == words["words, cold"] == words["words, warm"]
    return {
        "texts_a_round": size,
        "texts_per_second": {name: size * ROUNDS / sum(own) for name, own in spent.items()},
        "segment_ratio": Ratio.of(spent["word_tokenize"], spent["words, cold"]),
        "segment_ratio_warm": Ratio.of(spent["word_tokenize"], spent["words, warm"]),
        "pipeline_ratio": Ratio.of(spent["plain pipeline"], spent["tags, cold"]),
        "pipeline_ratio_warm": Ratio.of(spent["plain pipeline"], spent["tags, warm"]),
        "vs_core_classifier": Ratio.of(spent["underthesea_core"], spent["tags, cold"]),
        "tokens_identical": identical,
    }


def two_processes(texts: Sequence[str]) -> Ratio:
    """One process against two that are already running, in turn."""
    classifier = Classifier.load()
    for jobs in (1, 2):
        classifier.classify_many(texts[:2_000], n_jobs=jobs)
    one, two = [], []
    for _ in range(TURNS):
        one.append(seconds(lambda: classifier.classify_many(texts, n_jobs=1))[0])
        two.append(seconds(lambda: classifier.classify_many(texts, n_jobs=2))[0])
    return Ratio.of(one, two)


def growth(texts: Sequence[str]) -> dict[int, float]:
    """Milliseconds a text, by the number of texts, each time from a cold start."""
    sizes = [size for size in SIZES if size <= len(texts)]
    return {size: 1000 * seconds(partial(fresh().classify_many, texts[:size]))[0] / size for size in sizes}


def by_length(texts: Sequence[str]) -> dict[str, float]:
    """Microseconds a character, of one text made of more and more articles, and of hostile runs without white space."""
    classifier = fresh()
    found = {}
    for length in LENGTHS:
        long = ["\n".join(texts[start : start + length]) for start in range(0, LENGTHS[-1], length)]
        duration = min(seconds(partial(classifier.classify_many, long))[0] for _ in range(ROUNDS))
        found[f"{length} articles"] = 1e6 * duration / sum(map(len, long))
    for name, run in HOSTILE.items():
        for size in (10_000, 100_000):
            text = "http://x" + run * (size // len(run))
            found[f"{name}, {size:,} characters"] = 1e6 * seconds(partial(fresh().classify, text))[0] / size
    return found


def main() -> None:
    """Measure, print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, help="table of real articles")
    parser.add_argument("--rows", type=int, default=3_000, help="texts on which all systems take turns")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    texts = list(islice(corpus.texts_of(arguments.corpus), max(arguments.rows, SIZES[-1])))
    if min(len(texts), arguments.rows) < ROUNDS:
        sys.exit(f"{min(len(texts), arguments.rows)} texts of {arguments.corpus}, expected {ROUNDS} or more")
    found = rounds(texts[: arguments.rows])
    found["two_process_gain"] = two_processes(texts[: max(arguments.rows, SIZES[1])])
    found["milliseconds_a_text"] = growth(texts)
    found["microseconds_a_character"] = by_length(texts)
    if arguments.json:
        json.dump({key: value.value if isinstance(value, Ratio) else value for key, value in found.items()}, sys.stdout)
        return
    print(f"{found['texts_a_round']:,} texts a round, {ROUNDS} rounds; one process unless said otherwise")
    for name, rate in found["texts_per_second"].items():
        print(f"  {name:<18} {rate:>9,.0f} texts a second")
    for name, value in found.items():
        if isinstance(value, Ratio):
            print(f"  {name:<22} {value.value:>7.2f}  [{value.low:.2f}, {value.high:.2f}]")
    print(f"  {'tokens_identical':<22} {found['tokens_identical']}")
    print(
        "  milliseconds a text:",
        ", ".join(f"{size:,} texts {value:.3f}" for size, value in found["milliseconds_a_text"].items()),
    )
    print("  microseconds a character:")
    for name, value in found["microseconds_a_character"].items():
        print(f"    {name:<34} {value:.3f}")


if __name__ == "__main__":
    main()
