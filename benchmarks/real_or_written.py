"""Tell our headlines and leads from the press's, and by which words.

    python -m benchmarks.real_or_written --news NEWS [--json]

NEWS is a table of url, title, body. As many real items as we have texts of kind `lead` are drawn, and a logistic
regression over 1-2-grams of syllables, TF-IDF, is cross-validated on telling them apart: 0.5 would be chance.
"""

import argparse
import json
import random
import sys
from dataclasses import asdict, dataclass

import numpy as np

from ctnlp import corpus
from ctnlp.duplicates import tokens

SEED = 765
FOLDS = 5
SHOWN = 25


@dataclass(frozen=True)
class Telling:
    """Accuracy with a 95 % bootstrap interval over texts; words by weight; ids of ours that are easiest to tell."""

    ours: int
    real: int
    accuracy: float
    low: float
    high: float
    ours_by: list[str]
    real_by: list[str]
    easiest: list[str]


def tell(written: dict[str, str], real: list[str]) -> Telling:
    """Cross-validate the classifier on `written` (texts by id) against as many `real` ones."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    real = random.Random(SEED).sample(real, min(len(real), len(written)))
    texts = [*written.values(), *real]
    ours = np.array([1] * len(written) + [0] * len(real))
    model = make_pipeline(
        TfidfVectorizer(tokenizer=tokens, token_pattern=None, ngram_range=(1, 2), min_df=3, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=1000),
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    probability = cross_val_predict(model, texts, ours, cv=folds, method="predict_proba")[:, 1]
    right = (probability > 0.5) == ours
    draws = np.random.default_rng(SEED).integers(0, len(right), (1000, len(right)))
    low, high = np.quantile(right[draws].mean(axis=1), [0.025, 0.975])
    model.fit(texts, ours)
    names, weights = model[0].get_feature_names_out(), model[1].coef_[0]
    order = np.argsort(weights)
    ids = list(written)
    return Telling(
        len(written),
        len(real),
        float(right.mean()),
        float(low),
        float(high),
        [str(names[i]) for i in order[::-1][:SHOWN]],
        [str(names[i]) for i in order[:SHOWN]],
        [ids[i] for i in np.argsort(-probability[: len(ids)])[:200]],
    )


def main() -> None:
    """Print how well, and by which words, they are told apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--news", required=True, help="table of real headlines and leads")
    parser.add_argument("--json", action="store_true", help="print JSON, ids of the easiest included")
    arguments = parser.parse_args()
    written = {row["id"]: corpus.full_text(row) for row in corpus.load() if row["kind"] == "lead"}
    found = tell(written, list(corpus.texts_of(arguments.news)))
    if arguments.json:
        json.dump(asdict(found), sys.stdout, ensure_ascii=False)
        return
    shown = f"{found.accuracy:.3f} [{found.low:.3f}, {found.high:.3f}]"
    print(f"{found.ours:,} of ours, {found.real:,} real: accuracy {shown}")
    print("ours by:", ", ".join(found.ours_by))
    print("real by:", ", ".join(found.real_by))


if __name__ == "__main__":
    main()
