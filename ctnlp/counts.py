"""The n-grams of training documents, counted once; the columns of a head, learned from any of the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ctnlp.errors import CorpusError
from ctnlp.features import Analyzer, Block, Document, union

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.pipeline import FeatureUnion

__all__ = ["Counts", "count", "fit_on", "rows_of"]


@dataclass(frozen=True)
class Counts:
    """How often every n-gram occurs in every document: a matrix of shape (n, all n-grams) and their names, by block."""

    blocks: tuple[Block, ...]
    names: tuple[NDArray[np.object_], ...]
    matrices: tuple["csr_matrix", ...]


def count(blocks: Sequence[Block], training: Sequence[Document], *, n_jobs: int = 1) -> Counts:
    """Count the n-grams of training documents once, however many subsets are fitted on later.

    A block without a frequent n-gram is left out, as that of the titles is when there are no titles. With more than one
    process, parts of words are counted in one and words in another, which takes either about as long.
    """
    import joblib

    smaller = [block for block in blocks if block.unit in ("char", "syllable")]
    larger = [block for block in blocks if block not in smaller]
    found = joblib.Parallel(n_jobs=n_jobs)(joblib.delayed(_counted)(own, training) for own in (smaller, larger))
    counted = {block: rest for block, *rest in chain.from_iterable(found)}
    kept = tuple(block for block in blocks if block in counted)
    names, matrices = zip(*(counted[block] for block in kept), strict=True) if kept else ((), ())
    return Counts(kept, names, matrices)


def _counted(
    blocks: Sequence[Block], training: Sequence[Document]
) -> list[tuple[Block, NDArray[np.object_], "csr_matrix"]]:
    from sklearn.feature_extraction.text import CountVectorizer

    found = []
    for block in blocks:
        counter = CountVectorizer(analyzer=Analyzer(block.unit, block.low, block.high, block.part), min_df=block.min_df)
        try:
            matrix = counter.fit_transform(training)
        except ValueError:  # how scikit-learn says that no n-gram is left
            continue
        found.append((block, counter.get_feature_names_out(), matrix))
    return found


def fit_on(counts: Counts, rows: NDArray[np.int64]) -> tuple["FeatureUnion", "csr_matrix"]:
    """The features learned from some rows alone, vocabulary and idf included, and these rows' matrix.

    Raises `CorpusError` when no n-gram is frequent enough in these rows.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfTransformer

    kept, names, idf, parts = [], [], [], []
    for block, all_names, matrix in zip(counts.blocks, counts.names, counts.matrices, strict=True):
        chosen = matrix[rows]
        often = np.asarray(chosen.sum(axis=0)).ravel()
        often[chosen.getnnz(axis=0) < block.min_df] = 0
        # The most frequent n-grams, in alphabetical order: the same for the same rows on every machine.
        columns = np.sort(np.argsort(-often, kind="stable")[: min(block.max_features, np.count_nonzero(often))])
        if not len(columns):
            continue
        tfidf = TfidfTransformer(sublinear_tf=True)
        weighted = tfidf.fit_transform(chosen[:, columns].astype(np.float32))
        kept.append(block)
        names.append(all_names[columns].tolist())
        idf.append(tfidf.idf_)
        parts.append(weighted * block.weight)
    if not kept:
        raise CorpusError(f"nothing to learn from: no word occurs in enough of the {len(rows)} texts; add samples")
    return union(kept, names, idf), csr_matrix(hstack(parts, dtype=np.float32))


def rows_of(counts: Counts, features: "FeatureUnion", rows: NDArray[np.int64]) -> "csr_matrix":
    """What `features.transform` gives for these rows' documents, from their counts: nothing is read again."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfTransformer

    blocks = zip(counts.blocks, counts.names, counts.matrices, strict=True)
    counted = {block.name: (block.weight, names, matrix) for block, names, matrix in blocks}
    parts = []
    for name, vectorizer in features.transformer_list:
        weight, names, matrix = counted[name]
        columns = np.searchsorted(names, vectorizer.get_feature_names_out())
        tfidf = TfidfTransformer(sublinear_tf=True)
        tfidf.idf_ = vectorizer.idf_
        parts.append(tfidf.transform(matrix[rows][:, columns].astype(np.float32)) * weight)
    return csr_matrix(hstack(parts, dtype=np.float32))
